"""The storm over files that are read: YAML, sweeps, results, checkpoints, images."""

import hashlib
import os
import pickle
import shutil
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.__main__ import main
from experiments.analysis.run_table import read_runs
from experiments.results import TABLES, read_results
from experiments.sweeps.specification import make_sweep
from experiments.sweeps.storage import done_runs
from gw_envs.checks import BadInput
from gw_envs.metric_learning import datasets
from tests.invalid.storm import is_one_sentence_about, refused

YAML = {
    "list": ("- 1", "must hold"),
    "word": ("hello", "must hold"),
    "number": ("5", "must hold"),
    "empty": ("", "must hold"),
    "open bracket": ("a: [", "YAML"),
    "tab": ("a:\t- 1\n\t- 2", "YAML"),
    "twice": ("learning_rate: 0.1\nlearning_rate: 0.2", "learning_rate"),
    "sexagesimal": ("max_updates: 1:30", "1:30"),
    "octal": ("max_updates: 010", "010"),
    "binary": ("max_updates: 0b11", "0b11"),
    "deep": ("a: " + "[" * 2000 + "]" * 2000, "deep"),
    "no month": ("a: 2020-13-45", "YAML"),
    "anchor": ("a: *nowhere", "YAML"),
    "object": ("a: !!python/object:os.system {}", "YAML"),
    "list as key": ("? [a, b]\n: 1", "key"),
    "unknown": ("learnin_rate: 1", "learnin_rate"),
    "unknown number": ("5: 1", "5"),
    "text": ("learning_rate: fast", "learning_rate"),
    "flag": ("learning_rate: true", "learning_rate"),
    "null": ("max_updates:", "max_updates"),
    "list for number": ("max_updates: [1, 2]", "max_updates"),
    "dict for number": ("max_updates: {a: 1}", "max_updates"),
    "part": ("max_updates: 2.5", "max_updates"),
    "nan": ("learning_rate: .nan", "learning_rate"),
    "huge": ("seed: 99999999999999999999", "seed"),
    "number for flag": ("until_escape: 1", "until_escape"),
    "choice": ("gradient: sometimes", "gradient"),
    "other digits": ("learning_rate: \u0660", "learning_rate"),
    "path": ("exp_name: ../evil", "exp_name"),
}


def said(capsys, words, name):
    """Check that a command line is refused in one sentence with a name."""
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    is_one_sentence_about(error.removeprefix("error: ").rstrip("\n"), name)


@pytest.mark.parametrize("case", YAML)
def test_configurations(case, tmp_path, capsys):
    text, name = YAML[case]
    path = tmp_path / "run.yaml"
    path.write_text(text)
    said(capsys, ["train", "--config", str(path), "--track", "disabled"], name)


SWEEPS = {
    "list": ("- 1", "sweep file"),
    "unknown": ("grd: {}", "grd"),
    "base": ("base: 5", "base"),
    "base option": ("base: {learnin_rate: 1}", "learnin_rate"),
    "base value": ("base: {learning_rate: fast, gradient: exact}", "learning_rate"),
    "seed in base": ("base: {seed: 1, gradient: sampled}", "seed"),
    "output in base": ("base: {output: x, gradient: sampled}", "output"),
    "grid": ("grid: 5", "grid"),
    "axis": ("grid: {gradient: exact}", "gradient"),
    "empty axis": ("base: {gradient: sampled}\ngrid: {reward_gap: []}", "no run"),
    "points": ("points: 5", "points"),
    "point": ("points: [5]", "point"),
    "blocks": ("blocks: 5", "blocks"),
    "block": ("blocks: [5]", "block"),
    "block key": ("blocks: [{name: x}]", "name"),
    "seeds": ("base: {gradient: sampled}\nseeds: many", "seeds"),
    "no seeds": ("base: {gradient: sampled}\nseeds: 0", "seeds"),
    "seed": ("base: {gradient: sampled}\nseeds: [-1]", "seeds"),
    "beyond int64": ("base: {gradient: sampled}\nseeds: [9223372036854775808]", "seeds"),
    "a billion": ("base: {gradient: sampled}\nseeds: 1000000000", "runs"),
    "tags": ("base: {gradient: sampled}\ntags: 5", "tags"),
    "name": ("name: ../evil\nbase: {gradient: sampled}", "name"),
    "both": ("base: {gradient: both}", "gradient"),
    "twice": ("base: {gradient: sampled}\nseeds: [1, 1]", "twice"),
    "nested": ("grid: " + "[" * 2000 + "]" * 2000, "deep"),
    "range": ("base: {gradient: sampled, reward_gap: 2}", "reward_gap"),
    "too long": ("base: {gradient: sampled, max_updates: 1000000000000000}", "max_updates"),
}
AXES = ("reward_gap", "learning_rate", "optimal_prob", "base_reward")
SWEEPS["a trillion"] = (
    "base: {gradient: sampled}\ngrid:\n"
    + "".join(f"  {axis}: [{', '.join(f'0.{k:04d}' for k in range(1000))}]\n" for axis in AXES),
    "runs",
)


@pytest.mark.parametrize("case", SWEEPS)
def test_sweeps(case, tmp_path, capsys):
    text, name = SWEEPS[case]
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    said(capsys, ["sweep", str(path), "--engine", "serial"], name)


PYTHON = {
    "raises": ("1 / 0", "ZeroDivisionError"),
    "does not parse": ("def (", "SyntaxError"),
    "exits": ("import sys\nsys.exit(0)", "SystemExit"),
    "imports": ("import nope_nope", "ModuleNotFoundError"),
    "recursion": ("def f():\n    f()\nf()", "RecursionError"),
    "no variable": ("x = 1", "SWEEP"),
    "no mapping": ("SWEEP = 5", "SWEEP"),
    "text": ("SWEEP = {'base': {'gradient': 'sampled', 'reward_gap': '0.2x'}}", "reward_gap"),
    "object": ("SWEEP = {'base': {'gradient': 'sampled', 'reward_gap': object()}}", "reward_gap"),
}


@pytest.mark.parametrize("case", PYTHON)
def test_sweeps_in_python(case, tmp_path, capsys):
    text, name = PYTHON[case]
    path = tmp_path / "sweep.py"
    path.write_text(text)
    said(capsys, ["sweep", str(path), "--engine", "serial"], name)


@pytest.mark.parametrize("ending", ["yaml", "py"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "bytes", "loop"])
def test_what_is_no_file(kind, ending, tmp_path, capsys):
    path = tmp_path / f"file.{ending}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    else:
        path.write_bytes(b"\xff\xfe\x00a")
    said(capsys, ["sweep", str(path)], "sweep file")
    if ending == "yaml":
        said(capsys, ["train", "--config", str(path)], "config")


@pytest.mark.parametrize("data", [None, 5, "x", [], {"name": None}, {"name": 5}, {"name": ""}])
def test_sweeps_as_data(data):
    refused(partial(make_sweep, data), "name" if isinstance(data, dict) else "data")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A small run, finished, and a checkpoint that fits it."""
    from experiments.options.config import make_config
    from experiments.runs import make_run
    from experiments.runs.checkpoints import save_checkpoint

    folder = tmp_path_factory.mktemp("stored")
    options = {"gradient": "sampled", "max_updates": 20, "num_seeds": 2, "num_actions": 3}
    config = make_config(**options, track="disabled", output=str(folder))
    run = make_run(config)
    results = run.execute()
    save_checkpoint(results.folder, config, run.learners, run.groups)
    return results.folder


def changed(table, name, values, kind=None):
    """A table with another column in the place of one, its seal as it was."""
    at = table.schema.get_field_index(name)
    column = pa.array(values, type=kind or table.schema.field(name).type)
    return table.set_column(at, name, column)


DAMAGE = {
    "missing": lambda path, table: path.unlink(),
    "empty": lambda path, table: path.write_bytes(b""),
    "text": lambda path, table: path.write_text("run_id,seed\n1,2\n"),
    "cut": lambda path, table: path.write_bytes(path.read_bytes()[:-40]),
    "first bits": lambda path, table: flip(path, 30),
    "folder": lambda path, table: (path.unlink(), path.mkdir()),
    "no run_id": lambda path, table: pq.write_table(table.drop_columns(["run_id"]), path),
    "no updates": lambda path, table: pq.write_table(table.drop_columns(["updates"]), path),
    "other schema": lambda path, table: pq.write_table(table.replace_schema_metadata({}), path),
    "no row": lambda path, table: pq.write_table(table.slice(0, 0), path),
    "text for numbers": lambda path, table: pq.write_table(
        changed(table, "updates", ["many"] * len(table), pa.string()), path
    ),
    "null run_id": lambda path, table: pq.write_table(
        changed(table, "run_id", [None] * len(table)), path
    ),
    "null config": lambda path, table: pq.write_table(
        changed(table, "config", [None] * len(table)), path
    ),
    "list as config": lambda path, table: pq.write_table(
        changed(table, "config", ["[1]"] * len(table)), path
    ),
    "doubled": lambda path, table: pq.write_table(pa.concat_tables([table, table]), path),
    "negative": lambda path, table: pq.write_table(
        changed(table, "updates", [-5] * len(table)), path
    ),
}


def flip(path, at):
    """Turn a byte of a file into another."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0x5A
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_results(case, stored, tmp_path, capsys):
    folder = tmp_path / "results"
    shutil.copytree(stored, folder)
    path = folder / "runs.parquet"
    DAMAGE[case](path, pq.read_table(path))
    refused(partial(read_runs, folder), "runs")
    for words in (["report", str(folder)], ["plots", "survival", "--results", str(folder)]):
        said(capsys, words, "runs")


@pytest.mark.parametrize("table", TABLES)
def test_no_turned_byte_is_read_as_another_result(table, stored, tmp_path):
    """Each is refused, or stands where nothing is read: statistics of pages, for example."""
    folder = tmp_path / "results"
    shutil.copytree(stored, folder)
    path = folder / f"{table}.parquet"
    right, whole, refusals = read_results(folder, table), path.read_bytes(), 0
    for at in range(0, len(whole), 101):
        flip(path, at)
        try:
            assert repr(read_results(folder, table).to_pylist()) == repr(right.to_pylist()), at
        except BadInput as error:
            is_one_sentence_about(str(error), table)
            refusals += 1
        path.write_bytes(whole)
    assert refusals > 0


@pytest.mark.parametrize("case", ["cut", "doubled", "null run_id", "text"])
def test_damaged_parts_are_not_counted_as_made(case, stored, tmp_path):
    part = tmp_path / "parts" / "0"
    shutil.copytree(stored, part)
    path = part / "runs.parquet"
    DAMAGE[case](path, pq.read_table(path))
    try:
        assert done_runs(tmp_path) == set()
    except BadInput as error:
        is_one_sentence_about(str(error), "runs")


@pytest.mark.parametrize("table", ["trajectories", "escapes"])
@pytest.mark.parametrize("case", ["missing", "empty", "cut", "no run_id", "other schema"])
def test_damage_in_other_tables(table, case, stored, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(stored, folder)
    path = folder / f"{table}.parquet"
    DAMAGE[case](path, pq.read_table(path))
    refused(partial(read_results, folder, table), table)


def seal(value):
    data = pickle.dumps(value)
    return data + b"sha256:" + hashlib.sha256(data).digest()


CHECKPOINTS = {
    "missing": None,
    "empty": b"",
    "text": b"hello",
    "unsealed": pickle.dumps({"learners": []}),
    "list": seal([1, 2]),
    "nothing": seal(None),
    "no learners": seal({"settings": {}, "groups": []}),
    "learners": seal({"settings": {}, "learners": None, "groups": []}),
    "settings": seal({"settings": [], "learners": [], "groups": []}),
    "groups": seal({"settings": {}, "learners": [], "groups": {}}),
    "other things": seal({"settings": {}, "learners": [5], "groups": [[5]]}),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_checkpoints(case, stored, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(stored, folder)
    path = folder / "checkpoint.pkl"
    path.unlink()
    if CHECKPOINTS[case] is not None:
        path.write_bytes(CHECKPOINTS[case])
    said(capsys, ["train", "--resume", str(folder)], "resume")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1])
def test_checkpoints_with_a_byte_turned(share, stored, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(stored, folder)
    flip(folder / "checkpoint.pkl", round(share * ((folder / "checkpoint.pkl").stat().st_size - 1)))
    said(capsys, ["train", "--resume", str(folder)], "resume")


@pytest.mark.parametrize("line", ["--learning-rate 0.1", "--num-actions 4", "--gradient exact"])
def test_a_run_goes_on_with_its_own_settings(line, stored, capsys):
    name = line.split()[0][2:].replace("-", "_")
    said(capsys, ["train", "--resume", str(stored), *line.split()], name)


def image(path, kind):
    from PIL import Image

    if kind == "corrupt":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    elif kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no image")
    else:
        Image.fromarray(np.full((40, 40, 3), 7, dtype=np.uint8)).save(path)
        if kind == "cut":
            path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("kind", ["corrupt", "cut", "folder", "text", "only one", "none"])
def test_images(kind, tmp_path, capsys):
    for label in range(6):
        (tmp_path / str(label)).mkdir()
        for k in range(6):
            if kind != "none":
                image(tmp_path / str(label) / f"{k}.png", kind if (label, k) == (2, 3) else "right")
    if kind == "only one":
        for label in range(1, 6):
            shutil.rmtree(tmp_path / str(label))
    line = ["train", "--env-id", "ASRSampling-v0", "--dataset", f"folder:{tmp_path}"]
    said(capsys, [*line, "--track", "disabled"], "dataset")
    with pytest.raises(BadInput):
        datasets.split(*datasets.load(f"folder:{tmp_path}"))
