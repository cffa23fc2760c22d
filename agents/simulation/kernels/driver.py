"""The compiled entry to the lane kernels; around their updates: segments, history, rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from agents.simulation.kernels import blocks, counters, direct, reinforce
from agents.simulation.kernels.blocks import ESCAPED, HALTED, LOWEST, RATE
from agents.simulation.kernels.compiling import compiled
from agents.simulation.kernels.lanes import KERNEL, LANES, source_digest


@njit(**KERNEL)
def make_updates(
    block: Any, numbers: Any, counts: Any, problem: Any, n: Any, end: Any, sampled: Any
) -> Any:
    """Updates n+1 .. end of every lane; only the escape test if n == end."""
    if sampled is None:
        direct.make_updates(block, numbers, counts, problem, n, end)
    else:
        reinforce.make_updates(block, numbers, counts, problem, n, end)


@njit(**KERNEL)
def advance_block(
    first: Any, block: Any, numbers: Any, counts: Any, problem: Any, record: Any, sampled: Any
) -> Any:
    """Run trajectories first .. first+LANES-1 from policy 0 to the last of `marks`."""
    blocks.load_block(block, numbers, counts, problem, first)
    # Typed: a literal 0 would make numba compile every callee a second time.
    n, mark, resting = np.int64(0), np.int64(0), False
    while True:
        if n % problem.segment == 0:
            blocks.rebase(block)
            blocks.find_likeliest(block, counts)
            resting = True
            for lane in range(LANES):
                resting &= numbers[RATE + lane] == 0.0
        while mark < problem.marks.size and (n == problem.marks[mark] or resting):
            if record.history.shape[0] > 0:
                blocks.save_block(block, problem.theta, first, record.history[mark])
            mark += 1
        if mark == problem.marks.size or record.flag[0] == HALTED:
            break
        end = min((n // problem.segment + 1) * problem.segment, problem.marks[mark])
        make_updates(block, numbers, counts, problem, n, end, sampled)
        n = end
    make_updates(block, numbers, counts, problem, n, n, sampled)
    blocks.save_block(block, problem.theta, first, record.moved)
    for lane in range(min(LANES, record.escape_time.size - first)):
        record.escape_time[first + lane] = counts[ESCAPED + lane]
        record.lowest_prob[first + lane] = numbers[LOWEST + lane]


def _build(digest: int) -> Any:
    """The entry itself; `digest` in its closure ties numba's disk cache to the sources."""

    @compiled(**KERNEL)
    def run_blocks(
        begin: Any, end: Any, block: Any, numbers: Any, counts: Any,
        problem: Any, record: Any, sampled: Any,
    ) -> int:  # fmt: skip
        """Advance trajectories [begin, end), `begin` a multiple of LANES.

        `block` [K, WIDTH], `numbers` and `counts` are scratch. `sampled` is True or None: numba
        compiles one gradient or the other.
        """
        for first in range(begin, end, LANES):
            advance_block(first, block, numbers, counts, problem, record, sampled)
        return digest

    return run_blocks


_SOURCES = (blocks, counters, direct, reinforce)
run_blocks = _build(source_digest(__file__, *(str(module.__file__) for module in _SOURCES)))
