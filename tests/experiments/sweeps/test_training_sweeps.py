"""Sweeps over ASRSampling-v0: the table `sampling` beside the three, on every engine, resumable."""

import json

import pytest
import yaml

from experiments.__main__ import main
from experiments.results import TABLES, read_results

TINY = {
    "env_id": "ASRSampling-v0",
    "agent": "frozen",
    "dataset": "digits",
    "samples_per_class": 12,
    "epochs": 1,
    "iterations_per_epoch": 2,
    "iterations_per_step": 1,
    "history": 1,
    "classes_per_batch": 4,
    "embedding_size": 4,
}
WELL = {"gradient": "sampled", "num_actions": 3, "max_updates": 20}
DATA = {
    "blocks": [
        {"base": TINY, "grid": {"agent": ["frozen", "sb3-softmax-pg"]}, "seeds": 2},
        {"base": WELL, "seeds": 3},
    ]
}
ALL = ("sampling", *TABLES)


def sweep(folder, data, *options):
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump({"name": "a"} | data))
    return main(["sweep", str(path), "--output", str(folder), *options])


def bytes_of(folder):
    return {name: (folder / f"{name}.parquet").read_bytes() for name in ALL}


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial") / "results"
    assert sweep(folder, DATA, "--engine", "serial") == 0
    return folder


def test_the_steps_of_every_training_run_are_stored(serial):
    runs = read_results(serial, "runs").to_pylist()
    assert {row["status"] for row in runs} == {"finished"}
    training = {row["run_id"] for row in runs if row["env_id"] == "ASRSampling-v0"}
    assert (len(runs), len(training)) == (7, 4)
    steps = read_results(serial, "sampling").to_pylist()
    assert {row["run_id"] for row in steps} == training
    for run_id in training:
        assert [row["update"] for row in steps if row["run_id"] == run_id] == [0, 1, 2]
    assert all(len(row["bins"]) == 29 and sum(row["bins"]) == pytest.approx(1) for row in steps)
    assert {json.loads(row["axes"]).get("agent") for row in runs} == {
        "frozen",
        "sb3-softmax-pg",
        None,
    }


@pytest.mark.parametrize("engine", ["process", pytest.param("ray", marks=pytest.mark.slow)])
def test_every_engine_makes_the_same_bytes(tmp_path, serial, engine):
    assert sweep(tmp_path / "out", DATA, "--engine", engine, "--workers", "2") == 0
    assert bytes_of(tmp_path / "out") == bytes_of(serial)


def test_what_is_there_is_kept_and_the_rest_is_made(tmp_path, serial, capsys):
    half = {"blocks": [{"base": TINY, "seeds": 2}]}
    assert sweep(tmp_path / "out", half, "--engine", "serial") == 0
    assert sweep(tmp_path / "out", half, "--engine", "serial") == 0
    assert "2 runs, 2 were there, 0 made" in capsys.readouterr().out
    assert sweep(tmp_path / "out", DATA, "--engine", "serial") == 0
    assert "7 runs, 2 were there, 5 made" in capsys.readouterr().out
    # The two first ones were made by a sweep that varied nothing, which is what their rows say.
    mine, theirs = bytes_of(tmp_path / "out"), bytes_of(serial)
    assert {k: v for k, v in mine.items() if k != "runs"} == {
        k: v for k, v in theirs.items() if k != "runs"
    }


def test_shards_are_joined_with_their_steps(tmp_path, serial, capsys):
    for index in range(2):
        assert sweep(tmp_path / "out", DATA, "--engine", "serial", "--shard", f"{index}/2") == 0
    assert main(["compact", str(tmp_path / "out")]) == 0
    assert f"wrote {tmp_path / 'out' / 'sampling.parquet'}" in capsys.readouterr().out
    assert bytes_of(tmp_path / "out") == bytes_of(serial)


def test_a_sweep_without_training_runs_has_no_such_table(tmp_path):
    assert sweep(tmp_path / "out", {"base": WELL}, "--engine", "serial") == 0
    assert not (tmp_path / "out" / "sampling.parquet").exists()


def test_bad_options_are_refused_before_anything_is_written(tmp_path, capsys):
    data = {"base": TINY | {"agent": "ppo"}, "grid": {"clip_range": [0.1, -0.1]}}
    assert sweep(tmp_path / "out", data, "--engine", "serial") == 2
    assert "clip_range=-0.1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
