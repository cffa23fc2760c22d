"""A run sets its own threads: the user's environment decides neither its bits nor its speed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from experiments.options.config import make_config
from experiments.results import read_results
from experiments.runs import make_run
from experiments.runs.tracker import NullTracker
from gw_envs.threads import VARIABLES

ROOT = Path(__file__).parents[3]
PPO = {"agent": "ppo", "max_updates": 4, "num_seeds": 1, "n_envs": 16}


def threads():
    return [torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())]


@pytest.fixture
def two_threads(monkeypatch):
    """As a user's environment may ask for."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "2")
    torch.set_num_threads(2)
    with threadpool_limits(2):
        yield
    torch.set_num_threads(1)


def test_a_run_has_one_thread_and_gives_the_others_back(two_threads):
    seen = []

    class Look(NullTracker):
        def log(self, row):
            seen.append((threads(), [os.environ[name] for name in VARIABLES]))

    before = threads()
    run = make_run(make_config(**PPO), show_progress=False)
    run.train(lambda name, settings: Look())
    assert len(seen) > 4
    assert all(set(now) == {1} and set(asked) == {"1"} for now, asked in seen)
    assert max(before) == 2
    assert threads() == before
    assert [os.environ[name] for name in VARIABLES] == ["2", "2", "2"]


def tables(folder):
    """What was computed, as text."""
    names = ("trajectories", "escapes")
    return {name: repr(read_results(folder, name).to_pylist()) for name in names}


def call(folder, threads, *words):
    environment = os.environ | dict.fromkeys(VARIABLES, str(threads))
    command = [sys.executable, *words, "--output", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_bits_do_not_depend_on_the_environment(tmp_path):
    sweep = tmp_path / "a.yaml"
    base = {key: value for key, value in PPO.items() if key != "num_seeds"}
    sweep.write_text(f"base: {base}\nseeds: [0, 1]\n")
    made = []
    for threads in (1, 2):
        alone, many = tmp_path / f"alone{threads}", tmp_path / f"many{threads}"
        words = [f"--{key}={value}" for key, value in PPO.items()]
        call(alone, threads, "train.py", *words, "--track=disabled")
        call(many, threads, "-m", "experiments", "sweep", str(sweep), "--workers=1")
        made.append((tables(next(alone.iterdir())), tables(many)))
    assert made[0] == made[1]
