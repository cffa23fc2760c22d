"""Exact-gradient trajectories: theta(a) += eta pi(a)(r(a) - pi.r), update by update, in lanes.

Per update: MASS and its sums (one exp per arm), the escape test on policy n, then the step to
policy n+1. `robust_*` is compensated and shifted as blocks.py explains; `plain_*` is the loop one
would write, kept for comparison and guarded by precision.py.
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
    reciprocal,
)


@njit(**INLINE)
def robust_sums(block: Any, total: Any, mean: Any) -> Any:
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
def plain_sums(block: Any, total: Any, mean: Any) -> Any:
    """As `robust_sums`, for offsets that are the logits."""
    for lane in range(LANES):
        total[lane] = 0.0
        mean[lane] = 0.0
    for a in range(block.shape[0]):
        for lane in range(LANES):
            mass = lane_exp(block[a, OFFSET + lane])
            block[a, MASS + lane] = mass
            total[lane] += mass
            mean[lane] += mass * block[a, REWARD + lane]


@njit(**INLINE)
def robust_step(block: Any, scale: Any, mean: Any) -> Any:
    """One update; scale = eta / sum MASS, mean = pi.REWARD."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            advantage = block[a, REWARD + lane] - mean[lane]
            add_compensated(block, a, lane, block[a, MASS + lane] * scale[lane] * advantage)


@njit(**INLINE)
def plain_step(block: Any, scale: Any, mean: Any) -> Any:
    """One update by plain addition."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            advantage = block[a, REWARD + lane] - mean[lane]
            block[a, OFFSET + lane] += block[a, MASS + lane] * scale[lane] * advantage


@njit(**INLINE)
def check_escape(
    block: Any, numbers: Any, counts: Any, total: Any, mean: Any, problem: Any, n: Any
) -> Any:
    """The escape test; turns `total` into eta / sum MASS and `mean` into pi.REWARD."""
    for lane in range(LANES):
        inverse = reciprocal(total[lane])
        value = mean[lane] * inverse
        loss = block[0, REWARD + lane] - value
        optimal_prob = block[0, MASS + lane] * inverse
        rate = watch_lane(numbers, counts, problem, lane, n, optimal_prob, loss)
        mean[lane] = value
        total[lane] = rate * inverse


@njit(**INLINE)
def set_path_rewards(block: Any, row: Any, counts: Any, shift: Any, robust: Any) -> Any:
    """REWARD from the row [K] of a reward path that all trajectories share."""
    for lane in range(LANES):
        shift[lane] = 0.0 if robust is None else row[counts[LIKELIEST + lane]]
    for a in range(block.shape[0]):
        reward = row[a]
        for lane in range(LANES):
            block[a, REWARD + lane] = reward - shift[lane]


@njit(**KERNEL)
def set_rewards(block: Any, counts: Any, problem: Any, n: Any, robust: Any) -> Any:
    """REWARD of every lane from its own mean rewards or from row n of the path."""
    for lane in range(LANES):
        row = min(counts[TRAJECTORY + lane], problem.theta.shape[0] - 1)
        if problem.path_length > 0:
            row = min(n, problem.path_length - 1)
        shift = 0.0 if robust is None else problem.rewards[row, counts[LIKELIEST + lane]]
        for a in range(block.shape[0]):
            block[a, REWARD + lane] = problem.rewards[row, a] - shift


@njit(**KERNEL)
def make_updates(
    block: Any, numbers: Any, counts: Any, problem: Any, n: Any, end: Any, robust: Any
) -> Any:
    """Updates n+1 .. end of every lane; with n == end, only the escape test on policy n."""
    hot_function()
    total, mean, shift = lane_array(block), lane_array(block), lane_array(block)
    only_test = n == end
    while True:
        if n < problem.path_length:
            set_path_rewards(block, problem.rewards[n], counts, shift, robust)
        if robust is None:
            plain_sums(block, total, mean)
        else:
            robust_sums(block, total, mean)
        check_escape(block, numbers, counts, total, mean, problem, n)
        if only_test:
            break
        if robust is None:
            plain_step(block, total, mean)
        else:
            robust_step(block, total, mean)
        n += 1
        if n == end:
            break


advance_block = driver.build_driver(set_rewards, make_updates)
