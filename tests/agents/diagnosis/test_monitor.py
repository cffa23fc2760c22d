"""`PlateauMonitor` in the runs that people have: no Monitor, masks, DQN, parts of actions."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from agents import metrics as keys
from agents.diagnosis import PlateauMonitor


class Kept(KVWriter):
    """Everything that is logged, dump by dump."""

    def __init__(self):
        self.dumps = []

    def write(self, key_values, key_excluded, step=0):
        self.dumps.append(dict(key_values))

    def close(self):
        pass

    def last(self):
        return {key: value for dump in self.dumps for key, value in dump.items()}


def watched(model, steps, **options):
    kept, monitor = Kept(), PlateauMonitor(**{"window": 4, **options})
    model.set_logger(Logger(None, [kept]))
    model.learn(steps, callback=monitor, log_interval=1)
    return kept.last(), monitor


def ppo(env, algorithm=PPO, **options):
    settings = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}
    return algorithm("MlpPolicy", env, **{**settings, **options})


def test_missing_returns_are_said_once_and_no_longer_called_early():
    model = ppo(DummyVecEnv([lambda: gym.make("CartPole-v1")] * 2))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        logged, monitor = watched(model, 640)
    ours = [str(each.message) for each in said if "PlateauMonitor" in str(each.message)]
    assert len(ours) == 1
    assert "no Monitor records them" in ours[0]
    assert monitor.verdict == logged[keys.PLATEAU_VERDICT] == "no_returns"
    assert keys.PLATEAU_ENTROPY in logged


@pytest.mark.parametrize("kind", ["VecMonitor", "Monitor"])
def test_nothing_is_said_where_returns_are_recorded(kind):
    if kind == "VecMonitor":
        env = VecMonitor(DummyVecEnv([lambda: gym.make("CartPole-v1")]))
    else:
        env = DummyVecEnv([lambda: Monitor(gym.make("CartPole-v1"))])
    _, monitor = watched(ppo(env), 640)  # a warning would fail
    assert monitor.verdict in ("learning", "falling", "flat")


class Rooms(gym.Env):
    """One of four actions is locked at each step, another each time."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        assert self.action_masks()[action]
        self.time += 1
        return np.zeros(1, np.float32), 1.0, self.time == 6, False, {}

    def action_masks(self):
        return np.arange(4) == 0 if self.time % 2 else np.arange(4) < 2


def test_the_keys_are_those_of_the_masked_policy():
    model = ppo(Rooms(), MaskablePPO, policy_kwargs={"net_arch": []}, n_steps=512)
    model.policy.action_net.weight.data.zero_()
    model.policy.action_net.bias.data.zero_()
    logged, _ = watched(model, 512, sample_size=512)
    # half the steps allow two equal actions, the others one
    assert logged[keys.PLATEAU_ENTROPY] == pytest.approx(np.log(2) / 2, rel=0.2)
    assert logged[keys.PLATEAU_LARGEST_PROBABILITY] == pytest.approx(0.75, rel=0.1)


def slope_by_differences(policy, buffer, rows, step=1e-2):
    """Norm of the gradient of mean(advantage * ln pi) in the last layer, by differences."""
    advantages = torch.as_tensor(buffer.advantages[rows, 0]).double()

    def value():
        seen = torch.as_tensor(buffer.observations[rows, 0])
        actions = torch.as_tensor(buffer.actions[rows, 0]).flatten()
        _, logs, _ = policy.evaluate_actions(
            seen, actions, action_masks=buffer.action_masks[rows, 0]
        )
        return float((logs.double() * advantages).mean())

    squares = 0.0
    with torch.no_grad():
        for tensor in (policy.action_net.weight, policy.action_net.bias):
            flat = tensor.view(-1)
            for i in range(flat.numel()):
                kept = flat[i].clone()
                flat[i] = kept + step
                up = value()
                flat[i] = kept - step
                squares += ((up - value()) / (2 * step)) ** 2
                flat[i] = kept
    return np.sqrt(squares)


def test_the_gradient_under_masks_is_that_of_finite_differences():
    model = ppo(Rooms(), MaskablePPO, policy_kwargs={"net_arch": []})
    right = []

    class Compared(PlateauMonitor):
        def _on_rollout_end(self):
            rows = np.random.default_rng(0).integers(32, size=32)  # the monitor's first picks
            right.append(slope_by_differences(model.policy, model.rollout_buffer, rows))
            super()._on_rollout_end()

    kept = Kept()
    model.set_logger(Logger(None, [kept]))
    model.learn(32, callback=Compared(sample_size=32), log_interval=1)
    assert kept.last()[keys.PLATEAU_GRADIENT_NORM] == pytest.approx(right[0], rel=1e-3)


@pytest.mark.parametrize("algorithm", [DQN, pytest.param(QRDQN, marks=pytest.mark.slow)])
def test_value_based_algorithms_get_the_keys_that_make_sense(algorithm):
    settings = {"buffer_size": 5_000, "learning_starts": 2_500, "seed": 0, "device": "cpu"}
    model = algorithm("MlpPolicy", "CartPole-v1", **settings)
    kept, monitor = Kept(), PlateauMonitor(window=4)
    model.set_logger(Logger(None, [kept]))
    verdicts = []

    class Verdicts(PlateauMonitor):
        def _on_rollout_end(self):
            before = self._rollouts
            super()._on_rollout_end()
            if self._rollouts > before:
                verdicts.append(self.verdict)

    monitor = Verdicts(window=4)
    model.learn(8_100, callback=monitor, log_interval=1)
    logged = kept.last()
    known = {key for key in logged if key in keys.PLATEAU_KEYS}
    assert known == {keys.PLATEAU_LOST_UPDATES, keys.PLATEAU_RETURN_TREND, keys.PLATEAU_VERDICT}
    assert 0 <= logged[keys.PLATEAU_LOST_UPDATES] < 0.5
    assert len(verdicts) == 8  # one in a thousand steps
    assert "frozen" not in verdicts  # not before learning starts either
    assert verdicts[:3] == ["early"] * 3
    assert verdicts[-1] in ("learning", "falling", "flat")


def test_a_recurrent_policy_is_refused_at_the_start():
    model = RecurrentPPO("MlpLstmPolicy", "CartPole-v1", n_steps=16, batch_size=16, device="cpu")
    with pytest.raises(ValueError, match="model is recurrent"):
        model.learn(16, callback=PlateauMonitor())
    with pytest.raises(ValueError, match="model is recurrent"):
        from agents.diagnosis import diagnose

        diagnose(model, "CartPole-v1")


def test_actions_of_several_parts_are_watched():
    class Levers(gym.Env):
        observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
        action_space = gym.spaces.MultiDiscrete([3, 2])

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(1, np.float32), {}

        def step(self, action):
            return np.zeros(1, np.float32), float(action[0] == 0), True, False, {}

    logged, _ = watched(ppo(Levers()), 256)
    assert np.log(6) * 0.8 < logged[keys.PLATEAU_ENTROPY] <= np.log(6) + 1e-6


def test_a_flat_normalised_run_is_diagnosed_through_its_statistics():
    env = VecNormalize(DummyVecEnv([lambda: Monitor(gym.make("SoftmaxWellBox-v0"))]))
    model = ppo(env, learning_rate=1e-6)
    _, monitor = watched(
        model, 32 * 8, make_env="SoftmaxWellBox-v0", diagnose_options={"max_steps": 2_000}
    )
    assert monitor.diagnoses
    assert "VecNormalize" in monitor.diagnoses[0].judged


class Box(gym.ObservationWrapper):
    """A well that shows a number."""

    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def observation(self, observation):
        return np.zeros(1, np.float32)


@pytest.fixture(autouse=True)
def ids():
    import gw_envs  # noqa: F401

    gym.register("SoftmaxWellBox-v0", lambda: Box(gym.make("SoftmaxWell-v0")))
    yield
    del gym.registry["SoftmaxWellBox-v0"]
