"""Which copies of an environment may play side by side: those that share no luck."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from agents.diagnosis import diagnose
from agents.diagnosis.luck import find_luck
from agents.diagnosis.policies.meeting import meet
from agents.diagnosis.procedure import make_arena
from agents.diagnosis.replay import generators
from gw_envs.checks import BadInput


class Lucky(gym.Env):
    """One step; either arm pays 0 or 1, by the fall of a coin."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.begin(seed)
        return np.array([1000.0], np.float32), {}

    def begin(self, seed):
        """Gymnasium's generator is seeded already."""

    def step(self, action):
        return np.array([1000.0], np.float32), self.draw(action), True, False, {}

    def draw(self, action):
        return float(self.np_random.random(2)[action] < 0.5)


class Shared(Lucky):
    """All copies draw from one generator."""

    rng = np.random.default_rng(0)

    def draw(self, action):
        return float(self.rng.random(2)[action] < 0.5)


SHARED = np.random.default_rng(1)


class SharedByAttribute(Shared):
    def __init__(self):
        self.rng = SHARED


class SameForAll(Lucky):
    """Every seed has the same luck."""

    def begin(self, seed):
        self.rng = np.random.default_rng(7)

    def draw(self, action):
        return float(self.rng.random(2)[action] < 0.5)


def normalized(world):
    """A model trained in VecNormalize, untrained."""
    return PPO("MlpPolicy", VecNormalize(DummyVecEnv([world])), n_steps=8, batch_size=8)


def arena_of(world):
    arena = make_arena(meet(normalized(world), world), 1.0, None, 100)
    arena.budget = 10_000
    return arena


def test_statistics_that_copies_share_are_no_luck():
    """Else episodes would be played one at a time, at several times the cost."""
    arena = arena_of(Lucky)
    wide = arena.width
    assert wide > 1 and find_luck(arena, 0) == "" and arena.width == wide
    assert not any("statistics" in path for path in generators(arena.envs[0]))


def test_a_generator_that_copies_share_is_found_behind_normalisation():
    arena = arena_of(SharedByAttribute)
    assert "seeded from outside" in find_luck(arena, 0)
    assert arena.plants and arena.width == 1


def test_equal_luck_is_found_behind_normalisation():
    with pytest.raises(BadInput, match="different seeds the same luck"):
        find_luck(arena_of(SameForAll), 0)


@pytest.mark.parametrize("world", [Lucky, SharedByAttribute])
def test_arms_that_are_alike_are_no_well_behind_normalisation(world):
    model = normalized(world)
    found = [diagnose(model, world, discount=1.0, max_steps=1_000, seed=s) for s in range(2)]
    assert {each.verdict for each in found} <= {"no_better_action", "unclear"}
    again = diagnose(model, world, discount=1.0, max_steps=1_000, seed=0)
    assert again.probes == found[0].probes


def test_layers_left_in_training_are_asked_in_evaluation():
    """A policy may say that it is not in training while a layer of it is: dropout would be luck."""
    import torch

    model = PPO("MlpPolicy", DummyVecEnv([Lucky]), n_steps=8, batch_size=8)
    model.policy.mlp_extractor.policy_net.append(torch.nn.Dropout(0.5))
    model.policy.set_training_mode(False)
    model.policy.mlp_extractor.train()
    actor = meet(model, Lucky).actor
    seen = [np.array([1.0], np.float32)] * 64
    assert np.ptp(actor.probabilities(seen), axis=0).max() == 0


class FewSeeds(Lucky):
    """A fixed number of lucks, as level sets have."""

    def begin(self, seed):
        self.rng = np.random.default_rng(seed % 100)

    draw = SameForAll.draw


class SeedsGlobalAlike(Lucky):
    """Its reset seeds numpy's global generator, always alike."""

    def begin(self, seed):
        np.random.seed(0)

    def draw(self, action):
        return float(np.random.rand(2)[action] < 0.5)


STAY = np.array([0.95, 0.05])


def stay(observation):
    return STAY


@pytest.mark.parametrize("world", [FewSeeds, SeedsGlobalAlike])
def test_luck_that_comes_again_is_refused(world):
    with pytest.raises(BadInput, match=r"same luck: it draws from .*global|rng.*\(seed=100\)"):
        diagnose(stay, world, max_steps=3_000)


class OfClass(Lucky):
    """The generator belongs to the class."""

    rng = np.random.default_rng(2)
    draw = SameForAll.draw


class Shadowed(OfClass):
    """An environment's own generator stands before that of its class."""

    def begin(self, seed):
        self.rng = np.random.default_rng(seed)


def test_a_generator_of_the_class_is_not_that_of_the_environment():
    arena = make_arena(meet(stay, Shadowed), 1.0, None, 100)
    wide, arena.budget = arena.width, 10_000
    assert find_luck(arena, 0) == "" and arena.width == wide
    assert generators(arena.envs[0])["env.rng"] is arena.envs[0].unwrapped.rng


class OfSpace(Lucky):
    """Luck is sampled from a space, whose generator nobody seeds and that is made when asked."""

    def __init__(self):
        self.lucks = gym.spaces.Box(0, 1, (2,))

    def draw(self, action):
        return float(self.lucks.sample()[action] < 0.5)


class MadeLate(gym.Env):
    """Its generator is made by the first step, and what it shows is luck."""

    observation_space, action_space = gym.spaces.Discrete(9), gym.spaces.Discrete(2)

    def __init__(self):
        self.rng = None

    def reset(self, *, seed=None, options=None):
        self.time = 0
        return 0, {}

    def step(self, action):
        if self.rng is None:
            self.rng = np.random.default_rng()
        self.time += 1
        paid = float(self.rng.random(2)[action] < 0.5)
        return int(self.rng.integers(9)), paid, self.time == 3, False, {}


@pytest.mark.parametrize("world", [OfClass, OfSpace, MadeLate])
def test_generators_that_hide_are_found_and_limits_hold(world):
    found = [diagnose(stay, world, max_steps=2_000, seed=100 * n) for n in range(2)]
    assert {each.verdict for each in found} <= {"no_better_action", "unclear"}
    for each in found:
        assert "seeded from outside" in each.reason
        assert all(probe.low <= 0 <= probe.high for probe in each.probes)
    assert diagnose(stay, world, max_steps=2_000).probes == found[0].probes


def test_a_space_that_others_sample_from_makes_no_copies_wait():
    """Stable-Baselines3's DQN samples its first actions from the space of the class."""
    Lucky.action_space.sample()
    arena = make_arena(meet(stay, Lucky), 1.0, None, 100)
    wide, arena.budget = arena.width, 10_000
    assert find_luck(arena, 0) == "" and arena.width == wide


class Counting:
    """A policy with a memory: it changes its mind with every call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, observation):
        self.calls += 1
        return STAY if self.calls % 2 else STAY[::-1]


def test_a_policy_with_a_memory_or_noise_is_refused():
    rng = np.random.default_rng(0)
    for policy in (Counting(), lambda seen: rng.dirichlet([1, 1])):
        with pytest.raises(BadInput, match="has a memory of what it saw, or draws"):
            diagnose(policy, Lucky, max_steps=3_000)


class Forbidden(Lucky):
    def action_masks(self):
        return np.zeros(2, bool)


def test_a_mask_that_allows_nothing_is_refused():
    with pytest.raises(BadInput, match=r"allows no action at \[1e\+03\]"):
        diagnose(stay, Forbidden, max_steps=3_000)
