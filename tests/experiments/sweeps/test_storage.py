"""A sweep's folder: parts, their joining, and whatever may be wrong with either."""

import errno
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.results import TABLES, make_table, read_results, write_results
from experiments.sweeps import storage
from experiments.sweeps.storage import StorageError, done_runs, join_parts, write_failures


def rows(*run_ids):
    """Rows of some runs: two of each trajectory, in an order that joining must keep."""
    return (
        [{"run_id": i, "seed": 1, "escape/time": 7} for i in run_ids],
        [{"run_id": i, "update": n} for i in run_ids for n in (5, 2)],
        [{"run_id": i, "escape/kind": "escape"} for i in run_ids],
    )


def add_part(folder, *run_ids):
    import io

    tables = {}
    for name, some in zip(("runs", "trajectories", "escapes"), rows(*run_ids), strict=True):
        buffer = io.BytesIO()
        pq.write_table(make_table(name, some), buffer)
        tables[name] = buffer.getvalue()
    storage.write_part(folder, run_ids, tables)


def contents(folder):
    return {name: read_results(folder, name).to_pylist() for name in TABLES}


def test_parts_are_joined_in_the_order_of_run_ids_and_removed(tmp_path):
    add_part(tmp_path, "d", "b")
    add_part(tmp_path, "c")
    assert done_runs(tmp_path) == {"b", "c", "d"}
    paths = join_parts(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
    add_part(tmp_path, "a")
    join_parts(tmp_path)
    write_results(tmp_path / "whole", *rows("a", "b", "c", "d"))
    assert contents(tmp_path) == contents(tmp_path / "whole")
    assert done_runs(tmp_path) == {"a", "b", "c", "d"}


def test_joining_what_is_joined_changes_nothing(tmp_path):
    add_part(tmp_path, "a")
    before = [path.read_bytes() for path in join_parts(tmp_path)]
    assert [path.read_bytes() for path in join_parts(tmp_path)] == before


def test_a_run_in_two_parts_is_taken_once(tmp_path):
    add_part(tmp_path, "a", "b")
    add_part(tmp_path, "b", "c")
    join_parts(tmp_path)
    write_results(tmp_path / "whole", *rows("a", "b", "c"))
    assert contents(tmp_path) == contents(tmp_path / "whole")


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_joining_that_was_cut_off_anywhere_is_done_again(tmp_path, monkeypatch, written):
    add_part(tmp_path, "a", "b")
    join_parts(tmp_path)
    add_part(tmp_path, "c")
    add_part(tmp_path, "d")
    replace, calls = os.replace, []

    def cut_off(source, target):
        if len(calls) == written:
            raise KeyboardInterrupt
        calls.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", cut_off)
    if written < len(TABLES):
        with pytest.raises(KeyboardInterrupt):
            join_parts(tmp_path)
    else:  # all tables written, the parts not yet removed
        monkeypatch.setattr(storage, "_remove", lambda folder, parts: None)
        join_parts(tmp_path)
    monkeypatch.undo()
    assert done_runs(tmp_path) == {"a", "b", "c", "d"}
    join_parts(tmp_path)
    write_results(tmp_path / "whole", *rows("a", "b", "c", "d"))
    assert contents(tmp_path) == contents(tmp_path / "whole")
    assert not (tmp_path / "parts").exists()
    assert not list(tmp_path.glob(".*.part"))


def test_a_full_disk_leaves_the_part_absent(tmp_path, monkeypatch):
    add_part(tmp_path, "a")
    write = Path.write_bytes

    def full(path, data):
        if ".runs.parquet." not in path.name:
            return write(path, data)
        write(path, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        add_part(tmp_path, "b")
    monkeypatch.undo()
    assert done_runs(tmp_path) == {"a"}
    add_part(tmp_path, "b")
    join_parts(tmp_path)
    assert done_runs(tmp_path) == {"a", "b"}
    assert not list(tmp_path.rglob(".*.part"))


def test_half_a_part_counts_for_nothing_and_is_cleared_away_when_old(tmp_path):
    add_part(tmp_path, "a")
    for name in ("old", "new"):
        (tmp_path / "parts" / name).mkdir()
        (tmp_path / "parts" / name / ".runs.parquet.x.part").write_bytes(b"PAR1")
    os.utime(tmp_path / "parts" / "old", (0, 0))
    assert done_runs(tmp_path) == {"a"}
    join_parts(tmp_path)
    assert [p.name for p in (tmp_path / "parts").iterdir()] == ["new"]


def test_a_folder_without_results(tmp_path):
    assert done_runs(tmp_path / "nowhere") == set()
    with pytest.raises(ValueError, match="no results to join"):
        join_parts(tmp_path)


@pytest.mark.parametrize("name", TABLES)
def test_a_truncated_table_is_named_and_nothing_is_joined(tmp_path, name):
    add_part(tmp_path, "a")
    join_parts(tmp_path)
    add_part(tmp_path, "b")
    (part,) = (tmp_path / "parts").iterdir()
    path = part / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"{name}.parquet' is damaged.*Remove .*made anew"):
        join_parts(tmp_path)
    assert [row["run_id"] for row in contents(tmp_path)["runs"]] == ["a"]
    shutil.rmtree(part)  # what the message says
    assert done_runs(tmp_path) == {"a"}


def test_results_of_another_schema_version_are_refused(tmp_path):
    add_part(tmp_path, "a")
    (path,) = tmp_path.rglob("runs.parquet")
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"gravity_wells_schema": "1"}), path)
    for read in (done_runs, join_parts):
        with pytest.raises(ValueError, match="schema version 1; this version reads 2"):
            read(tmp_path)


def test_the_list_of_failures_is_written_and_goes_when_there_is_none(tmp_path):
    path = write_failures(tmp_path, "-0-of-2", [{"run_id": "a", "error": "x"}, {"run_id": "b"}])
    assert path.name == "failed-0-of-2.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"run_id": "a", "error": "x"}, {"run_id": "b"}]
    assert write_failures(tmp_path, "-0-of-2", []) is None
    assert not path.exists()


def test_columns_can_be_read_alone(tmp_path):
    write_results(tmp_path, *rows("a"))
    assert read_results(tmp_path, "runs", ["run_id"]).to_pydict() == {"run_id": ["a"]}
    assert isinstance(read_results(tmp_path, "runs"), pa.Table)
