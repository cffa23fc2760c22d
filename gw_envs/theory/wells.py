"""When is a policy in the well? Decided here once, for environments, agents, kernels and solvers.

Definition (paper, equation 3): sub-optimality >= 0.9 * Delta. The relative tolerance 1e-12 keeps a
start placed exactly on the threshold inside in spite of rounding.
"""

from __future__ import annotations

from typing import Any

WELL_FRACTION = 0.9
WELL_TOLERANCE = 1e-12


def in_well(suboptimality: Any, reward_gap: Any, fraction: float = WELL_FRACTION) -> Any:
    """Whether a policy is in the well: sub-optimality >= fraction * gap * (1 - 1e-12), gap > 0.

    Written with elementwise operators only, so that it serves floats, arrays and, compiled by
    numba, kernels alike.

    Args:
        suboptimality: sum_a pi(a)(Q(a*) - Q(a)), in units of reward (or return).
        reward_gap: Q of the best action minus Q of the second best, same shape.
        fraction: share of the gap that still counts as inside.

    Returns:
        bool, or a boolean array of the arguments' common shape.
    """
    return (suboptimality >= fraction * reward_gap * (1.0 - WELL_TOLERANCE)) & (reward_gap > 0.0)


def escape_threshold(fraction: float = WELL_FRACTION) -> float:
    """The probability pi(a*) above which an equal-gap bandit's policy is outside the well.

    There sub-optimality is Delta * (1 - pi(a*)), so `in_well` means pi(a*) <= this value.
    """
    return 1.0 - fraction * (1.0 - WELL_TOLERANCE)
