"""`python -m experiments sweep` and `compact`: what they say, write and return."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from experiments.__main__ import main
from experiments.results import TABLES, read_results

ROOT = Path(__file__).parents[3]
DATA = {
    "base": {"gradient": "exact", "num_actions": 3, "max_updates": 20},
    "grid": {"optimal_prob": [0.1, 0.05, 0.02], "reward_gap": [0.1, 0.2]},
}
# Arm 1 wins before the best arm moves: pi(a*) sinks below what float64 can follow.
SINKING = {
    "gradient": "sampled",
    "mean_rewards": [1, 0.9, 0.1],
    "initial_policy": "uniform_suboptimal",
    "optimal_prob": 1.1e-10,
    "num_actions": 3,
    "update": "entropy-pg",
    "learning_rate": 1.0,
}


def sweep(tmp_path, data, *options, folder="results"):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(data))
    output = ["--output", str(tmp_path / folder)]
    return main(["sweep", str(path), "--engine", "serial", *output, *options])


def bytes_of(folder):
    return [(folder / f"{name}.parquet").read_bytes() for name in TABLES]


def test_a_sweep_is_done_once_and_grows_by_what_is_missing(tmp_path, capsys):
    assert sweep(tmp_path, DATA) == 0
    assert "finished: 6 runs, 0 were there, 6 made, 0 failed, 0 missing" in capsys.readouterr().out
    before = bytes_of(tmp_path / "results")
    assert sweep(tmp_path, DATA) == 0
    assert "6 runs, 6 were there, 0 made" in capsys.readouterr().out
    assert bytes_of(tmp_path / "results") == before
    larger = DATA | {"grid": DATA["grid"] | {"reward_gap": [0.1, 0.2, 0.3]}}
    assert sweep(tmp_path, larger) == 0
    assert "9 runs, 6 were there, 3 made" in capsys.readouterr().out
    runs = read_results(tmp_path / "results", "runs").to_pylist()
    assert [row["run_id"] for row in runs] == sorted({row["run_id"] for row in runs})
    assert {row["exp_name"] for row in runs} == {"small"}
    axes = {tuple(sorted(json.loads(row["axes"]).items())) for row in runs}
    assert len(axes) == 9


def test_shards_joined_are_the_whole(tmp_path, capsys):
    assert sweep(tmp_path, DATA, folder="whole") == 0
    for index in range(3):
        assert sweep(tmp_path, DATA, "--shard", f"{index}/3") == 0
    assert f"compact {tmp_path / 'results'}" in capsys.readouterr().out
    assert not (tmp_path / "results" / "runs.parquet").exists()
    assert main(["compact", str(tmp_path / "results")]) == 0
    assert "6 runs" in capsys.readouterr().out
    assert bytes_of(tmp_path / "results") == bytes_of(tmp_path / "whole")


def test_parts_of_a_sweep_that_ended_before_joining_are_joined_next_time(tmp_path):
    assert sweep(tmp_path, DATA, "--shard", "0/1", folder="whole") == 0
    for index in range(2):
        sweep(tmp_path, DATA, "--shard", f"{index}/2")
    assert sweep(tmp_path, DATA) == 0
    assert bytes_of(tmp_path / "results") == bytes_of(tmp_path / "whole")
    assert not (tmp_path / "results" / "parts").exists()


def test_failing_runs_are_listed_and_do_not_stop_the_rest(tmp_path, capsys):
    data = DATA | {"blocks": [{}, {"base": SINKING, "grid": {"optimal_prob": [1.1e-10]}}]}
    assert sweep(tmp_path, data) == 1
    said = capsys.readouterr()
    assert "8 runs, 0 were there, 6 made, 2 failed, 0 missing" in said.out
    assert "failed: FloatingPointError: pi(a*)=" in said.err
    path = tmp_path / "results" / "failed.jsonl"
    failures = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(failures) == 2
    assert all(f["axes"]["optimal_prob"] == 1.1e-10 and f["attempts"] == 1 for f in failures)
    assert read_results(tmp_path / "results", "runs").num_rows == 6
    assert sweep(tmp_path, DATA) == 0  # without them
    assert not path.exists()


def test_a_sweep_of_failures_only(tmp_path, capsys):
    assert sweep(tmp_path, {"base": SINKING}) == 1
    assert "0 made, 1 failed" in capsys.readouterr().out
    assert not (tmp_path / "results" / "runs.parquet").exists()


def test_a_full_disk_is_told_with_what_to_do(tmp_path, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("experiments.sweeps.storage.write_atomically", full)
    assert sweep(tmp_path, DATA) == 1
    said = capsys.readouterr().out
    assert "stopped, since results cannot be written ([Errno 28] No space left on device)" in said
    assert "6 missing" in said
    assert "the same command makes what is missing" in said
    monkeypatch.undo()
    assert sweep(tmp_path, DATA) == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--shard", "2/2"], "shard='2/2' must be i/n with 0 <= i < n"),
        (["--shard", "1"], "shard='1' must be i/n"),
        (["--workers", "0"], "workers=0 must be a whole number of at least 1"),
        (["--address", "auto"], "address='auto' needs engine='ray'"),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "nothing answers there"),
        (["--engine", "ray", "--address", "here"], "address='here' must be host:port"),
    ],
)
def test_bad_options(tmp_path, capsys, options, text):
    assert sweep(tmp_path, DATA, *options) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_bad_sweeps_write_nothing(tmp_path, capsys):
    for grid, text in (
        (
            {"optimal_probb": [0.1]},
            "'optimal_probb' is unknown. Did you mean 'optimal_prob'",
        ),
        ({"optimal_prob": [0.1, 0.1]}, "occurs twice"),
        ({"optimal_prob": [0.1, 2]}, "optimal_prob=2.0"),
    ):
        assert sweep(tmp_path, DATA | {"grid": grid}) == 2
        assert text in capsys.readouterr().err
    assert main(["sweep", str(tmp_path / "no.yaml")]) == 2
    assert main(["compact", str(tmp_path / "nowhere")]) == 2
    assert "no results to join" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_results_that_cannot_be_read_are_not_written_over(tmp_path, capsys):
    assert sweep(tmp_path, DATA) == 0
    path = tmp_path / "results" / "runs.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    broken = bytes_of(tmp_path / "results")
    assert sweep(tmp_path, DATA) == 2
    said = capsys.readouterr().err
    assert "runs.parquet' is damaged" in said
    assert "name another folder" in said
    assert bytes_of(tmp_path / "results") == broken


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom experiments.__main__ import main\n"
        "try: main(['sweep', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'ray', 'numba', 'torch', 'pyarrow', 'scipy', 'matplotlib', 'wandb'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--engine" in done.stdout
