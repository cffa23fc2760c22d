"""What a worker does with a batch of points: run them, hand back tables as bytes and the failures.

The worker writes nothing. Whoever drives the sweep is the only writer, so that a worker that dies
or outlives its driver leaves no trace, and workers on other machines need no shared disk.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.files import PARQUET
from experiments.options.config import make_config
from experiments.results import TABLES, Rows, make_table, sealed
from experiments.runs import make_run
from experiments.runs.tracker import NullTracker
from gw_envs.checks import BadInput

# The same input gives the same error again: trying once is enough.
LASTING_ERRORS = (
    ValueError,
    ArithmeticError,
    TypeError,
    AssertionError,
    LookupError,
    AttributeError,
    NameError,
)
LAST_LINES = 20  # of a traceback: a handful of frames, the innermost among them


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
        error: what it raised, in a line: bad input says itself what is wrong, of anything else the
            line names file and place.
        lasting: whether it would raise the same again.
        traceback: its last lines; empty for bad input.
    """

    job: Job
    error: str
    lasting: bool
    traceback: str = ""


@dataclass(frozen=True)
class BatchResult:
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


def execute(jobs: Sequence[Job]) -> BatchResult:
    """Run the jobs, one after the other."""
    began = time.monotonic()
    rows: dict[str, list[Any]] = {name: [] for name in TABLES}
    done: list[str] = []
    failures = []
    for job in jobs:
        try:
            made = _run(job)
        except Exception as error:
            failures.append(_failure(job, error))
            continue
        for name, more in made.items():
            rows.setdefault(name, []).extend(more)
        done += job.run_ids
    tables = {name: _parquet_bytes(name, rows[name]) for name in rows} if done else {}
    return BatchResult(tuple(done), tables, tuple(failures), time.monotonic() - began)


def _run(job: Job) -> dict[str, Rows]:
    """The rows of a job's runs, by table."""
    run = make_run(make_config(**job.options), show_progress=False)
    run.train(lambda name, settings: NullTracker())
    tables = run.tables()
    found = tuple(row["run_id"] for row in tables["runs"])
    if found != job.run_ids:
        raise AssertionError(f"runs {found} were made instead of {job.run_ids}")
    own = {"axes": job.axes, "tags": job.tags}
    return tables | {"runs": [{**row, **own} for row in tables["runs"]]}


def _failure(job: Job, error: Exception) -> Failure:
    """What is told of a job that raised."""
    if isinstance(error, BadInput):
        return Failure(job, str(error), lasting=True)
    lines = "".join(traceback.format_exception(error)).splitlines()
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    place = (ours or frames)[-1]  # the innermost outside libraries: our code, or the user's
    text = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno}, in {place.name})"
    lasting = isinstance(error, LASTING_ERRORS)
    return Failure(job, text, lasting, "\n".join(lines[-LAST_LINES:]))


def _parquet_bytes(name: str, rows: Rows) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(sealed(make_table(name, rows)), buffer, **PARQUET)
    return bytes(buffer.getvalue())
