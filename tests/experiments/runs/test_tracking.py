"""A real offline W&B run, read back through W&B's own reader, equals the Parquet tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents import metrics
from experiments.results import read_results

ROOT = Path(__file__).parents[3]


def inspect(run_file):
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    options = [
        "--gradient",
        "exact",
        "--optimal-prob",
        "0.05",
        "--num-actions",
        "3",
        "--max-updates",
        "400",
    ]
    command = [sys.executable, "train.py", *options, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "weave" not in done.stderr.lower()
    return next(output.iterdir())


def test_history_and_escape_table_equal_the_parquet_tables(folder):
    records = inspect(next(folder.glob("wandb/offline-run-*/*.wandb")))
    history = [r["history"]["item"] for r in records if r["type"] == "history"]
    escapes = read_results(folder, "escapes").to_pylist()
    assert len(escapes) >= 1
    logged = [row for row in history if "escape/kind" in row]
    assert [[row[c] for c in metrics.ESCAPE_COLUMNS] for row in logged] == [
        [row[c] for c in metrics.ESCAPE_COLUMNS] for row in escapes
    ]
    table_file = next(folder.glob("wandb/offline-run-*/files/media/table/*.table.json"))
    table = json.loads(table_file.read_text())
    assert table["columns"] == list(metrics.ESCAPE_COLUMNS)
    assert table["data"] == [[row[c] for c in metrics.ESCAPE_COLUMNS] for row in escapes]
    trajectory = read_results(folder, "trajectories").to_pylist()
    rows = [row for row in history if metrics.SUBOPTIMALITY in row]
    assert [row[metrics.SUBOPTIMALITY] for row in rows] == [
        row[metrics.SUBOPTIMALITY] for row in trajectory
    ]
    assert [row["update"] for row in rows] == [row["update"] for row in trajectory]


def test_config_summary_and_axes_are_in_the_wandb_file(folder):
    records = inspect(next(folder.glob("wandb/offline-run-*/*.wandb")))
    run = next(r["run"] for r in records if r["type"] == "run")
    config = run["config"]["update"]
    assert config["env_id"] == "SoftmaxWell-v0"
    assert config["seed"] == 0
    assert config["agent"] == "softmax-pg"
    assert run["run_group"] == config["exp_name"]
    globs = {
        m["metric"]["glob_name"]: m["metric"]["step_metric"]
        for m in records
        if m["type"] == "metric" and "glob_name" in m["metric"]
    }
    assert globs == metrics.AXES
    summary = {}
    for record in records:
        if record["type"] == "summary":
            summary.update(record["summary"]["update"])
    row = read_results(folder, "runs").to_pylist()[0]
    assert summary[metrics.ESCAPE_TIME] == row[metrics.ESCAPE_TIME]
    assert summary[metrics.CENSORED] is False
