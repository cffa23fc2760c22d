"""The state of a block of LANES trajectories, as every kernel holds it.

`block` [K, fields * LANES] has for each arm, best arm first, a row of fields; block[a, MASS + lane]
is one number (two dimensions, so that the distance of two fields is a constant for LLVM). The logits are
theta = BASE + OFFSET - LOST: in robust arithmetic OFFSET starts at 0 and LOST is what compensated
addition has yet to add, so increments far below the spacing of floats near theta still count; in
plain arithmetic BASE is one number per lane and OFFSET is theta itself up to that number.
pi(a) is MASS(a) / sum MASS with MASS = WEIGHT * exp(OFFSET).

REWARD is the mean reward minus that of the likeliest arm (robust). With that shift the mean
sum pi REWARD of a deep well is a sum of tiny terms, each exact to rounding; without it the
advantage of the likeliest arm is the difference of two numbers that agree in all their digits.

Every SEGMENT updates at most the likeliest arm is looked up again and offsets that have grown are
moved into BASE. Segments depend on the learning rate and on n alone, so that a trajectory's bits
are the same in any batch and for any history.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from agents.simulation.lanes import KERNEL, LANES

OFFSET, LOST, WEIGHT, MASS, REWARD, BASE, GAP, CREDIT = (i * LANES for i in range(8))
EXACT_WIDTH, SAMPLED_WIDTH = 6 * LANES, 8 * LANES

# Largest move of an offset within a segment, and the offset that calls for a new base. Their sum
# stays inside the range of exp.
_MOVE = {"float64": 256.0, "float32": 48.0}
_REBASE = {"float64": 32.0, "float32": 16.0}
_SEGMENT = 1024


def segment_length(largest_step: float, dtype: str) -> int:
    """Updates between two looks at a block, if no logit moves by more than `largest_step` in one.

    A power of two, at least 1. A single larger move is harmless: the next look follows it.
    """
    fitting = _MOVE[dtype] / max(largest_step, _MOVE[dtype] / _SEGMENT)
    return 1 << max(0, math.floor(math.log2(max(fitting, 1.0))))


def rebase_limit(dtype: str) -> float:
    """The size of an offset beyond which it is moved into the base."""
    return _REBASE[dtype]


@njit(**KERNEL)
def load_block(block: Any, theta: Any, first: Any, robust: Any) -> Any:
    """Begin lanes at trajectories first, first+1, ... of theta [B, K]; lanes beyond B rest."""
    batch, arms = theta.shape
    for lane in range(LANES):
        row = min(first + lane, batch - 1)
        top = theta[row, 0]
        for a in range(1, arms):
            top = max(top, theta[row, a])
        for a in range(arms):
            block[a, LOST + lane] = 0.0
            if robust:
                block[a, BASE + lane] = theta[row, a]
                block[a, OFFSET + lane] = 0.0
                block[a, WEIGHT + lane] = math.exp(theta[row, a] - top)
            else:
                block[a, BASE + lane] = top
                block[a, OFFSET + lane] = theta[row, a] - top
                block[a, WEIGHT + lane] = 1.0


@njit(**KERNEL)
def rebase(block: Any, robust: Any, limit: Any) -> Any:
    """Move offsets into the base in lanes where the largest has grown beyond `limit`."""
    arms = block.shape[0]
    for lane in range(LANES):
        grown = block[0, OFFSET + lane]
        low = grown
        for a in range(arms):
            grown = max(grown, block[a, OFFSET + lane])
            low = min(low, block[a, OFFSET + lane])
        if robust and (grown > limit or low < -limit):
            top = -np.inf
            for a in range(arms):
                block[a, BASE + lane] += block[a, OFFSET + lane] - block[a, LOST + lane]
                block[a, OFFSET + lane] = 0.0
                block[a, LOST + lane] = 0.0
                top = max(top, block[a, BASE + lane])
            for a in range(arms):
                block[a, WEIGHT + lane] = math.exp(block[a, BASE + lane] - top)
        elif abs(grown) > limit and not robust:
            for a in range(arms):
                block[a, BASE + lane] += grown
                block[a, OFFSET + lane] -= grown


@njit(**KERNEL)
def find_likeliest(block: Any, likeliest: Any) -> Any:
    """Write each lane's likeliest arm (the first of equals) to `likeliest` [LANES]."""
    for lane in range(LANES):
        best = 0
        top = block[0, BASE + lane] + block[0, OFFSET + lane]
        for a in range(1, block.shape[0]):
            value = block[a, BASE + lane] + block[a, OFFSET + lane]
            if value > top:
                best = a
                top = value
        likeliest[lane] = best


@njit(**KERNEL)
def save_block(block: Any, first: Any, out: Any) -> Any:
    """Write the logits of the block's trajectories to their rows of out [B, K], float64."""
    for lane in range(min(LANES, out.shape[0] - first)):
        for a in range(block.shape[0]):
            moved = np.float64(block[a, OFFSET + lane]) - np.float64(block[a, LOST + lane])
            out[first + lane, a] = np.float64(block[a, BASE + lane]) + moved
