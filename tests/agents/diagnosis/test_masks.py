"""Masked actions are not probed and have no probability, in the diagnosis and in the monitor."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.diagnosis import diagnose
from agents.diagnosis.policies.actions import Actions


class Doors(gym.Env):
    """Three steps; at step t door t is locked. Door 2 pays 1, the others .5; locked ones break."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        if action == self.time:
            raise RuntimeError("the door is locked")
        self.time += 1
        pay = 1.0 if action == 2 else 0.5
        return np.zeros(1, np.float32), pay, self.time == 3, False, {}

    def action_masks(self):
        return np.arange(3) != self.time


def model_of(algorithm, env, bias, **options):
    options = {"n_steps": 16, "batch_size": 16, "device": "cpu", "seed": 0, **options}
    model = algorithm("MlpPolicy", env, policy_kwargs={"net_arch": []}, **options)
    model.policy.action_net.weight.data.zero_()
    model.policy.action_net.bias.data = torch.tensor(bias, dtype=torch.float32)
    return model


class Hidden(gym.Wrapper):
    """The same doors, whose masks are only reached by ActionMasker."""

    def __getattr__(self, name):
        if name == "action_masks":
            raise AttributeError(name)
        return super().__getattr__(name)


MAKERS = {
    "of the environment": Doors,
    "of a wrapper": lambda: ActionMasker(Doors(), lambda env: env.unwrapped.action_masks()),
    "below a wrapper": lambda: gym.wrappers.TimeLimit(Doors(), 50),
}


@pytest.mark.parametrize("name", MAKERS)
def test_masked_actions_are_neither_taken_nor_probed(name):
    make = MAKERS[name]
    best = model_of(MaskablePPO, make(), [-5.0, 0.0, 8.0])
    found = diagnose(best, make, max_steps=8_000)
    assert found.verdict == "no_better_action"
    assert found.mean_episode_return == pytest.approx(2.5, abs=0.01)
    tried = {(probe.place, probe.action) for probe in found.probes}
    masks = [Doors() for _ in found.places]
    for number, place in enumerate(found.places):
        masks[number].reset(seed=place.seed)
        for action in place.actions:
            masks[number].step(action)
    assert all(masks[place].action_masks()[action] for place, action in tried)
    assert "masked actions left out" in found.judged


def test_a_masked_policy_in_a_well_is_told_its_way_out():
    bad = model_of(MaskablePPO, Doors(), [6.0, 6.0, 0.0])
    found = diagnose(bad, Doors, max_steps=20_000, discount=1.0)
    assert found.verdict == "well"
    best = found.routes[0]
    assert (best.action, best.hold) == (2, 1)
    assert best.low <= 0.5 <= best.high + 0.01
    assert best.probability == pytest.approx(1 / (1 + np.exp(6)), rel=1e-4)  # of two doors
    assert "actions allowed" in best.state


def test_tables_and_functions_keep_to_the_masks():
    found = diagnose(lambda seen: [0.01, 0.01, 0.98], Doors, max_steps=8_000)
    assert found.verdict == "no_better_action"
    assert found.mean_episode_return == pytest.approx(2.5, abs=0.05)
    greedy = diagnose(lambda seen: [0.1, 0.2, 0.7], Doors, max_steps=8_000, deterministic=True)
    assert greedy.mean_episode_return == 2.5
    with pytest.raises(ValueError, match=r"action_masks\(\) allows probability 0"):
        diagnose(lambda seen: [0.0, 0.0, 1.0], Doors, max_steps=8_000)


def test_masks_that_are_missing_or_of_another_length_are_refused():
    class Open(Doors):
        action_masks = None

    class Short(Doors):
        def action_masks(self):
            return [True, True]

    model = model_of(MaskablePPO, Doors(), [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"the env has no action_masks\(\)"):
        diagnose(model, Open)
    with pytest.raises(ValueError, match=r"shape \(2,\).*need 3"):
        diagnose(model, Short)


def test_a_model_that_sees_no_masks_is_probed_without_them():
    class Soft(Doors):
        def step(self, action):
            self.time += 1
            return np.zeros(1, np.float32), float(action == 0), self.time == 3, False, {}

    model = model_of(PPO, DummyVecEnv([Soft]), [0.0, 6.0, 6.0], learning_rate=1e-3)
    found = diagnose(model, Soft, max_steps=8_000)
    assert found.routes[0].action == 0
    assert "does not see the action masks" in found.judged


def test_masks_of_parts_are_joined():
    actions = Actions.of(gym.spaces.MultiDiscrete([2, 3]))
    joint = actions.joint([True, False, False, True, True])
    allowed = [actions.name(int(i)) for i in np.flatnonzero(joint)]
    assert allowed == [(0, 1), (0, 2)]


def test_a_masked_model_of_several_parts_is_diagnosed():
    class Levers(Doors):
        action_space = gym.spaces.MultiDiscrete([2, 2])

        def step(self, action):
            if action[0] == 1:
                raise RuntimeError("locked")
            return np.zeros(1, np.float32), float(action[1]), True, False, {}

        def action_masks(self):
            return np.array([True, False, True, True])

    model = model_of(MaskablePPO, Levers(), [0.0, 9.0, 5.0, 0.0])
    found = diagnose(model, Levers, max_steps=8_000)
    assert found.verdict == "well"
    assert found.routes[0].action == (0, 1)
    assert found.routes[0].probability == pytest.approx(1 / (1 + np.exp(5)), rel=1e-4)
