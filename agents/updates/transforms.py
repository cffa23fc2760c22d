"""Policy gradients through other maps than softmax: escort and Tsallis (f-softargmax)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.policies import escort, tsallis, tsallis_parameters
from agents.updates.arithmetic import advantages
from agents.updates.registry import register
from agents.updates.rule import GradientRule, Rate, Real, option
from gw_envs.checks import Floats, check_bool, check_float


@register("escort-pg")
@dataclass(frozen=True)
class EscortGradient(GradientRule):
    """Escort policy gradient (EPG): theta(a) += eta_n * weight * p (pi(a)/theta(a)) U(a).

    pi(a) = |theta(a)|^p / ||theta||_p^p; with `scaled`, eta_n = eta ||theta_n(s,.)||_p^2 in each
    state, else eta_n = eta. pi(a)/theta(a) is |theta(a)|^{p-1} sign(theta(a)) / ||theta||_p^p. That
    defines the rule where theta(a) = 0: such an arm has probability 0 and stays there (at p = 1 by
    the choice sign(0) = 0). Where a whole row is 0 the policy is uniform and the row stays.

    Source: Mei et al., NeurIPS 2020. Proved rate: sub-optimality O(1/(c^{2-2/p} n)) with
    c = inf_n pi_n(a*) where softmax has c^2, at eta_n(s) = (1-discount)^3 ||theta||_p^2 /
    (10 p^2 K^{1/p}) (in one state ||theta||_p^2/(9 p^2 K^{1/p})). In a well of the equal-gap bandit
    dx/dn ~ eta p^2 Delta x^{2-2/p}, so x0^-(1-2/p) updates for p > 2, ln(1/x0) for p = 2, and a
    bounded number below. Late, only p = 2 is linear; p > 2 has n^{-p/(p-2)}. p = 2, pi(a) =
    theta(a)^2/||theta||^2, is the Hadamard parametrisation (arXiv 2305.19575).

    Attributes:
        power: p >= 1.
        scaled: whether the step grows with ||theta||_p^2.
    """

    power: float = option(2.0, check_float, 1)
    scaled: bool = option(True, check_bool)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="sub-optimality O(c^-(2-2/p)/n), c = inf pi_n(a*); escape x0^-(1-2/p) for p > 2",
            escape_exponent=max(0.0, 1 - 2 / self.power),
            log_exponent=float(self.power == 2),
            source="Mei et al., NeurIPS 2020",
        )

    def policy(self, theta: Floats) -> Floats:
        """|theta|^p / ||theta||_p^p, [..., K]; multiplying a row by a number changes nothing."""
        return escort(theta, self.power)

    def theta_from_policy(self, policy: Floats) -> Floats:
        """pi^{1/p}, of norm 1, [..., K]."""
        return np.power(policy, 1 / self.power)

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """||theta||_p^2 (or 1) times the gradient of the return, same shape as theta."""
        p = self.power
        size = np.max(np.abs(theta), axis=-1, keepdims=True)
        size = np.where(size > 0, size, 1.0)
        unit = theta / size  # powers of a row of size one neither overflow nor underflow
        total = np.sum(np.abs(unit) ** p, axis=-1, keepdims=True)
        total = np.where(total > 0, total, 1.0)
        ratio = np.sign(unit) * np.abs(unit) ** (p - 1) / total
        scale = size * total ** (2 / p) if self.scaled else 1 / size
        return scale * weight * p * ratio * advantages(escort(theta, p), values)

    def default_learning_rate(self, advantage_bound: float = 1.0) -> float:
        """1/(9 p^2), the source's without its K^{-1/p}."""
        return 1 / (9 * self.power**2)


@register("tsallis-pg")
@dataclass(frozen=True)
class TsallisGradient(GradientRule):
    """Policy gradient through the Tsallis softargmax: theta(a) += eta * weight * s(a)(r(a) - r_s).

    pi(a) = (1/K)(1 - (1-alpha)(theta(a) - mu))^{-1/(1-alpha)} with mu such that pi sums to one
    (`agents.policies.tsallis`); s(a) = (1/K)(K pi(a))^{2-alpha}, r_s = s.r / sum(s). alpha -> 1 is
    softmax-pg. MDP: r is Q(s,.), weight = d(s)/(1-discount).

    Source: Labbi et al., ICLR 2026 (arXiv 2601.12604), where a polynomial sample complexity is
    proved for it with a coupled regulariser; this is the unregularised gradient. In a well of the
    equal-gap bandit dx/dn ~ x^{2(2-alpha)}: x0^-(3-2 alpha) updates, more than softmax from the
    same policy, but polynomial in the distance of the parameters where softmax is exponential.

    Attributes:
        alpha: in (0, 1).
    """

    alpha: float = option(0.5, check_float, 0, 1, open_low=True, open_high=True)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape of order x0^-(3-2 alpha); polynomial in the distance of the parameters",
            escape_exponent=3 - 2 * self.alpha,
            source="Labbi et al., ICLR 2026; exponent derived from dx/dn ~ x^{2(2-alpha)}",
        )

    def policy(self, theta: Floats) -> Floats:
        """The Tsallis softargmax, [..., K]; adding a constant to a row changes nothing."""
        return tsallis(theta, self.alpha)

    def theta_from_policy(self, policy: Floats) -> Floats:
        """The parameters with mu = 0, [..., K]."""
        return tsallis_parameters(policy, self.alpha)

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient of the return, same shape as theta."""
        k = theta.shape[-1]
        response = (k * tsallis(theta, self.alpha)) ** (2 - self.alpha) / k
        shares = response / response.sum(axis=-1, keepdims=True)
        return weight * response * advantages(shares, values)

    def default_learning_rate(self, advantage_bound: float = 1.0) -> float:
        """100: the gradient is smaller than softmax's by about the square root of pi(a*)."""
        return 100.0
