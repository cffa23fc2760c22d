"""The examples run: a moment of each by default, in full when slow tests run."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
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
