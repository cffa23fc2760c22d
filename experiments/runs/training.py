"""A run on ASRSampling-v0: an embedding is trained under an agent, seed by seed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from agents import metrics
from agents.sampling_agents import SamplerSettings, train_sampler
from experiments.results import Rows
from experiments.runs.recording import RecordedRun
from experiments.runs.summary import training_table
from experiments.runs.trace import Trace
from gw_envs.checks import BadInput, check_int


class TrainingRun(RecordedRun):
    """A training run of an embedding; its learners are seeds, and each begins anew.

    Beside the three tables of every run it has `sampling`, a row per step of the sampler with the
    keys `metrics.SAMPLING_KEYS` and the `bins` [29]. Escape events are those of the well of a
    training run (`gw_envs.asr_sampling`): `enter` when validation recall@1 is below its start by
    more than the noise, `escape` when it is back. The escape time is the step of the first
    `escape`; 0 for a run that never fell, missing (censored) for one that fell and did not come
    back. The other columns of an event, which are about policies in a well, are null.

    Checkpoints fall between seeds: a seed takes seconds.
    """

    env: Any
    settings: SamplerSettings

    def tables(self) -> dict[str, Rows]:
        """The tables of every run, and `sampling`."""
        tables = super().tables()
        return tables | {"sampling": tables["trajectories"]}

    def _make_learners(self) -> list[Any]:
        import gymnasium as gym

        import gw_envs  # noqa: F401 - registers the ids

        run = self.config.run
        if run.until_escape:
            raise BadInput(
                "until_escape=True is not for ASRSampling-v0: a training run is made from start "
                "to end, in seconds."
            )
        check_int("max_updates", run.max_updates, 1)
        self.settings = SamplerSettings(**self.config.agent.settings())
        self.env = gym.make(run.env_id, **self.config.env.kwargs()).unwrapped
        return list(run.seeds)

    def _runs_of(self, seed: int) -> Iterable[tuple[str, int, list[float]]]:
        yield "sampled", seed, [0.0]

    @property
    def _budget(self) -> int:
        return int(min(self.env.total_steps, self.config.run.max_updates))

    def _learn(self, seed: int, traces: list[Trace], bar: Any) -> None:
        """One training run."""
        (trace,) = traces
        steps, before = self._budget, bar.n
        bar.set_description_str(f"seed {seed}", refresh=False)

        def on_step(step: int, reward: float, info: dict[str, Any]) -> bool:
            keep_step(trace, step, reward, info)
            recall, nmi = info[metrics.TEST_RECALL], info[metrics.TEST_NMI]
            bar.set_postfix_str(f"R@1={recall:.3f} NMI={nmi:.3f}", refresh=False)
            bar.update(before + step - bar.n)
            return step >= steps

        train_sampler(self.env, self.config.run.agent, seed, on_step, self.settings)
        kinds = [event[metrics.EVENT_KIND] for event in trace.events]
        left = [e[metrics.EVENT_UPDATE] for e in trace.events if e[metrics.EVENT_KIND] == "escape"]
        trace.escape_time = left[0] if left else (None if "enter" in kinds else 0)

    def _draw(self, path: Path) -> None:
        from experiments.runs.picture import draw_training

        draw_training(self.config.exp_name, self.traces, path)

    def _summary(self) -> str:
        return training_table(self.traces)


def keep_step(trace: Trace, step: int, reward: float, info: dict[str, Any]) -> None:
    """Keep the row of a step, with its bins, and the event if the well was entered or left."""
    before = bool(trace.rows) and trace.rows[-1][metrics.IN_WELL]
    so_far = trace.rows[-1][metrics.EPISODIC_RETURN] if trace.rows else 0.0
    axes = {metrics.UPDATE: step, metrics.GLOBAL_STEP: step}
    row = axes | {metrics.EPISODIC_RETURN: so_far + reward}
    for key in metrics.SAMPLING_KEYS:
        row[key] = info[key.removeprefix(metrics.SAMPLING_FAMILY)]
    trace.rows.append(row | {metrics.BINS: np.asarray(info[metrics.BINS]).tolist()})
    trace.log(row)
    trace.updates = step
    if row[metrics.IN_WELL] != before:
        since = trace.events[-1][metrics.EVENT_UPDATE] if trace.events else 0
        event: dict[str, Any] = dict.fromkeys(metrics.ESCAPE_COLUMNS) | {
            metrics.EVENT_KIND: "escape" if before else "enter",
            metrics.EVENT_UPDATE: step,
            metrics.EVENT_STATE: 0,
            metrics.DWELL: step - since,
        }
        trace.events.append({metrics.GLOBAL_STEP: step} | event)
        trace.log(axes | {key: value for key, value in event.items() if value is not None})
