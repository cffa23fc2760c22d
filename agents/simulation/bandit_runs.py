"""Run any exact rule on a bandit and note when each trajectory leaves its well: the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.updates import ExactRule
from gw_envs.checks import (
    BadInput,
    Floats,
    check_bool,
    check_float,
    check_instance,
    check_int,
    check_mean_rewards,
    check_memory,
    check_numbers,
    check_policy,
    check_seconds,
)
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

    Raises:
        ValueError: naming the argument that is out of range.
    """
    check_instance("rule", rule, ExactRule, "an exact rule, as make_rule gives")
    rewards, start = _check_bandit(mean_rewards, policy)
    check_float("learning_rate", learning_rate, 0, open_low=True)
    check_seconds("max_updates", max_updates, 1e-5 * check_int("max_updates", max_updates, 1))
    check_bool("stop_at_escape", stop_at_escape)
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


def _check_bandit(mean_rewards: ArrayLike, policy: ArrayLike) -> tuple[Floats, Floats]:
    """Mean rewards [K] and policies [..., K] that fit each other."""
    rewards = check_mean_rewards("mean_rewards", mean_rewards)
    start = check_policy("policy", policy)
    if start.shape[-1] != rewards.size:
        raise BadInput(
            f"policy of {start.shape[-1]} actions does not fit {rewards.size} mean_rewards."
        )
    return rewards, start


def _outside(
    rewards: Floats, escape_prob: float | None, escape_fraction: float
) -> Callable[[Floats], NDArray[np.bool_]]:
    """Whether policies [..., K] are out of the well; arguments as in `run_rule`."""
    best, gap = best_arm_and_gap(rewards)
    fraction = check_float("escape_fraction", escape_fraction, 0, 1, open_low=True)
    if escape_prob is not None:
        edge = check_float("escape_prob", escape_prob, 0, 1, open_low=True, open_high=True)
        return lambda policy: policy[..., best] > edge
    return lambda policy: ~in_well(policy @ (rewards[best] - rewards), gap, fraction)
