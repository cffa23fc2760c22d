"""A fault in a user's rule or network is told with its file; bad input in one sentence."""

import importlib.util
import json

import pytest
import yaml

from agents import updates
from experiments.__main__ import main
from experiments.sweeps.execution import execute
from experiments.sweeps.scheduling import make_job
from experiments.sweeps.specification import make_sweep
from tests.experiments.sweeps.test_training_sweeps import TINY

RULE = """
def step(self, theta, *arguments, **more):
    values = [0.1, 0.2]
    raise ValueError(f"shapes {len(values)} and {theta.shape} do not fit")
"""
NETWORK = """
import numpy as np
from torch import nn


class Faulty(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, rows):
        return np.concatenate([[[1.0]], [2.0]])  # a ValueError, raised inside numpy


def build(input_shape, embedding_size):
    return Faulty()
"""


def job_of(**base):
    return make_job(make_sweep({"name": "a", "base": base}).points[0])


def test_a_fault_in_a_rule_keeps_its_traceback(tmp_path, monkeypatch):
    path = tmp_path / "my_rule.py"
    path.write_text(RULE)
    spec = importlib.util.spec_from_file_location("my_rule", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(updates.RULES["entropy-pg"], "step", module.step)
    (failure,) = execute([job_of(update="entropy-pg", gradient="exact", max_updates=5)]).failures
    assert failure.error.startswith("ValueError: shapes 2 and (1, 1, 6) do not fit (")
    assert f"{path}:4, in step" in failure.error
    assert f'File "{path}", line 4, in step' in failure.traceback
    assert failure.traceback.splitlines()[-1] == "ValueError: shapes 2 and (1, 1, 6) do not fit"
    assert failure.lasting


def test_bad_input_is_one_sentence():
    (failure,) = execute([job_of(gradient="exact", learning_rate=-1.0)]).failures
    assert failure.error == "learning_rate=-1.0 must be a finite number in (0, inf]."
    assert failure.traceback == ""
    assert failure.lasting


# That of Ray costs the start of a Ray.
@pytest.mark.parametrize(
    "engine", ["serial", "process", pytest.param("ray", marks=pytest.mark.slow)]
)
def test_workers_hand_on_both(tmp_path, monkeypatch, capsys, engine):
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "faulty_network.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))  # Ray's workers are started afresh
    own = TINY | {"network": "faulty_network:build"}
    # Each value is right by itself, so that only the run finds out: two corners exceed 1.
    wrong = {"gradient": "exact", "max_updates": 5, "initial_policy": "corner"}
    corners = {"num_actions": [3, 9], "optimal_prob": [0.01, 0.3]}
    data = {"blocks": [{"base": own}, {"base": wrong, "grid": corners}]}
    (tmp_path / "faulty.yaml").write_text(yaml.safe_dump(data))
    words = ["sweep", str(tmp_path / "faulty.yaml"), "--engine", engine]
    words += ["--output", str(tmp_path / "results")]
    words += [] if engine == "serial" else ["--workers", "1"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "2 failed, 0 missing" in said.out
    lines = (tmp_path / "results" / "failed.jsonl").read_text().splitlines()
    failures = sorted(map(json.loads, lines), key=lambda row: row["config"]["env_id"])
    fault, bad = failures
    assert fault["error"].startswith("ValueError: ")
    assert "faulty_network.py:12, in forward" in fault["error"]
    assert f'File "{folder / "faulty_network.py"}", line 12, in forward' in fault["traceback"]
    assert fault["traceback"].splitlines()[-1].startswith("ValueError: ")
    assert fault["attempts"] == 1
    assert bad["error"].startswith("optimal_prob=0.3 ") and bad["error"].endswith(".")
    assert "\n" not in bad["error"] and "File" not in bad["error"]
    assert (bad["traceback"], bad["attempts"]) == ("", 1)
    assert f"1 failed: {bad['error']}\n" in said.err
