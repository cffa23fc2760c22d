"""What every kernel does around its updates: segments, history, rest, and the final test."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from agents.simulation.kernels.blocks import (
    BASE,
    ESCAPED,
    HALTED,
    LIKELIEST,
    LOST,
    LOWEST,
    OFFSET,
    RATE,
    REBASE,
    RECEIVED,
    TRAJECTORY,
    WEIGHT,
    WELL_GAP,
)
from agents.simulation.kernels.lanes import KERNEL, LANES


@njit(**KERNEL)
def load_block(block: Any, numbers: Any, counts: Any, problem: Any, first: Any) -> Any:
    """Begin lanes at trajectories first, first+1, ...; lanes beyond the last rest."""
    batch, arms = problem.theta.shape
    for lane in range(LANES):
        row = min(first + lane, batch - 1)
        numbers[RATE + lane] = problem.learning_rate if first + lane == row else 0.0
        numbers[WELL_GAP + lane] = problem.gaps[row]
        numbers[LOWEST + lane] = 1.0
        numbers[RECEIVED + lane] = 0.0
        counts[ESCAPED + lane] = -1
        counts[TRAJECTORY + lane] = first + lane
        top = problem.theta[row, 0]
        for a in range(1, arms):
            top = max(top, problem.theta[row, a])
        for a in range(arms):
            theta = problem.theta[row, a]
            block[a, OFFSET + lane] = 0.0
            block[a, LOST + lane] = 0.0
            block[a, BASE + lane] = theta
            block[a, WEIGHT + lane] = math.exp(theta - top)


@njit(**KERNEL)
def rebase(block: Any) -> Any:
    """Move offsets into the base in lanes where one has grown beyond REBASE."""
    arms = block.shape[0]
    for lane in range(LANES):
        high = block[0, OFFSET + lane]
        low = high
        for a in range(1, arms):
            high = max(high, block[a, OFFSET + lane])
            low = min(low, block[a, OFFSET + lane])
        if high > REBASE or low < -REBASE:
            top = -np.inf
            for a in range(arms):
                block[a, BASE + lane] += block[a, OFFSET + lane] - block[a, LOST + lane]
                block[a, OFFSET + lane] = 0.0
                block[a, LOST + lane] = 0.0
                top = max(top, block[a, BASE + lane])
            for a in range(arms):
                block[a, WEIGHT + lane] = math.exp(block[a, BASE + lane] - top)


@njit(**KERNEL)
def find_likeliest(block: Any, counts: Any) -> Any:
    """Write each lane's likeliest arm, the first of equals."""
    for lane in range(LANES):
        best = 0
        top = block[0, BASE + lane] + block[0, OFFSET + lane]
        for a in range(1, block.shape[0]):
            value = block[a, BASE + lane] + block[a, OFFSET + lane]
            if value > top:
                best = a
                top = value
        counts[LIKELIEST + lane] = best


@njit(**KERNEL)
def save_block(block: Any, theta: Any, first: Any, out: Any) -> Any:
    """Write theta - theta(0) of the block's trajectories to their rows of out [B, K]."""
    for lane in range(min(LANES, out.shape[0] - first)):
        for a in range(block.shape[0]):
            moved = block[a, OFFSET + lane] - block[a, LOST + lane]
            out[first + lane, a] = (block[a, BASE + lane] - theta[first + lane, a]) + moved


def build_driver(set_rewards: Any, make_updates: Any) -> Any:
    """The compiled function that takes one block from its start to the end of the budget.

    Args:
        set_rewards: fills the block's rewards at the begin of a segment.
        make_updates: updates n+1 .. end of every lane; only the escape test if n == end.
    """

    @njit(**KERNEL)
    def advance_block(
        first: Any, block: Any, numbers: Any, counts: Any, problem: Any, record: Any
    ) -> Any:
        """Run trajectories first .. first+LANES-1 from policy 0 to the last of `marks`."""
        load_block(block, numbers, counts, problem, first)
        # Typed: a literal 0 would make numba compile every callee a second time.
        n, mark, resting = np.int64(0), np.int64(0), False
        while True:
            if n % problem.segment == 0:
                rebase(block)
                find_likeliest(block, counts)
                set_rewards(block, counts, problem)
                resting = True
                for lane in range(LANES):
                    resting &= numbers[RATE + lane] == 0.0
            while mark < problem.marks.size and (n == problem.marks[mark] or resting):
                if record.history.shape[0] > 0:
                    save_block(block, problem.theta, first, record.history[mark])
                mark += 1
            if mark == problem.marks.size or record.flag[0] == HALTED:
                break
            end = min((n // problem.segment + 1) * problem.segment, problem.marks[mark])
            make_updates(block, numbers, counts, problem, n, end)
            n = end
        make_updates(block, numbers, counts, problem, n, n)
        save_block(block, problem.theta, first, record.moved)
        for lane in range(min(LANES, record.escape_time.size - first)):
            record.escape_time[first + lane] = counts[ESCAPED + lane]
            record.lowest_prob[first + lane] = numbers[LOWEST + lane]

    return advance_block
