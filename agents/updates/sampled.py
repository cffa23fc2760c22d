"""Sampled forms: what one pull tells a rule. theta += eta * estimate(policy, action, reward, b).

Shapes: policy pi [..., K]; the action A pulled [...], integers; its reward R [...]; the baseline b
[...] or a number (see `agents.baselines`). Estimates are [..., K]. In an MDP the reward is
the return from the state on, and the agent multiplies by discount^k. e_A is the one-hot row of A.
"Unbiased" means that the expectation over A ~ pi and R is the exact rule's direction for the mean
rewards, for every b that does not depend on A, unless the class says more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.baselines import optimal_baseline
from agents.updates.delightful import gate
from gw_envs.checks import BadInput, Floats, check_float


class SampledRule(Protocol):
    """What every sampled estimate offers."""

    name: ClassVar[str]
    unbiased: ClassVar[bool]

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """What one unit of learning rate adds to theta, [..., K]."""
        ...

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The scalar b of least total variance of the estimate, [..., 1]; `optimal` by name.

        Args:
            policy: [..., K].
            values: mean rewards, [..., K].
        """
        ...


SAMPLED_RULES: dict[str, type] = {}
RuleClass = TypeVar("RuleClass", bound=type)


def register_sampled(name: str) -> Callable[[RuleClass], RuleClass]:
    """Class decorator: name the estimate and enter it in `SAMPLED_RULES`.

    Raises:
        ValueError: if another class already has the name.
    """

    def enter(rule: RuleClass) -> RuleClass:
        if name in SAMPLED_RULES:
            raise BadInput(f"name={name!r} is taken by {SAMPLED_RULES[name].__name__}.")
        rule.name = name  # type: ignore[attr-defined]
        SAMPLED_RULES[name] = rule
        return rule

    return enter


def one_hot(action: NDArray[np.int64], num_actions: int) -> Floats:
    """e_A, [..., K], float64."""
    return (np.asarray(action)[..., None] == np.arange(num_actions)).astype(np.float64)


def weighted_mean(weights: Floats, values: Floats) -> Floats:
    """sum_a w(a) r(a) / sum_a w(a), [..., 1]."""
    total = np.sum(weights, axis=-1, keepdims=True)
    return np.sum(weights * values, axis=-1, keepdims=True) / total


def column(value: Floats | float) -> Floats:
    """A number or [...] as [..., 1], to meet [..., K]."""
    return np.asarray(value, dtype=np.float64)[..., None]


@register_sampled("softmax-pg")
@dataclass(frozen=True)
class SampledSoftmaxGradient:
    """(R - b)(e_A - pi): REINFORCE, the stochastic gradient bandit. Unbiased.

    Source: Williams 1992; Mei et al., ICML 2023; converges almost surely for any constant learning
    rate (arXiv 2502.07141). Its optimal baseline is Greensmith et al.'s, JMLR 2004.
    """

    name: ClassVar[str] = ""
    unbiased: ClassVar[bool] = True

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """(R - b)(e_A - pi), [..., K]."""
        return column(reward - baseline) * (one_hot(action, policy.shape[-1]) - policy)

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The average of r(a) with weights pi(a) ||e_a - pi||^2, [..., 1]."""
        return optimal_baseline(policy, values)


@register_sampled("natural-pg")
@dataclass(frozen=True)
class SampledNaturalGradient:
    """(R - b) e_A / pi(A) + b: natural PG on importance-weighted rewards, r_hat - b_hat.

    r_hat(a) = 1{A=a} R/pi(a), b_hat(a) = (1{A=a}/pi(a) - 1) b. Unbiased for the mean rewards r,
    which move softmax as U does. Its variance is unbounded as pi(A) -> 0, and with b = 0 every
    update favours the arm just pulled: it commits to a wrong arm with positive probability. A
    baseline in (r(a*) - Delta, r(a*)) (`oracle`), or pi.r (`value`), makes it converge almost
    surely.

    Source: Chung et al., ICML 2021; Mei et al., NeurIPS 2021 (arXiv 2110.15572) and 2022.
    """

    name: ClassVar[str] = ""
    unbiased: ClassVar[bool] = True

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """(R - b) e_A / pi(A) + b, [..., K]."""
        pulled = one_hot(action, policy.shape[-1])
        # Only pi(A) is divided by: an arm given up for good has probability 0 in float64.
        importance = pulled / np.where(pulled > 0, policy, 1.0)
        return column(reward - baseline) * importance + column(baseline)

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The average of r(a) with weights 1/pi(a) - 1, [..., 1]."""
        # Each arm adds (r(a) - b)^2 (1/pi(a) - 1) to the variance, besides what noise adds. Scaled
        # by the smallest probability, the weights stay finite.
        floored = np.maximum(policy, np.finfo(np.float64).tiny)
        least = floored.min(axis=-1, keepdims=True)
        return weighted_mean(least / floored - least, values)


@register_sampled("alternate")
@dataclass(frozen=True)
class AlternateEstimate:
    """(R - b) e_A: the alternate estimator of Garg et al.

    Its expectation pi(a)(r(a) - b) is the exact softmax gradient for b = pi.r (`value`) only, so it
    counts as biased. At a corner the regular estimate has neither mean nor variance, this one is a
    walk that reward noise drives out, quicker with a baseline above the reward (optimistic).

    Source: Garg et al., AISTATS 2022 (arXiv 2112.11622).
    """

    name: ClassVar[str] = ""
    unbiased: ClassVar[bool] = False

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """(R - b) e_A, [..., K]."""
        return column(reward - baseline) * one_hot(action, policy.shape[-1])

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The average of r(a) with weights pi(a)(1 - pi(a)), [..., 1]."""
        return weighted_mean(policy * (1 - policy), values)


@register_sampled("delightful-pg")
@dataclass(frozen=True)
class SampledDelightfulGradient(SampledSoftmaxGradient):
    """w (R - b)(e_A - pi), w = sigmoid((R - b) l(A)/T), l = -ln pi; T = 0: w = 1{R > b}.

    Its expectation is the exact rule's direction for noiseless rewards and b = pi.r (`value`); with
    noise the gate sees R, not its mean, so it counts as biased. The gate makes the baseline of
    least variance depend on the noise; `optimal_baseline` is softmax-pg's.

    Source: Osband 2026 (arXiv 2603.14608).

    Attributes:
        temperature: T >= 0, in units of reward times nats.
    """

    temperature: float = 1.0

    unbiased: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the temperature."""
        check_float("temperature", self.temperature, 0)

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """The gated estimate, [..., K]."""
        pulled = one_hot(action, policy.shape[-1])
        surprisal = -np.log(np.sum(pulled * policy, axis=-1))
        delight = gate(np.asarray(reward - baseline), surprisal, self.temperature)
        return column(delight * (reward - baseline)) * (pulled - policy)


@register_sampled("entropy-pg")
@dataclass(frozen=True)
class SampledEntropyGradient(SampledSoftmaxGradient):
    """(R - tau ln pi(A) - b)(e_A - pi). Unbiased for the gradient of pi.r + tau * entropy.

    For one state, or returns that include the entropies to come. `optimal_baseline` is
    softmax-pg's, to be given the soft rewards r(a) - tau ln pi(a).

    Source: Mei et al., ICML 2020; Ding et al. 2021 for the sampled form.

    Attributes:
        temperature: tau > 0, in units of reward.
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        """Check the temperature."""
        check_float("temperature", self.temperature, 0, open_low=True)

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """softmax-pg's estimate with the reward R - tau ln pi(A), [..., K]."""
        pulled = np.sum(one_hot(action, policy.shape[-1]) * policy, axis=-1)
        soft = reward - self.temperature * np.log(pulled)
        return super().estimate(policy, action, soft, baseline)


@register_sampled("log-barrier-pg")
@dataclass(frozen=True)
class SampledLogBarrierGradient(SampledSoftmaxGradient):
    """(R - b)(e_A - pi) + lam (1/K - pi): the barrier's term is exact. Unbiased.

    For one state: in an MDP the barrier's term belongs to every state at every update, visited or
    not, so it is not part of a visit's estimate.

    Source: Agarwal et al., JMLR 2021; LB-SGB (arXiv 2603.15001) for the sampled form.

    Attributes:
        barrier: lam > 0, in units of return.
    """

    barrier: float = 0.01

    def __post_init__(self) -> None:
        """Check the barrier."""
        check_float("barrier", self.barrier, 0, open_low=True)

    def estimate(
        self,
        policy: Floats,
        action: NDArray[np.int64],
        reward: Floats,
        baseline: Floats | float = 0.0,
    ) -> Floats:
        """softmax-pg's estimate and the barrier's term, [..., K]."""
        regular = super().estimate(policy, action, reward, baseline)
        return regular + self.barrier * (1 / policy.shape[-1] - policy)
