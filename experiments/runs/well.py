"""A run in a well: agents follow the policy gradient, and every escape is exact."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agents import metrics
from agents.escape import CENSORED, EscapeEvent
from agents.evaluation import Record
from agents.interface import Agent
from agents.skipping_pg import SkippingPG
from agents.softmax_pg import MOST_UPDATES, log_spaced
from experiments.options.config import RunConfig
from experiments.results import Rows
from experiments.runs.laws import expectations
from experiments.runs.recording import RecordedRun
from experiments.runs.summary import censored_note, escape_table
from experiments.runs.trace import Trace
from gw_envs.checks import check_int


class Run(RecordedRun):
    """A run in a well; its learners are agents, each a batch of seeds."""

    def _make_learners(self) -> list[Any]:
        return make_agents(self.config)

    def _runs_of(self, agent: Agent) -> Iterable[tuple[str, int, list[float]]]:
        for seed, bounds in zip(agent.seeds, agent.bounds, strict=True):
            yield agent.gradient, seed, bounds.tolist()

    @property
    def _budget(self) -> int | None:
        """Updates to make; None: to the escape and beyond."""
        options = self.config.run
        return None if options.until_escape else options.max_updates

    @property
    def marks(self) -> frozenset[int] | None:
        """The log-spaced updates of the budget, whoever else is made at once."""
        if self._skips:
            return frozenset([0])
        return None if self._budget is None else frozenset(log_spaced(self._budget).tolist())

    @property
    def _skips(self) -> bool:
        """Whether of each run only its start and its escape are known."""
        return isinstance(self.learners[0], SkippingPG)

    def _learn(self, agent: Agent, traces: list[Trace], bar: Any) -> None:
        """Train a batch of runs, one trace each."""
        budget, before = self._budget, bar.n
        several = len(self.learners) > 2
        bar.set_description_str(
            f"seed {agent.seeds[0]}" if several else f"{agent.gradient} gradient", refresh=False
        )

        def on_record(record: Record) -> None:
            bar.set_postfix_str(f"pi(a*)={record.optimal_prob.mean():.3g}", refresh=False)
            for i, trace in enumerate(traces):
                trace.keep(record, i)

        def on_event(event: EscapeEvent) -> None:
            traces[event.run].see(event, agent.global_step)

        def on_update(n: int) -> None:
            bar.update(before + n - bar.n)
            if n != budget:
                self._checkpoint()

        attach(agent, traces)
        try:
            agent.learn(budget, on_record=on_record, on_event=on_event, on_update=on_update)
        finally:
            for i, trace in enumerate(traces):
                trace.escape_time = _time(agent.escape_time[i])
                trace.state_escape_times = [_time(t) for t in agent.detector.escape_time[i]]
                trace.relative_error = agent.relative_error
                trace.updates = agent.updates

    def tables(self) -> dict[str, Rows]:
        """The three tables; where there is a verifier also pass@k, of the run and its prompts."""
        keys = ("state", metrics.UPDATE, metrics.GLOBAL_STEP, metrics.PASS_AT_K)
        prompts = [
            {"run_id": trace.run_id} | {key: row.get(key) for key in keys}
            for trace in self.traces
            for row in trace.rows
            if metrics.PASS_AT_K in row
        ]
        return super().tables() | ({"prompts": prompts} if prompts else {})

    def _draw(self, path: Path) -> None:
        from experiments.runs.picture import draw_run

        rule = getattr(self.config.agent, "update", "softmax-pg")
        title = self.config.exp_name + (f", update {rule}" if rule != "softmax-pg" else "")
        if self._skips:
            _draw_escapes(title, self.traces, path)
        else:
            draw_run(title, self.learners[0].well, self.traces, path)

    def _summary(self) -> str:
        well = self.learners[0].well
        kinds = {trace.gradient for trace in self.traces}
        expected = {kind: expectations(self.config, kind, well) for kind in sorted(kinds)}
        can_jump = self._budget is not None and self.config.run.agent == "softmax-pg"
        note = censored_note(self.traces, can_jump)
        return "\n".join(filter(None, [escape_table(self.traces, expected), note]))


def make_agents(config: RunConfig) -> list[Agent]:
    """The agents of a configuration; every option is checked here, and nothing is written.

    Raises:
        ValueError: naming the option that is out of range.
    """
    check_int("max_updates", config.run.max_updates, 1, MOST_UPDATES)
    agents: list[Agent] = config.agent.make(config.run, config.env.kwargs())
    for agent in agents:
        if not config.run.until_escape:
            agent.check_budget(config.run.max_updates)
    return agents


def attach(agent: Agent, traces: list[Trace]) -> None:
    """Have an agent that keeps a log of its own (SB3) send it to its run's tracker too."""
    log_to = getattr(agent, "log_to", None)
    if log_to is not None:
        from experiments.runs.sb3_writer import TraceWriter

        log_to(TraceWriter(traces[0]))


def _draw_escapes(title: str, traces: list[Trace], path: Path) -> None:
    """How many runs are still in the well: all that is known of runs whose updates are skipped."""
    from experiments.analysis.statistics import kaplan_meier
    from experiments.pictures.survival import draw_survival

    censored = [trace.escape_time is None for trace in traces]
    times = [trace.updates if t is None else t for trace in traces for t in [trace.escape_time]]
    draw_survival({"sampled gradient": kaplan_meier(times, censored)}, path, title=title)


def _time(count: Any) -> int | None:
    """An escape time, None where it is censored."""
    return None if count == CENSORED else int(count)
