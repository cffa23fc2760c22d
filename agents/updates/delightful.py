"""Delightful policy gradient: each action's gradient is gated by advantage times surprisal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import advantages, column, one_hot
from agents.updates.gradient import SoftmaxGradient
from agents.updates.registry import register
from agents.updates.regularized import log_softmax
from agents.updates.rule import Rate, Real, option
from gw_envs.checks import Floats, check_float


@register("delightful-pg")
@dataclass(frozen=True)
class DelightfulGradient(SoftmaxGradient):
    """Delightful policy gradient: theta += eta * weight * sum_i w_i pi(i) U(i) (e_i - pi).

    The gate w_i = sigmoid(U(i) l(i)/T), l = -ln pi the surprisal, is held constant in the
    derivative; at temperature 0 it is 1 where U(i) > 0 and 0 elsewhere. Harmful arms, which push
    the best arm's probability down while a corner is left, get the small gates. MDP: U is
    A(s,a) and weight = d(s)/(1-discount).

    Sampled: w (R - b)(e_A - pi), w = sigmoid((R - b) l(A)/T). Its expectation is the exact
    direction for noiseless rewards and b = pi.r (`value`); with noise the gate sees R, not its
    mean, so it counts as biased. The gate makes the baseline of least variance depend on the noise;
    `optimal_baseline` is softmax-pg's.

    Source: Osband 2026 (arXiv 2603.14608); Mei and Osband 2026 (arXiv 2605.11908). Proved rate:
    sub-optimality O(1/n) in bandits and tabular MDPs; first exit from a corner of mass 1-eps within
    (4K/(Delta eps)) ln(pi(j)/pi(1)) updates. At equal gaps that is still of order 1/x0, and slower
    than softmax-pg. With parameters shared between states its fixed points are not those of the
    gradient (`gw_envs.theory.instances.SharedBernoulli`).

    Attributes:
        temperature: T >= 0, in units of reward times nats.
    """

    temperature: float = option(1.0, check_float, 0)

    unbiased: ClassVar[bool] = False
    rate = Rate(
        text="sub-optimality O(1/n); corner left in (4K/(Delta eps)) ln(pi(j)/pi(a*)) updates",
        escape_exponent=1.0,
        source="Mei and Osband 2026, arXiv 2605.11908",
    )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gated gradient, [..., K]."""
        policy = softmax(theta)
        advantage = advantages(policy, values)
        gated = gate(advantage, -log_softmax(theta), self.temperature) * policy * advantage
        return weight * (gated - policy * gated.sum(axis=-1, keepdims=True))

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """The gated estimate, [..., K]."""
        pulled = one_hot(action, policy.shape[-1])
        surprisal = -np.log(np.sum(pulled * policy, axis=-1))
        delight = gate(np.asarray(reward - baseline), surprisal, self.temperature)
        return column(delight * (reward - baseline)) * (pulled - policy)


def gate(advantage: Floats, surprisal: Floats, temperature: float) -> Floats:
    """sigmoid(advantage * surprisal / temperature); at temperature 0 its limit 1{advantage > 0}."""
    if temperature == 0:
        return np.where(advantage > 0, 1.0, 0.0)
    # tanh saturates quietly where exp would overflow.
    return 0.5 * (1 + np.tanh(advantage * surprisal / (2 * temperature)))
