"""Exact-gradient trajectories: theta(a) += eta pi(a)(r(a) - pi.r), update by update, in lanes.

Per update: MASS and its sums (one exp per arm), the escape test on policy n, then the step to
policy n+1, compensated and shifted as blocks.py explains.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from agents.simulation.kernels.blocks import (
    LIKELIEST,
    MASS,
    OFFSET,
    REWARD,
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
def likeliest_rewards(block: Any, counts: Any, top: Any) -> Any:
    """Write each lane's reward of its likeliest arm to `top`."""
    for lane in range(LANES):
        top[lane] = block[counts[LIKELIEST + lane], REWARD + lane]


@njit(**INLINE)
def weigh_arms(block: Any, top: Any, total: Any, mean: Any) -> Any:
    """MASS of every arm; total = sum MASS and mean = sum MASS (REWARD - top) per lane."""
    for lane in range(LANES):
        total[lane] = 0.0
        mean[lane] = 0.0
    for a in range(block.shape[0]):
        for lane in range(LANES):
            mass = block[a, WEIGHT + lane] * lane_exp(block[a, OFFSET + lane])
            block[a, MASS + lane] = mass
            total[lane] += mass
            mean[lane] += mass * (block[a, REWARD + lane] - top[lane])


@njit(**INLINE)
def watch(
    block: Any, numbers: Any, counts: Any, problem: Any, n: Any,
    top: Any, total: Any, mean: Any, scale: Any,
) -> Any:  # fmt: skip
    """The escape test on policy n; scale = eta / sum MASS, and `mean` becomes pi.(REWARD - top)."""
    for lane in range(LANES):
        inverse = 1.0 / total[lane]
        value = mean[lane] * inverse
        loss = (block[0, REWARD + lane] - top[lane]) - value
        optimal_prob = block[0, MASS + lane] * inverse
        rate = watch_lane(numbers, counts, problem, lane, n, optimal_prob, loss)
        mean[lane] = value
        scale[lane] = rate * inverse


@njit(**INLINE)
def step(block: Any, top: Any, scale: Any, mean: Any) -> Any:
    """One update."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            advantage = (block[a, REWARD + lane] - top[lane]) - mean[lane]
            add_compensated(block, a, lane, block[a, MASS + lane] * scale[lane] * advantage)


@njit(**KERNEL)
def make_updates(block: Any, numbers: Any, counts: Any, problem: Any, n: Any, end: Any) -> Any:
    """Updates n+1 .. end of every lane; with n == end, only the escape test on policy n."""
    hot_function()
    top, total = lane_array(block), lane_array(block)
    mean, scale = lane_array(block), lane_array(block)
    likeliest_rewards(block, counts, top)
    only_test = n == end
    while True:
        weigh_arms(block, top, total, mean)
        watch(block, numbers, counts, problem, n, top, total, mean, scale)
        if only_test:
            break
        step(block, top, scale, mean)
        n += 1
        if n == end:
            break
