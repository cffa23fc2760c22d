"""The record of truth: Parquet tables `runs`, `trajectories`, `escapes`, each whole or absent.

`runs` is written last, so a folder that has it has all three. Truncated Parquet cannot be read, so
a half table cannot pass for a whole one.

One run and a sweep of ten thousand write the same three tables; runs on ASRSampling-v0 have a
fourth, `sampling`, a row per step. Of each row in `runs`

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
from pathlib import Path
from typing import Any

from agents import metrics
from experiments.files import save_table
from gw_envs.checks import BadInput

SCHEMA_VERSION = 2
VERSION_KEY = "gravity_wells_schema"
TABLES = ("trajectories", "escapes", "runs")  # of every run
MORE_TABLES = ("sampling",)  # of runs on ASRSampling-v0 too

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
COLUMNS = {
    "runs": _RUNS,
    "trajectories": _TRAJECTORIES,
    "escapes": _ESCAPES,
    "sampling": _SAMPLING,
}

Rows = Sequence[Mapping[str, Any]]


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

    types = {"list": pa.list_(pa.float64())}
    fields = [(c, types.get(t) or pa.type_for_alias(t)) for c, t in COLUMNS[name].items()]
    schema = pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION)})
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def write_tables(folder: Path, tables: Mapping[str, Any]) -> list[Path]:
    """Write pyarrow Tables into `folder`, `runs` last; return their paths."""
    paths = []
    for name in written_order(tables):
        paths.append(folder / f"{name}.parquet")
        save_table(tables[name], paths[-1])
    return paths


def written_order(names: Iterable[str]) -> list[str]:
    """Names of tables in the order they are written: `runs` last, so that it vouches for all."""
    return [name for name in (*MORE_TABLES, *TABLES) if name in set(names)]


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
