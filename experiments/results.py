"""The record of truth: Parquet tables `runs`, `trajectories`, `escapes`, each whole or absent.

`runs` is written last, so a folder that has it has all three. Truncated Parquet cannot be read, so
a half table cannot pass for a whole one; pages carry checksums and the file its number of rows, so
that no flipped bit is read as a result.

One run and a sweep of ten thousand write the same three tables. Runs on ASRSampling-v0 have a
fourth, `sampling`, a row per step; those on VerifierWell-v0 have `prompts`, pass@k of whole runs
and, with their `state`, of prompts. Of each row in `runs`

* `config` is JSON: every option by name, as `RunConfig.flat` gives them, of this run alone: its own
  `seed`, and 1 for `num_seeds`, whichever runs were made with it;
* `axes` is JSON: the options that the run's sweep varied, with this run's values, for example
  `{"optimal_prob": 0.001, "reward_gap": 0.2}`; null for a run outside a sweep;
* `tags` is JSON: the list of words that the sweep gave it; null outside a sweep.

A sweep's tables are ordered by `run_id`, whichever engine made them. `trajectories` and `escapes`
hold rows of runs that stand in `runs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from agents import metrics
from experiments.files import save_table
from gw_envs.checks import BadInput

SCHEMA_VERSION = 2
VERSION_KEY = "gravity_wells_schema"
ROWS_KEY = "gravity_wells_rows"
TABLES = ("trajectories", "escapes", "runs")  # of every run
MORE_TABLES = ("sampling", "prompts")  # of runs on ASRSampling-v0 and VerifierWell-v0 too

_RUNS = {
    "run_id": "string",
    "exp_name": "string",
    "env_id": "string",
    "agent": "string",
    "gradient": "string",
    "seed": "int64",
    "status": "string",
    "updates": "int64",
    metrics.GLOBAL_STEP: "int64",
    metrics.ESCAPE_TIME: "int64",
    metrics.CENSORED: "bool",
    metrics.RELATIVE_ERROR: "float64",
    metrics.LOWER_BOUND: "float64",
    metrics.RATIO_TO_BOUND: "float64",
    metrics.SUBOPTIMALITY: "float64",
    metrics.OPTIMAL_PROB: "float64",
    "config": "string",
    "axes": "string",
    "tags": "string",
    "versions": "string",
}
_TRAJECTORIES = {
    "run_id": "string",
    "state": "int64",
    metrics.UPDATE: "int64",
    metrics.GLOBAL_STEP: "int64",
    metrics.EPISODIC_RETURN: "float64",
    metrics.SUBOPTIMALITY: "float64",
    metrics.OPTIMAL_PROB: "float64",
    metrics.LOG10_OPTIMAL_PROB: "float64",
    metrics.ENTROPY: "float64",
    metrics.GRADIENT_NORM: "float64",
    metrics.LOWER_BOUND: "float64",
}
_ESCAPES = {
    "run_id": "string",
    metrics.GLOBAL_STEP: "int64",
    metrics.EVENT_KIND: "string",
    metrics.EVENT_UPDATE: "int64",
    metrics.EVENT_STATE: "int64",
    metrics.EVENT_FROM: "int64",
    metrics.EVENT_TO: "int64",
    metrics.PROB_AT_EVENT: "float64",
    metrics.DWELL: "int64",
    metrics.RATIO_TO_BOUND: "float64",
}
_FLAGS = (metrics.IN_WELL, metrics.TEST_IN_WELL)
_SAMPLING = {
    "run_id": "string",
    metrics.UPDATE: "int64",
    **{key: "bool" if key in _FLAGS else "float64" for key in metrics.SAMPLING_KEYS},
    metrics.BINS: "list",  # of float64
}
_PROMPTS = {
    "run_id": "string",
    "state": "int64",
    metrics.UPDATE: "int64",
    metrics.GLOBAL_STEP: "int64",
    metrics.PASS_AT_K: "float64",
}
COLUMNS = {
    "runs": _RUNS,
    "trajectories": _TRAJECTORIES,
    "escapes": _ESCAPES,
    "sampling": _SAMPLING,
    "prompts": _PROMPTS,
}

NEVER_NULL = {name: ("run_id", metrics.UPDATE) for name in ("trajectories", "sampling", "prompts")}
COUNTS = (
    "seed",
    "state",
    "updates",
    metrics.UPDATE,
    metrics.GLOBAL_STEP,
    metrics.ESCAPE_TIME,
    metrics.EVENT_UPDATE,
    metrics.EVENT_STATE,
    metrics.DWELL,
)

Rows = Sequence[Mapping[str, Any]]
Folders = Path | str | Sequence[Path | str]


def write_results(
    folder: Path, runs: Rows, trajectories: Rows, escapes: Rows, **more: Rows
) -> list[Path]:
    """Write the three tables, and those of `MORE_TABLES` given, into `folder`; return their paths.

    A missing value (escape time of a censored run, state of a whole-run row) is null. Columns:
    `COLUMNS`; the schema's version stands in the file's metadata.
    """
    rows = {"runs": runs, "trajectories": trajectories, "escapes": escapes} | more
    return write_tables(folder, {name: make_table(name, rows[name]) for name in rows})


def make_table(name: str, rows: Rows) -> Any:
    """The rows of a table as a pyarrow Table of this version's schema."""
    import pyarrow as pa

    return pa.Table.from_pylist([dict(row) for row in rows], schema=_schema(name))


def _schema(name: str) -> Any:
    import pyarrow as pa

    types = {"list": pa.list_(pa.float64())}
    fields = [(c, types.get(t) or pa.type_for_alias(t)) for c, t in COLUMNS[name].items()]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION)})


def sealed(table: Any) -> Any:
    """The table with the number of its rows in its metadata: what a reader holds it against."""
    metadata = (table.schema.metadata or {}) | {ROWS_KEY.encode(): str(table.num_rows).encode()}
    return table.replace_schema_metadata(metadata)


def write_tables(folder: Path, tables: Mapping[str, Any]) -> list[Path]:
    """Write pyarrow Tables into `folder`, `runs` last; return their paths."""
    paths = []
    for name in written_order(tables):
        paths.append(folder / f"{name}.parquet")
        save_table(sealed(tables[name]), paths[-1])
    return paths


def written_order(names: Iterable[str]) -> list[str]:
    """Names of tables in the order they are written: `runs` last, so that it vouches for all."""
    return [name for name in (*MORE_TABLES, *TABLES) if name in set(names)]


def read_results(folder: Path | str, name: str, columns: Sequence[str] | None = None) -> Any:
    """One table of a results folder, as a pyarrow Table; all its columns, or those named.

    Raises:
        ValueError: if the table is missing, damaged, of another schema version or type, lacks a
            column or a run's id, has a run twice or counts below zero.
    """
    path = Path(folder) / f"{name}.parquet"
    if not path.exists():
        raise BadInput(f"results folder {str(folder)!r} has no {name}.parquet.")
    table = read_table(path, columns)
    metadata = table.schema.metadata or {}
    version = metadata.get(VERSION_KEY.encode(), b"none").decode(errors="replace")
    if version != str(SCHEMA_VERSION):
        raise BadInput(
            f"{str(path)!r} has schema version {version}; this version reads {SCHEMA_VERSION}."
        )
    rows = str(table.num_rows).encode()
    if metadata.get(ROWS_KEY.encode(), rows) != rows:
        raise BadInput(f"{str(path)!r} is damaged: rows are missing; run it again.")
    _check_columns(path, name, table, columns)
    _check_values(path, name, table)
    return table


def find_folders(names: Folders) -> list[Path]:
    """The results folders that names stand for, each once, in the order of the names.

    Args:
        names: one or several folders; a name that is none may be a pattern, as `runs/well-*`, and
            stands for the folders it matches that hold a table `runs`.

    Raises:
        ValueError: if no name is given, or a pattern matches no such folder.
    """
    found: dict[Path, None] = {}
    for name in [names] if isinstance(names, str | Path) else names:
        matches = [Path(name)]
        if not matches[0].exists() and set("*?[") & set(str(name)):
            paths = sorted(Path(path) for path in glob(str(name)))
            matches = [path for path in paths if (path / "runs.parquet").exists()]
            if not matches:
                raise BadInput(f"results={str(name)!r} match no folder with runs.parquet.")
        found |= dict.fromkeys(matches)
    if not found:
        raise BadInput("results=() must name at least one folder of a run or sweep.")
    return list(found)


def read_all(names: Folders, name: str) -> Any:
    """One table of all folders that `find_folders` finds, as a pyarrow Table.

    A run that stands in several folders is taken from the last that has finished it: being fixed by
    its options and seed it is the same in each. Of `MORE_TABLES` a folder may have none.

    Raises:
        ValueError: as `find_folders` and `read_results`.
    """
    folders = find_folders(names)
    if len(folders) == 1 and name in TABLES:
        return read_results(folders[0], name)
    import pyarrow as pa
    import pyarrow.compute as pc

    owner: dict[str, tuple[bool, int]] = {}
    for i, folder in enumerate(folders):
        runs = read_results(folder, "runs", ("run_id", "status"))
        for run_id, status in zip(*(column.to_pylist() for column in runs.columns), strict=True):
            owner[run_id] = max(owner.get(run_id, (False, -1)), (status == "finished", i))
    parts = [make_table(name, [])]
    for i, folder in enumerate(folders):
        if name in TABLES or (folder / f"{name}.parquet").exists():
            own = pa.array([run_id for run_id, (_, at) in owner.items() if at == i], pa.string())
            part = read_results(folder, name).select(list(COLUMNS[name]))
            parts.append(part.filter(pc.is_in(part["run_id"], own)))
    return pa.concat_tables(parts).combine_chunks()


def read_table(path: Path, columns: Sequence[str] | None = None) -> Any:
    """A whole Parquet file as a pyarrow Table, checksums verified where it has them.

    Raises:
        ValueError: naming the file, if it is none or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise BadInput(f"{str(path)!r} is no file; name results that a run or sweep has written.")
    chosen = None if columns is None else list(columns)
    try:
        table = pq.read_table(
            path, columns=chosen, page_checksum_verification=True, partitioning=None
        )
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadInput(f"{str(path)!r} is damaged: {reason}; run it again.") from None
    return table


def _check_columns(path: Path, name: str, table: Any, columns: Sequence[str] | None) -> None:
    wanted = _schema(name)
    for column in wanted.names if columns is None else columns:
        if table.schema.names.count(column) != 1:
            raise BadInput(f"{str(path)!r} lacks the column {column!r}; run it again.")
        there, right = table.schema.field(column).type, wanted.field(column).type
        if there != right:
            raise BadInput(
                f"{str(path)!r} holds {there} in the column {column!r}, which is {right}; "
                "run it again."
            )


def _check_values(path: Path, name: str, table: Any) -> None:
    """Every row has a run, a run one row of `runs`, and what counts is not below zero."""
    import pyarrow.compute as pc

    for column in table.schema.names:
        values = table[column]
        if column in NEVER_NULL.get(name, ("run_id",)) and values.null_count:
            raise BadInput(f"{str(path)!r} has a row without {column!r}; run it again.")
        if column in COUNTS and (pc.min(values).as_py() or 0) < 0:
            raise BadInput(f"{str(path)!r} has {column!r} below 0; run it again.")
    if name == "runs" and "run_id" in table.schema.names:
        ids = table["run_id"]
        if pc.count_distinct(ids).as_py() != len(ids):
            raise BadInput(f"{str(path)!r} has a run twice; run it again.")
