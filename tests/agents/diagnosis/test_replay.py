"""Luck of every kind: found and shared out, or refused in one sentence."""

import random

import gymnasium as gym
import numpy as np
import pytest

from agents.diagnosis import diagnose
from agents.diagnosis.policies.observations import own
from agents.diagnosis.replay import generators, key_of, seed_generator, state_of

STAY = np.array([0.95, 0.05])


class World(gym.Env):
    """One step; arm 1 is as good as arm 0: both pay 0 or 1 by luck that `draw` gives."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.seed_with(seed)
        return 0, {}

    def seed_with(self, seed):
        super().reset(seed=seed)

    def step(self, action):
        lucks = [self.draw(), self.draw()]
        return 0, float(lucks[action] < 0.5), True, False, {}


class Legacy(World):
    """Its `np_random` is read-only and of the old kind."""

    @property
    def np_random(self):
        return self.generator

    def seed_with(self, seed):
        self.generator = np.random.RandomState(seed)

    def draw(self):
        return self.np_random.rand()


class Python(World):
    """Python's generator."""

    def seed_with(self, seed):
        self.rng = random.Random(seed)

    def draw(self):
        return self.rng.random()


class Bound(World):
    """It keeps only the method that draws."""

    def seed_with(self, seed):
        self.draw = np.random.default_rng(seed).random


class Global(World):
    """numpy's global generator, which nobody seeds."""

    def seed_with(self, seed):
        pass

    def draw(self):
        return np.random.rand()


class SeedsGlobal(Global):
    """Python's global generator, seeded by reset."""

    def seed_with(self, seed):
        random.seed(seed)

    def draw(self):
        return random.random()


class Unseeded(World):
    """A generator of its own that reset does not reach."""

    def __init__(self):
        self.rng = np.random.default_rng()

    def seed_with(self, seed):
        pass

    def draw(self):
        return self.rng.random()


class Lazy(World):
    """Gymnasium's generator, made when first asked for and never seeded."""

    def seed_with(self, seed):
        pass

    def draw(self):
        return self.np_random.random()


class Tape(World):
    """All luck is drawn by reset: no later seed reaches it."""

    def seed_with(self, seed):
        self.tape = list(np.random.default_rng(seed).random(2))

    def draw(self):
        return self.tape.pop()


SHARED = np.random.default_rng(0)


class Sharing(World):
    """All copies draw from one generator."""

    def __init__(self):
        self.rng = SHARED

    def seed_with(self, seed):
        pass

    def draw(self):
        return self.rng.random()


ONE = Bound()
WORLDS = [Legacy, Python, Bound, Global, SeedsGlobal, Unseeded, Lazy, Tape, Sharing, lambda: ONE]


SWAPPED = {Global, SeedsGlobal}  # the state of numpy's generator is put in and out at each step


@pytest.mark.parametrize(
    "world", [pytest.param(w, marks=[pytest.mark.slow] * (w in SWAPPED)) for w in WORLDS]
)
def test_whatever_the_luck_limits_hold(world):
    before = np.random.get_state()[1].tobytes(), random.getstate()
    found = [diagnose(STAY, world, max_steps=3_000, seed=100 * seed) for seed in range(6)]
    assert before == (np.random.get_state()[1].tobytes(), random.getstate())
    assert {d.verdict for d in found} <= {"no_better_action", "unclear"}
    for d in found:
        assert d.probes[0].low <= 0 <= d.probes[0].high
        assert len(d.probes) == 1
        assert d.return_spread == 1
    means = [d.probes[0].advantage for d in found]
    assert len(set(means)) > 2  # different seeds, different luck


def test_what_had_to_be_done_is_said():
    assert "global generator" in diagnose(STAY, Global, max_steps=3_000).reason
    assert "seeded from outside" in diagnose(STAY, Unseeded, max_steps=3_000).reason
    assert "seeded" not in diagnose(STAY, Legacy, max_steps=3_000).reason


class Same(World):
    """Every seed gives the same luck."""

    def seed_with(self, seed):
        self.rng = np.random.default_rng(0)

    def draw(self):
        return self.rng.random()


class Entropy(World):
    """Every reset makes its own luck."""

    def seed_with(self, seed):
        pass

    def draw(self):
        return np.random.default_rng().random()


class Growing(World):
    """It remembers earlier episodes."""

    def __init__(self):
        self.count = 0

    def step(self, action):
        self.count += 1
        return 0, float(self.count), True, False, {}


class Paying(World):
    """It pays what it is told."""

    def __init__(self, reward):
        self.reward = reward

    def step(self, action):
        return 0, self.reward, True, False, {}


class OneAction(Paying):
    """There is nothing to choose."""

    action_space = gym.spaces.Discrete(1)


REFUSED = {
    "same luck": (Same, "gives different seeds the same luck: it draws from env.rng"),
    "entropy": (Entropy, "does not replay"),
    "memory": (Growing, "does not replay"),
    "nan": (lambda: Paying(float("nan")), "pays nan at step 0 of the episode with seed 0"),
    "infinite": (lambda: Paying(-np.inf), "pays -inf"),
    "no number": (lambda: Paying(None), "pays None"),
    "one action": (lambda: OneAction(1.0), "one action leaves no choice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_judged_is_refused(case):
    world, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        diagnose(lambda seen: STAY[: world().action_space.n], world, max_steps=3_000)


def test_a_reward_may_be_an_array_of_one():
    found = diagnose(STAY, lambda: Paying(np.array([1.0])), max_steps=3_000)
    assert found.verdict == "no_signal"


class InPlace(gym.Env):
    """A walk that returns the same array object each step."""

    observation_space = gym.spaces.Box(-20, 20, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = np.zeros(1)
        return self.state, {}

    def step(self, action):
        self.state += 2 * action - 1
        return self.state, float(action), bool(abs(self.state[0]) >= 5), False, {}


def test_an_environment_may_write_into_what_it_returned():
    found = diagnose(lambda seen: np.array([0.95, 0.05]), InPlace, max_steps=20_000)
    assert found.verdict == "well"
    assert {p.state for p in found.probes} >= {"[0]", "[-1]", "[-2]"}


def test_generators_are_found_wherever_they_are_and_seeded_in_place():
    a, b, c, d = (np.random.default_rng(n) for n in range(4))

    class Part:
        """An object of an environment."""

    env = gym.wrappers.TransformReward(World(), lambda reward, rng=a: reward)
    env.unwrapped.part = Part()
    env.unwrapped.part.inner = {"list": [b, np.random.RandomState(0)]}
    env.unwrapped.call = c.normal
    env.unwrapped.closure = lambda: d.random()
    found = list(generators(env).values())
    for wanted in (b, c, d, env.unwrapped.part.inner["list"][1]):
        assert any(g is wanted for g in found)
    for generator in (b, np.random.RandomState(0), random.Random(0)):
        seed_generator(generator, (1, 2))
        first = state_of(generator)
        generator.random()
        assert state_of(generator) != first
        seed_generator(generator, (1, 2))
        assert state_of(generator) == first


def test_observations_are_copied_and_keyed_by_what_they_hold():
    array = np.arange(3.0)
    seen = own({"a": (array, 1)})
    array[0] = 7
    assert seen["a"][0][0] == 0
    assert key_of(np.int32(4)) == key_of(4)
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 2, "b": 1})
