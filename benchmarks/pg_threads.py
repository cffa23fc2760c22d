"""What a second core adds to the exact-gradient kernel, and what the machine has to give."""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import our_run

TITLE = "exact gradients, K=6, B=16384, robust float64, wall time: two threads against one"
NOTE = (
    "Beside it, in the same rounds, a loop that never leaves the registers: what it gains from a "
    "second thread is what the machine's other work left of the second core."
)
# Long enough that the set-up, which one thread makes and which is timed too, hardly counts.
ARMS, BATCH, UPDATES, SUMS = 6, 16384, 5000, 10**8


def arithmetic(threads: int) -> Any:
    """A function that does a fixed amount of register arithmetic on so many threads."""
    from numba import njit

    @njit(nogil=True)
    def work(count: int) -> float:
        total = 1.0
        for _ in range(count):
            total = total * 0.999999 + 1e-9
        return total

    def run() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, [SUMS // threads] * threads))

    return run


def run() -> list[Result]:
    """One thread / two threads by the wall clock; needs two idle cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (cores or 1) < 2:
        return [Result("two threads over one", None, 1.8, detail="a single core")]
    work = ARMS * BATCH * UPDATES
    seconds = race(
        Contender("one thread", our_run(BATCH, UPDATES), work),
        Contender("two threads", our_run(BATCH, UPDATES, threads=2), work),
        Contender("arithmetic, one", arithmetic(1), SUMS),
        Contender("arithmetic, two", arithmetic(2), SUMS),
        clock=time.perf_counter,
    )
    setup = statistics.median(race(Contender("", our_run(BATCH, 0)), clock=time.perf_counter)[""])
    share = setup / (work * statistics.median(seconds["one thread"]))
    detail = "wall " + per_unit(seconds, "action-update", "one thread", "two threads")
    detail += f"; {share:.1%} of the first is set-up, made by one thread in both"
    control = "wall " + per_unit(seconds, "sum", "arithmetic, one", "arithmetic, two")
    return [
        Result(
            "two threads over one",
            speedup(seconds, "two threads", "one thread"),
            1.8,
            detail=detail,
        ),
        Result(
            "the same of register arithmetic",
            speedup(seconds, "arithmetic, two", "arithmetic, one"),
            detail=control,
        ),
    ]
