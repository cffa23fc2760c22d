"""Lower bounds on the escape time, with explicit constants.

Each bound speaks of softmax policy gradient with exact gradients,
theta(a) += eta pi(a)(r(a) - pi.r), and of the number n of updates made. F is `flow_integral`,
x0 = pi_1(a*), G a bound on every gap r(a*) - r(a). Proofs: docs/theory.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import check_float, check_int, check_policy
from gw_envs.theory.clock import flow_integral
from gw_envs.theory.wells import escape_threshold


def escape_lower_bound(optimal_prob: ArrayLike, reward_gap: float, learning_rate: float) -> Any:
    """Updates before which no policy leaves the equal-gap well (the paper's Theorem 1, explicit).

    L = max(0, [F(0.1) - F(x0)] / (2 eta Delta)). For r = (b+Delta, b, ..., b), every K, every
    initial policy with pi_1(a*) = x0 and every constant eta > 0 (for a schedule, compare
    sum eta_t with L * eta): sub-optimality stays >= 0.9 Delta for all n <= L, so the escape time
    T >= floor(L) + 1. Simple form: n <= (1 - 10 x0)/(2 eta Delta x0), i.e. C = (1 - 10 x0)/(2 eta).

    Args:
        optimal_prob: x0 in (0, 1), float or array.
        reward_gap: Delta in (0, 1].
        learning_rate: eta > 0.

    Returns:
        L in updates, float or array; 0 where x0 starts outside the well.
    """
    check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    check_float("learning_rate", learning_rate, 0, open_low=True)
    clock = flow_integral(escape_threshold()) - flow_integral(optimal_prob)
    bound = np.maximum(clock / (2 * learning_rate * reward_gap), 0.0)
    return float(bound) if np.ndim(bound) == 0 else bound


def drift_escape_bound(policy: ArrayLike, optimal_action: int = 0) -> float:
    """The clock sum_t eta_t G_t below which no escape is possible, for rewards that may drift.

    For any bounded rewards r(t), any step sizes and G_t >= max_i (r_*(t) - r_i(t))_+:
    pi_n(a*) <= 0.1 as long as sum_{t<n} eta_t G_t <= ((K-1)/K) [F(0.1) - F(xh)], where
    xh = w/(w + rho), w = x0/(1-x0) and rho in (0, 1] is the ratio of the geometric to the arithmetic mean of the
    sub-optimal probabilities. While that holds, sub-optimality >= 0.9 min_i (r_*(n) - r_i(n))
    wherever that minimum is >= 0. For constant rewards divide by eta * max gap to get updates.

    Args:
        policy: initial probabilities [K].
        optimal_action: index of a*.

    Returns:
        The clock's bound, dimensionless; 0 where xh is not inside the well.
    """
    pi = check_policy("policy", policy)
    if pi.ndim != 1:
        raise ValueError(f"policy of shape {pi.shape} must be one vector of K probabilities.")
    best = check_int("optimal_action", optimal_action, 0, pi.size - 1)
    rest = np.delete(pi, best)
    k = pi.size
    # The geometric mean through logarithms: products of small probabilities would underflow.
    rho = min(1.0, float(np.exp(np.mean(np.log(rest)))) / float(np.mean(rest)))
    odds = pi[best] / rest.sum()
    start = odds / (odds + rho)
    edge = escape_threshold()
    if start >= edge:
        return 0.0
    return (k - 1) / k * (flow_integral(edge) - flow_integral(start))


def reward_escape_bound(policy: ArrayLike, mean_rewards: ArrayLike, learning_rate: float) -> float:
    """The better of both bounds for constant rewards of any shape, in updates.

    Equal gaps use `escape_lower_bound` (valid for every initial policy) or `drift_escape_bound`,
    whichever is larger; unequal rewards use the latter with G the largest gap.

    Args:
        policy: initial probabilities [K].
        mean_rewards: r in [0, 1]^K with one best arm.
        learning_rate: eta > 0.

    Returns:
        L in updates: the guarantee is T >= floor(L) + 1; 0 where nothing is guaranteed.
    """
    pi, r = check_policy("policy", policy), np.asarray(mean_rewards, dtype=np.float64)
    best = int(np.argmax(r))
    gaps = r[best] - np.delete(r, best)
    if gaps.min() <= 0:
        return 0.0
    bound = drift_escape_bound(pi, best) / (learning_rate * gaps.max())
    if np.ptp(gaps) <= 1e-12:
        bound = max(bound, escape_lower_bound(pi[best], float(gaps.max()), learning_rate))
    return bound
