"""The state of a block of LANES trajectories, as every kernel holds it.

`block` [K, fields * LANES] has for each arm, best arm first, a row of fields: block[a, MASS + lane]
is one number (two dimensions, so that LLVM knows the distance of two fields). The logits are
theta = BASE + OFFSET - LOST: OFFSET starts at 0 and LOST is what compensated addition has yet to
add, so increments far below the spacing of floats near theta still count. pi(a) is MASS(a) / sum
MASS with MASS = WEIGHT * exp(OFFSET).

EXCESS is REWARD less that of the likeliest arm. Its mean in a deep well is a sum of tiny terms,
each exact to rounding; without it the advantage of the likeliest arm is the difference of two
numbers that agree in all their digits.

Every SEGMENT updates at most the likeliest arm is looked up again and offsets that have grown are
moved into BASE. Segments depend on the learning rate and on n alone, so that a trajectory's bits
are the same in any batch and for any history.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from agents.simulation.kernels.lanes import INLINE, KERNEL, LANES, in_well

# CREDIT: what sampled pulls of an arm earned.
OFFSET, LOST, WEIGHT, MASS, EXCESS, BASE, REWARD, CREDIT = (i * LANES for i in range(8))
WIDTH = 8 * LANES

# Numbers of a lane that outlive a segment: the step size (0 once a lane rests), the well's gap, the
# lowest pi(a*) met, the sum of rewards received; and whole numbers: the escape time, the
# trajectory, the likeliest arm.
RATE, WELL_GAP, LOWEST, RECEIVED = (i * LANES for i in range(4))
NUMBERS_WIDTH = 4 * LANES
ESCAPED, TRAJECTORY, LIKELIEST = (i * LANES for i in range(3))
COUNTS_WIDTH = 3 * LANES

# The value of the record's flag that stops every block at its next segment.
HALTED = 1

# Largest move of an offset within a segment, and the offset that calls for a new base. Their sum
# stays inside the range of exp.
_MOVE, REBASE = 256.0, 32.0
_SEGMENT = 1024


class Problem(NamedTuple):
    """What a kernel is given; B trajectories, K arms, best arm first."""

    theta: Any  # [B, K] float64, initial logits
    rewards: Any  # [B, K]
    gaps: Any  # [B], the gap of the well
    learning_rate: Any
    fraction: Any  # in the well: sub-optimality >= fraction * gap ...
    escape_prob: Any  # ... and pi(a*) <= escape_prob
    stop: Any  # a trajectory rests from its escape on
    segment: Any  # updates between two looks at a block
    marks: Any  # [H] ascending n at which to save; the last is the budget
    # Sampled gradients only:
    batch_size: Any = 1  # pulls per update
    noise: Any = 0  # index in NOISE_LAWS
    noise_std: Any = 0.0
    baseline: Any = 0  # index in BASELINES
    baseline_value: Any = 0.0
    key: Any = np.uint64(0)  # of the random streams
    first_stream: Any = 0  # stream of trajectory 0


class Record(NamedTuple):
    """What a kernel writes."""

    moved: Any  # [B, K], theta - theta(0) at the end
    history: Any  # [H, B, K], theta - theta(0) at the marks, or H = 0
    escape_time: Any  # [B] int64, -1 while inside
    lowest_prob: Any  # [B], lowest pi(a*) met
    flag: Any  # [1] int64


def new_record(problem: Problem, keep: bool) -> Record:
    """What a run of a problem writes, with its history if that is kept."""
    batch, width = problem.theta.shape
    return Record(
        moved=np.empty((batch, width)),
        history=np.empty((problem.marks.size if keep else 0, batch, width)),
        escape_time=np.empty(batch, dtype=np.int64),
        lowest_prob=np.empty(batch),
        flag=np.zeros(1, dtype=np.int64),
    )


def segment_length(largest_step: float) -> int:
    """Updates between two looks at a block, if no logit moves by more than `largest_step` in one.

    A power of two, at least 1. A single larger move is harmless: the next look follows it.
    """
    fitting = _MOVE / max(largest_step, _MOVE / _SEGMENT)
    return 1 << max(0, math.floor(math.log2(max(fitting, 1.0))))


def aligned_zeros(shape: tuple[int, ...], dtype: str) -> Any:
    """An array that begins at a cache line, so that no vector straddles two."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


@njit(**INLINE)
def watch_lane(
    numbers: Any, counts: Any, problem: Any, lane: Any, n: Any, optimal_prob: Any, loss: Any
) -> Any:
    """The escape test on policy n of one lane with sub-optimality `loss`.

    Notes the first escape and the lowest pi(a*); returns the step size, 0 once the lane rests.
    """
    inside = in_well(loss, numbers[WELL_GAP + lane], problem.fraction)
    outside = (optimal_prob > problem.escape_prob) | (not inside)
    escaped = counts[ESCAPED + lane]
    counts[ESCAPED + lane] = n if (escaped < 0) & outside else escaped
    rate = numbers[RATE + lane]
    rate = 0.0 if outside & problem.stop else rate
    numbers[RATE + lane] = rate
    lowest = numbers[LOWEST + lane]
    numbers[LOWEST + lane] = optimal_prob if (rate > 0.0) & (optimal_prob < lowest) else lowest
    return rate


@njit(**INLINE)
def add_compensated(block: Any, a: Any, lane: Any, change: Any) -> Any:
    """Kahan's addition of `change` to the logit of arm a."""
    rounded = change - block[a, LOST + lane]
    moved = block[a, OFFSET + lane] + rounded
    block[a, LOST + lane] = (moved - block[a, OFFSET + lane]) - rounded
    block[a, OFFSET + lane] = moved


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
            block[a, REWARD + lane] = problem.rewards[row, a]
            block[a, CREDIT + lane] = 0.0


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
    """Write each lane's likeliest arm, the first of equals, and EXCESS."""
    for lane in range(LANES):
        best = 0
        top = block[0, BASE + lane] + block[0, OFFSET + lane]
        for a in range(1, block.shape[0]):
            value = block[a, BASE + lane] + block[a, OFFSET + lane]
            if value > top:
                best = a
                top = value
        counts[LIKELIEST + lane] = best
        for a in range(block.shape[0]):
            block[a, EXCESS + lane] = block[a, REWARD + lane] - block[best, REWARD + lane]


@njit(**KERNEL)
def save_block(block: Any, theta: Any, first: Any, out: Any) -> Any:
    """Write theta - theta(0) of the block's trajectories to their rows of out [B, K]."""
    for lane in range(min(LANES, out.shape[0] - first)):
        for a in range(block.shape[0]):
            moved = block[a, OFFSET + lane] - block[a, LOST + lane]
            out[first + lane, a] = (block[a, BASE + lane] - theta[first + lane, a]) + moved
