"""The record of truth: Parquet tables `runs`, `trajectories`, `escapes`, each whole or absent.

`runs` is written last, so a folder that has it has all three. Truncated Parquet cannot be read, so
a half table cannot pass for a whole one.

One run and a sweep of ten thousand write the same three tables. Of each row in `runs`

* `config` is JSON: every option of the run by name, as `RunConfig.flat` gives it;
* `axes` is JSON: the options that the run's sweep varied, with this run's values, for example
  `{"optimal_prob": 0.001, "reward_gap": 0.2}`; null for a run outside a sweep;
* `tags` is JSON: the list of words that the sweep gave it; null outside a sweep.

A sweep's tables are ordered by `run_id`, whichever engine made them. `trajectories` and `escapes`
hold rows of runs that stand in `runs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from agents import metrics
from experiments.files import make_writable as make_writable
from experiments.files import write_atomically
from gw_envs.checks import BadInput

SCHEMA_VERSION = 2
VERSION_KEY = "gravity_wells_schema"
TABLES = ("trajectories", "escapes", "runs")

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
    "escape/relative_error": "float64",
    metrics.LOWER_BOUND: "float64",
    "escape/ratio_to_bound": "float64",
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
    "escape/kind": "string",
    "escape/update": "int64",
    "escape/state": "int64",
    "escape/from_action": "int64",
    "escape/to_action": "int64",
    "escape/optimal_prob": "float64",
    "escape/dwell": "int64",
    "escape/ratio_to_bound": "float64",
}
COLUMNS = {"runs": _RUNS, "trajectories": _TRAJECTORIES, "escapes": _ESCAPES}

Rows = Sequence[Mapping[str, Any]]


def write_results(folder: Path, runs: Rows, trajectories: Rows, escapes: Rows) -> list[Path]:
    """Write the three tables into `folder`; return their paths.

    A missing value (escape time of a censored run, state of a whole-run row) is null. Columns:
    `COLUMNS`; the schema's version stands in the file's metadata.
    """
    rows = {"runs": runs, "trajectories": trajectories, "escapes": escapes}
    return write_tables(folder, {name: make_table(name, rows[name]) for name in TABLES})


def make_table(name: str, rows: Rows) -> Any:
    """The rows of a table as a pyarrow Table of this version's schema."""
    import pyarrow as pa

    fields = [pa.field(column, pa.type_for_alias(t)) for column, t in COLUMNS[name].items()]
    schema = pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION)})
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def write_tables(folder: Path, tables: Mapping[str, Any]) -> list[Path]:
    """Write the three pyarrow Tables into `folder`, `runs` last; return their paths."""
    import pyarrow.parquet as pq

    paths = [folder / f"{name}.parquet" for name in TABLES]
    for name, path in zip(TABLES, paths, strict=True):
        write_atomically(path, partial(pq.write_table, tables[name], compression="zstd"))
    return paths


def read_results(folder: Path | str, name: str, columns: Sequence[str] | None = None) -> Any:
    """One table of a results folder, as a pyarrow Table; all its columns, or those named.

    Raises:
        ValueError: if the table is missing, damaged or of another schema version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(folder) / f"{name}.parquet"
    try:
        table = pq.read_table(path, columns=None if columns is None else list(columns))
    except FileNotFoundError:
        raise BadInput(f"results folder {str(folder)!r} has no {name}.parquet.") from None
    except pa.ArrowInvalid as error:
        raise BadInput(f"{str(path)!r} is damaged: {error}; run it again.") from None
    version = (table.schema.metadata or {}).get(VERSION_KEY.encode(), b"none").decode()
    if version != str(SCHEMA_VERSION):
        raise BadInput(
            f"{str(path)!r} has schema version {version}; this version reads {SCHEMA_VERSION}."
        )
    return table
