"""Bad input: one sentence with the argument, the value and what is right; nothing is written."""

import re

import gymnasium as gym
import numpy as np
import pytest

import gw_envs  # noqa: F401
import train
from agents.policies import Start
from agents.softmax_pg import SoftmaxPG
from gw_envs import theory

WELLS = {
    "num_actions": ({"num_actions": 1}, "num_actions=1.*at least 2"),
    "num_actions float": ({"num_actions": 2.5}, "num_actions=2.5.*whole number"),
    "base_reward": ({"base_reward": -0.1}, r"base_reward=-0.1.*\[0, 1\]"),
    "reward_gap above": ({"reward_gap": 0.6}, r"reward_gap=0.6.*rewards lie in \[0, 1\]"),
    "reward_gap zero": ({"reward_gap": 0}, "reward_gap=0.*above 0"),
    "reward_gap nan": ({"reward_gap": float("nan")}, "reward_gap=nan.*finite"),
    "optimal_action": ({"optimal_action": 6}, "optimal_action=6.*at most 5"),
    "one reward": ({"mean_rewards": [0.5]}, "mean_rewards=.*at least 2"),
    "reward above 1": ({"mean_rewards": [0.5, 1.2]}, r"mean_rewards=.*\[0, 1\]"),
    "reward nan": ({"mean_rewards": [0.5, np.nan]}, "mean_rewards=.*finite"),
    "tie": ({"mean_rewards": [0.7, 0.7, 0.1]}, "mean_rewards=.*tie.*reward_gap"),
    "noise": ({"reward_noise": "bernouli"}, "reward_noise='bernouli'.*mean 'bernoulli'"),
    "noise_std missing": ({"reward_noise": "gaussian"}, "noise_std=0.0.*finite number"),
    "noise_std alone": ({"noise_std": 0.1}, "noise_std=0.1.*gaussian"),
    "render_mode": ({"render_mode": "ansy"}, "render_mode='ansy'.*mean 'ansi'"),
}


@pytest.mark.parametrize("case", WELLS)
@pytest.mark.filterwarnings("ignore:.*render_mode.*")
def test_a_bad_well_is_refused(case):
    kwargs, message = WELLS[case]
    with pytest.raises(ValueError, match=message):
        gym.make("gw_envs:SoftmaxWell-v0", **kwargs)
    with pytest.raises(ValueError, match=message):
        gym.make_vec("gw_envs:SoftmaxWell-v0", num_envs=2, **kwargs)


def test_an_action_outside_the_space_is_refused():
    env = gym.make_vec("SoftmaxWell-v0", num_envs=2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action=.*0\.\.5"):
        env.step(np.array([0, 6]))


def test_a_seed_list_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"seed=.*num_envs=3"):
        gym.make_vec("SoftmaxWell-v0", num_envs=3, reward_noise="bernoulli").reset(seed=[1, 2])


STARTS = {
    "name": (dict(initial_policy="cornr"), "initial_policy='cornr'.*mean 'corner'"),
    "missing": (dict(initial_policy="corner"), "optimal_prob=None"),
    "zero": (dict(initial_policy="corner", optimal_prob=0.0), r"optimal_prob=0.0.*\(0, 1\)"),
    "one": (dict(initial_policy="uniform_suboptimal", optimal_prob=1), r"optimal_prob=1.*\(0, 1\)"),
    "too much": (dict(initial_policy="corner", optimal_prob=0.2), "optimal_prob=0.2.*below 0.2"),
    "with uniform": (dict(initial_policy="uniform", optimal_prob=0.1), "optimal_prob=0.1.*uniform"),
    "sigma": (dict(initial_policy="normal", sigma=0), "sigma=0.*finite number"),
    "corner_action": (
        dict(initial_policy="corner", optimal_prob=0.01, corner_action=0),
        "corner_action=0.*best arm",
    ),
}


@pytest.mark.parametrize("case", STARTS)
def test_a_bad_start_is_refused(case):
    kwargs, message = STARTS[case]
    with pytest.raises(ValueError, match=message):
        Start(**kwargs).theta(6)
    with pytest.raises(ValueError, match=message):
        SoftmaxPG(**kwargs)


AGENTS = {
    "update": (dict(update="softmax"), "update='softmax'.*choose one of"),
    "gradient": (dict(gradient="sample"), "gradient='sample'.*mean 'sampled'"),
    "learning_rate": (dict(learning_rate=-1), "learning_rate=-1"),
    "schedule": (dict(learning_rate=[0.1, 0]), "learning_rate=0"),
    "baseline": (dict(gradient="sampled", baseline="mean"), "baseline='mean'.*choose one of"),
    "constant": (dict(gradient="sampled", baseline="constant"), "baseline_value=None"),
    "batch_size": (dict(gradient="sampled", batch_size=0), "batch_size=0.*at least 1"),
    "seeds": (dict(seeds=()), "seeds=.*at least one"),
    "policy sum": (dict(policy=[0.5, 0.1, 0.1, 0.1, 0.1, 0.2]), "policy=.*sum to 1"),
    "policy zero": (dict(policy=[0.5, 0.5, 0, 0, 0, 0]), r"policy=.*\(0, 1\)"),
}


@pytest.mark.parametrize("case", AGENTS)
def test_a_bad_agent_is_refused(case):
    kwargs, message = AGENTS[case]
    with pytest.raises(ValueError, match=message):
        SoftmaxPG(**kwargs)


def test_a_negative_budget_is_refused():
    with pytest.raises(ValueError, match=r"max_updates=-1.*at least 0"):
        SoftmaxPG().learn(-1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.escape_time(0.0, 0.2, 1.0), r"optimal_prob=0.0 must be .* in \(0, 1\)"),
        (lambda: theory.escape_time(1e-3, 0.0, 1.0), "reward_gap=0.0"),
        (lambda: theory.escape_time(1e-3, 0.2, -1), "learning_rate=-1"),
        (lambda: theory.flow_escape_time(1e-3, 0.2, 1, num_actions=1), "num_actions=1"),
        (lambda: theory.drift_escape_bound([0.5, 0.6]), "policy=.*sum to 1"),
    ],
)
def test_bad_theory_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


LINES = {
    "budget": ("--max-updates 0", "max_updates=0.*at least 1"),
    "rate": ("--learning-rate -1", "learning_rate=-1.0"),
    "env": ("--env-id SoftmaxWel-v0", "env_id='SoftmaxWel-v0'.*mean 'SoftmaxWell-v0'"),
    "agent": ("--agent softmax", "agent='softmax'.*mean 'softmax-pg'"),
    "start": ("--initial-policy cornr", "initial_policy='cornr'"),
    "prob": ("--optimal-prob 1.5", r"optimal_prob=1.5.*\(0, 1\)"),
    "reward": ("--mean-rewards 1 2", r"mean_rewards=.*\[0, 1\]"),
    "power": ("--learning-rate-power -1", "learning_rate_power=-1"),
    "config": ("--config missing.yaml", "config='missing.yaml' cannot be read"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_bad_command_line_ends_with_code_2_and_writes_nothing(
    case, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    line, message = LINES[case]
    assert train.main([*line.split(), "--track", "disabled"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert re.search(message, err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learnin_rate: 1", "'learnin_rate' is unknown. Did you mean 'learning_rate'"),
        ("- 1", "must hold"),
        ("a: [", "is not YAML"),
        ("learning_rate: fast", "error: learning_rate='fast' must be a number."),
    ],
)
def test_a_bad_yaml_file_ends_with_code_2(text, message, tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert train.main(["--config", str(path), "--output", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_output_folder_ends_with_code_2(tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.touch()
    assert train.main(["--output", str(blocked / "runs"), "--track", "disabled"]) == 2
    err = capsys.readouterr().err
    assert "output=" in err
    assert "cannot be written" in err
