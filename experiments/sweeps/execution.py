"""What a worker does with a batch of points: run them, hand back tables as bytes and the failures.

The worker writes nothing. Whoever drives the sweep is the only writer, so that a worker that dies
or outlives its driver leaves no trace, and workers on other machines need no shared disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.metrics import UPDATE
from agents.softmax_pg import log_spaced
from experiments.options.config import make_config
from experiments.results import TABLES, make_table
from experiments.runs.tracking import NullTracker
from experiments.runs.well import Run

# The same input gives the same error again: trying once is enough.
LASTING_ERRORS = (ValueError, ArithmeticError, TypeError, AssertionError)


@dataclass(frozen=True)
class Job:
    """A point as it travels to a worker: plain data.

    Attributes:
        options: every option by name, with the first seed and the number of seeds.
        axes: JSON, for the column `axes`.
        tags: JSON, for the column `tags`.
        run_ids: of its runs.
    """

    options: dict[str, Any]
    axes: str
    tags: str
    run_ids: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """A job that raised.

    Attributes:
        job: it.
        error: what it raised, in a line.
        lasting: whether it would raise the same again.
    """

    job: Job
    error: str
    lasting: bool


@dataclass(frozen=True)
class Outcome:
    """What a batch of jobs came to.

    Attributes:
        run_ids: the runs that were made.
        tables: their rows by table, as the bytes of Parquet files.
        failures: the jobs that raised; the others' rows are whole.
        seconds: that the batch took.
    """

    run_ids: tuple[str, ...] = ()
    tables: dict[str, bytes] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0


def execute(jobs: Sequence[Job]) -> Outcome:
    """Run the jobs, one after the other."""
    began = time.monotonic()
    rows: dict[str, list[Any]] = {name: [] for name in TABLES}
    done: list[str] = []
    failures = []
    for job in jobs:
        try:
            made = _run(job)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            failures.append(Failure(job, text, isinstance(error, LASTING_ERRORS)))
            continue
        for name, more in made.items():
            rows[name] += more
        done += job.run_ids
    tables = {name: _parquet_bytes(name, rows[name]) for name in TABLES} if done else {}
    return Outcome(tuple(done), tables, tuple(failures), time.monotonic() - began)


def _run(job: Job) -> dict[str, list[Any]]:
    """The rows of a job's runs, by table."""
    run = Run(make_config(**job.options), show_progress=False)
    run.train(lambda name, settings: NullTracker())
    if len(job.run_ids) > 1:
        _drop_rows_of_others(run)
    runs, trajectories, escapes = run.rows()
    found = tuple(row["run_id"] for row in runs)
    if found != job.run_ids:
        raise AssertionError(f"runs {found} were made instead of {job.run_ids}")
    return {
        "runs": [{**row, **_own_columns(job, row["seed"])} for row in runs],
        "trajectories": list(trajectories),
        "escapes": list(escapes),
    }


def _drop_rows_of_others(run: Run) -> None:
    """Leave each run the rows it has when made alone; an agent records all where one escapes."""
    marks = set(log_spaced(run.config.run.max_updates).tolist())
    for trace in run.traces:
        own = marks | set(trace.state_escape_times)
        trace.rows = [row for row in trace.rows if row[UPDATE] in own]


def _own_columns(job: Job, seed: int) -> dict[str, str]:
    """Columns that must not depend on which seeds were made together."""
    config = job.options | {"seed": seed, "num_seeds": 1}
    return {
        "config": json.dumps(config, sort_keys=True),
        "axes": job.axes,
        "tags": job.tags,
    }


def _parquet_bytes(name: str, rows: list[Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(make_table(name, rows), buffer, compression="zstd")
    return bytes(buffer.getvalue())
