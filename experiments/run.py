"""One run from configuration to evidence: environment, agent, tracker, tables, picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.escape import CENSORED, EscapeEvent
from agents.jumping_pg import JumpingPG
from agents.softmax_pg import Record, SoftmaxPG
from experiments.config import RunConfig, SoftmaxPGOptions
from experiments.records import Trace, run_row
from experiments.results import Rows, make_writable, write_results
from experiments.tracking import (
    NullTracker,
    Tracker,
    WandbTracker,
    check_track,
    graceful_termination,
)
from gw_envs.checks import check_choice, check_float, check_int

TrackerFactory = Callable[[str, Mapping[str, Any]], Tracker]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: its traces, and the paths of what was written."""

    folder: Path
    traces: list[Trace]
    tables: list[Path]
    figure: Path


class Run:
    """A checked configuration, ready to run; nothing is written before `execute`.

    Args:
        config: the configuration.
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
        self._no_bar = None if show_progress else True  # None: no bar where nobody looks
        check_int("max_updates", config.run.max_updates, 1)
        self.agents = make_agents(config)
        check_track(config.run.track)
        self.traces: list[Trace] = []
        self._make_tracker = make_tracker

    def execute(self) -> Outcome:
        """Run every agent to its budget; write tables and picture.

        On SIGTERM, Ctrl-C or an error the rows so far are written first and the unfinished runs
        marked "interrupted". A process killed outright leaves no table, and of W&B all but the
        last second.

        Raises:
            ValueError: if the output folder cannot be written.
        """
        folder = make_folder(self.config)
        factory = self._make_tracker or tracker_factory(self.config, folder)
        with graceful_termination():
            try:
                self.train(factory)
            except BaseException:
                self._write(folder, "interrupted")
                for trace in self.traces:
                    trace.finish(exit_code=1)
                raise
            tables = self._write(folder, "finished")
            figure = self._draw(folder / "run.png")
            for trace in self.traces:
                trace.finish(figure=figure)
        return Outcome(folder, self.traces, tables, figure)

    def train(self, factory: TrackerFactory) -> None:
        """Run every agent to its budget and keep what it shows; nothing is written."""
        for gradient, agent in self.agents.items():
            self._train(gradient, agent, factory)

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """What the runs have shown so far, as rows of `runs`, `trajectories` and `escapes`."""
        return (
            [run_row(self.config, trace) for trace in self.traces],
            [{"run_id": t.run_id} | row for t in self.traces for row in t.rows],
            [{"run_id": t.run_id} | row for t in self.traces for row in t.events],
        )

    def _train(self, gradient: str, agent: SoftmaxPG, factory: TrackerFactory) -> None:
        """Train a batch of runs, one trace each, under one progress bar."""
        from tqdm import tqdm

        traces = [self._open(gradient, agent, i, factory) for i in range(len(agent.seeds))]
        budget = None if self.config.run.until_escape else self.config.run.max_updates
        with tqdm(
            total=budget, desc=f"{gradient} gradient", unit=" updates", disable=self._no_bar
        ) as bar:

            def on_record(record: Record) -> None:
                bar.set_postfix_str(f"pi(a*)={record.optimal_prob.mean():.3g}", refresh=False)
                for i, trace in enumerate(traces):
                    trace.keep(record, i)

            def on_event(event: EscapeEvent) -> None:
                traces[event.run].see(event, agent.global_step)

            def on_update(n: int) -> None:
                if n % 100 == 0 or n == budget:
                    bar.update(n - bar.n)

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

    def _open(self, gradient: str, agent: SoftmaxPG, i: int, factory: TrackerFactory) -> Trace:
        seed, exp_name = agent.seeds[i], self.config.exp_name
        own = {"exp_name": exp_name, "gradient": gradient, "seed": seed}
        tracker = factory(f"{exp_name}-{gradient}-{seed}", self.config.flat() | own)
        run_id, bounds = self.config.run_id(gradient, seed), agent.bounds[i].tolist()
        trace = Trace(run_id, gradient, seed, bounds, tracker)
        self.traces.append(trace)
        tracker.define()
        return trace

    def _write(self, folder: Path, status: str) -> list[Path]:
        for trace in self.traces:
            if trace.status == "running":
                trace.status = status
        return write_results(folder, *self.rows())

    def _draw(self, path: Path) -> Path:
        from experiments.plots import draw_run

        well = next(iter(self.agents.values())).well
        draw_run(self.config.exp_name, well, self.traces, path)
        return path


def make_agents(config: RunConfig) -> dict[str, SoftmaxPG]:
    """The agents of a configuration by gradient: one exact run, a batch of sampled seeds, or both.

    Raises:
        ValueError: naming the option that is out of range.
    """
    options: SoftmaxPGOptions = config.agent
    gradient = check_choice("gradient", options.gradient, ("exact", "sampled", "both"))
    first = check_int("seed", config.run.seed, 0)
    seeds = range(first, first + check_int("num_seeds", config.run.num_seeds, 1))
    check_float("learning_rate", options.learning_rate, 0, open_low=True)
    power = check_float("learning_rate_power", options.learning_rate_power, 0)
    rate: Any = options.learning_rate
    if power > 0:
        rate = [rate / (n + 1) ** power for n in range(config.run.max_updates)]
    agent_class = JumpingPG if config.run.until_escape else SoftmaxPG
    if config.run.until_escape:
        gradient = "exact" if gradient == "both" else gradient
    agents = {}
    for kind in ("exact", "sampled") if gradient == "both" else (gradient,):
        agents[kind] = agent_class(
            config.run.env_id,
            config.env.kwargs(),
            update=options.update,
            update_options=options.update_options,
            gradient=kind,
            learning_rate=rate,
            initial_policy=options.initial_policy,
            optimal_prob=options.optimal_prob,
            corner_action=options.corner_action,
            sigma=options.sigma,
            baseline=options.baseline,
            baseline_value=options.baseline_value,
            batch_size=options.batch_size,
            seeds=tuple(seeds)[:1] if kind == "exact" else tuple(seeds),
        )
    return agents


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
