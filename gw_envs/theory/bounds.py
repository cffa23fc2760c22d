"""Lower bounds on the escape time, with explicit constants.

Each bound speaks of softmax policy gradient with exact gradients,
theta(a) += eta pi(a)(r(a) - pi.r), and of the number n of updates made. Names: K arms, x = pi(a*),
x0 its first value, G_i = r(a*) - r(i) the effective gaps, F = `flow_integral`. In v = logit(x) the
integral is F = 2 (v + sinh v), which loses no digit however small x is. Proofs: docs/theory.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import (
    BadInput,
    Floats,
    check_float,
    check_int,
    check_mean_rewards,
    check_numbers,
    check_policy,
    check_share,
)
from gw_envs.theory.clock import flow_integral, quotient
from gw_envs.theory.wells import best_arm_and_gap, escape_threshold


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

    Raises:
        ValueError: naming the argument that is out of range.
    """
    gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    return in_updates(equal_rewards_escape_bound(optimal_prob), eta, gap)


def in_updates(clock: ArrayLike, *factors: float) -> Any:
    """A clock over eta and a gap, in updates: what a lower bound says, finite as the truth is.

    Args:
        clock: >= 0, any shape.
        factors: positive.

    Returns:
        float or array; at most the largest float64.
    """
    most = np.finfo(np.float64).max
    bound = np.minimum(quotient(np.minimum(clock, most), *factors), most)
    return float(bound) if np.ndim(bound) == 0 else bound


def equal_rewards_escape_bound(optimal_prob: ArrayLike) -> Any:
    """The clock sum_t eta_t G_t below which no escape is possible if sub-optimal rewards are equal.

    Corollary of the corrected Theorem 2: if r_i(t) = b(t) for every i other than a*, with
    G_t = (r_*(t) - b(t))_+, then from ANY initial policy pi_n(a*) <= 0.1 as long as
    sum_{t<n} eta_t G_t <= [F(0.1) - F(x0)] / 2. K = 2 always is such a case.

    Args:
        optimal_prob: x0 in (0, 1), float or array.

    Returns:
        The clock's bound, dimensionless, float or array; 0 where x0 starts outside the well.
    """
    start = check_numbers("optimal_prob", optimal_prob, 0, 1, open_low=True, open_high=True)
    clock = (flow_integral(escape_threshold()) - np.asarray(flow_integral(start))) / 2
    bound = np.maximum(clock, 0.0)
    return float(bound) if bound.ndim == 0 else bound


def drift_escape_bound(policy: ArrayLike, optimal_action: int = 0) -> float:
    """The clock sum_t eta_t G_t below which no escape is possible, for rewards that may drift.

    The corrected Theorem 2. For any bounded rewards r(t), any step sizes and
    G_t >= max_i (r_*(t) - r_i(t))_+: pi_n(a*) <= 0.1 as long as
    sum_{t<n} eta_t G_t <= ((K-1)/K) [F(0.1) - F(xh)]. Here xh/(1-xh) = x0 / ((K-1) g) with g the
    geometric mean of the sub-optimal probabilities; xh >= x0, equal when they are all alike. While
    that holds, sub-optimality >= 0.9 min_i (r_*(n) - r_i(n)) wherever that minimum is >= 0. For
    constant rewards divide by eta * max gap to get updates; for a path of gaps use
    `drift_escape_updates`, for the escape of the glossary under drift `well_escape_updates`.

    Args:
        policy: initial probabilities [K].
        optimal_action: index of a*.

    Returns:
        The clock's bound, dimensionless; 0 where xh is not inside the well.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    pi = check_one_policy(policy)
    k = pi.size
    best = check_int("optimal_action", optimal_action, 0, k - 1)
    clock = extended_flow(logit(escape_threshold())) - extended_flow(levelled_logit(pi, best))
    return max(0.0, (k - 1) / k * clock)


def reward_escape_bound(policy: ArrayLike, mean_rewards: ArrayLike, learning_rate: float) -> float:
    """The better of both bounds for constant rewards of any shape, in updates.

    Sub-optimal rewards that are exactly equal use `escape_lower_bound` (valid for every initial
    policy) or `drift_escape_bound`, whichever is larger; others use the latter with the largest
    gap. Sub-optimality is then >= 0.9 * smallest gap, the well of one state.

    Args:
        policy: initial probabilities [K].
        mean_rewards: r in [0, 1]^K with one best arm.
        learning_rate: eta > 0.

    Returns:
        L in updates: the guarantee is T >= floor(L) + 1; 0 where nothing is guaranteed.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    pi, r = check_one_policy(policy), check_mean_rewards("mean_rewards", mean_rewards)
    if r.shape != pi.shape:
        raise BadInput(f"mean_rewards of shape {r.shape} must match policy's {pi.shape}.")
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    best, _ = best_arm_and_gap(r)
    gaps = r[best] - np.delete(r, best)
    clock = drift_escape_bound(pi, best)
    # Equal to the bit: a difference of 1e-12 already rules the dynamics once x0 is below it.
    if np.ptp(gaps) == 0:
        clock = max(clock, equal_rewards_escape_bound(pi[best]))
    return float(in_updates(clock, eta, float(gaps.max())))


def uniform_start_escape_bound(
    optimal_prob: float, largest_gap: float, learning_rate: float, num_actions: int
) -> float:
    """Updates before which no escape is possible from `uniform_suboptimal`: the true Theorem 2.

    The existential form. With x0 on a* and the rest equal, L = ((K-1)/K)(1 - 10 x0)/(eta Gbar x0)
    for every drift whose gaps stay <= Gbar: Theorem 2 with
    C = ((K-1)/K)(1 - 10 x0) Delta(s)/(eta Gbar), provided b_i(t) <= b_1(t), which keeps every gap
    >= Delta(s). `drift_escape_bound` is slightly larger.

    Args:
        optimal_prob: x0 in (0, 1).
        largest_gap: Gbar >= r_*(t) - r_i(t) for all i and t, in (0, 1] for rewards in [0, 1].
        learning_rate: eta > 0.
        num_actions: K >= 2.

    Returns:
        L in updates; 0 where x0 starts outside the well.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    x0 = check_share("optimal_prob", optimal_prob)
    gap = check_float("largest_gap", largest_gap, 0, 1, open_low=True)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    k = check_int("num_actions", num_actions, 2)
    return float(in_updates(max(0.0, (k - 1) / k * (1 - 10 * x0)), eta, gap, x0))


def mdp_escape_bound(
    policy: ArrayLike,
    learning_rate: float,
    discount: float,
    optimal_action: int = 0,
    visitation: float = 1.0,
) -> float:
    """Updates before which pi(a*|s) <= 0.1 holds in a state of any tabular MDP, however it drifts.

    The corrected Theorem 2 with r(t) = Q_t(s, .) and step eta d_t(s)/(1 - gamma). Rewards in [0, 1]
    make every gap <= 1/(1 - gamma), so L = drift_escape_bound (1 - gamma)^2 / (eta d). It promises
    pi(a*|s) <= 0.1; sub-optimality is then >= 0.9 min_i (Q_t(s,a*) - Q_t(s,i)) where that is >= 0.

    Args:
        policy: pi(.|s) at the start, [K].
        learning_rate: eta > 0.
        discount: gamma in [0, 1).
        optimal_action: index of a* in this state.
        visitation: an upper bound on d_t(s), in [0, 1]; 0 gives infinity.

    Returns:
        L in updates; 0 where nothing is guaranteed.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    gamma = check_float("discount", discount, 0, 1, open_high=True)
    share = check_float("visitation", visitation, 0, 1)
    clock = drift_escape_bound(policy, optimal_action)
    if clock == 0 or share == 0:
        return math.inf if clock > 0 else 0.0
    return float(in_updates(clock * (1 - gamma) ** 2, eta, share))


def check_one_policy(policy: ArrayLike) -> Floats:
    """Return `policy` as one vector [K] of probabilities.

    Raises:
        ValueError: if it is not one.
    """
    pi = check_policy("policy", policy)
    if pi.ndim != 1:
        raise BadInput(f"policy of shape {pi.shape} must be one vector of K probabilities.")
    return pi


def logit(x: float) -> float:
    """ln(x/(1-x)), x in (0, 1)."""
    return math.log(x) - math.log1p(-x)


def levelled_logit(policy: Floats, best: int) -> float:
    """logit(xh): a*'s logit once its rivals are made alike at their geometric mean.

    By AM-GM no policy with the same theta(a*) and the same sum of the other logits has a larger
    pi(a*).
    """
    rest = np.delete(policy, best)
    return float(np.log(policy[best]) - np.log(rest.size) - np.mean(np.log(rest)))


def extended_flow(v: ArrayLike) -> Any:
    """F at logit v up to v = 0, 4 v beyond: concave in v everywhere, and never above F.

    Its slope is 1/f with f(v) = x(1-x) up to v = 0 and 1/4 after, the smallest non-decreasing
    function above x(1-x), which is what the comparison of the corrected theorem needs.
    """
    at = np.asarray(v, dtype=np.float64)
    below = np.minimum(at, 0.0)
    with np.errstate(over="ignore"):  # -inf below v = -710 is right: the wait is beyond float64
        value = 2 * (below + np.sinh(below)) + 4 * np.maximum(at, 0.0)
    return float(value) if value.ndim == 0 else value
