"""How much sooner the solver answers than our own direct kernel, on a plateau really iterated."""

from __future__ import annotations

import statistics
import time

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race

TITLE = (
    "K=6, r = 1 to 0.5, eta 0.5, pi_1 = 0.008, T near 1e8: the same integer, jumped and iterated"
)
REWARDS, ETA, START, ARMS, LANES = np.linspace(1, 0.5, 6), 0.5, 0.008, 6, 64
SAMPLE = 200_000


def run() -> list[Result]:
    """Direct / jump for one trajectory, and the direct kernel's share of a full block."""
    from agents.simulation import simulate, solve_escape_time

    theta = np.log([START] + [(1 - START) / (ARMS - 1)] * (ARMS - 1))
    jumps = race(Contender("jump", lambda: solve_escape_time(REWARDS, theta, ETA)))
    jumped = solve_escape_time(REWARDS, theta, ETA)

    def iterate(batch: int, updates: int) -> int:
        run = simulate(
            REWARDS,
            np.tile(theta, (batch, 1)),
            learning_rate=ETA,
            max_updates=updates,
            num_threads=1,
        )
        return int(run.escape_time[0])

    iterate(1, 10)
    start = time.process_time()
    counted = iterate(1, int(2 * jumped.steps))
    direct = time.process_time() - start
    block = race(Contender("block", lambda: iterate(LANES, SAMPLE), LANES * SAMPLE))
    own = statistics.median(jumps["jump"])
    shared = statistics.median(block["block"]) * counted
    same = "the same integer" if counted == jumped.steps else f"DIFFERENT: {jumped.steps:.0f}"
    detail = f"T = {counted}, {same}; direct {direct:.3g} s, {per_unit(jumps, 'answer', 'jump')}"
    return [
        Result("direct kernel / jump, one trajectory", direct / own, 10_000, detail=detail),
        Result("same integer", float(counted == jumped.steps), 1, "", detail=same),
        Result(
            "direct kernel / jump, each of 64 that fill a block",
            shared / own,
            detail=f"direct {shared:.3g} s a trajectory, from {SAMPLE} updates of the block",
        ),
    ]
