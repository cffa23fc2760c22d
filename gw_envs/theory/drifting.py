"""Escape bounds along a path of effective gaps, in updates: the corrected Theorem 2 in use.

Names: x = pi(a*), n the number of updates made, G_i(t) = r_*(t) - r_i(t) the effective gaps,
clock(n) = sum_{t<n} eta_t max_i G_i(t)_+. The theorem (docs/theory.md, section 5) says that
H(x_n) <= H(xh) + (K/(K-1)) clock(n), with H the extended flow integral of bounds.py; with equal
sub-optimal rewards also H(x_n) <= H(x0) + 2 clock(n). Both turn a threshold on x into a clock.

Two escapes are told apart. pi(a*) > 0.1 is what the theorem bounds, whatever the gaps do. The
glossary's escape is sub-optimality < 0.9 Delta(s), and sub-optimality >= (1 - x_n) min_i G_i(n):

- every gap >= Delta(s) (b_i <= b_1): both bounds are valid, and escape needs pi(a*) > 0.1;
- the smallest gap m_n < Delta(s) (some b_i > b_1): the glossary's escape may come while
  pi(a*) <= 0.1; it is impossible only as long as x_n <= 1 - 0.9 Delta(s)/m_n. From the first n
  with m_n <= 0.9 Delta(s) on nothing is promised about it, and only pi(a*) <= 0.1 stays certain.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, Floats, check_bool, check_float, check_int, check_numbers
from gw_envs.theory.bounds import (
    check_one_policy,
    drift_escape_bound,
    equal_rewards_escape_bound,
    extended_flow,
    in_updates,
    levelled_logit,
    logit,
)
from gw_envs.theory.wells import well_edge


def drift_escape_updates(
    policy: ArrayLike,
    gaps_path: ArrayLike,
    learning_rate: ArrayLike,
    optimal_action: int = 0,
    *,
    equal_rewards: bool = False,
) -> float:
    """Updates before which pi(a*) <= 0.1 is certain, along a path of largest gaps.

    Args:
        policy: initial probabilities [K].
        gaps_path: G_t = max_i (r_*(t) - r_i(t))_+ for t = 0, 1, ..., [T] or a number; negative
            entries count as 0, and the last value is held after the end.
        learning_rate: eta, or eta_t [T]; in a state of an MDP eta d_t(s)/(1 - gamma). Last value
            held.
        optimal_action: index of a*.
        equal_rewards: whether all sub-optimal rewards are equal at every t, which makes
            `equal_rewards_escape_bound` valid as well.

    Returns:
        L, a real number interpolated within the update that uses up the clock: pi_n(a*) <= 0.1 for
        all n <= L. math.inf where the clock stops before its bound; 0 where nothing is guaranteed.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    pi = check_one_policy(policy)
    clock = drift_escape_bound(pi, optimal_action)
    if check_bool("equal_rewards", equal_rewards):
        clock = max(clock, equal_rewards_escape_bound(pi[optimal_action]))
    gaps = _check_path("gaps_path", gaps_path)
    speed = _clock_speed(gaps, _check_path("learning_rate", learning_rate, non_negative=True))
    return _updates_within(speed, np.full(speed.size, clock)) if clock > 0 else 0.0


def well_escape_updates(
    policy: ArrayLike,
    effective_gaps: ArrayLike,
    learning_rate: ArrayLike,
    reward_gap: float | None = None,
    optimal_action: int = 0,
) -> float:
    """Updates before which the glossary's escape is impossible, along a path of effective gaps.

    The well at update n is sub-optimality >= 0.9 Delta. It is certain while
    x_n <= 1 - 0.9 Delta/min_i G_i(n), and the theorem keeps x_n there until the clock has reached
    the H-distance to that threshold. This is what a run shows as its lower bound. With every gap
    equal to Delta at all times it is `reward_escape_bound`.

    Args:
        policy: initial probabilities [K].
        effective_gaps: G_i(t) = r_*(t) - r_i(t) of the sub-optimal actions, [T, K-1]; the last row
            is held after the end. Negative entries are allowed.
        learning_rate: eta, or eta_t [T]; in a state of an MDP eta d_t(s)/(1 - gamma). Last value
            held.
        reward_gap: Delta(s) > 0; None takes the smallest gap of each n, the glossary's rule for
            discount > 0.
        optimal_action: index of a*.

    Returns:
        L: the guarantee is T >= floor(L) + 1; math.inf where escape is impossible; 0 where nothing
        is guaranteed.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    pi = check_one_policy(policy)
    best = check_int("optimal_action", optimal_action, 0, pi.size - 1)
    gaps = check_numbers("effective_gaps", effective_gaps)
    if gaps.ndim != 2 or gaps.shape[0] < 1 or gaps.shape[1] != pi.size - 1:
        raise BadInput(
            f"effective_gaps of shape {gaps.shape} must be [T, K-1] with T >= 1, K = {pi.size}."
        )
    gap = None if reward_gap is None else check_float("reward_gap", reward_gap, 0, open_low=True)
    rate = _check_path("learning_rate", learning_rate, non_negative=True)
    speed = _clock_speed(gaps.max(axis=1), rate)
    held = _hold(gaps.min(axis=1), speed.size)
    edge = _edge_logits(held, held if gap is None else np.full(held.size, gap))
    height = extended_flow(edge)
    k = pi.size
    allowed = (k - 1) / k * (height - extended_flow(levelled_logit(pi, best)))
    if np.all(np.ptp(gaps, axis=1) == 0):
        start = logit(float(pi[best]))
        allowed = np.maximum(allowed, (height - extended_flow(start)) / 2)
    return _updates_within(speed, allowed)


def _edge_logits(smallest_gap: Floats, reward_gap: Floats) -> Floats:
    """Logit of the largest x with (1-x) * smallest gap >= 0.9 Delta; -inf where there is none."""
    need = well_edge(reward_gap)
    possible = (smallest_gap > need) & (reward_gap > 0)
    need, have = np.where(possible, need, 1.0), np.where(possible, smallest_gap, 2.0)
    return np.where(possible, np.log(have - need) - np.log(need), -np.inf)


def _clock_speed(gaps: Floats, rate: Floats) -> Floats:
    """eta_t (G_t)_+ over the longer of the two paths; what float64 cannot hold is rounded up."""
    size = max(gaps.size, rate.size)
    rates, largest = _hold(rate, size), np.maximum(_hold(gaps, size), 0.0)
    least = np.where((rates > 0) & (largest > 0), np.nextafter(0.0, 1.0), 0.0)
    with np.errstate(under="ignore"):
        return np.maximum(rates * largest, least)


def _hold(path: Floats, size: int) -> Floats:
    """The path, its last value repeated up to `size`."""
    return np.concatenate([path, np.full(size - path.size, path[-1])])


def _updates_within(speed: Floats, allowed: Floats) -> float:
    """Largest L such that clock(n) <= allowed_n for all n <= L; `allowed` [T] is held after T-1."""
    clock = np.concatenate([[0.0], np.cumsum(speed)])
    limit = np.append(allowed, allowed[-1])
    over = np.flatnonzero(~(clock <= limit))
    if over.size == 0:
        left = limit[-1] - clock[-1]
        return speed.size + float(in_updates(left, speed[-1])) if speed[-1] > 0 else math.inf
    n = int(over[0])
    if n == 0:
        return 0.0
    # Between n-1 and n the clock may still run up to what is allowed at n, if that is any.
    left = max(0.0, float(limit[n] - clock[n - 1]))
    return n - 1 + (left / float(speed[n - 1]) if left > 0 else 0.0)


def _check_path(name: str, value: ArrayLike, *, non_negative: bool = False) -> Floats:
    """Return a number or a path [T] as a float64 vector of at least one entry, all finite.

    Raises:
        ValueError: if it is empty, of more dimensions, not finite, or (non_negative=True) negative.
    """
    path = np.atleast_1d(check_numbers(name, value, 0 if non_negative else -np.inf))
    if path.ndim != 1 or path.size == 0:
        raise BadInput(f"{name} of shape {path.shape} must be a number or a path [T], T >= 1.")
    return path
