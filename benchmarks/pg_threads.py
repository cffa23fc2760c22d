"""What a second core adds to the exact-gradient kernel."""

from __future__ import annotations

import os
import statistics
import time

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import our_run

TITLE = "exact gradients, K=6, B=16384, robust float64, wall time: two threads against one"
# Long enough that the part done by one thread, which is timed too, is a hundredth of a run.
ARMS, BATCH, UPDATES = 6, 16384, 5000


def run() -> list[Result]:
    """One thread / two threads by the wall clock; needs two idle cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (cores or 1) < 2:
        return [Result("two threads over one", None, 1.8, detail="a single core")]
    work = ARMS * BATCH * UPDATES
    seconds = race(
        Contender("one thread", our_run(BATCH, UPDATES), work),
        Contender("two threads", our_run(BATCH, UPDATES, threads=2), work),
        clock=time.perf_counter,
    )
    detail = "wall " + per_unit(seconds, "action-update", *seconds)
    setup = statistics.median(race(Contender("", our_run(BATCH, 0)), clock=time.perf_counter)[""])
    share = setup / (work * statistics.median(seconds["one thread"]))
    detail += f"; {share:.1%} of the first is set-up, made by one thread in both"
    ratio = speedup(seconds, "two threads", "one thread")
    return [Result("two threads over one", ratio, 1.8, detail=detail)]
