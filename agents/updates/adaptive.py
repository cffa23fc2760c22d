"""Rules whose steps adapt: to the gradients seen, to a learnt temperature, to counts, to a KL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import advantages, expected
from agents.updates.batch import Batch
from agents.updates.gradient import SoftmaxGradient, softmax_gradient
from agents.updates.memory import Remembering
from agents.updates.mirror import NaturalGradient
from agents.updates.registry import check_rule, make_rule, register, rule_options
from agents.updates.rule import (
    CODE_ONLY,
    ExactRule,
    GradientRule,
    Rate,
    Real,
    SampledRule,
    UpdateRule,
    option,
)
from gw_envs.checks import BadInput, Floats, check_float


@register("adam-pg")
@dataclass(frozen=True)
class AdamGradient(Remembering, GradientRule, SampledRule):
    """Adam on the direction d of a gradient rule: theta += eta m_hat/(sqrt(v_hat) + eps).

    m <- beta1 m + (1-beta1) d, v <- beta2 v + (1-beta2) d^2, the hats divide by 1 - beta^n. theta
    holds K logits, m, v and n. Exact and sampled form take the direction of the rule `of`; the
    sampled step is biased, since it divides by a noisy size.

    Source: Kingma and Ba 2014 (arXiv 1412.6980). Escape law at equal gaps (derived): while
    Delta x0 << eps the step is eta d/eps, so eps/(c eta Delta x0) updates; above, every logit moves
    by about eta, and between sqrt(L)/(2 eta) and L/(2 eta) updates are left, L = logit(edge) -
    logit(x0). The 1/x0 is put off by eps, not removed; at eps = 0 it is.

    Attributes:
        beta1: in [0, 1).
        beta2: in [0, 1).
        epsilon: eps >= 0, in units of d.
        of: the gradient rule that gives d; one on plain logits.
        of_options: its hyper-parameters.
    """

    is_smooth: ClassVar[bool] = False  # its memory is no smooth function of the update at the start

    beta1: float = option(0.9, check_float, 0, 1, open_high=True)
    beta2: float = option(0.999, check_float, 0, 1, open_high=True)
    epsilon: float = option(1e-8, check_float, 0)
    of: str = "softmax-pg"
    of_options: Mapping[str, Any] = field(default_factory=dict, metadata=CODE_ONLY)

    rows: ClassVar[int] = 2
    numbers: ClassVar[int] = 1
    unbiased: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the numbers and the rule that gives the direction."""
        super().__post_init__()
        base = self.base
        plain = type(base).theta_from_policy is UpdateRule.theta_from_policy
        if not (plain and isinstance(base, GradientRule) and base.follows_gradient):
            raise BadInput(
                f"of={self.of!r} is no gradient rule on plain logits, whose direction Adam could "
                "take; try 'softmax-pg', 'grpo' or 'entropy-pg'."
            )

    @cached_property
    def base(self) -> ExactRule:
        """The rule that gives the direction."""
        options = rule_options("of_options", self.of_options)
        return make_rule(check_rule("of", self.of, "exact"), **options)

    @cached_property
    def sampled_base(self) -> SampledRule:
        """The same, with a sampled form.

        Raises:
            ValueError: if it has none.
        """
        if not isinstance(self.base, SampledRule):
            check_rule("of", self.of, "sampled")
        return cast(SampledRule, self.base)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape in eps/(c eta Delta x0) while Delta x0 << eps, at most L/(2 eta) above",
            escape_exponent=1.0 if self.epsilon > 0 else 0.0,
            log_exponent=0.0 if self.epsilon > 0 else 1.0,
            source="Kingma and Ba 2014, arXiv 1412.6980; law derived",
            bias=self.base.rate.bias,
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """That of the rule `of`, [..., K]."""
        return cast(GradientRule, self.base).direction(self.recall(theta)[0], values, weight)

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """That of the rule `of`, [..., K]."""
        return self.sampled_base.estimate(policy, action, reward, baseline)

    def pulls(self, policy: Floats, values: Floats) -> Floats | float:
        """Those of the rule `of`."""
        return self.base.pulls(policy, values)

    @property
    def episodes_together(self) -> int:
        """Those of the rule `of`."""
        return self.sampled_base.episodes_together

    def check_batch_size(self, batch_size: int) -> None:
        """What the rule `of` asks for."""
        self.sampled_base.check_batch_size(batch_size)

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """That of the rule `of`, [..., K]."""
        return self.sampled_base.sampled_direction(self.recall(theta)[0], batch)

    def move(self, theta: Floats, direction: Floats, learning_rate: Real) -> Floats:
        """Adam's step, and what it adds to m, v and n."""
        _, mean, square, count = self.recall(theta)
        mean_change = (1 - self.beta1) * (direction - mean)
        square_change = (1 - self.beta2) * (direction**2 - square)
        first = (mean + mean_change) / (1 - self.beta1 ** (count + 1))
        second = (square + square_change) / (1 - self.beta2 ** (count + 1))
        size = np.sqrt(second) + self.epsilon
        step = learning_rate * first / np.where(size > 0, size, 1.0)
        return self.keep(step, mean_change, square_change, np.ones_like(count))

    def default_learning_rate(self, advantage_bound: float = 1.0) -> float:
        """.01; the source's .001 is for networks."""
        return 0.01


@register("temperature-pg")
@dataclass(frozen=True)
class TemperatureGradient(Remembering, SoftmaxGradient):
    """Softmax of kappa z, both learnt: z += eta kappa g, kappa += eta g.z, g = weight pi U.

    theta holds z [K] and kappa, 1 at the start. With delta = z(a*) - z(another) the log-odds
    kappa delta rise at eta x (1-x) Delta (c kappa^2 + delta^2), c = K/(K-1), and the flow conserves
    c kappa^2 - delta^2. delta is -ln(1/x0) at the start, so kappa falls, the policy flattens and
    the well is left in order 1/(eta Delta x0 ln(1/x0)^2) updates. Sampled: the same of softmax-pg's
    estimate, unbiased.

    Source: softmax with a learnt inverse temperature; flow and law derived at equal gaps.
    """

    rows: ClassVar[int] = 0
    numbers: ClassVar[int] = 1

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape of order 1/(eta Delta x0 ln(1/x0)^2)",
            escape_exponent=1.0,
            log_exponent=-2.0,
            source="derived from the conserved c kappa^2 - delta^2",
        )

    def policy(self, theta: Floats) -> Floats:
        """softmax(kappa z), [..., K]."""
        logits, kappa = self.recall(theta)
        return softmax(kappa * logits)

    def first_memory(self, logits: Floats) -> list[Floats]:
        """kappa = 1."""
        return [np.ones_like(logits[..., :1])]

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient of the return in z and kappa, [..., K+1]."""
        logits, kappa = self.recall(theta)
        return self.through_map(theta, softmax_gradient(kappa * logits, values, weight))

    def through_map(self, theta: Floats, gradient: Floats) -> Floats:
        """The gradient [..., K] in the logits kappa z as one in (z, kappa), [..., K+1]."""
        logits, kappa = self.recall(theta)
        # The gradient sums to zero, so z may be measured from any arm: that of the largest z.
        offsets = logits - logits.max(axis=-1, keepdims=True)
        return self.keep(kappa * gradient, np.sum(gradient * offsets, axis=-1, keepdims=True))

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """The same of the mean estimate, [..., K+1]."""
        return self.through_map(theta, batch.mean(self.estimate))

    def move(self, theta: Floats, direction: Floats, learning_rate: Real) -> Floats:
        """learning_rate * direction."""
        return learning_rate * direction


@register("count-bonus")
@dataclass(frozen=True)
class CountBonus(Remembering, SoftmaxGradient):
    """Softmax policy gradient on r + beta/sqrt(1 + N(a)), N the pulls of the arm so far.

    theta holds K logits and N. Exact: every update adds pi to N, the pulls expected of one episode.
    Sampled: (R + beta/sqrt(1+N(A)) - b)(e_A - pi), unbiased, and the batch's pulls are added to N.
    MDP: N counts per state; the exact form adds pi in every state, visited or not.

    Source: bonuses of this form go back to the tabular literature on optimism; law derived. The
    wrong arms' bonus is spent while a* keeps its own, so that its gap is at most Delta + beta:
    escape in between 1/(c eta (Delta + beta) x0) and 1/(c eta Delta x0) updates, a constant only.

    Attributes:
        bonus: beta >= 0, in units of reward.
    """

    is_smooth: ClassVar[bool] = False  # counts that a jump would try below zero

    bonus: float = option(0.5, check_float, 0)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape between 1/(c eta (Delta+beta) x0) and 1/(c eta Delta x0), c = K/(K-1)",
            escape_exponent=1.0,
            source="derived from d ln(odds)/dn",
        )

    def _bonuses(self, counts: Floats) -> Floats:
        return self.bonus / np.sqrt(1 + counts)

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient with the bonus, [..., K]."""
        logits, counts = self.recall(theta)
        return super().direction(logits, values + self._bonuses(counts), weight)

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """Learning rate * direction for the logits, pi for the counts."""
        return self.keep(learning_rate * self.direction(theta, values, weight), self.policy(theta))

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """The mean of the estimates with the bonus, [..., K]."""

        def rewarded(
            pi: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real, bonus: Floats
        ) -> Floats:
            extra = np.take_along_axis(bonus, action[..., None], axis=-1)[..., 0]
            return self.estimate(pi, action, reward + extra, baseline)

        return batch.mean(rewarded, batch.policy, self._bonuses(self.recall(theta)[1]))

    def sampled_increment(self, theta: Floats, batch: Batch, learning_rate: float) -> Floats:
        """Learning rate * direction for the logits, the batch's pulls for the counts."""
        pulls = np.zeros_like(batch.policy)
        run = np.repeat(np.arange(len(pulls)), batch.batch_size)
        for states, actions in zip(batch.states, batch.actions, strict=True):
            np.add.at(pulls, (run, states, actions), 1.0)
        return self.keep(learning_rate * self.sampled_direction(theta, batch), pulls)


@register("trpo")
@dataclass(frozen=True)
class TrustRegion(NaturalGradient):
    """TRPO: theta += eta alpha U along the natural direction, alpha such that KL(pi | pi') = kl.

    The KL is the exact one of the whole step (eta = 1), each state's own; less eta takes that share
    of the step. Where all arms are alike theta stays. `weight` is not used. Sampled: natural-pg's
    mean estimate for U, the same step; biased, since it is normalised, and tends to the exact one
    as the batch grows.

    Source: Schulman et al. 2015 (arXiv 1502.05477). Escape law (derived): a step of KL delta moves
    2 asin sqrt(pi(a*)) by sqrt(2 delta), so about (asin sqrt(edge) - asin sqrt(x0)) sqrt(2/delta)
    updates: bounded, whatever x0.

    Attributes:
        kl: delta > 0, in nats.
    """

    kl: float = option(0.01, check_float, 0, open_low=True)

    unbiased: ClassVar[bool] = False
    rate = Rate(
        text="escape in (asin sqrt(edge) - asin sqrt(x0)) sqrt(2/kl) updates",
        escape_exponent=0.0,
        source="Schulman et al. 2015, arXiv 1502.05477; law derived",
    )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """U, same shape as theta."""
        return super().direction(theta, values, 1.0)

    def move(self, theta: Floats, direction: Floats, learning_rate: Real) -> Floats:
        """learning_rate * alpha * direction."""
        return learning_rate * step_of_divergence(softmax(theta), direction, self.kl)


def step_of_divergence(policy: Floats, direction: Floats, kl: float) -> Floats:
    """alpha u with KL(pi | softmax(ln pi + alpha u)) = kl, u the direction less its mean, [..., K].

    The divergence is ln sum pi exp(alpha u), increasing and convex in alpha > 0. Newton's method
    from above therefore falls to the root and never passes it. A constant direction has no such
    step and gives 0.

    Args:
        policy: pi, [..., K].
        direction: [..., K].
        kl: > 0, in nats.
    """
    u = advantages(policy, direction)
    top = u.max(axis=-1, keepdims=True)
    moves = top > 0
    u = np.where(moves, u / np.where(moves, top, 1.0), 0.0)
    chance = np.sum(np.where(u == 1, policy, 0.0), axis=-1, keepdims=True)
    # alpha + ln(chance of the top arms) bounds the divergence from below: there it is >= kl.
    alpha = kl - np.log(np.where(moves, np.maximum(chance, 1e-300), 1.0))
    for _ in range(200):
        # Growth beyond the tangent, e^z - 1 - z, keeps a small divergence from cancelling.
        z = alpha * u
        excess = expected(policy, _second_order(z))
        slope = np.sum(policy * np.expm1(z) * u, axis=-1, keepdims=True) / (1 + excess)
        change = (np.log1p(excess) - kl) / np.where(slope > 0, slope, 1.0)
        alpha = np.where(moves, alpha - change, alpha)
        if np.all(np.abs(np.where(moves, change, 0.0)) <= 4e-16 * alpha):
            break
    return np.where(moves, alpha * u, 0.0)


def _second_order(z: Floats) -> Floats:
    """e^z - 1 - z >= 0, to full precision near 0."""
    near = np.abs(z) < 0.02
    y = np.where(near, z, 0.0)
    series = y * y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5 * (1 + y / 6 * (1 + y / 7)))))
    return np.where(near, series, np.expm1(z) - z)
