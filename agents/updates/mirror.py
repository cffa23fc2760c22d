"""Rules that move log-probabilities by advantages, without the factor pi(a) that makes the well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agents.policies import softmax
from agents.updates.rule import (
    BaseRule,
    GradientRule,
    Rate,
    advantages,
    effective_horizon,
    register,
)
from gw_envs.checks import BadInput, Floats, check_float


@register("natural-pg")
@dataclass(frozen=True)
class NaturalGradient(GradientRule):
    """Natural policy gradient (NPG): theta(a) += eta U(a); in an MDP eta/(1-discount) A(s,a).

    The pseudo-inverse of the Fisher matrix removes the visitation d(s) and the factor pi(a), so of
    `weight` only its sum over states, 1/(1-discount), is used.

    Source: Kakade 2001; Agarwal et al., JMLR 2021 (MDP); Mei et al. 2021 (arXiv 2110.15572), proved
    rate: linear, sub-optimality <= its start * exp(-c(n)), c = ln(pi_1(a*)(e^{eta Delta}-1)+1), any
    eta > 0. With arms of equal reward below the best the log-odds of a* rise by exactly eta Delta
    per update. On sampled rewards the same rule commits to a wrong arm with positive probability
    (see `agents.updates.sampled`).
    """

    uses_visitation: ClassVar[bool] = False

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="linear for any eta > 0; escape in ln(1/x0)/(eta Delta) updates",
            escape_exponent=0.0,
            source="Agarwal et al., JMLR 2021; Mei et al., NeurIPS 2021",
        )

    def direction(self, theta: Floats, values: Floats, weight: Floats | float = 1.0) -> Floats:
        """U/(1-discount), same shape as theta."""
        return effective_horizon(weight) * advantages(softmax(theta), values)


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

    threshold: float | None = None

    uses_visitation: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the threshold."""
        if self.threshold is not None:
            check_float("threshold", self.threshold, 0, open_low=True)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="linear on fixed rewards (Hedge); escape in ln(1/x0)/(eta Delta) updates",
            escape_exponent=0.0,
            source="Hennes et al., AAMAS 2020",
            bias="" if self.threshold is None else "the return among logits of size <= threshold",
        )

    def direction(self, theta: Floats, values: Floats, weight: Floats | float = 1.0) -> Floats:
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
class MirrorAscent(BaseRule):
    """Softmax policy mirror ascent (SPMA): pi(a) <- pi(a)(1 + eta U(a)), theta += ln(1 + eta U).

    The mirror map is log-sum-exp of the logits; the new probabilities sum to one by themselves.
    `weight` is not used: the MDP form is pi(a|s)(1 + eta A(s,a)).

    Source: Asad et al., AISTATS 2025 (arXiv 2411.12042). Proved rate: linear; from the uniform
    policy sub-optimality <= (1-1/K) exp(-eta Delta n/K), eta <= 1 for rewards in [0,1],
    eta < 1-discount in an MDP.

    Raises:
        ValueError: if 1 + eta U(a) is not positive, where the new policy would be none.
    """

    uses_visitation: ClassVar[bool] = False

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="linear for eta <= 1 (MDP: eta < 1-discount); escape in ln(1/x0)/ln(1+eta Delta)",
            escape_exponent=0.0,
            source="Asad et al., AISTATS 2025",
        )

    def step(
        self,
        theta: Floats,
        values: Floats,
        learning_rate: Floats | float,
        weight: Floats | float = 1.0,
    ) -> Floats:
        """theta + ln(1 + eta U), same shape as theta."""
        change = learning_rate * advantages(softmax(theta), values)
        if not np.all(change > -1):
            raise BadInput(
                f"learning_rate={learning_rate!r} is too large for mirror-ascent: 1 + eta*U must "
                f"be positive and U reaches {float(np.min(change / learning_rate)):.6g}."
            )
        return theta + np.log1p(change)
