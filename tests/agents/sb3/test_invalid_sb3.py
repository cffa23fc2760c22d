"""Bad input on the SB3 side: one sentence with the argument, its value and what is right."""

import re

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO

import train
from agents.sb3.callbacks import EscapeCallback
from agents.sb3.softmax_pg import SoftmaxPG
from agents.sb3.stock import make_baseline, start_from
from agents.sb3.vec_env import WellVecEnv


def well(**kwargs):
    return WellVecEnv("SoftmaxWell-v0", 1, **kwargs)


def start(**kwargs):
    return SoftmaxPG("TabularPolicy", well(), policy_kwargs=kwargs)


CASES = {
    "continuous actions": (
        lambda: SoftmaxPG("MlpPolicy", "Pendulum-v1"),
        r"action_space=Box.*not Discrete or MultiDiscrete.*use PPO or A2C",
    ),
    "observations not discrete": (
        lambda: SoftmaxPG("TabularPolicy", "CartPole-v1"),
        r"observation_space=Box.*needs Discrete.*'MlpPolicy'",
    ),
    "start with zeros": (
        lambda: start(initial_policy=[1.0, 0, 0, 0, 0, 0]),
        r"initial_policy=\[1.0, 0.*must lie in \(0, 1\)",
    ),
    "start not summing": (
        lambda: start(initial_policy=[0.2] * 6),
        "initial_policy=.*must sum to 1",
    ),
    "start probability zero": (
        lambda: start(initial_policy="corner", optimal_prob=0.0),
        r"optimal_prob=0.0.*\(0, 1\)",
    ),
    "start name": (lambda: start(initial_policy="cornr"), "initial_policy='cornr'.*'corner'"),
    "start seed": (lambda: start(start_seed=-1), "start_seed=-1"),
    "exact in a foreign environment": (
        lambda: SoftmaxPG("MlpPolicy", "CartPole-v1", gradient="exact"),
        r"env=.*CartPole.* has no ground truth.*agents\.diagnosis",
    ),
    "escapes in a foreign environment": (
        lambda: PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, device="cpu").learn(
            8, callback=EscapeCallback()
        ),
        r"env=.*CartPole.* has no ground truth.*agents\.diagnosis serves any",
    ),
    "gradient": (lambda: SoftmaxPG("TabularPolicy", well(), gradient="exakt"), "gradient='exakt'"),
    "update": (
        lambda: SoftmaxPG("TabularPolicy", well(), update="natural-pg"),
        "update='natural-pg' is unknown.*softmax-pg",
    ),
    "exact alternate": (
        lambda: SoftmaxPG("TabularPolicy", well(), update="alternate", gradient="exact"),
        "update='alternate' is unknown",
    ),
    "rule's option": (
        lambda: SoftmaxPG(
            "TabularPolicy", well(), update="entropy-pg", update_options={"temperature": 0}
        ),
        r"temperature=0.*\(0, inf\]",
    ),
    "rule has no such option": (
        lambda: SoftmaxPG("TabularPolicy", well(), update_options={"temprature": 1}),
        "update_options='temprature' is unknown",
    ),
    "baseline": (lambda: SoftmaxPG("TabularPolicy", well(), baseline="best"), "baseline='best'"),
    "baseline value": (
        lambda: SoftmaxPG("TabularPolicy", well(), baseline_value=0.5),
        "baseline_value=0.5 with baseline='value'",
    ),
    "learning rate": (lambda: SoftmaxPG("TabularPolicy", well(), 0.0), "learning_rate=0.0"),
    "value table diverges": (
        lambda: SoftmaxPG("TabularPolicy", well(), 3.0),
        "vf_coef=0.5 with learning_rate=3.0.*below 0.333",
    ),
    "episodes cut": (
        lambda: SoftmaxPG(
            "TabularPolicy", WellVecEnv("ASRWell-v0", 1), n_steps=4, episodic=True
        ).learn(8),
        "n_steps=4 with episodic=True.*multiple",
    ),
    "num_envs": (lambda: WellVecEnv("SoftmaxWell-v0", 0), "num_envs=0.*at least 1"),
    "well's argument": (lambda: well(num_actions=1), "num_actions=1"),
    "algorithm": (lambda: make_baseline("pp", well()), "name='pp'.*mean 'ppo'"),
    "start of a DQN": (
        lambda: start_from(make_baseline("dqn", well()), "corner", optimal_prob=0.1),
        "initial_policy='corner' does not go with DQN",
    ),
    "start too deep for float32": (
        lambda: start_from(make_baseline("a2c", well()), "corner", optimal_prob=1e-7),
        "optimal_prob=1e-07 is too deep for a network in float32.*tabular",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(case):
    make, message = CASES[case]
    with pytest.raises(ValueError, match=message):
        make()


LINES = {
    "--agent pp": "agent='pp'.*mean 'ppo'",
    "--agent ppo --until-escape": "until_escape=True does not go with agent='ppo'",
    "--agent ppo --n-envs 0": "n_envs=0",
    "--agent ppo --n-steps 0": "n_steps=0",
    "--agent ppo --optimal-prob 1e-9": "optimal_prob=1e-09 is too deep",
    "--agent a2c --num-seeds 0": "num_seeds=0",
    "--agent a2c --checkpoint-seconds -1": "checkpoint_seconds=-1",
    "--agent a2c --max-updates 0": "max_updates=0",
    "--agent sb3-softmax-pg --update natural-pg": "update='natural-pg' is unknown",
    "--agent sb3-softmax-pg --learning-rate 4": "vf_coef=0.5 with learning_rate=4",
    "--agent sb3-softmax-pg --learning-rate 0": "learning_rate=0",
    "--resume nowhere": "resume='nowhere' has no config.yaml",
}


@pytest.mark.parametrize("line", LINES)
def test_the_command_line_refuses_it_and_writes_nothing(line, tmp_path, capsys):
    assert train.main([*line.split(), "--output", str(tmp_path)]) == 2
    assert re.search(LINES[line], capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_an_exact_gradient_has_no_value_table_to_diverge():
    SoftmaxPG("TabularPolicy", well(), 30.0, gradient="exact").learn(2, log_interval=None)


def test_trpo_without_contrib_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(ValueError, match=r"agent='trpo'.*gravity-wells\[contrib\]"):
        make_baseline("trpo", well())


def test_the_foreign_environments_are_foreign():
    assert isinstance(gym.make("Pendulum-v1").action_space, gym.spaces.Box)
    assert np.prod(gym.make("CartPole-v1").observation_space.shape) == 4
