"""A sweep's folder: parts while it runs, tables when it is joined, the list of failures.

A part, `parts/<name>/`, holds the tables of one batch; it counts once its `runs.parquet` is
there, which is written last. Joining merges all parts into the folder's own tables, in the order
of `run_id`, and then removes them. A run that stands in two places is taken once, so that joining
can be interrupted anywhere and started again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents import metrics
from experiments.files import write_atomically
from experiments.results import MORE_TABLES, TABLES, read_results, write_tables, written_order
from gw_envs.checks import BadInput

PARTS = "parts"
OUTCOMES = (metrics.ESCAPE_TIME, metrics.CENSORED)
STALE_SECONDS = (
    3600.0  # a part takes milliseconds: one this old belongs to a driver that was killed
)


class StorageError(Exception):
    """Results could not be written; what was written before is whole."""


def write_part(folder: Path, run_ids: Sequence[str], tables: Mapping[str, bytes]) -> None:
    """Add a batch to the folder.

    Raises:
        StorageError: if it cannot be written; the batch is then absent.
    """
    name = hashlib.sha256(" ".join(run_ids).encode()).hexdigest()[:16]
    for table in written_order(tables):
        _write(folder / PARTS / name / f"{table}.parquet", tables[table])


def done_runs(folder: Path) -> set[str]:
    """The ids of the runs that the folder holds; its tables are read, to see that they are whole.

    Raises:
        ValueError: naming a table that is damaged or of another schema version.
    """
    done: set[str] = set()
    for source in _sources(folder):
        tables = {name: _read(source, name) for name in _tables_of(source)}
        done.update(tables["runs"]["run_id"].to_pylist())
    return done


def join_parts(folder: Path, *, alone: bool = False) -> list[Path]:
    """Merge the parts into the folder's tables; return their paths.

    What other processes add meanwhile is left for the next time.

    Args:
        folder: of the sweep.
        alone: whether no other process writes there, so that every unfinished part is a dead one's.

    Raises:
        ValueError: if there is nothing to join, parts disagree about a run, or naming a table that
            is damaged or of another schema version.
        StorageError: if it cannot be written; the parts are then still there.
    """
    import pyarrow as pa

    sources = _sources(folder)
    if not sources:
        raise BadInput(f"results folder {str(folder)!r} has no results to join.")
    if sources == [folder]:
        _clear(folder, alone)
        return [folder / f"{name}.parquet" for name in _tables_of(folder)]
    kept: dict[str, list[Any]] = {}
    seen: dict[str, tuple[Any, ...]] = {}  # what each run came to
    for source in sources:
        found = _outcomes(_read(source, "runs"))
        for run_id in found.keys() & seen.keys():
            if found[run_id] != seen[run_id]:
                raise BadInput(
                    f"{str(source)!r} and other results in {str(folder)!r} disagree about run "
                    f"{run_id}; remove either, to have it made anew."
                )
        new = found.keys() - seen.keys()
        seen |= found
        for name in _tables_of(source):
            kept.setdefault(name, []).append(_rows_of(_read(source, name), set(new)))
    joined = {name: pa.concat_tables(kept[name]).sort_by("run_id") for name in kept}
    try:
        paths = write_tables(folder, joined)
    except OSError as error:
        raise StorageError(str(error)) from error
    _remove(folder, [source for source in sources if source != folder])
    _clear(folder, alone)
    return paths


def write_failures(folder: Path, label: str, failures: Sequence[Mapping[str, Any]]) -> Path | None:
    """Write `failed<label>.jsonl`, a line per failure, or remove it where there is none."""
    path = folder / f"failed{label}.jsonl"
    if not failures:
        path.unlink(missing_ok=True)
        return None
    lines = "".join(json.dumps(dict(failure)) + "\n" for failure in failures)
    _write(path, lines.encode())
    return path


def _sources(folder: Path) -> list[Path]:
    """Folders with whole results: the joined one first, then the parts by name."""
    candidates = [folder, *sorted((folder / PARTS).glob("*"))]
    return [source for source in candidates if (source / "runs.parquet").exists()]


def _tables_of(source: Path) -> list[str]:
    """Which tables a folder with whole results must have, and may."""
    more = [name for name in MORE_TABLES if (source / f"{name}.parquet").exists()]
    return written_order([*TABLES, *more])


def _read(source: Path, name: str, columns: Sequence[str] | None = None) -> Any:
    try:
        return read_results(source, name, columns)
    except BadInput as error:
        files = str(source / "*.parquet")
        raise BadInput(
            f"{error} Remove {files} to have those runs made anew, or name another folder."
        ) from None


def _rows_of(table: Any, run_ids: set[str]) -> Any:
    """The rows of some runs, in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["run_id"], pa.array(sorted(run_ids), pa.string())))


def _outcomes(runs: Any) -> dict[str, tuple[Any, ...]]:
    """What says that two rows are of the same run: by id, the columns that its seed decides."""
    columns = [runs[name].to_pylist() for name in ("run_id", "config", "updates", *OUTCOMES)]
    return {row[0]: row[1:] for row in zip(*columns, strict=True)}


def _remove(folder: Path, parts: Sequence[Path]) -> None:
    """Remove parts that were joined."""
    for part in parts:
        (part / "runs.parquet").unlink()  # first: the part is absent at once
        shutil.rmtree(part)


def _clear(folder: Path, alone: bool) -> None:
    """Remove what a killed driver left half-written."""
    for part in (folder / PARTS).glob("*"):
        whole = (part / "runs.parquet").exists()
        if not whole and (alone or time.time() - part.stat().st_mtime > STALE_SECONDS):
            shutil.rmtree(part)
    if (folder / PARTS).exists() and not any((folder / PARTS).iterdir()):
        (folder / PARTS).rmdir()


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, lambda temporary: temporary.write_bytes(data))
    except OSError as error:
        raise StorageError(str(error)) from error
