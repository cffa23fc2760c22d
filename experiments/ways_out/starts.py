"""Where rules start: the same policy at any depth, or the same distance of parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.policies import Start, softmax
from agents.updates import ExactRule
from gw_envs.checks import Floats, check_instance, check_int, check_memory, check_numbers

NAMES = ("uniform_suboptimal", "corner")


def named_start(
    name: str, optimal_prob: float, corner: int | None, best: NDArray[np.int64], num_actions: int
) -> Floats:
    """The same named policy in every state, [S, K]."""
    return softmax(Start(name, optimal_prob, corner).table(best, num_actions))


def at_depth(policy: Floats, best: NDArray[np.int64], optimal_prob: float) -> Floats:
    """The policy [S, K] with pi(a*) = optimal_prob, the other arms in proportion."""
    moved, states = policy.copy(), np.arange(len(best))
    moved[states, best] = 0.0
    moved *= (1 - optimal_prob) / moved.sum(axis=-1, keepdims=True)
    moved[states, best] = optimal_prob
    return moved


def same_distance(rule: ExactRule, policy: Floats, best: NDArray[np.int64]) -> Floats | None:
    """The start [S, K] at softmax's parameter distance; `policy` itself for a rule on logits.

    None where there is none: another map that remembers, or other arms that are not alike.
    """
    states, k = np.arange(len(best)), policy.shape[-1]
    theta = rule.theta_from_policy(policy)
    if np.ptp(theta[..., :k] - np.log(policy), axis=-1).max() < 1e-9:
        return policy
    if theta.shape[-1] > k:
        return None
    chosen = policy[states, best][:, None]
    others = policy[np.arange(k) != best[:, None]].reshape(len(best), k - 1)
    if np.ptp(others, axis=-1).max() > 1e-9 * others.min() or not np.all(others > chosen):
        return None
    rows = policy_at_distance(rule, np.log(others[:, 0] / chosen[:, 0]), k)
    return np.stack([_swapped(row, a) for row, a in zip(rows, best.tolist(), strict=True)])


def policy_at_distance(rule: ExactRule, distance: ArrayLike, num_actions: int) -> Floats:
    """The policy whose parameters put every other arm `distance` above the best, arm 0.

    From the same policy, rules with different maps start from different parameters; this is the
    other fair start. theta = (1, 1+distance, ..., 1+distance): the 1 matters to the escort map
    only, which sees ratios and not differences.

    Args:
        rule: the exact rule whose map is used.
        distance: the parameters' distance, > 0, [...].
        num_actions: K >= 2.

    Returns:
        Probabilities [..., K].
    """
    check_instance("rule", rule, ExactRule, "an exact rule, as make_rule gives")
    arms = check_int("num_actions", num_actions, 2)
    check_memory("num_actions", num_actions, 16.0 * arms)
    above = check_numbers("distance", distance, 0, open_low=True)[..., None]
    theta = rule.theta_from_policy(np.full((*above.shape[:-1], num_actions), 1 / num_actions))
    theta[..., :num_actions] = 1 + above * (np.arange(num_actions) > 0)  # the rest is memory
    return rule.policy(theta)


def _swapped(row: Floats, best: int) -> Floats:
    """`row`, whose best arm is the first, for a best arm elsewhere; the others are equal."""
    moved = row.copy()
    moved[[0, best]] = moved[[best, 0]]
    return moved
