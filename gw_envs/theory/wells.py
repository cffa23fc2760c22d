"""When is a policy in the well? Decided here once, for environments, agents, kernels and solvers.

Definition (paper, equation 3): sub-optimality >= 0.9 * Delta, with Delta the best minus the second
best mean reward. The relative tolerance 1e-12 keeps a start placed exactly on the threshold inside
in spite of rounding. `well_edge` and `in_well` are elementwise operators only, so that they serve
floats, arrays and, compiled by numba, kernels alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, check_float, check_numbers

WELL_FRACTION = 0.9
WELL_TOLERANCE = 1e-12


def well_edge(reward_gap: Any, fraction: float = WELL_FRACTION) -> Any:
    """The smallest sub-optimality still in the well: fraction * gap * (1 - 1e-12).

    Args:
        reward_gap: Q of the best action minus Q of the second best, any shape.
        fraction: share of the gap that still counts as inside.

    Returns:
        In units of reward (or return), shaped as `reward_gap`.
    """
    return fraction * reward_gap * (1.0 - WELL_TOLERANCE)


def in_well(suboptimality: Any, reward_gap: Any, fraction: float = WELL_FRACTION) -> Any:
    """Whether a policy is in the well: sub-optimality >= `well_edge`, and gap > 0.

    Args:
        suboptimality: sum_a pi(a)(Q(a*) - Q(a)), in units of reward (or return).
        reward_gap: Q of the best action minus Q of the second best, same shape.
        fraction: share of the gap that still counts as inside.

    Returns:
        bool, or a boolean array of the arguments' common shape.
    """
    return (suboptimality >= well_edge(reward_gap, fraction)) & (reward_gap > 0.0)


def escape_threshold(fraction: float = WELL_FRACTION) -> float:
    """The probability pi(a*) above which an equal-gap bandit's policy is outside the well.

    There sub-optimality is Delta * (1 - pi(a*)), so `in_well` means pi(a*) <= this value.

    Raises:
        ValueError: unless the share of the gap lies in (0, 1].
    """
    share = check_float("fraction", fraction, 0, 1, open_low=True)
    return 1.0 - float(well_edge(1.0, share))


def best_arm_and_gap(rewards: ArrayLike, name: str = "mean_rewards") -> tuple[Any, Any]:
    """The best arm a* and the gap Delta, best minus second best mean reward.

    Args:
        rewards: mean rewards [..., K], K >= 2, finite.
        name: what the caller's argument is called, for the message.

    Returns:
        (index of a*, Delta > 0): int and float for [K], arrays [...] otherwise.

    Raises:
        BadInput: if two arms are best, to the bit: then there is neither a gap nor a well.
    """
    r = check_numbers(name, rewards)
    if r.ndim < 1 or r.shape[-1] < 2 or r.size == 0:
        raise BadInput(f"{name} of shape {r.shape} must hold at least 2 mean rewards.")
    second, first = np.moveaxis(np.sort(r, axis=-1)[..., -2:], -1, 0)
    gap = first - second
    if not np.all(gap > 0):
        row = r.reshape(-1, r.shape[-1])[int(np.argmin(gap))]
        raise BadInput(
            f"{name}={row.tolist()} has several best arms, so there is no gap and no well; make "
            "the largest mean reward unique."
        )
    best = np.argmax(r, axis=-1)
    return (int(best), float(gap)) if r.ndim == 1 else (best, gap)
