"""What a sweep costs beyond its runs, what a second core brings, how fast its results load."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "1,000 short runs on two processes against one; overhead per run; loading 10,000 runs"
RUNS = 1000
FEW = 100  # runs of a round in which the overhead is measured
ROUNDS = 3
SHORT = {"gradient": "exact", "until_escape": True, "initial_policy": "uniform_suboptimal"}


def short_sweep(runs: int) -> Any:
    """A sweep of plateaus of 10^4 to 10^8 updates, jumped over in about 20 ms each."""
    from experiments.sweeps.specification import make_sweep

    probs = [10 ** (-3 - 4 * k / runs) for k in range(runs)]
    return make_sweep({"name": "short", "base": SHORT, "grid": {"optimal_prob": probs}})


def sweeping(runs: int, make_engine: Callable[[], Any]) -> Callable[[], None]:
    """A function that makes a whole sweep, from its description to joined tables."""

    def run() -> None:
        from experiments.sweeps.scheduling import Progress, run_missing
        from experiments.sweeps.storage import join_parts

        with tempfile.TemporaryDirectory() as folder:
            progress = Progress()
            run_missing(short_sweep(runs), Path(folder), make_engine, progress)
            join_parts(Path(folder))
        assert progress.made == runs

    return run


def bare_runs(runs: int) -> Callable[[], None]:
    """A function that makes the same runs in memory, with nothing around them."""
    from experiments.runs.tracker import NullTracker
    from experiments.runs.well import Run

    configs = [point.config for point in short_sweep(runs).points]

    def run() -> None:
        for config in configs:
            Run(config, show_progress=False).train(lambda name, settings: NullTracker())

    return run


def load_results(runs: int = 10_000) -> tuple[float, int]:
    """Seconds to load the three tables of that many runs, and their rows.

    Every run has the rows of one real run, its numbers shaken by a random percent, so that they
    compress as those of different runs do.
    """
    import pyarrow as pa

    from experiments.results import TABLES, make_table, read_results, write_tables
    from experiments.runs.tracker import NullTracker
    from experiments.runs.well import Run

    run = Run(short_sweep(10).points[0].config, show_progress=False)
    run.train(lambda name, settings: NullTracker())
    rows = run.tables()
    rng, tables = np.random.default_rng(0), {}
    for name in TABLES:
        one = make_table(name, rows[name])
        table = pa.concat_tables([one] * runs).combine_chunks()
        for at, field in enumerate(table.schema):
            if field.name == "run_id":
                ids = np.repeat([f"{k:012x}" for k in range(runs)], len(one))
                table = table.set_column(at, field, pa.array(ids))
            elif field.type == pa.float64():
                values = table.column(at).to_numpy() * rng.normal(1, 0.01, len(table))
                table = table.set_column(at, field, pa.array(values))
        tables[name] = table
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder), tables)
        began = time.perf_counter()
        total = sum(len(read_results(folder, name)) for name in TABLES)
        return time.perf_counter() - began, total


def run() -> list[Result]:
    """Three figures."""
    from experiments.sweeps.engines import ProcessEngine, SerialEngine

    wall = race(
        Contender("serial", sweeping(RUNS, SerialEngine), RUNS),
        Contender("process", sweeping(RUNS, lambda: ProcessEngine(2)), RUNS),
        rounds=ROUNDS,
        clock=time.perf_counter,
    )
    cpu = race(
        Contender("bare", bare_runs(FEW), FEW),
        Contender("sweep", sweeping(FEW, SerialEngine), FEW),
    )
    over = sorted(s - b for s, b in zip(cpu["sweep"], cpu["bare"], strict=True))
    loads = sorted(load_results() for _ in range(ROUNDS))
    return [
        Result(
            "process pool of 2 / serial, 1,000 short runs, wall",
            speedup(wall, "process", "serial"),
            1.7,
            detail=per_unit(wall, "run", "serial", "process"),
        ),
        Result(
            "overhead of a sweep per run",
            1e3 * over[len(over) // 2],
            5.0,
            unit="ms",
            detail=per_unit(cpu, "run", "bare", "sweep"),
            at_most=True,
        ),
        Result(
            "loading 10,000 runs, three tables, wall",
            loads[len(loads) // 2][0],
            1.0,
            unit="s",
            detail=f"{loads[0][1]:,} rows, {loads[0][0]:.2f} to {loads[-1][0]:.2f} s",
            at_most=True,
        ),
    ]
