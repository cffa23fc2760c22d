"""Exact-gradient trajectories: theta(a) += eta pi(a)(r(a) - pi.r), update by update, in lanes.

Per update: MASS and its sums (one exp per arm), the escape test on policy n, then the step to
policy n+1, compensated and shifted as blocks.py explains.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from agents.simulation.kernels import driver
from agents.simulation.kernels.blocks import (
    LIKELIEST,
    MASS,
    OFFSET,
    REWARD,
    TRAJECTORY,
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
    """MASS of every arm; total = sum MASS and mean = sum MASS * REWARD per lane."""
    for lane in range(LANES):
        total[lane] = 0.0
        mean[lane] = 0.0
    for a in range(block.shape[0]):
        for lane in range(LANES):
            mass = block[a, WEIGHT + lane] * lane_exp(block[a, OFFSET + lane])
            block[a, MASS + lane] = mass
            total[lane] += mass
            mean[lane] += mass * block[a, REWARD + lane]


@njit(**INLINE)
def step(block: Any, scale: Any, mean: Any) -> Any:
    """One update; scale = eta / sum MASS, mean = pi.REWARD."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            advantage = block[a, REWARD + lane] - mean[lane]
            add_compensated(block, a, lane, block[a, MASS + lane] * scale[lane] * advantage)


@njit(**INLINE)
def check_escape(
    block: Any, numbers: Any, counts: Any, total: Any, mean: Any, problem: Any, n: Any
) -> Any:
    """The escape test; turns `total` into eta / sum MASS and `mean` into pi.REWARD."""
    for lane in range(LANES):
        inverse = 1.0 / total[lane]
        value = mean[lane] * inverse
        loss = block[0, REWARD + lane] - value
        optimal_prob = block[0, MASS + lane] * inverse
        rate = watch_lane(numbers, counts, problem, lane, n, optimal_prob, loss)
        mean[lane] = value
        total[lane] = rate * inverse


@njit(**KERNEL)
def set_rewards(block: Any, counts: Any, problem: Any) -> Any:
    """REWARD of every lane, less that of its likeliest arm."""
    for lane in range(LANES):
        row = min(counts[TRAJECTORY + lane], problem.theta.shape[0] - 1)
        shift = problem.rewards[row, counts[LIKELIEST + lane]]
        for a in range(block.shape[0]):
            block[a, REWARD + lane] = problem.rewards[row, a] - shift


@njit(**KERNEL)
def make_updates(block: Any, numbers: Any, counts: Any, problem: Any, n: Any, end: Any) -> Any:
    """Updates n+1 .. end of every lane; with n == end, only the escape test on policy n."""
    hot_function()
    total, mean = lane_array(block), lane_array(block)
    only_test = n == end
    while True:
        weigh_arms(block, total, mean)
        check_escape(block, numbers, counts, total, mean, problem, n)
        if only_test:
            break
        step(block, total, mean)
        n += 1
        if n == end:
            break


advance_block = driver.build_driver(set_rewards, make_updates)
