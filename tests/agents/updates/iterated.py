"""The tests' own loop over any exact rule on a bandit: what `simulate` and the engine must give."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.updates import ExactRule
from gw_envs.checks import Floats
from gw_envs.theory import best_arm_and_gap, in_well


@dataclass(frozen=True)
class RuleRun:
    """What `run_rule` saw; [...] are the leading axes of the initial policy.

    Attributes:
        escape_time: int64 [...], the first update whose policy is outside; -1 where censored.
        updates: int64 [n], the updates at which the history was taken: log-spaced from 0, and
            every one at which a trajectory escaped.
        optimal_prob: [n, ...], pi(a*) at those updates.
        suboptimality: [n, ...], sum_a pi(a)(r* - r(a)) at those updates, in units of reward.
        final_theta: [..., K], and the rule's memory if it has one.
        final_policy: [..., K].
        pulls: what the rule's sampled form would draw in as many updates as the escape took (or the
            run made), in expectation, [...]; NaN without one.
    """

    escape_time: NDArray[np.int64]
    updates: NDArray[np.int64]
    optimal_prob: Floats
    suboptimality: Floats
    final_theta: Floats
    final_policy: Floats
    pulls: Floats


def run_rule(
    rule: ExactRule,
    mean_rewards: ArrayLike,
    policy: ArrayLike,
    learning_rate: float,
    max_updates: int,
    *,
    escape_prob: float | None = None,
    escape_fraction: float = 0.9,
    stop_at_escape: bool = True,
) -> RuleRun:
    """Iterate a rule with exact values from given policies, all trajectories at once.

    Args:
        rule: an exact rule; it starts from `rule.theta_from_policy(policy)`.
        mean_rewards: r [K] in [0, 1] with one best arm.
        policy: initial probabilities [..., K], entries in (0, 1).
        learning_rate: eta > 0.
        max_updates: budget, >= 1.
        escape_prob: escaped means pi(a*) > escape_prob; None: sub-optimality below
            escape_fraction * Delta, as everywhere else.
        escape_fraction: in (0, 1].
        stop_at_escape: stop once every trajectory has escaped, rather than at the budget.

    Returns:
        See `RuleRun`.
    """
    rewards, start = np.asarray(mean_rewards, float), np.asarray(policy, float)
    outside = _outside(rewards, escape_prob, escape_fraction)
    best = int(np.argmax(rewards))
    gaps = rewards[best] - rewards
    theta = rule.theta_from_policy(start)
    pi = rule.policy(theta)
    values = np.broadcast_to(rewards, pi.shape)
    stuck = rule.stuck(pi, values, 1 - escape_fraction if escape_prob is None else escape_prob)
    if stuck:
        warnings.warn(stuck, stacklevel=2)
    escape_time = np.where(outside(pi), 0, -1)
    noted, probs, subs = [0], [pi[..., best]], [pi @ gaps]
    pulls = np.zeros(pi.shape[:-1])
    for update in range(1, max_updates + 1):
        if stop_at_escape and np.all(escape_time >= 0):
            break
        pulls = pulls + np.where(escape_time < 0, rule.pulls(pi, values), 0.0)
        theta = rule.step(theta, values, learning_rate)
        pi = rule.policy(theta)
        escaped = (escape_time < 0) & outside(pi)
        escape_time = np.where(escaped, update, escape_time)
        if update >= noted[-1] * 1.05 or update == max_updates or escaped.any():
            noted.append(update)
            probs.append(pi[..., best])
            subs.append(pi @ gaps)
    return RuleRun(
        escape_time=np.asarray(escape_time, dtype=np.int64),
        updates=np.array(noted, dtype=np.int64),
        optimal_prob=np.stack(probs),
        suboptimality=np.stack(subs),
        final_theta=theta,
        final_policy=pi,
        pulls=pulls,
    )


def _outside(
    rewards: Floats, escape_prob: float | None, escape_fraction: float
) -> Callable[[Floats], NDArray[np.bool_]]:
    """Whether policies [..., K] are out of the well; arguments as in `run_rule`."""
    best, gap = best_arm_and_gap(rewards)
    if escape_prob is not None:
        return lambda policy: policy[..., best] > escape_prob
    return lambda policy: ~in_well(policy @ (rewards[best] - rewards), gap, escape_fraction)
