"""Baselines by name: the scalar b that a sampled estimate subtracts from the reward."""

from __future__ import annotations

import numpy as np

from agents.updates.sampled import SampledRule, SampledSoftmaxGradient
from gw_envs.checks import Floats, check_choice, check_float

BASELINES = ("none", "value", "average", "optimal", "constant", "oracle")


def baseline_value(
    name: str,
    policy: Floats,
    mean_rewards: Floats,
    *,
    rule: SampledRule | None = None,
    constant: float | None = None,
    average: Floats | float | None = None,
) -> Floats:
    """The baseline b of every trajectory, before the pull.

    none: 0. value: pi.r. constant: the given number. average: the given running mean of the
    rewards seen (`running_average`). oracle: r(a*) - Delta/2, inside the interval
    (r(a*) - Delta, r(a*)) in which sampled natural PG converges (Mei et al., arXiv 2110.15572).
    optimal: the scalar of least total variance, the average of r with the rule's
    `variance_weights`; for softmax-pg sum_a pi(a) ||e_a - pi||^2 r(a) / sum_a pi(a) ||e_a - pi||^2
    (Greensmith et al., JMLR 2004).

    Args:
        name: one of `BASELINES`.
        policy: pi [..., K].
        mean_rewards: r [K] or [..., K]; Q(s,.) in an MDP.
        rule: the sampled rule that `optimal` serves; default softmax-pg.
        constant: the number of `constant`; refused otherwise.
        average: the running mean of `average`, [...]; refused otherwise.

    Returns:
        b [...], in units of reward.

    Raises:
        ValueError: if the name is unknown, an argument is missing or does not go with it, or
            `oracle` meets a tie for the best arm.
    """
    check_choice("baseline", name, BASELINES)
    for argument, given, owner in (
        ("constant", constant, "constant"),
        ("average", average, "average"),
    ):
        if given is not None and name != owner:
            raise ValueError(f"{argument}={given!r} does not go with baseline={name!r}.")
    shape = policy.shape[:-1]
    if name == "none":
        return np.zeros(shape)
    if name == "constant":
        return np.full(shape, check_float("constant", constant))
    if name == "average":
        if average is None:
            raise ValueError("average=None: baseline='average' needs the running mean of rewards.")
        return np.broadcast_to(np.asarray(average, dtype=np.float64), shape)
    rewards = np.broadcast_to(np.asarray(mean_rewards, dtype=np.float64), policy.shape)
    if name == "value":
        return np.sum(policy * rewards, axis=-1)
    if name == "optimal":
        weights = (rule or SampledSoftmaxGradient()).variance_weights(policy)
        return np.sum(weights * rewards, axis=-1) / np.sum(weights, axis=-1)
    second, first = np.moveaxis(np.sort(rewards, axis=-1)[..., -2:], -1, 0)
    if np.any(first == second):
        raise ValueError("baseline='oracle' needs one best arm; mean_rewards has a tie.")
    return (first + second) / 2


def running_average(average: Floats | float, count: int, reward: Floats) -> Floats:
    """The mean of count + 1 rewards from the mean of the first `count` and the next, [...].

    The glossary's `average` starts at 0 before the first reward, when `count` is 0.
    """
    return np.asarray(average + (reward - average) / (count + 1), dtype=np.float64)
