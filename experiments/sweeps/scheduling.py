"""Drives a sweep: what is missing, in batches, to an engine; results to the folder; retries.

Batches are small at first and then as long as about a second of work, so that neither the calls
nor a lost batch cost much.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.files import make_writable
from experiments.runs import make_run
from experiments.runs.tracking import graceful_termination
from experiments.sweeps.engines import Batch, Engine, Lost
from experiments.sweeps.execution import BatchResult, Failure, Job
from experiments.sweeps.specification import Point, Sweep
from experiments.sweeps.storage import done_runs, write_part

ATTEMPTS = 3
BATCH_SECONDS = 1.0


@dataclass
class Progress:
    """What has become of a sweep's runs.

    Attributes:
        total: runs of the sweep.
        kept: runs that the folder held before.
        made: runs that were made now.
        failed: a row per run that kept failing.
    """

    total: int = 0
    kept: int = 0
    made: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Runs that are neither there nor given up."""
        return self.total - self.kept - self.made - len(self.failed)


def check_points(sweep: Sweep) -> None:
    """Make, and do not start, the runs of enough points to see every value of every axis once.

    Raises:
        ValueError: naming the option that is out of range.
    """
    seen: set[tuple[str, str]] = set()
    for point in sweep.points:
        values = {(key, json.dumps(value)) for key, value in point.axes.items()}
        if not seen or values - seen:
            make_run(point.config)
            seen |= values | {("", "")}


def missing_points(sweep: Sweep, done: set[str]) -> Iterator[Point]:
    """What of the sweep is not done, consecutive seeds together."""
    for point in sweep.points:
        left = [s for s, i in zip(point.seeds, point.run_ids, strict=True) if i not in done]
        while left:
            count = sum(seed == left[0] + k for k, seed in enumerate(left))
            yield point.with_seeds(range(left[0], left[0] + count))
            left = left[count:]


def run_missing(
    sweep: Sweep, folder: Path, make_engine: Callable[[], Engine], progress: Progress
) -> None:
    """Make the runs of the sweep that the folder lacks; `progress` is kept up to date.

    Raises:
        ValueError: if the folder cannot be written or its results be read; nothing is run then.
        StorageError: if results cannot be written.
        KeyboardInterrupt: on Ctrl-C, SystemExit on SIGTERM. Every batch handed back before is kept.
    """
    done = done_runs(folder)
    jobs = deque(make_job(point) for point in missing_points(sweep, done))
    progress.total = sum(len(point.seeds) for point in sweep.points)
    progress.kept = progress.total - sum(len(job.run_ids) for job in jobs)
    if jobs:
        with graceful_termination():
            _Scheduler(jobs, folder, make_engine(), progress).work()


class _Scheduler:
    """Keeps an engine busy until no job is left.

    Args:
        jobs: to be done, in order.
        folder: for the results.
        engine: does them; closed at the end.
        progress: counts.
    """

    def __init__(self, jobs: deque[Job], folder: Path, engine: Engine, progress: Progress) -> None:
        self._jobs, self._folder = jobs, folder
        self._alone: deque[Job] = deque()  # each to be a batch of its own: one of them may kill
        self._engine, self._progress = engine, progress
        self._on_the_way = 0
        self._seconds_per_run: float | None = None
        self._attempts: Counter[str] = Counter()

    def work(self) -> None:
        from experiments.options.progress import progress

        total, kept = self._progress.total, self._progress.kept
        try:
            make_writable("output", self._folder)
            with progress(total=total, initial=kept, desc="sweep", unit=" runs") as bar:
                while self._jobs or self._alone or self._on_the_way:
                    while self._on_the_way < self._engine.slots and (self._alone or self._jobs):
                        self._engine.submit(self._next_batch())
                        self._on_the_way += 1
                    batch, outcome = self._engine.next()
                    self._on_the_way -= 1
                    self._take(batch, outcome)
                    if failed := len(self._progress.failed):
                        bar.set_postfix(failed=failed, refresh=False)
                    bar.update(kept + self._progress.made + len(self._progress.failed) - bar.n)
        finally:
            self._engine.close()

    def _next_batch(self) -> Batch:
        """Jobs for about a second, fewer near the end; only one until a run's time is known."""
        if self._alone:
            return (self._alone.popleft(),)
        batch = [self._jobs.popleft()]
        if self._seconds_per_run is not None:
            share = sum(len(job.run_ids) for job in self._jobs) / (2 * self._engine.slots)
            most = min(BATCH_SECONDS / max(self._seconds_per_run, 1e-6), share)
            runs = len(batch[0].run_ids)
            while self._jobs and runs + len(self._jobs[0].run_ids) <= most:
                runs += len(self._jobs[0].run_ids)
                batch.append(self._jobs.popleft())
        return tuple(batch)

    def _take(self, batch: Batch, outcome: BatchResult | Lost) -> None:
        if isinstance(outcome, Lost):
            for job in batch:
                self._again(Failure(job, outcome.reason, lasting=False), blamed=len(batch) == 1)
            return
        if outcome.run_ids:
            self._seconds_per_run = outcome.seconds / len(outcome.run_ids)
            write_part(self._folder, outcome.run_ids, outcome.tables)
            self._progress.made += len(outcome.run_ids)
        for failure in outcome.failures:
            self._again(failure, blamed=True)

    def _again(self, failure: Failure, blamed: bool) -> None:
        """Take a failed job apart, try it again alone, or give it up."""
        job = failure.job
        if len(job.run_ids) > 1:
            self._alone.extend(_single_runs(job))
            return
        run_id = job.run_ids[0]
        self._attempts[run_id] += blamed
        if self._attempts[run_id] < ATTEMPTS and not (blamed and failure.lasting):
            self._alone.append(job)
            return
        self._progress.failed.append(
            {
                "run_id": run_id,
                "error": failure.error,
                "traceback": failure.traceback,
                "attempts": self._attempts[run_id],
                "axes": json.loads(job.axes),
                "tags": json.loads(job.tags),
                "config": job.options,
            }
        )


def make_job(point: Point) -> Job:
    """A point as it travels to a worker."""
    axes, tags = json.dumps(dict(point.axes)), json.dumps(list(point.tags))
    return Job(point.config.flat(), axes, tags, point.run_ids)


def _single_runs(job: Job) -> Iterable[Job]:
    """A job's runs, each a job of its own."""
    for k, run_id in enumerate(job.run_ids):
        options = job.options | {"seed": job.options["seed"] + k, "num_seeds": 1}
        yield Job(options, job.axes, job.tags, (run_id,))
