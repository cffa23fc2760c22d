"""Exact-gradient trajectories: theta(a) += eta pi(a)(r(a) - pi.r), update by update, in lanes.

Per update: MASS and its sums (one exp per arm), the escape test on policy n, then the step to
policy n+1, compensated and shifted as blocks.py explains.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from agents.simulation.kernels.blocks import (
    EXCESS,
    MASS,
    OFFSET,
    WEIGHT,
    add_compensated,
    watch_lane,
)
from agents.simulation.kernels.lanes import (
    INLINE,
    KERNEL,
    LANES,
    hot_function,
    lane_array,
    lane_exp,
)


@njit(**INLINE)
def weigh_arms(block: Any, total: Any, mean: Any) -> Any:
    """MASS of every arm; total = sum MASS and mean = sum MASS * EXCESS per lane."""
    for lane in range(LANES):
        total[lane] = 0.0
        mean[lane] = 0.0
    for a in range(block.shape[0]):
        for lane in range(LANES):
            mass = block[a, WEIGHT + lane] * lane_exp(block[a, OFFSET + lane])
            block[a, MASS + lane] = mass
            total[lane] += mass
            mean[lane] += mass * block[a, EXCESS + lane]


@njit(**INLINE)
def watch(
    block: Any, numbers: Any, counts: Any, problem: Any, n: Any, total: Any, mean: Any, scale: Any
) -> Any:
    """The escape test on policy n; scale = eta / sum MASS, and `mean` becomes pi.EXCESS."""
    for lane in range(LANES):
        inverse = 1.0 / total[lane]
        value = mean[lane] * inverse
        loss = block[0, EXCESS + lane] - value
        optimal_prob = block[0, MASS + lane] * inverse
        rate = watch_lane(numbers, counts, problem, lane, n, optimal_prob, loss)
        mean[lane] = value
        scale[lane] = rate * inverse


@njit(**INLINE)
def step(block: Any, scale: Any, mean: Any) -> Any:
    """One update."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            advantage = block[a, EXCESS + lane] - mean[lane]
            add_compensated(block, a, lane, block[a, MASS + lane] * scale[lane] * advantage)


@njit(**KERNEL)
def make_updates(block: Any, numbers: Any, counts: Any, problem: Any, n: Any, end: Any) -> Any:
    """Updates n+1 .. end of every lane; with n == end, only the escape test on policy n."""
    hot_function()
    total, mean, scale = lane_array(block), lane_array(block), lane_array(block)
    only_test = n == end
    while True:
        weigh_arms(block, total, mean)
        watch(block, numbers, counts, problem, n, total, mean, scale)
        if only_test:
            break
        step(block, scale, mean)
        n += 1
        if n == end:
            break
