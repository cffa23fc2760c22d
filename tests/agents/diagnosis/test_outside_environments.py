"""Environments as others write them: each is diagnosed, or refused in one sentence."""

import gymnasium as gym
import numpy as np
import pytest

from agents.diagnosis import diagnose
from agents.diagnosis.policies.observations import own, state_text

BOTH = np.array([0.95, 0.05])


class Base(gym.Env):
    observation_space = gym.spaces.Box(-10, 10, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self.show(), {}

    def show(self):
        return np.full(2, self.time, np.float32)

    def pay(self, action):
        return float(action == 1)

    def step(self, action):
        self.time += 1
        return self.show(), self.pay(action), self.time == 4, False, {}


def policy(seen):
    return BOTH


class InPlace(Base):
    """One array, written again at every step."""

    def __init__(self):
        self.array = np.zeros(2, np.float32)

    def show(self):
        self.array[:] = self.time
        return self.array


class InPlaceDictionary(InPlace):
    """One dictionary of one array."""

    observation_space = gym.spaces.Dict(
        agent=gym.spaces.Box(-10, 10, (2,), np.float32), step=gym.spaces.Discrete(5)
    )

    def __init__(self):
        super().__init__()
        self.both = {"agent": self.array}

    def show(self):
        super().show()
        self.both["step"] = self.time
        return self.both


@pytest.mark.parametrize("make", [InPlace, InPlaceDictionary])
def test_observations_written_in_place_are_copied_before_they_are_compared(make):
    found = diagnose(policy, make, max_steps=8_000)
    assert found.verdict == "well"
    assert found.routes[0].action == 1
    assert len({probe.state for probe in found.probes}) == 4


def test_parts_of_an_observation_are_named_by_their_keys():
    found = diagnose(policy, InPlaceDictionary, max_steps=8_000)
    assert "{agent: [" in found.reason
    assert "step: " in found.reason
    assert state_text({"a": np.zeros((7, 7, 3)), "b": "go", "c": (np.int64(3), True)}) == (
        "{a: observation of shape (7, 7, 3), b: 'go', c: (3, True)}"
    )


def test_a_copy_keeps_types_and_values():
    given = {"a": np.arange(3, dtype=np.uint8), "b": (1, np.float32(2)), "c": [1, [2]]}
    copied = own(given)
    given["a"][0], given["c"][1][0] = 9, 9
    assert copied["a"].tolist() == [0, 1, 2]
    assert copied["a"].dtype == np.uint8
    assert copied["b"] == (1, np.float32(2))
    assert copied["c"] == [1, [2]]


@pytest.mark.parametrize("reward", [np.nan, np.inf, np.array([1.0, 2.0])])
def test_a_reward_that_is_no_finite_number_is_refused(reward):
    class Pays(Base):
        def pay(self, action):
            return reward

    with pytest.raises(ValueError, match="the environment pays"):
        diagnose(policy, Pays)


@pytest.mark.parametrize("kind", [np.float32, lambda pay: np.array([pay]), int, np.bool_])
def test_rewards_of_any_number_type_are_taken(kind):
    class Pays(Base):
        def pay(self, action):
            return kind(action == 1)

    assert diagnose(policy, Pays, max_steps=4_000).verdict == "well"


@pytest.mark.parametrize("algorithm", ["PPO", "DQN"])
def test_an_observation_that_is_no_number_is_refused_for_networks(algorithm):
    import stable_baselines3

    class Blind(Base):
        def show(self):
            return np.full(2, np.nan if self.time == 2 else 0, np.float32)

    model = getattr(stable_baselines3, algorithm)("MlpPolicy", Base(), device="cpu")
    with pytest.raises(ValueError, match="shows NaN"):
        diagnose(model, Blind)


def test_a_single_action_leaves_nothing_to_diagnose():
    class One(Base):
        action_space = gym.spaces.Discrete(1)

    with pytest.raises(ValueError, match="one action leaves no choice"):
        diagnose(lambda seen: [1.0], One)


def test_too_many_combinations_of_actions_are_refused():
    class Many(Base):
        action_space = gym.spaces.MultiDiscrete([10, 10, 10])

    with pytest.raises(ValueError, match="1000 actions"):
        diagnose(policy, Many)


def test_only_a_single_environment_is_taken():
    with pytest.raises(ValueError, match=r"single gymnasium\.Env"):
        diagnose(policy, lambda: gym.make_vec("CartPole-v1", num_envs=2))


def test_an_unknown_id_names_what_registers_it():
    with pytest.raises(ValueError, match=r"NoSuch-v0.*--gym-packages"):
        diagnose(policy, "NoSuch-v0")


def test_the_objective_is_said():
    found = diagnose(policy, Base, max_steps=4_000)
    assert "discount 1 (neither policy nor env names one)" in found.objective
    assert "10,000 steps" in found.objective
    found = diagnose(policy, Base, max_steps=4_000, discount=0.9)
    horizon = int(np.ceil(np.log(1e-9) / np.log(0.9)))
    assert f"more than {horizon} steps ahead weigh nothing" in found.objective
    assert found.as_dict()["objective"] == found.objective
