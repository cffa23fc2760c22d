"""Rules that follow the gradient of the return in the logits; they differ in the step they take.

g(s,a) = weight(s) pi(a|s) U(s,a) is the gradient of the return J (policy gradient theorem).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import (
    advantages,
    column,
    effective_horizon,
    one_hot,
    parameter_axes,
    weighted_mean,
)
from agents.updates.registry import register
from agents.updates.rule import CODE_ONLY, ExactRule, GradientRule, Rate, Real, SampledRule, option
from gw_envs.checks import BadInput, Floats, check_bool, check_float, check_int


def softmax_gradient(theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
    """weight * pi * U, the gradient of the return in the logits, same shape as theta."""
    policy = softmax(theta)
    return weight * policy * advantages(policy, values)


@register("softmax-pg")
@dataclass(frozen=True)
class SoftmaxGradient(GradientRule, SampledRule):
    """Softmax policy gradient: theta(a) += eta * weight * pi(a) U(a).

    Source: the paper, equations 1 and 3; Mei et al., ICML 2020. Proved rate: sub-optimality O(1/n)
    for any constant eta, after a plateau of at least C/(Delta pi_1(a*)) updates in a well (Mei et
    al., NeurIPS 2020; `gw_envs.theory.escape_lower_bound`). With arms of unequal reward below the
    best, the plateau can be of order pi_1(a*)^-(K-1). MDP: weight = d(s)/(1-discount).

    Sampled: (R - b)(e_A - pi), REINFORCE, the stochastic gradient bandit (Williams 1992; Mei et
    al., ICML 2023). Unbiased; converges almost surely for any constant learning rate (arXiv
    2502.07141).
    """

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="sub-optimality O(1/n); plateau of order 1/(eta Delta pi_1(a*)) at equal gaps",
            escape_exponent=1.0,
            source="Mei et al., ICML 2020 and NeurIPS 2020",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient of the return, [..., K]."""
        return softmax_gradient(theta, values, weight)

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """(R - b)(e_A - pi), [..., K]."""
        return column(reward - baseline) * (one_hot(action, policy.shape[-1]) - policy)


@register("alternate")
@dataclass(frozen=True)
class AlternateEstimate(SampledRule):
    """(R - b) e_A: the alternate estimator of Garg et al.; it has no exact form.

    Its expectation pi(a)(r(a) - b) is the exact softmax gradient for b = pi.r (`value`) only, so it
    counts as biased. At a corner the regular estimate has neither mean nor variance, this one is a
    walk that reward noise drives out, quicker with a baseline above the reward (optimistic).

    Source: Garg et al., AISTATS 2022 (arXiv 2112.11622). Escape law (derived) with a baseline V
    above every wrong arm's reward b: each wrong pull lowers its own logit by eta (V - b), so
    L (K-1)/(eta (V-b)) pulls, L = logit(edge) - logit(x0): a logarithm, and a* need never be seen.
    For V > r(a*) a* is pushed down as well once it is pulled, and is not the limit: a bias.
    """

    unbiased: ClassVar[bool] = False

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """(R - b) e_A, [..., K]."""
        return column(reward - baseline) * one_hot(action, policy.shape[-1])

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The average of r(a) with weights pi(a)(1 - pi(a)), [..., 1]."""
        return weighted_mean(policy * (1 - policy), values)


@register("normalized-pg")
@dataclass(frozen=True)
class NormalizedGradient(GradientRule):
    """Geometry-aware normalised policy gradient (GNPG): theta += eta * g / ||g||_2.

    Source: Mei et al., ICML 2021 (arXiv 2105.06072), eta = 1/6. Proved rate: linear,
    exp(-c n) with c of order inf_n pi_n(a*), because the Hessian's norm is at most 3 ||g||. From
    equally likely sub-optimal arms of equal reward the log-odds of the best arm rise by
    eta sqrt(K/(K-1)) per update whatever the gap. MDP: the norm is that of the whole gradient, over
    states and actions, with weight = d(s)/(1-discount); the discount itself cancels. Where the
    gradient is zero theta stays.
    """

    rate = Rate(
        text="linear at eta = 1/6; escape in ln(1/x0)/(eta sqrt(K/(K-1))) updates",
        escape_exponent=0.0,
        log_exponent=1.0,
        source="Mei et al., ICML 2021",
    )

    couples_states: ClassVar[bool] = True  # by the norm

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient divided by its Euclidean norm, same shape as theta."""
        gradient = softmax_gradient(theta, values, weight)
        axes = parameter_axes(weight)
        # Scaling by the largest entry first keeps the squares of tiny gradients from underflowing.
        largest = np.max(np.abs(gradient), axis=axes, keepdims=True)
        scaled = gradient / np.where(largest > 0, largest, 1.0)
        norm = np.sqrt(np.sum(scaled**2, axis=axes, keepdims=True))
        return scaled / np.where(norm > 0, norm, 1.0)

    def default_learning_rate(self, advantage_bound: float = 1.0) -> float:
        """1/6, of the source."""
        return 1 / 6


@register("armijo-pg")
@dataclass(frozen=True)
class ArmijoGradient(ExactRule):
    """Softmax policy gradient with an Armijo line search: theta += eta_n g.

    Starting from the given learning rate, eta is multiplied by `shrink` until
    J(theta + eta g) >= J(theta) + slope * eta * ||g||^2. With `expand`, a rate that passes at once
    is divided by `shrink` for as long as the larger one passes too, so that the learning rate is
    only a first guess. If no rate down to shrink^max_trials passes (the gain is below rounding),
    theta stays.

    Source: Lu et al., RLJ 2024 (arXiv 2405.13136). Proved rate: linear once the largest rate does
    not bind, because the gradient's Lipschitz constant falls with the gradient. With a fixed
    largest rate the plateau is that of softmax PG at that rate. With `expand` one search leaves an
    equal-gap well, at a price of log_{1/shrink}(1/pi(a*)) evaluations of J.

    Attributes:
        slope: share of the first-order gain that must be had, in (0, 1).
        shrink: factor between trial rates, in (0, 1).
        expand: whether rates above the given one are tried.
        max_trials: most trial rates in one direction.
        objective: J(theta) of shape theta.shape[:-2], for an MDP. None: the weighted sum of
            pi.values, which is J in one state and in an MDP of discount 0, and only there.

    Raises:
        ValueError: for an option out of range, or in an MDP of discount > 0 without `objective`.
    """

    slope: float = option(0.5, check_float, 0, 1, open_low=True, open_high=True)
    shrink: float = option(0.5, check_float, 0, 1, open_low=True, open_high=True)
    expand: bool = option(False, check_bool)
    max_trials: int = option(200, check_int, 1)
    objective: Callable[[Floats], Floats] | None = field(default=None, metadata=CODE_ONLY)

    uses_objective: ClassVar[bool] = True
    is_smooth: ClassVar[bool] = False

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text=(
                "linear; the search itself leaves an equal-gap well in one update"
                if self.expand
                else "linear once the largest rate does not bind; until then that of softmax PG"
            ),
            escape_exponent=0.0 if self.expand else 1.0,
            source="Lu et al., RLJ 2024",
        )

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """Accepted rate * gradient, same shape as theta."""
        rate = self.accepted_rate(theta, values, learning_rate, weight)
        return rate * softmax_gradient(theta, values, weight)

    def accepted_rate(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """The rate the search settles on: [..., 1], or [..., 1, 1] in an MDP; 0 where none passes.

        Args:
            theta: logits [..., K] or [..., S, K].
            values: mean rewards or Q-values, same shape.
            learning_rate: first trial rate, > 0.
            weight: d(s)/(1-discount) [..., S, 1] in an MDP.
        """
        axes = parameter_axes(weight)
        gradient = softmax_gradient(theta, values, weight)
        gain = self._gain(theta, values, weight)
        required = self.slope * np.sum(gradient**2, axis=axes, keepdims=True)

        def passes(rate: Floats) -> Floats:
            return gain(theta + rate * gradient) >= rate * required

        rate = np.broadcast_to(np.asarray(learning_rate, np.float64), required.shape).copy()
        passed = passes(rate)
        if self.expand:
            growing = passed & (required > 0)
            for _ in range(self.max_trials):
                growing = growing & passes(rate / self.shrink)
                if not growing.any():
                    break
                rate = np.where(growing, rate / self.shrink, rate)
        for _ in range(self.max_trials):
            if passed.all():
                return rate
            rate = np.where(passed, rate, rate * self.shrink)
            passed = passes(rate)
        return np.where(passed, rate, 0.0)

    def _gain(self, theta: Floats, values: Floats, weight: Real) -> Callable[[Floats], Floats]:
        """The function J(.) - J(theta), with the parameter axes kept as ones."""
        axes = parameter_axes(weight)
        if self.objective is not None:
            objective = self.objective
            start = objective(theta)

            def difference(trial: Floats) -> Floats:
                return np.expand_dims(objective(trial) - start, axes)

            return difference
        if np.any(np.asarray(effective_horizon(weight)) > 1 + 1e-9) and len(axes) == 2:
            raise BadInput(
                "objective=None: in an MDP of discount > 0 armijo-pg must be given the return "
                "J(theta) to search on."
            )
        # pi'.U rather than pi'.values - pi.values: pi.U is 0, so nothing large cancels.
        advantage = advantages(softmax(theta), values)
        return lambda trial: np.sum(weight * softmax(trial) * advantage, axis=axes, keepdims=True)
