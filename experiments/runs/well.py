"""One run from configuration to evidence: environment, agent, tracker, tables, picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.escape import CENSORED, EscapeEvent
from agents.evaluation import Record
from agents.interface import Agent
from agents.softmax_pg import MOST_UPDATES
from experiments.options.config import RunConfig
from experiments.results import Rows, make_writable, write_results
from experiments.runs.checkpoints import (
    load_checkpoint,
    remove_checkpoint,
    save_checkpoint,
    set_aside_wandb,
    write_settings,
)
from experiments.runs.summary import escape_table
from experiments.runs.trace import Trace, run_row
from experiments.runs.tracking import (
    NullTracker,
    Tracker,
    WandbTracker,
    check_track,
    graceful_termination,
)
from gw_envs.checks import check_float, check_int

TrackerFactory = Callable[[str, Mapping[str, Any]], Tracker]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: its traces, the paths of what was written, and a table to print."""

    folder: Path
    traces: list[Trace]
    tables: list[Path]
    figure: Path
    summary: str


class Run:
    """A checked configuration, ready to run; nothing is written before `execute`.

    Args:
        config: the configuration. With `config.run.resume` the run goes on from the last checkpoint
            in that folder, which must be of the same settings.
        make_tracker: a factory (run name, config) -> Tracker; default by `config.run.track`.
        show_progress: whether each batch of runs has its progress bar.

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
        self._no_bar = None if show_progress else True  # None: no bar where nobody looks
        check_track(config.run.track)
        self._make_tracker = make_tracker
        self.agents: list[Agent]
        self.groups: list[list[Trace]]  # of each agent begun, one trace per run
        if config.run.resume is None:
            self.agents, self.groups = make_agents(config), []
        else:
            self.agents, self.groups = load_checkpoint(config.run.resume, config)

    @property
    def traces(self) -> list[Trace]:
        """The traces of all runs begun."""
        return [trace for group in self.groups for trace in group]

    def execute(self) -> Outcome:
        """Run every agent to its budget; write tables and picture.

        On SIGTERM, Ctrl-C or an error the rows so far are written first and the unfinished runs
        marked "interrupted". A process killed outright leaves no table, and of W&B all but the
        last second. Either can be resumed from its last checkpoint, if it was
        `checkpoint_seconds` old.

        Raises:
            ValueError: if the output folder cannot be written.
        """
        folder = self.config.run.resume or make_folder(self.config)
        write_settings(folder, self.config)
        factory = self._make_tracker or tracker_factory(self.config, folder)
        with graceful_termination():
            try:
                self.train(factory, folder)
            except BaseException:
                self._write(folder, "interrupted")
                for trace in self.traces:
                    trace.finish(exit_code=1)
                raise
            tables = self._write(folder, "finished")
            figure = self._draw(folder / "run.png")
            for trace in self.traces:
                trace.finish(figure=figure)
        remove_checkpoint(folder)
        return Outcome(folder, self.traces, tables, figure, escape_table(self.traces))

    def train(self, factory: TrackerFactory, folder: Path | None = None) -> None:
        """Run every agent to its budget and keep what it shows; nothing but checkpoints is written.

        Args:
            factory: makes the trackers.
            folder: where checkpoints go; None: there are none.
        """
        if folder is not None:
            self._continue(folder, factory)
        for i, agent in enumerate(self.agents):
            if i == len(self.groups):
                self._begin(agent, factory)
            self._train(agent, self.groups[i], folder)

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """What the runs have shown so far, as rows of `runs`, `trajectories` and `escapes`."""
        return (
            [run_row(self.config, trace) for trace in self.traces],
            [{"run_id": t.run_id} | row for t in self.traces for row in t.rows],
            [{"run_id": t.run_id} | row for t in self.traces for row in t.events],
        )

    def _continue(self, folder: Path, factory: TrackerFactory) -> None:
        """Give the traces of a checkpoint new trackers, told everything so far."""
        if self.groups:
            set_aside_wandb(folder)
        for trace in self.traces:
            tracker = self._tracker(factory, trace.gradient, trace.seed)
            tracker.define()
            trace.replay(tracker)

    def _train(self, agent: Agent, traces: list[Trace], folder: Path | None) -> None:
        """Train a batch of runs, one trace each, under one progress bar."""
        from tqdm import tqdm

        if all(trace.status == "finished" for trace in traces):
            return
        options = self.config.run
        budget = None if options.until_escape else options.max_updates
        name = f"{agent.gradient} gradient" if len(self.agents) < 3 else f"seed {agent.seeds[0]}"
        checkpointed = time.monotonic()
        with tqdm(
            total=budget,
            initial=agent.updates,
            desc=name,
            unit=" updates",
            disable=self._no_bar,
        ) as bar:

            def on_record(record: Record) -> None:
                bar.set_postfix_str(f"pi(a*)={record.optimal_prob.mean():.3g}", refresh=False)
                for i, trace in enumerate(traces):
                    trace.keep(record, i)

            def on_event(event: EscapeEvent) -> None:
                traces[event.run].see(event, agent.global_step)

            def on_update(n: int) -> None:
                nonlocal checkpointed
                if n % 100 == 0 or n == budget:
                    bar.update(n - bar.n)
                due = time.monotonic() - checkpointed > options.checkpoint_seconds
                if folder is not None and due and n != budget:
                    save_checkpoint(folder, self.config, self.agents, self.groups)
                    checkpointed = time.monotonic()

            attach(agent, traces)
            try:
                agent.learn(budget, on_record=on_record, on_event=on_event, on_update=on_update)
                for trace in traces:
                    trace.status = "finished"
            finally:
                for i, trace in enumerate(traces):
                    trace.escape_time = _time(agent.escape_time[i])
                    trace.state_escape_times = [_time(t) for t in agent.detector.escape_time[i]]
                    trace.relative_error = agent.relative_error
                    trace.updates = agent.updates

    def _begin(self, agent: Agent, factory: TrackerFactory) -> None:
        """Open a trace for every run of an agent."""
        group: list[Trace] = []
        self.groups.append(group)
        for i, seed in enumerate(agent.seeds):
            run_id = self.config.run_id(agent.gradient, seed)
            tracker = self._tracker(factory, agent.gradient, seed)
            group.append(Trace(run_id, agent.gradient, seed, agent.bounds[i].tolist(), tracker))
            tracker.define()

    def _tracker(self, factory: TrackerFactory, gradient: str, seed: int) -> Tracker:
        exp_name = self.config.exp_name
        own = {"exp_name": exp_name, "gradient": gradient, "seed": seed}
        return factory(f"{exp_name}-{gradient}-{seed}", self.config.flat() | own)

    def _write(self, folder: Path, status: str) -> list[Path]:
        for trace in self.traces:
            if trace.status == "running":
                trace.status = status
        return write_results(folder, *self.rows())

    def _draw(self, path: Path) -> Path:
        from experiments.runs.picture import draw_run

        draw_run(self.config.exp_name, self.agents[0].well, self.traces, path)
        return path


def make_agents(config: RunConfig) -> list[Agent]:
    """The agents of a configuration; every option is checked here, and nothing is written.

    Raises:
        ValueError: naming the option that is out of range.
    """
    check_int("max_updates", config.run.max_updates, 1, MOST_UPDATES)
    agents: list[Agent] = config.agent.make(config.run, config.env.kwargs())
    return agents


def attach(agent: Agent, traces: list[Trace]) -> None:
    """Have an agent that keeps a log of its own (SB3) send it to its run's tracker too."""
    log_to = getattr(agent, "log_to", None)
    if log_to is not None:
        from experiments.runs.sb3_writer import TraceWriter

        log_to(TraceWriter(traces[0]))


def _time(count: Any) -> int | None:
    """An escape time, None where it is censored."""
    return None if count == CENSORED else int(count)


def make_folder(config: RunConfig) -> Path:
    """A new folder under `output`, named by experiment and time.

    Raises:
        ValueError: if it cannot be made or written.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
    folder = config.run.output / f"{config.exp_name}-{stamp}"
    make_writable("output", folder, config.run.output)
    return folder


def tracker_factory(config: RunConfig, folder: Path) -> TrackerFactory:
    """Trackers as `config.run.track` says: Weights & Biases files under `folder`, or none."""
    options = config.run
    if options.track == "disabled":
        return lambda name, settings: NullTracker()
    return lambda name, settings: WandbTracker(
        options.track,
        folder,
        project=options.wandb_project,
        group=config.exp_name,
        name=name,
        config=settings,
    )
