"""Rules that move log-probabilities by advantages, without the factor pi(a) that makes the well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import (
    advantages,
    column,
    effective_horizon,
    one_hot,
    weighted_mean,
)
from agents.updates.registry import register
from agents.updates.rule import ExactRule, GradientRule, Rate, Real, SampledRule, option
from gw_envs.checks import BadInput, Floats, check_float


@register("natural-pg")
@dataclass(frozen=True)
class NaturalGradient(GradientRule, SampledRule):
    """Natural policy gradient (NPG): theta(a) += eta U(a); in an MDP eta/(1-discount) A(s,a).

    The pseudo-inverse of the Fisher matrix removes the visitation d(s) and the factor pi(a), so of
    `weight` only its sum over states, 1/(1-discount), is used.

    Sampled: (R - b) e_A / pi(A) + b, natural PG on importance-weighted rewards, r_hat - b_hat with
    r_hat(a) = 1{A=a} R/pi(a), b_hat(a) = (1{A=a}/pi(a) - 1) b. Unbiased for the mean rewards r,
    which move softmax as U does. Its variance is unbounded as pi(A) -> 0, and with b = 0 every
    update favours the arm just pulled: it commits to a wrong arm with positive probability. A
    baseline in (r(a*) - Delta, r(a*)) (`oracle`), or pi.r (`value`), makes it converge almost
    surely (Chung et al., ICML 2021; Mei et al., NeurIPS 2021 and 2022).

    Source: Kakade 2001; Agarwal et al., JMLR 2021 (MDP); Mei et al. 2021 (arXiv 2110.15572), proved
    rate: linear, sub-optimality <= its start * exp(-c n), c = ln(pi_1(a*)(e^{eta Delta}-1)+1), any
    eta > 0. With arms of equal reward below the best the log-odds of a* rise by exactly eta Delta
    per update.
    """

    follows_gradient: ClassVar[bool] = False
    rate = Rate(
        text="linear for any eta > 0; escape in ln(1/x0)/(eta Delta) updates",
        escape_exponent=0.0,
        log_exponent=1.0,
        source="Agarwal et al., JMLR 2021; Mei et al., NeurIPS 2021",
    )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """U/(1-discount), same shape as theta."""
        return effective_horizon(weight) * advantages(softmax(theta), values)

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
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


@register("neurd")
@dataclass(frozen=True)
class NeuralReplicator(GradientRule):
    """Neural replicator dynamics (NeuRD): theta(a) += eta U(a), past the softmax's Jacobian.

    In one state it is the Hedge algorithm and makes natural-pg's policies. With a `threshold` beta,
    on centred logits y: a negative U(a) counts only where y(a) > -beta, a positive one only where
    y(a) < beta; the logits then stay bounded and the best policy is not reached. `weight` is not
    used at all: neither d(s) nor 1/(1-discount) is in the formula.

    Source: Hennes et al., AAMAS 2020 (arXiv 1906.00190); the threshold is that of its public code,
    beta = 2. Proved rate: as Hedge, average regret O(1/sqrt(n)) under changing rewards; on fixed
    rewards linear, as natural-pg.

    Attributes:
        threshold: beta > 0, or None for no threshold.
    """

    threshold: float | None = option(None, check_float, 0, open_low=True)

    follows_gradient: ClassVar[bool] = False

    @property
    def is_smooth(self) -> bool:  # type: ignore[override]
        """Without a threshold."""
        return self.threshold is None

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="linear on fixed rewards (Hedge); escape in ln(1/x0)/(eta Delta) updates",
            escape_exponent=0.0,
            log_exponent=1.0,
            source="Hennes et al., AAMAS 2020",
            bias="" if self.threshold is None else "the return among logits of size <= threshold",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """U, cut off beyond the threshold, same shape as theta."""
        advantage = advantages(softmax(theta), values)
        if self.threshold is None:
            return advantage
        centred = theta - theta.mean(axis=-1, keepdims=True)
        falls = np.where(centred > -self.threshold, np.minimum(advantage, 0.0), 0.0)
        rises = np.where(centred < self.threshold, np.maximum(advantage, 0.0), 0.0)
        return falls + rises


@register("mirror-ascent")
@dataclass(frozen=True)
class MirrorAscent(ExactRule):
    """Softmax policy mirror ascent (SPMA): pi(a) <- pi(a)(1 + eta U(a)), theta += ln(1 + eta U).

    The mirror map is log-sum-exp of the logits; the new probabilities sum to one by themselves.
    `weight` is not used: the MDP form is pi(a|s)(1 + eta A(s,a)).

    Source: Asad et al., AISTATS 2025 (arXiv 2411.12042). Proved rate: linear; from the uniform
    policy sub-optimality <= (1-1/K) exp(-eta Delta n/K), eta <= 1 for rewards in [0,1],
    eta < 1-discount in an MDP.

    Raises:
        ValueError: if 1 + eta U(a) is not positive, where the new policy would be none.
    """

    follows_gradient: ClassVar[bool] = False
    rate = Rate(
        text="linear for eta <= 1 (MDP: eta < 1-discount); escape in ln(1/x0)/ln(1+eta Delta)",
        escape_exponent=0.0,
        log_exponent=1.0,
        source="Asad et al., AISTATS 2025",
    )

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """ln(1 + eta U), same shape as theta."""
        change = learning_rate * advantages(softmax(theta), values)
        if not np.all(change > -1):
            raise BadInput(
                f"learning_rate={learning_rate!r} is too large for mirror-ascent: 1 + eta*U must "
                f"be positive and U reaches {float(np.min(change / learning_rate)):.6g}."
            )
        return np.log1p(change)

    def default_learning_rate(self, advantage_bound: float = 1.0) -> float:
        """1, or .99 / advantage_bound where that is less: 1 + eta U must stay positive."""
        return min(1.0, 0.99 / advantage_bound)
