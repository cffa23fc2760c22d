"""What cannot be diagnosed is refused in one sentence."""

import gymnasium as gym
import numpy as np
import pytest

from agents.diagnosis import SoftmaxTable, diagnose
from experiments.__main__ import main

UNIFORM = np.full(6, 1 / 6)


OUT_OF_REACH = np.random.default_rng(0)  # of the module: nothing of the environment leads to it


class Restless(gym.Env):
    """Its observations come from a generator that no seed reaches."""

    observation_space = gym.spaces.Box(0, 1, (1,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return OUT_OF_REACH.random(1), {}

    def step(self, action):
        return OUT_OF_REACH.random(1), 0.0, False, bool(OUT_OF_REACH.random() < 0.5), {}


class Endless(gym.Env):
    """It never ends."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        return 0, 0.0, False, False, {}


CASES = {
    "does not replay": (lambda seen: [0.5, 0.5], Restless, {}, "does not replay"),
    "never ends": (np.full(2, 0.5), Endless, {"max_steps": 500}, "no rollout finished"),
    "continuous": (lambda seen: 0, "Pendulum-v1", {}, "only Discrete actions"),
    "unknown id": (UNIFORM, "NoSuchWell-v0", {}, "env='NoSuchWell-v0'.*cannot be made"),
    "table size": (np.full((2, 6), 1 / 6), "SoftmaxWell-v0", {}, r"shape \[2, 6\].*1 states"),
    "no table space": (UNIFORM, "CartPole-v1", {}, "table, but the env observes"),
    "no probabilities": (np.ones(6), "SoftmaxWell-v0", {}, "rows sum to 1"),
    "no policy": (3.0, "SoftmaxWell-v0", {}, "policy=3.0"),
    "bad answer": (lambda seen: [0.5, 0.6], "CartPole-v1", {}, "policy returned"),
    "holds": (UNIFORM, "SoftmaxWell-v0", {"holds": [0]}, "holds=0"),
    "no holds": (UNIFORM, "SoftmaxWell-v0", {"holds": []}, r"holds=\(\).*at least one"),
    "confidence": (UNIFORM, "SoftmaxWell-v0", {"confidence": 1}, "confidence=1"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_diagnosed_is_refused(case):
    policy, env, options, message = CASES[case]
    with pytest.raises(ValueError, match=message):
        diagnose(policy, env, **options)


def test_logits_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        SoftmaxTable([np.nan, 0.0])


FILES = {
    "missing": (None, "does not exist"),
    "corrupt": (b"not a zip", "damaged"),
}


@pytest.mark.parametrize("case", FILES)
def test_the_command_refuses_a_file_that_is_no_model(case, tmp_path, capsys):
    content, message = FILES[case]
    path = tmp_path / "model.zip"
    if content is not None:
        path.write_bytes(content)
    assert main(["diagnose", str(path), "--env-id", "CartPole-v1"]) == 2
    assert message in capsys.readouterr().err
