"""A run that is killed leaves whole files or none; one that is terminated loses no row."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents import metrics
from experiments.results import TABLES, read_results
from experiments.runs.checkpoints import CHECKPOINT_FILE

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow
OPTIONS = ["--gradient", "exact", "--optimal-prob", "0.02", "--max-updates", "100000000000"]
OPTIONS += ["--checkpoint-seconds", "0.2"]


def start(output):
    command = [sys.executable, "train.py", *OPTIONS, "--output", str(output)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(output.glob(f"*/{CHECKPOINT_FILE}")):  # written between updates
        assert process.poll() is None
        assert time.monotonic() < deadline, "the run did not start"
        time.sleep(0.2)
    time.sleep(3)  # several flushes, thousands of updates
    return process


def history(output):
    run_file = next(output.glob("*/wandb/offline-run-*/*.wandb"))
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run_file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return [r["history"]["item"] for r in records if r["type"] == "history"]


def test_kill_leaves_readable_files_or_none(tmp_path):
    process = start(tmp_path)
    process.kill()
    process.wait()
    folder = next(tmp_path.iterdir())
    for name in TABLES:
        if (folder / f"{name}.parquet").exists():
            read_results(folder, name)
    assert not list(folder.glob(".*.part"))
    assert len(history(tmp_path)) > 0


def test_termination_loses_no_row(tmp_path):
    process = start(tmp_path)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    folder = next(tmp_path.iterdir())
    run = read_results(folder, "runs").to_pylist()[0]
    assert run["status"] == "interrupted"
    assert run["updates"] > 100
    logged = history(tmp_path)
    trajectory = read_results(folder, "trajectories").to_pylist()
    rows = [row["update"] for row in logged if metrics.SUBOPTIMALITY in row]
    assert rows == [row["update"] for row in trajectory]
    # The last log-spaced point before the interruption is there: nothing was lost from a buffer.
    assert rows[-1] >= run["updates"] / 10 ** (1 / 20) - 1
    escapes = read_results(folder, "escapes").to_pylist()
    events = [row for row in logged if "escape/kind" in row]
    assert [e["escape/update"] for e in events] == [e["escape/update"] for e in escapes]
