"""The policies that rules race from: a named one, deeper ones like it, one as far in parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.policies import Start, softmax
from agents.simulation import policy_at_distance
from agents.updates import ExactRule
from experiments.ways_out.races import Track
from gw_envs.checks import Floats


def named_start(track: Track, name: str, optimal_prob: float, corner: int | None) -> Floats:
    """The same named policy in every state, [S, K]."""
    return softmax(Start(name, optimal_prob, corner).table(track.best, track.num_actions))


def at_depth(policy: Floats, best: NDArray[np.int64], optimal_prob: float) -> Floats:
    """The policy [S, K] with pi(a*) = optimal_prob, the other arms in proportion."""
    moved, states = policy.copy(), np.arange(len(best))
    moved[states, best] = 0.0
    moved *= (1 - optimal_prob) / moved.sum(axis=-1, keepdims=True)
    moved[states, best] = optimal_prob
    return moved


def same_distance(rule: ExactRule, policy: Floats, best: NDArray[np.int64]) -> Floats | None:
    """The start [S, K] at softmax's parameter distance; `policy` itself for a rule on logits."""
    states, k = np.arange(len(best)), policy.shape[-1]
    theta = rule.theta_from_policy(policy)
    if np.ptp(theta[..., :k] - np.log(policy), axis=-1).max() < 1e-9:
        return policy
    if theta.shape[-1] > k:  # another map, with a memory
        return None
    chosen = policy[states, best][:, None]
    others = policy[np.arange(k) != best[:, None]].reshape(len(best), k - 1)
    if np.ptp(others, axis=-1).max() > 1e-9 * others.min() or not np.all(others > chosen):
        return None
    rows = policy_at_distance(rule, np.log(others[:, 0] / chosen[:, 0]), k)
    return np.stack([_swapped(row, a) for row, a in zip(rows, best.tolist(), strict=True)])


def _swapped(row: Floats, best: int) -> Floats:
    """`row`, whose best arm is the first, for a best arm elsewhere; the others are equal."""
    moved = row.copy()
    moved[[0, best]] = moved[[best, 0]]
    return moved
