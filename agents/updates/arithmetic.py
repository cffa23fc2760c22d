"""What rules compute with: advantages, the weights of an MDP's states, and single pulls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats


def advantages(policy: Floats, values: Floats) -> Floats:
    """U(a) = values(a) - pi.values, in two passes so that a dominant arm's U does not cancel."""
    mean = np.sum(policy * values, axis=-1, keepdims=True)
    centred = values - mean
    return centred - np.sum(policy * centred, axis=-1, keepdims=True)


def ratio_excess(policy: Floats, moved: Floats, likeliest: Floats | None = None) -> Floats:
    """rho - 1, rho = softmax(ln policy + moved) / policy, however small it is, [..., K].

    Args:
        policy: [..., K].
        moved: what has been added to its logits, [..., K].
        likeliest: the policy's largest entry as a mask [..., K], for whoever asks often.
    """
    # Only differences of logits matter: from the likeliest arm's, whose own is then exactly 0.
    if likeliest is None:
        likeliest = policy == policy.max(axis=-1, keepdims=True)
    base = np.max(moved, axis=-1, keepdims=True, where=likeliest, initial=-np.inf)
    growth = np.expm1(np.minimum(moved - base, 700.0))
    mean = np.add.reduce(policy * growth, axis=-1, keepdims=True)
    return (growth - mean) / (1 + mean)


def parameter_axes(weight: Floats | float) -> tuple[int, ...]:
    """The axes of theta that belong to one policy: actions, and states where `weight` has them.

    Raises:
        ValueError: if `weight` is an array without a state axis.
    """
    if np.ndim(weight) == 0:
        return (-1,)
    if np.ndim(weight) == 1:
        raise BadInput(
            f"weight of shape {np.shape(weight)} must be a number (one state) or d(s)/(1-discount) "
            "of shape [..., S, 1]."
        )
    return (-2, -1)


def count_states(weight: Floats | float) -> int:
    """S, the length of the state axis of `weight`; 1 for a plain number."""
    return 1 if parameter_axes(weight) == (-1,) else int(np.shape(weight)[-2])


def effective_horizon(weight: Floats | float) -> Floats | float:
    """1/(1-discount), the sum of `weight` over states; [..., 1, 1] in an MDP."""
    if parameter_axes(weight) == (-1,):
        return weight
    return np.sum(weight, axis=-2, keepdims=True)


def one_hot(action: NDArray[np.int64], num_actions: int) -> Floats:
    """e_A, [..., K], float64."""
    return (np.asarray(action)[..., None] == np.arange(num_actions)).astype(np.float64)


def column(value: Floats | float) -> Floats:
    """A number or [...] as [..., 1], to meet [..., K]."""
    return np.asarray(value, dtype=np.float64)[..., None]


def weighted_mean(weights: Floats, values: Floats) -> Floats:
    """sum_a w(a) r(a) / sum_a w(a), [..., 1]."""
    total = np.sum(weights, axis=-1, keepdims=True)
    return np.sum(weights * values, axis=-1, keepdims=True) / total
