"""What every run shares: traces and trackers, checkpoints, tables, the end however it comes."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from experiments.files import check_folder, check_name, locked, make_writable
from experiments.options.config import RunConfig
from experiments.results import Rows, write_results
from experiments.runs.checkpoints import (
    load_checkpoint,
    remove_checkpoint,
    save_checkpoint,
    set_aside_tracked,
    write_settings,
)
from experiments.runs.trace import Trace, run_row
from experiments.runs.tracker import Tracker, TrackerFactory
from experiments.runs.tracking import check_track, graceful_termination, tracker_factory
from gw_envs.checks import check_float
from gw_envs.threads import one_thread


@dataclass(frozen=True)
class RunResults:
    """What a run leaves: its traces, the paths of what was written, and a table to print."""

    folder: Path
    traces: list[Trace]
    tables: list[Path]
    figure: Path
    summary: str


class RecordedRun(ABC):
    """A checked configuration, ready to run; nothing is written before `execute`.

    A subclass names its learners and says how one of them learns. Learners take turns; each has a
    group of traces, one per seed that it makes at once.

    Args:
        config: the configuration. With `config.run.resume` the run goes on from the last checkpoint
            in that folder, which must be of the same settings.
        make_tracker: a factory (run name, config) -> Tracker; default by `config.run.track`.
        show_progress: whether the plan is said and the run has its progress bar.

    Attributes:
        learners: whatever learns, picklable, in order.
        groups: of each learner begun, one trace per run.

    Raises:
        ValueError: naming the option that is out of range.
    """

    def __init__(
        self,
        config: RunConfig,
        make_tracker: TrackerFactory | None = None,
        show_progress: bool = True,
    ) -> None:
        self.config = config
        check_float("checkpoint_seconds", config.run.checkpoint_seconds, 0)
        if make_tracker is None:
            check_track(config.run)
        if config.run.exp_name is not None:
            check_name("exp_name", config.run.exp_name)
        if config.run.resume is not None:
            check_folder("resume", config.run.resume)
        self._make_tracker = make_tracker
        self._silent = not show_progress
        self._folder: Path | None = None
        self._saved = 0.0
        with one_thread():
            self.learners = self._make_learners()
        self.groups: list[list[Trace]] = []
        if config.run.resume is not None:
            self.learners, self.groups = load_checkpoint(config.run.resume, config, self.learners)

    @property
    def marks(self) -> frozenset[int] | None:
        """Updates at which a trace keeps a row, beside its own first escapes; None: at every one.

        A learner may stop at more: where another of its runs escapes.
        """
        return None

    @abstractmethod
    def _make_learners(self) -> list[Any]:
        """Check every option and make what learns; nothing is written."""

    @abstractmethod
    def _runs_of(self, learner: Any) -> Iterable[tuple[str, int, list[float]]]:
        """Gradient, seed and each state's lower bound, of every run that a learner makes."""

    @property
    @abstractmethod
    def _budget(self) -> int | None:
        """Updates that each learner makes; None: to the escape and beyond."""

    @abstractmethod
    def _learn(self, learner: Any, traces: list[Trace], bar: Any) -> None:
        """Train to the end of the budget; the traces keep what is seen on the way.

        Args:
            learner: whose turn it is.
            traces: one per run that it makes.
            bar: of the whole run; moved by `bar.update`.
        """

    @abstractmethod
    def _draw(self, path: Path) -> None:
        """Draw what the traces show."""

    @abstractmethod
    def _summary(self) -> str:
        """The table to print."""

    @property
    def traces(self) -> list[Trace]:
        """The traces of all runs begun."""
        return [trace for group in self.groups for trace in group]

    def execute(self) -> RunResults:
        """Run every learner to its budget; write tables and picture.

        On SIGTERM, Ctrl-C or an error the rows so far are written first and the unfinished runs
        marked "interrupted". A process killed outright leaves no table, and of W&B all but the
        last second. Either can be resumed from its last checkpoint, if it was
        `checkpoint_seconds` old.

        Raises:
            ValueError: if the output folder cannot be written, or another process goes on with it.
        """
        resumed = self.config.run.resume
        folder = resumed or make_folder(self.config)
        with locked("resume" if resumed else "output", folder):
            return self._execute(folder)

    def _execute(self, folder: Path) -> RunResults:
        """Run in a folder that no other process uses."""
        write_settings(folder, self.config)
        self._say_plan()
        factory = self._make_tracker or tracker_factory(self.config, folder, self._names())
        with graceful_termination():
            try:
                self.train(factory, folder)
            except BaseException:
                self._write(folder, "interrupted")
                for trace in self.traces:
                    trace.finish(exit_code=1)
                raise
            tables = self._write(folder, "finished")
            figure = folder / "run.png"
            self._draw(figure)
            with self._bar("closing trackers", len(self.traces), "runs") as bar:
                for trace in self.traces:
                    trace.finish(figure=figure)
                    bar.update()
        remove_checkpoint(folder)
        return RunResults(folder, self.traces, tables, figure, self._summary())

    def train(self, factory: TrackerFactory, folder: Path | None = None) -> None:
        """Run every learner to its budget and keep what it shows; only checkpoints are written.

        On one thread, whatever the environment says: threads would change speed and last bits.

        Args:
            factory: makes the trackers.
            folder: where checkpoints go; None: there are none.
        """
        self._folder, self._saved = folder, time.monotonic()
        if folder is not None and self.groups:
            set_aside_tracked(folder)
        for trace in self.traces:
            trace.replay(self._tracker(factory, trace.gradient, trace.seed))
        with one_thread():
            self._train(factory)

    def _train(self, factory: TrackerFactory) -> None:
        each = self._budget
        total = None if each is None else each * len(self.learners)
        with self._bar(self.config.exp_name or "run", total, "updates") as bar:
            for i, learner in enumerate(self.learners):
                if i == len(self.groups):
                    self._begin(learner, factory)
                group = self.groups[i]
                if any(trace.status != "finished" for trace in group):
                    self._learn(learner, group, bar)
                    for trace in group:
                        trace.status = "finished"
                    self._checkpoint()
                if each is not None:
                    bar.update((i + 1) * each - bar.n)

    def tables(self) -> dict[str, Rows]:
        """What the runs have shown so far, as rows by table."""
        return {
            "runs": [run_row(self.config, trace) for trace in self.traces],
            "trajectories": [{"run_id": t.run_id} | row for t in self.traces for row in t.rows],
            "escapes": [{"run_id": t.run_id} | row for t in self.traces for row in t.events],
        }

    def _bar(self, name: str, total: int | None, unit: str) -> Any:
        """A progress bar."""
        from experiments.options.progress import progress

        return progress(total=total, desc=name, unit=f" {unit}", disable=self._silent)

    def _say_plan(self) -> None:
        """What will be made, before the first of it is."""
        if self._silent:
            return
        kinds = Counter(kind for one in self.learners for kind, _, _ in self._runs_of(one))
        runs = " and ".join(
            f"{count} {kind}-gradient run" + ("s" if count > 1 else "")
            for kind, count in kinds.items()
        )
        budget = self._budget
        length = "to the escape" if budget is None else f"of {budget:,} updates"
        print(f"plan: {runs} {length}", file=sys.stderr, flush=True)

    def _checkpoint(self) -> None:
        """Save how far the run has come, if the last checkpoint is old enough."""
        due = time.monotonic() - self._saved > self.config.run.checkpoint_seconds
        if self._folder is not None and due:
            save_checkpoint(self._folder, self.config, self.learners, self.groups)
            self._saved = time.monotonic()

    def _begin(self, learner: Any, factory: TrackerFactory) -> None:
        """Open a trace for every run of a learner."""
        group: list[Trace] = []
        self.groups.append(group)
        marks = self.marks
        for gradient, seed, bounds in self._runs_of(learner):
            tracker = self._tracker(factory, gradient, seed)
            run_id = self.config.run_id(gradient, seed)
            group.append(Trace(run_id, gradient, seed, bounds, tracker, marks))

    def _names(self) -> list[str]:
        """Of every run, as trackers call it."""
        runs = [run for learner in self.learners for run in self._runs_of(learner)]
        return [self._name(gradient, seed) for gradient, seed, _ in runs]

    def _name(self, gradient: str, seed: int) -> str:
        return f"{self.config.exp_name}-{gradient}-{seed}"

    def _tracker(self, factory: TrackerFactory, gradient: str, seed: int) -> Tracker:
        exp_name = self.config.exp_name
        own = {"exp_name": exp_name, "gradient": gradient, "seed": seed}
        tracker = factory(self._name(gradient, seed), self.config.flat() | own)
        tracker.define()
        return tracker

    def _write(self, folder: Path, status: str) -> list[Path]:
        for trace in self.traces:
            if trace.status == "running":
                trace.status = status
        return write_results(folder, **self.tables())


def make_folder(config: RunConfig) -> Path:
    """A new folder under `output`, named by experiment and time.

    Raises:
        ValueError: if it cannot be made or written.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    folder = config.run.output / f"{config.exp_name}-{stamp}"
    make_writable("output", folder, config.run.output)
    return folder
