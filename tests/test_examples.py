"""The examples run: a moment of each by default, in full when slow tests run."""

import ast
import importlib.util
import json
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cartpole_trains_for_a_moment(capsys):
    load("cartpole").main(["--total-timesteps", "2048"])
    words = capsys.readouterr().out.split()
    assert words[:2] == ["mean", "return"]
    assert 8 <= float(words[2]) <= 500
    assert words[-2] == "2,048"


@pytest.mark.slow
def test_cartpole_reaches_450_within_its_budget():
    example = load("cartpole")
    model = example.train()
    assert model.num_timesteps <= 1.01 * example.BUDGET
    assert example.mean_return(model) >= 450


def test_the_plain_ppo_imports_nothing_of_ours(tmp_path):
    source = ast.parse((EXAMPLES / "train_plain_ppo.py").read_text())
    parts = [node for node in ast.walk(source) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in parts}
    allowed = ("__future__", "sys", "pathlib", "torch", "stable_baselines3")
    assert {name.split(".")[0] for name in names} <= set(allowed)
    load("train_plain_ppo").train(tmp_path / "models", 256, 256)
    assert {file.name for file in (tmp_path / "models").iterdir()} == {"converged.zip", "stuck.zip"}


@pytest.mark.slow
def test_the_command_tells_the_stuck_plain_ppo_from_the_converged_one(tmp_path, capsys):
    from experiments.__main__ import main

    load("train_plain_ppo").train(tmp_path)
    found = {}
    for name in ("converged", "stuck"):
        model, figure = tmp_path / f"{name}.zip", tmp_path / f"{name}.png"
        words = ["diagnose", str(model), "--algo", "ppo", "--env-id", "CartPole-v1"]
        capsys.readouterr()
        assert main([*words, "--json", "--figure", str(figure)]) == 0
        found[name] = json.loads(capsys.readouterr().out)
        assert figure.stat().st_size > 5_000
    assert found["converged"]["verdict"] == "no_better_action"
    assert found["converged"]["mean_episode_return"] >= 490
    # so deep that it depends on the machine whether float32 still moves
    assert found["stuck"]["verdict"] in ("well", "frozen")
    assert found["stuck"]["mean_episode_return"] < 15
    assert found["stuck"]["routes"][0]["probability"] < 1e-6


def test_the_loop_on_verified_prompts_is_forecast():
    """Medians beside the law of groups; with a fixed seed every run is inside its 95 % range."""
    from gw_envs.theory import group_escape_law

    log = []
    found = load("verifier_well").train(log=log)
    assert [len({row[key] for row in log}) for key in ("step", "prompt")] == [100, 8]
    assert len(found) == 8 and found[0][0] == pytest.approx(1e-4) and found[0][3] > 400
    law = group_escape_law("grpo", 1e-4, 8, 2.0, num_actions=6)
    assert found[0][1] == pytest.approx(law.median, rel=0.1)
    for _, median, (low, high), steps in found:
        assert low <= steps <= high and low < median < high


def test_the_trl_example_says_what_is_missing_before_the_work(monkeypatch, tmp_path, capsys):
    from gw_envs import checks

    example = load("trl_well")
    monkeypatch.setattr(checks, "find_spec", lambda name: None if name == "trl" else name)
    assert example.main([]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "gravity-wells[trl]" in error
    monkeypatch.setattr(checks, "find_spec", lambda name: name)
    for words, sentence in (
        (["--look", "600"], "look=600 must be from 1 to steps - 1 = 599"),
        (["--figure", str(tmp_path / "a.gif")], "a.gif"),
    ):
        assert example.main(words) == 2
        assert sentence in capsys.readouterr().err


def test_the_trl_example_spreads_its_prompts_over_the_decades():
    import numpy as np

    example = load("trl_well")
    log_probs = np.log(np.random.default_rng(0).dirichlet(np.full(66, 0.3), size=32) + 1e-9)
    answers = example.choose_answers(log_probs)
    assert len(set(answers)) == 32 and min(answers) >= 2
    found = np.exp(log_probs[np.arange(32), answers])
    assert np.median(found[:8]) > 20 * np.median(found[-8:])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="needs the extra trl")
def test_the_trl_example_predicts_and_draws(tmp_path, capsys):
    figure = tmp_path / "waits.png"
    words = ["--steps", "60", "--look", "40", "--figure", str(figure)]
    assert load("trl_well").main(words) == 0
    out = capsys.readouterr().out
    assert "about 0 minutes" in out and "predicted within a factor of 2" in out
    assert figure.stat().st_size > 10_000
