"""Exact-gradient trajectories: theta(a) += eta pi(a)(r(a) - pi.r), update by update, in lanes.

Per update: MASS and its sums (one exp per arm), the escape test on policy n, then the step to
policy n+1. `robust_*` is compensated and shifted as blocks.py explains; `plain_*` is the loop one
would write, kept for comparison and guarded by precision.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from agents.simulation import blocks
from agents.simulation.blocks import (
    LOST,
    MASS,
    OFFSET,
    REWARD,
    WEIGHT,
    find_likeliest,
    load_block,
    rebase,
    save_block,
)
from agents.simulation.lanes import (
    INLINE,
    KERNEL,
    LANES,
    hot_function,
    in_well,
    lane_array,
    lane_exp,
    reciprocal,
    source_digest,
)

# Per-lane numbers that outlive a call: the step size (0 once a lane rests), the well's gap, the
# lowest pi(a*) met.
RATE, WELL_GAP, LOWEST = 0, LANES, 2 * LANES

# The value of the record's flag that stops every block at its next segment.
HALTED = 1


class Problem(NamedTuple):
    """What a kernel is given; arms stand best first, B trajectories, K arms."""

    theta: Any  # [B, K] float64, initial logits
    rewards: Any  # [B, K], or [path_length, K] if path_length > 0
    path_length: Any  # rows of the reward path (the last is held), 0 for constant rewards
    gaps: Any  # [B], the gap of the well
    learning_rate: Any
    fraction: Any  # in the well: sub-optimality >= fraction * gap ...
    escape_prob: Any  # ... and pi(a*) <= escape_prob
    stop: Any  # a trajectory rests from its escape on
    segment: Any  # updates between two looks at a block
    limit: Any  # offset that calls for a new base
    floor: Any  # pi(a*) below which the run is stopped, 0 for never
    marks: Any  # [H] ascending n at which to save; the last is the budget


class Record(NamedTuple):
    """What a kernel writes."""

    final: Any  # [B, K] logits
    history: Any  # [H, B, K] logits at the marks, or H = 0
    escape_time: Any  # [B] int64, -1 while inside
    lowest_prob: Any  # [B], lowest pi(a*) met
    flag: Any  # [1] int64


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
    """One update by Kahan's compensated addition; scale = eta / sum MASS."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            change = block[a, MASS + lane] * scale[lane] * (block[a, REWARD + lane] - mean[lane])
            change -= block[a, LOST + lane]
            moved = block[a, OFFSET + lane] + change
            block[a, LOST + lane] = (moved - block[a, OFFSET + lane]) - change
            block[a, OFFSET + lane] = moved


@njit(**INLINE)
def plain_step(block: Any, scale: Any, mean: Any) -> Any:
    """One update by plain addition; scale = eta / sum MASS."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            change = block[a, MASS + lane] * scale[lane] * (block[a, REWARD + lane] - mean[lane])
            block[a, OFFSET + lane] += change


@njit(**INLINE)
def set_path_rewards(block: Any, row: Any, likeliest: Any, shift: Any, robust: Any) -> Any:
    """REWARD from the row [K] of a reward path that all trajectories share."""
    for lane in range(LANES):
        shift[lane] = 0.0 if robust is None else row[likeliest[lane]]
    for a in range(block.shape[0]):
        reward = row[a]
        for lane in range(LANES):
            block[a, REWARD + lane] = reward - shift[lane]


@njit(**INLINE)
def check_escape(block: Any, sums: Any, watch: Any, problem: Any, n: Any) -> Any:
    """Is policy n outside the well? Turns `total` into eta / sum MASS and `mean` into pi.REWARD."""
    total, mean = sums
    rate, gap, lowest, escaped = watch
    for lane in range(LANES):
        inverse = reciprocal(total[lane])
        value = mean[lane] * inverse
        optimal_prob = block[0, MASS + lane] * inverse
        inside = in_well(block[0, REWARD + lane] - value, gap[lane], problem.fraction)
        outside = (optimal_prob > problem.escape_prob) | (not inside)
        escaped[lane] = n if (escaped[lane] < 0) & outside else escaped[lane]
        rate[lane] = 0.0 if outside & problem.stop else rate[lane]
        lower = (rate[lane] > 0.0) & (optimal_prob < lowest[lane])
        lowest[lane] = optimal_prob if lower else lowest[lane]
        mean[lane] = value
        total[lane] = rate[lane] * inverse


@njit(**KERNEL)
def make_updates(
    block: Any, numbers: Any, escape_time: Any, problem: Any, likeliest: Any, robust: Any,
    n: Any, end: Any,
) -> Any:  # fmt: skip
    """Updates n+1 .. end of every lane; with n == end, only the escape test on policy n."""
    hot_function()
    total, mean, shift = lane_array(block), lane_array(block), lane_array(block)
    rate, gap, lowest = lane_array(block), lane_array(block), lane_array(block)
    escaped = lane_array(escape_time)
    for lane in range(LANES):
        rate[lane] = numbers[RATE + lane]
        gap[lane] = numbers[WELL_GAP + lane]
        lowest[lane] = numbers[LOWEST + lane]
        escaped[lane] = escape_time[lane]
    only_test = n == end
    while True:
        if n < problem.path_length:
            set_path_rewards(block, problem.rewards[n], likeliest, shift, robust)
        if robust is None:
            plain_sums(block, total, mean)
        else:
            robust_sums(block, total, mean)
        check_escape(block, (total, mean), (rate, gap, lowest, escaped), problem, n)
        if only_test:
            break
        if robust is None:
            plain_step(block, total, mean)
        else:
            robust_step(block, total, mean)
        n += 1
        if n == end:
            break
    for lane in range(LANES):
        numbers[RATE + lane] = rate[lane]
        numbers[LOWEST + lane] = lowest[lane]
        escape_time[lane] = escaped[lane]


@njit(**KERNEL)
def begin_segment(block: Any, problem: Any, likeliest: Any, robust: Any, first: Any, n: Any) -> Any:
    """Look at the block: a new base where offsets have grown, the likeliest arms, their shift."""
    rebase(block, robust is not None, problem.limit)
    find_likeliest(block, likeliest)
    for lane in range(LANES):
        row = min(first + lane, problem.theta.shape[0] - 1)
        if problem.path_length > 0:
            row = min(n, problem.path_length - 1)
        shift = 0.0 if robust is None else problem.rewards[row, likeliest[lane]]
        for a in range(block.shape[0]):
            block[a, REWARD + lane] = problem.rewards[row, a] - shift


@njit(**KERNEL)
def advance_block(
    first: Any, block: Any, numbers: Any, problem: Any, record: Any, robust: Any
) -> Any:
    """Run trajectories first .. first+LANES-1 from policy 0 to the last of `marks`."""
    escaped, likeliest = np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    load_block(block, problem.theta, first, robust is not None)
    for lane in range(LANES):
        row = min(first + lane, problem.theta.shape[0] - 1)
        numbers[RATE + lane] = problem.learning_rate if first + lane == row else 0.0
        numbers[WELL_GAP + lane] = problem.gaps[row]
        numbers[LOWEST + lane] = 1.0
        escaped[lane] = -1
    # Typed: a literal 0 would make numba compile every callee a second time.
    n, mark, resting = np.int64(0), np.int64(0), False
    while True:
        if n % problem.segment == 0:
            begin_segment(block, problem, likeliest, robust, first, n)
            resting = True
            for lane in range(LANES):
                resting &= numbers[RATE + lane] == 0.0
                if numbers[LOWEST + lane] < problem.floor:
                    record.flag[0] = HALTED
        while mark < problem.marks.size and (n == problem.marks[mark] or resting):
            if record.history.shape[0] > 0:
                save_block(block, first, record.history[mark])
            mark += 1
        if mark == problem.marks.size or record.flag[0] == HALTED:
            break
        end = min((n // problem.segment + 1) * problem.segment, problem.marks[mark])
        make_updates(block, numbers, escaped, problem, likeliest, robust, n, end)
        n = end
    make_updates(block, numbers, escaped, problem, likeliest, robust, n, n)
    save_block(block, first, record.final)
    for lane in range(min(LANES, record.escape_time.size - first)):
        record.escape_time[first + lane] = escaped[lane]
        record.lowest_prob[first + lane] = numbers[LOWEST + lane]


def build(digest: int) -> Any:
    """The compiled entry; `digest` in its closure ties numba's disk cache to the sources."""

    @njit(cache=True, **KERNEL)
    def run_blocks(
        begin: Any, end: Any, block: Any, numbers: Any, problem: Any, record: Any, robust: Any
    ) -> int:
        """Advance trajectories [begin, end), `begin` a multiple of LANES.

        `block` [K, EXACT_WIDTH] and `numbers` [3 * LANES] are scratch whose type is the precision;
        `robust` is True or None, by which numba compiles one arithmetic or the other.
        """
        for first in range(begin, end, LANES):
            advance_block(first, block, numbers, problem, record, robust)
        return digest

    return run_blocks


run_blocks = build(source_digest(__file__, blocks.__file__))
