"""What is written of a run: rows of the tables and of the tracker, under the names of `metrics`."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any

from agents import metrics
from agents.escape import EscapeEvent
from agents.evaluation import Record
from experiments.options.config import RunConfig
from experiments.runs.tracker import Tracker

PACKAGES = (
    "gravity-wells",
    "numpy",
    "scipy",
    "gymnasium",
    "torch",
    "stable-baselines3",
    "numba",
    "wandb",
)


@dataclass
class Trace:
    """What one (configuration, seed) has shown so far.

    Attributes:
        state_bounds: lower bound of each state's escape time under exact gradients from this
            start; for a sampled run they are a reference, not a guarantee.
        marks: updates at which a row is kept, beside the first escapes of this run's own states, so
            that its rows are the same alone and in company; None: at every record.
        rows: of the table `trajectories`.
        events: of the table `escapes`.
        logged: everything the tracker was told, in order.
        escape_time: the last first escape over states; None while censored.
        state_escape_times: of each state; None while censored.
        relative_error: of the escape times; 0 where every update was made.
        status: "running", "finished" or "interrupted".
    """

    run_id: str
    gradient: str
    seed: int
    state_bounds: list[float]
    tracker: Tracker
    marks: frozenset[int] | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    logged: list[dict[str, Any]] = field(default_factory=list)
    escape_time: int | None = None
    state_escape_times: list[int | None] = field(default_factory=list)
    relative_error: float = 0.0
    updates: int = 0
    status: str = "running"

    @property
    def bound(self) -> float:
        """Lower bound on the run's escape time, the largest of its states'."""
        return max(self.state_bounds)

    @property
    def ratio(self) -> float:
        """Escape time over lower bound; NaN where either is missing."""
        return escape_ratio(self.escape_time, self.bound)

    def keep(self, record: Record, run: int) -> None:
        """Add and log the record of run number `run` of the batch, if it is of one of our marks.

        A resumed agent begins with the record of the update it stopped at, which is dropped where
        it is there already.
        """
        self.updates = record.update
        if self.marks is not None and record.update not in self.marks:
            return
        if self.rows and record.update <= self.rows[-1][metrics.UPDATE]:
            return
        for row in record_rows(record, run, self.bound):
            self.rows.append(row)
            if "state" not in row:
                self.log(row)

    def see(self, event: EscapeEvent, global_step: int) -> None:
        """Add and log an event; the record of a first escape is kept."""
        if self.marks is not None and event.is_first_escape:
            self.marks |= {event.update}
        row = event_row(event, global_step)
        self.events.append(row)
        self.log({metrics.UPDATE: event.update, **row})

    def log(self, row: dict[str, Any]) -> None:
        """Tell the tracker."""
        self.logged.append(row)
        self.tracker.log(row)

    def replay(self, tracker: Tracker) -> None:
        """Go on with another tracker, and tell it everything so far."""
        self.tracker = tracker
        for row in self.logged:
            tracker.log(row)

    def __getstate__(self) -> dict[str, Any]:
        """All but the tracker, which belongs to a process."""
        return {key: value for key, value in self.__dict__.items() if key != "tracker"}

    def finish(self, exit_code: int = 0, figure: Any = None) -> None:
        """Close the tracker with the run's summary and table of events."""
        summary = {
            metrics.ESCAPE_TIME: self.escape_time,
            metrics.CENSORED: self.escape_time is None,
            metrics.LOWER_BOUND: self.bound,
        }
        self.tracker.finish(summary, self.events, figure, exit_code)


def escape_ratio(escape_time: int | None, bound: float) -> float:
    """Escape time over lower bound; NaN where either is missing."""
    return math.nan if escape_time is None or bound <= 0 else escape_time / bound


def record_rows(record: Record, run: int, bound: float) -> Iterator[dict[str, Any]]:
    """The row of the whole run, then, where there are several, one per state."""
    axes = {metrics.UPDATE: record.update, metrics.GLOBAL_STEP: record.global_step}
    yield axes | {
        metrics.EPISODIC_RETURN: float(record.episodic_return[run]),
        **metrics.policy_columns(record, run),
        metrics.LOWER_BOUND: bound,
    }
    num_states = record.state_optimal_prob.shape[1]
    for state in range(num_states if num_states > 1 else 0):
        yield {"state": state} | axes | metrics.state_columns(record, run, state)


def event_row(event: EscapeEvent, global_step: int) -> dict[str, Any]:
    """One row per event, with the logged keys as its columns."""
    fields = {c: c.removeprefix(metrics.ESCAPE_FAMILY) for c in metrics.ESCAPE_COLUMNS}
    columns = {column: getattr(event, name) for column, name in fields.items()}
    return {metrics.GLOBAL_STEP: global_step} | columns


def run_row(config: RunConfig, trace: Trace) -> dict[str, Any]:
    """The row of the table `runs`; its configuration is that of this run alone."""
    # That a run was stopped and gone on with says nothing of its numbers.
    own = config.flat() | {"seed": trace.seed, "num_seeds": 1, "resume": None}
    whole_run = [row for row in trace.rows if "state" not in row]
    last: Mapping[str, Any] = whole_run[-1] if whole_run else {}
    return {
        "run_id": trace.run_id,
        "exp_name": config.exp_name,
        "env_id": config.run.env_id,
        "agent": config.run.agent,
        "gradient": trace.gradient,
        "seed": trace.seed,
        "status": trace.status,
        "updates": trace.updates,
        metrics.GLOBAL_STEP: last.get(metrics.GLOBAL_STEP, 0),
        metrics.ESCAPE_TIME: trace.escape_time,
        metrics.CENSORED: trace.escape_time is None,
        metrics.RELATIVE_ERROR: trace.relative_error,
        metrics.LOWER_BOUND: trace.bound,
        metrics.RATIO_TO_BOUND: trace.ratio,
        metrics.SUBOPTIMALITY: last.get(metrics.SUBOPTIMALITY),
        metrics.OPTIMAL_PROB: last.get(metrics.OPTIMAL_PROB),
        "config": json.dumps(own, sort_keys=True),
        "versions": _versions(),
    }


@cache
def _versions() -> str:
    """What computed the numbers, as JSON; looking it up takes longer than a short run."""
    packages = {name: version(name) for name in PACKAGES}
    return json.dumps({"python": platform.python_version()} | packages)
