"""What rules compute with: advantages, the weights of an MDP's states, and single pulls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats

Real = Floats | float


def expected(policy: Floats, values: Floats) -> Floats:
    """policy.values over the last axis, [..., 1]; the sum without numpy's wrappers, for loops."""
    return np.asarray(np.add.reduce(policy * values, axis=-1, keepdims=True))


def advantages(policy: Floats, values: Floats) -> Floats:
    """U(a) = values(a) - pi.values, in two passes so that a dominant arm's U does not cancel.

    Values are measured from the first arm's: where all are equal, U is 0 and no rounding.
    """
    differences = values - values[..., :1]
    centred = differences - expected(policy, differences)
    return centred - expected(policy, centred)


def ratio_excess(policy: Floats, moved: Floats) -> Floats:
    """rho - 1, rho = softmax(ln policy + moved) / policy, however small it is, [..., K].

    Args:
        policy: [..., K].
        moved: what has been added to its logits, [..., K].
    """
    # Only differences of logits matter: from the likeliest arm's, whose own is then exactly 0.
    likeliest = np.argmax(policy, axis=-1)[..., None]
    growth = np.expm1(np.minimum(moved - np.take_along_axis(moved, likeliest, axis=-1), 700.0))
    return advantages(policy, growth) / (1 + expected(policy, growth))


def push(policy: Floats, pull: Floats, excess: Real = 0.0) -> Floats:
    """sum_a q(a) pull(a) (e_a - pi), q the policy that played and pi = q (1 + excess), [..., K].

    Written as q (pull - q.pull - excess q.pull), since q pull - pi (q.pull) is a difference of
    nearly equal numbers for an arm that has nearly all the mass.

    Args:
        policy: q, [..., K].
        pull: [..., K].
        excess: pi/q - 1, [..., K]; 0 for the policy itself.
    """
    own = advantages(policy, pull)
    if isinstance(excess, float) and excess == 0:
        return policy * own
    return policy * (own - excess * expected(policy, pull))


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
    return expected(weights, values) / total
