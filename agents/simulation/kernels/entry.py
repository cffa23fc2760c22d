"""The compiled entry to the lane kernels: exact or sampled gradients."""

from __future__ import annotations

from typing import Any

from agents.simulation.kernels import blocks, counters, direct, driver, reinforce
from agents.simulation.kernels.compiling import compiled
from agents.simulation.kernels.lanes import KERNEL, LANES, source_digest


def build(digest: int) -> Any:
    """The entry itself; `digest` in its closure ties numba's disk cache to the sources."""

    @compiled(**KERNEL)
    def run_blocks(
        begin: Any, end: Any, block: Any, numbers: Any, counts: Any,
        problem: Any, record: Any, sampled: Any,
    ) -> int:  # fmt: skip
        """Advance trajectories [begin, end), `begin` a multiple of LANES.

        `block` [K, EXACT_WIDTH] or [K, SAMPLED_WIDTH], `numbers` and `counts` are scratch.
        `sampled` is True or None: numba compiles one gradient or the other.
        """
        for first in range(begin, end, LANES):
            if sampled is None:
                direct.advance_block(first, block, numbers, counts, problem, record)
            else:
                reinforce.advance_block(first, block, numbers, counts, problem, record)
        return digest

    return run_blocks


run_blocks = build(
    source_digest(
        direct.__file__,
        reinforce.__file__,
        blocks.__file__,
        driver.__file__,
        str(counters.__file__),
    )
)
