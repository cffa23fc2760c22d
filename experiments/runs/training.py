"""A run of train.py on ASRSampling-v0: an embedding is trained under an agent, seed by seed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agents import metrics
from agents.sampling_agents import SamplerSettings, train_sampler
from experiments.files import write_atomically
from experiments.options.config import RunConfig
from experiments.results import make_table, write_tables
from experiments.runs.checkpoints import write_settings
from experiments.runs.trace import Trace, run_row
from experiments.runs.tracking import check_track, graceful_termination
from experiments.runs.well import Outcome, TrackerFactory, make_folder, tracker_factory
from gw_envs.checks import BadInput, check_int

TABLE = "sampling"


class TrainingRun:
    """A checked configuration, ready to run; nothing is written before `execute`.

    Beside the three tables of every run it writes `sampling`, a row per step of the sampler with
    the keys `metrics.SAMPLING_KEYS` and the `bins` [29]. Escape events are those of the well of a
    training run (`gw_envs.asr_sampling`): `enter` when validation recall@1 is below its start by
    more than the noise, `escape` when it is back. The escape time is the step of the first
    `escape`; 0 for a run that never fell, missing (censored) for one that fell and did not come
    back. The other columns of an event, which are about policies in a well, are null.

    Args:
        config: the configuration.
        make_tracker: a factory (run name, config) -> Tracker; default by `config.run.track`.

    Raises:
        ValueError: naming the option that is out of range.
    """

    def __init__(self, config: RunConfig, make_tracker: TrackerFactory | None = None) -> None:
        import gymnasium as gym

        import gw_envs  # noqa: F401 - registers the ids

        run = config.run
        for name in ("until_escape", "resume"):
            if getattr(run, name):
                raise BadInput(
                    f"{name}={getattr(run, name)!r} is not for ASRSampling-v0: a training run is "
                    "made from start to end, in seconds."
                )
        check_int("max_updates", run.max_updates, 1)
        check_track(run.track)
        self.config, self.seeds = config, run.seeds
        self.settings = SamplerSettings(**config.agent.settings())
        self.env: Any = gym.make(run.env_id, **config.env.kwargs()).unwrapped
        self.traces: list[Trace] = []
        self.bins: list[list[Any]] = []
        self._make_tracker = make_tracker

    def execute(self) -> Outcome:
        """Run every seed; write tables and picture.

        On SIGTERM, Ctrl-C or an error the rows so far are written first and the unfinished run is
        marked "interrupted". A process killed outright leaves no table, and of W&B all but the last
        second.

        Raises:
            ValueError: if the output folder cannot be written.
        """
        from experiments.runs.training_picture import draw_training
        from experiments.runs.training_summary import training_table

        folder = make_folder(self.config)
        write_settings(folder, self.config)
        factory = self._make_tracker or tracker_factory(self.config, folder)
        with graceful_termination():
            try:
                for seed in self.seeds:
                    self._train(seed, factory)
            except BaseException:
                self._write(folder, "interrupted")
                for trace in self.traces:
                    trace.finish(exit_code=1)
                raise
            tables = self._write(folder, "finished")
            figure = folder / "run.png"
            draw_training(self.config.exp_name, self.traces, self.bins, figure)
            for trace in self.traces:
                trace.finish(figure=figure)
        return Outcome(folder, self.traces, tables, figure, training_table(self.traces))

    def _train(self, seed: int, factory: TrackerFactory) -> None:
        """One training run under one progress bar."""
        from tqdm import tqdm

        trace = self._open(seed, factory)
        bins: list[Any] = []
        self.bins.append(bins)
        steps = min(self.env.total_steps, self.config.run.max_updates)
        with tqdm(total=steps, desc=f"seed {seed}", unit=" steps", disable=None) as bar:

            def on_step(step: int, reward: float, info: dict[str, Any]) -> bool:
                self._keep(trace, step, reward, info)
                bins.append(info["bins"])
                recall, nmi = info["test/recall_at_1"], info["test/nmi"]
                bar.set_postfix_str(f"R@1={recall:.3f} NMI={nmi:.3f}", refresh=False)
                bar.update(step - bar.n)
                return step >= steps

            train_sampler(self.env, self.config.run.agent, seed, on_step, self.settings)
        fell = any(event["escape/kind"] == "enter" for event in trace.events)
        left = [e["escape/update"] for e in trace.events if e["escape/kind"] == "escape"]
        trace.escape_time = left[0] if left else (None if fell else 0)
        trace.status = "finished"

    def _open(self, seed: int, factory: TrackerFactory) -> Trace:
        exp_name = self.config.exp_name
        own = {"exp_name": exp_name, "gradient": "sampled", "seed": seed}
        tracker = factory(f"{exp_name}-{seed}", self.config.flat() | own)
        trace = Trace(self.config.run_id("sampled", seed), "sampled", seed, [0.0], tracker)
        self.traces.append(trace)
        tracker.define()
        return trace

    def _keep(self, trace: Trace, step: int, reward: float, info: dict[str, Any]) -> None:
        """Add and log the row of a step, and the event if the well was entered or left."""
        before = bool(trace.rows) and trace.rows[-1]["sampling/in_well"]
        so_far = trace.rows[-1][metrics.EPISODIC_RETURN] if trace.rows else 0.0
        axes = {metrics.UPDATE: step, metrics.GLOBAL_STEP: step}
        row = axes | {metrics.EPISODIC_RETURN: so_far + reward}
        for key in metrics.SAMPLING_KEYS:
            row[key] = info[key.removeprefix("sampling/")]
        trace.rows.append(row)
        trace.log(row)
        trace.updates = step
        if row["sampling/in_well"] != before:
            since = trace.events[-1]["escape/update"] if trace.events else 0
            event: dict[str, Any] = dict.fromkeys(metrics.ESCAPE_COLUMNS)
            event["escape/kind"] = "escape" if before else "enter"
            event |= {"escape/update": step, "escape/state": 0, "escape/dwell": step - since}
            trace.events.append({metrics.GLOBAL_STEP: step} | event)
            trace.log(axes | {key: value for key, value in event.items() if value is not None})

    def _write(self, folder: Path, status: str) -> list[Path]:
        for trace in self.traces:
            if trace.status == "running":
                trace.status = status
        rows: dict[str, list[dict[str, Any]]] = {
            "runs": [run_row(self.config, trace) for trace in self.traces],
            "trajectories": [{"run_id": t.run_id} | row for t in self.traces for row in t.rows],
            "escapes": [{"run_id": t.run_id} | row for t in self.traces for row in t.events],
        }
        own = write_sampling(folder / f"{TABLE}.parquet", self.traces, self.bins)
        tables = write_tables(folder, {name: make_table(name, rows[name]) for name in rows})
        return [own, *tables]


def write_sampling(path: Path, traces: list[Trace], bins: list[list[Any]]) -> Path:
    """Write the table `sampling`: a row per run and step."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {"run_id": trace.run_id, **row, "bins": np.asarray(shape).tolist()}
        for trace, shapes in zip(traces, bins, strict=True)
        for row, shape in zip(trace.rows, shapes, strict=True)
    ]
    fields = [("run_id", pa.string()), (metrics.UPDATE, pa.int64())]
    for key in metrics.SAMPLING_KEYS:
        fields.append((key, pa.bool_() if key.endswith("in_well") else pa.float64()))
    schema = pa.schema([*fields, ("bins", pa.list_(pa.float64()))])
    table = pa.Table.from_pylist(rows, schema=schema)
    write_atomically(path, partial(pq.write_table, table, compression="zstd"))
    return path
