"""Baselines of the sampled policy gradient: the number subtracted from a reward or return.

None of them changes the expected gradient; they change its variance and what a plateau looks like.
"""

from __future__ import annotations

import numpy as np

from gw_envs.checks import BadInput, Floats, check_choice, check_float, shown

BASELINES = ("none", "value", "average", "optimal", "constant", "oracle")


def check_baseline(baseline: str, baseline_value: float | None) -> tuple[str, float]:
    """Name and number of a baseline; the number is 0 where it has none.

    Raises:
        ValueError: for an unknown name, or a number that is missing or has no use.
    """
    check_choice("baseline", baseline, BASELINES)
    if (baseline == "constant") != (baseline_value is not None):
        raise BadInput(
            f"baseline_value={shown(baseline_value)} with baseline={baseline!r}: a number "
            "goes with baseline='constant', and only with it."
        )
    number = 0.0 if baseline_value is None else baseline_value
    return baseline, check_float("baseline_value", number)


def optimal_baseline(policy: Floats, values: Floats) -> Floats:
    """The scalar that minimises the variance of (R - b)(e_A - pi), [..., 1].

    b = sum_a pi(a) w(a) r(a) / sum_a pi(a) w(a) with
    w(a) = ||e_a - pi||^2 = 1 - 2 pi(a) + ||pi||^2.

    Args:
        policy: [..., K].
        values: mean rewards or Q, [..., K].
    """
    squares = np.sum(policy * policy, axis=-1, keepdims=True)
    weights = policy * (1 - 2 * policy + squares)
    total = np.sum(weights, axis=-1, keepdims=True)
    mean = np.sum(weights * values, axis=-1, keepdims=True)
    # A policy that rounds to a corner has no variance left: any baseline is optimal, take pi.r.
    value = np.sum(policy * values, axis=-1, keepdims=True)
    return np.where(total > 0, mean / np.where(total > 0, total, 1.0), value)


def exact_baseline(name: str, policy: Floats, values: Floats, constant: float) -> Floats:
    """The baseline of each state from exact values, [..., 1].

    Args:
        name: "none" (0), "value" (pi.values), "optimal" (`optimal_baseline`), "oracle" (halfway
            between best and second best value, Mei et al. 2022) or "constant" (the number given).
            "average" needs rewards seen so far and is kept by the agent.
        policy: [..., K].
        values: mean rewards or Q, [..., K].
        constant: the number of "constant".
    """
    if name == "value":
        return np.sum(policy * values, axis=-1, keepdims=True)
    if name == "optimal":
        return optimal_baseline(policy, values)
    if name == "oracle":
        top = np.sort(values, axis=-1)[..., -2:]
        return top.mean(axis=-1, keepdims=True)
    number = constant if name == "constant" else 0.0
    return np.full((*values.shape[:-1], 1), number)
