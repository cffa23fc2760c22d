"""Several gradient steps on one batch, and what bounds them: clips, covariances, penalties.

q is the policy that played and rho = pi/q the ratio of the current one. Each of S inner steps adds
eta times the sum over arms of q(a) pull(a) (e_a - pi), U the advantage under q; sampled, the mean
of pull (e_A - pi) over the batch with R - b for U. A rule says what `pull` is: rho U is the
gradient of the plain surrogate E_q[rho U], whose first step is softmax-pg's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import advantages, expected, one_hot, push, ratio_excess
from agents.updates.batch import Batch
from agents.updates.gradient import SoftmaxGradient
from agents.updates.groups import (
    SizedGroupRule,
    VerdictRule,
    mixed_groups,
    standardised,
    success_contrast,
)
from agents.updates.registry import register
from agents.updates.regularized import log_softmax
from agents.updates.rule import ExactRule, Rate, Real, SampledRule, option
from gw_envs.checks import Floats, check_float, check_int

Pull = Callable[[Floats, Floats, Floats], Floats]  # of rho - 1, advantage and covariance


def covariances(log_policy: Floats, policy: Floats, advantage: Floats) -> Floats:
    """cov(a) = (ln pi(a) - pi.ln pi) U(a), [..., K] (arXiv 2505.22617)."""
    return (log_policy - expected(policy, log_policy)) * advantage


def inner_ascent(theta: Floats, advantage: Floats, pull: Pull, steps: int, rate: Real) -> Floats:
    """What `steps` inner steps add to logits theta [..., K], the advantages [..., K] held."""
    rollout, moved = softmax(theta), np.zeros_like(theta)
    covariance = covariances(log_softmax(theta), rollout, advantage)
    for _ in range(steps):
        excess = ratio_excess(rollout, moved)
        moved = moved + rate * push(rollout, pull(excess, advantage, covariance), excess)
    return moved


def sampled_ascent(
    estimate: Callable[..., Floats], batch: Batch, pull: Pull, steps: int, rate: float
) -> Floats:
    """What `steps` inner steps on one batch add to the logits, [R, S, K].

    Args:
        estimate: softmax-pg's, score (e_A - pi).
        batch: of the policies q; its returns less its baseline are the advantages.
        pull: what an arm or episode counts, as in `inner_ascent`.
        steps: S.
        rate: eta.
    """
    surprise = np.log(np.maximum(batch.policy, np.finfo(np.float64).tiny))
    surprise = surprise - expected(batch.policy, surprise)
    moved = np.zeros_like(batch.policy)

    def weighted(
        pi: Floats, action: NDArray[np.int64], reward: Floats, b: Real, excess: Floats, log: Floats
    ) -> Floats:
        chosen = one_hot(action, pi.shape[-1])
        score, ratio = reward - b, np.sum(chosen * excess, axis=-1)
        covariance = np.sum(chosen * log, axis=-1) * score
        return estimate(pi, action, pull(ratio, score, covariance))

    for _ in range(steps):
        excess = ratio_excess(batch.policy, moved)
        moved = moved + rate * batch.mean(weighted, batch.policy * (1 + excess), excess, surprise)
    return moved


def clipped(excess: Floats, advantage: Floats, low: float, high: float) -> Floats:
    """rho U, 0 where min(rho U, clip(rho, 1-low, 1+high) U) no longer depends on rho."""
    beyond = np.where(advantage > 0, excess > high, excess < -low)
    return np.where(beyond, 0.0, (1 + excess) * advantage)


@dataclass(frozen=True)
class InnerSteps(ExactRule, SampledRule):
    """What the rules of this file share.

    Attributes:
        inner_steps: S >= 1, gradient steps per batch.
    """

    inner_steps: int = option(10, check_int, 1)

    unbiased: ClassVar[bool] = False

    @abstractmethod
    def pull(self, excess: Floats, advantage: Floats, covariance: Floats) -> Floats:
        """What an arm counts, from rho - 1, its advantage and its covariance, all of one shape."""

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """What S inner steps add, same shape as theta."""
        advantage = advantages(softmax(theta), values)
        return inner_ascent(theta, advantage, self.pull, self.inner_steps, learning_rate * weight)

    def sampled_increment(self, theta: Floats, batch: Batch, learning_rate: float) -> Floats:
        """What S inner steps on the batch add."""
        return sampled_ascent(self.estimate, batch, self.pull, self.inner_steps, learning_rate)

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """softmax-pg's, (R - b)(e_A - pi), [..., K]."""
        return SoftmaxGradient().estimate(policy, action, reward, baseline)


@register("ppo-clip")
@dataclass(frozen=True)
class ClippedSurrogate(InnerSteps):
    """PPO's clipped surrogate: S steps up E_q min(rho U, clip(rho, 1-eps, 1+eps) U).

    Sampled: the same on a batch, R - b for U. Biased where S > 1: an arm stops by the sign of
    R - b, not of U, and inner steps on one batch follow its noise. S = 1 is softmax-pg, unbiased.

    Source: Schulman et al. 2017 (arXiv 1707.06347). Escape law: 1/(c eta Delta S x0) until
    x = ln(1+eps)/(c eta Delta S), then the clip binds and L/ln(1+eps) updates remain; still 1/x0. A
    sampled group with many inner steps moves a* by at most the factor 1+eps each time it is seen.

    Attributes:
        inner_steps: S >= 1, gradient steps per batch.
        clip: eps in (0, 1).
    """

    is_smooth: ClassVar[bool] = False  # a kink, a threshold or a clip

    clip: float = option(0.2, check_float, 0, 1, open_low=True, open_high=True)

    rate = Rate(
        text="escape in 1/(c eta Delta S x0) until x = ln(1+eps)/(c eta Delta S), then L/ln(1+eps)",
        escape_exponent=1.0,
        source="Schulman et al. 2017, arXiv 1707.06347; law derived",
    )

    def pull(self, excess: Floats, advantage: Floats, covariance: Floats) -> Floats:
        """rho U inside the clip."""
        return clipped(excess, advantage, self.clip, self.clip)


@register("kl-cov")
@dataclass(frozen=True)
class CovariancePenalty(InnerSteps):
    """KL-Cov: arms whose cov(ln pi, U) exceeds omega pay beta KL(q | pi) over the inner steps.

    Their term is beta q (rho - 1 - ln rho), whose sum over all arms is the KL; its pull on the
    logits is -beta (rho - 1), which is 0 in the first step: with S = 1 it is softmax-pg. Sampled:
    cov(A) = (ln q(A) - q.ln q)(R - b); biased for S > 1, as in ppo-clip.

    Source: arXiv 2505.22617, which takes the top share of tokens for what omega marks here. In a
    well of equal gaps no rare arm has a large covariance, and the law is 1/(c eta Delta S x0), a
    constant only.

    Attributes:
        inner_steps: S >= 1, gradient steps per batch; more than 1 for an effect.
        threshold: omega >= 0, in nats times reward.
        penalty: beta >= 0, in units of reward.
    """

    is_smooth: ClassVar[bool] = False  # a kink, a threshold or a clip

    threshold: float = option(0.1, check_float, 0)
    penalty: float = option(1.0, check_float, 0)

    rate = Rate(
        text="none proved; escape in 1/(c eta Delta S x0) at equal gaps",
        escape_exponent=1.0,
        source="arXiv 2505.22617; law derived",
    )

    def pull(self, excess: Floats, advantage: Floats, covariance: Floats) -> Floats:
        """rho U, less beta (rho - 1) for a marked arm."""
        penalised = np.where(covariance > self.threshold, self.penalty, 0.0)
        return (1 + excess) * advantage - penalised * excess


@register("clip-cov")
@dataclass(frozen=True)
class CovarianceClip(SoftmaxGradient):
    """Clip-Cov: arms whose cov(ln pi, U) = (ln pi - pi.ln pi) U exceeds omega do not learn.

    Exact: sum over the other arms of pi U (e_a - pi). Sampled: (R - b)(e_A - pi), dropped where
    (ln pi(A) - pi.ln pi)(R - b) > omega: the exact direction for noiseless rewards and b = pi.r,
    biased else. The source drops a random few of the marked tokens; here all.

    Source: arXiv 2505.22617. Escape law: no effect on a well of equal gaps, 1/(c eta Delta x0). An
    arm that grows before a* does is held back, which shortens wells with several plateaus; where
    omega is below the covariance of a* itself on the way, the policy stalls for good.

    Attributes:
        threshold: omega >= 0, in nats times reward.
    """

    is_smooth: ClassVar[bool] = False  # a kink, a threshold or a clip

    threshold: float = option(0.1, check_float, 0)

    unbiased: ClassVar[bool] = False

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="that of softmax-pg at equal gaps; stalls where omega is too tight",
            escape_exponent=1.0,
            source="arXiv 2505.22617; law derived",
            bias="the return of arms of small covariance; may stall before a* holds the mass",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The gradient of the arms that are not dropped, [..., K]."""
        policy = softmax(theta)
        advantage = advantages(policy, values)
        covariance = covariances(log_softmax(theta), policy, advantage)
        return weight * push(policy, np.where(covariance > self.threshold, 0.0, advantage))

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """(R - b)(e_A - pi) unless dropped, [..., K]."""
        log_policy = np.log(np.maximum(policy, np.finfo(np.float64).tiny))
        score = np.asarray(reward - baseline)
        covariance = covariances(log_policy, policy, score[..., None])
        marked = np.sum(one_hot(action, policy.shape[-1]) * covariance, axis=-1) > self.threshold
        return super().estimate(policy, action, np.where(marked, 0.0, score))


@register("dapo")
@dataclass(frozen=True)
class DynamicSampling(VerdictRule, SizedGroupRule):
    """DAPO: GRPO on groups that are neither all right nor all wrong, with a higher upper clip.

    Exact: s_G e / P(0 < m < G), the expectation over informative groups; with S > 1, inner steps
    along their expected advantages under the clips. Sampled: the mean over the informative groups
    of the batch. Given that there is one it is unbiased for S = 1; a batch without one moves
    nothing, so that updates here count generated batches, which the source draws again.

    Source: arXiv 2503.14476. Escape law: L G/(c eta sqrt(G-1)) updates, L = logit(edge) -
    logit(x0): a logarithm. The groups generated for them are as many as GRPO's, 1/x0. With b > 0
    every group is informative, and so GRPO's law holds.

    Attributes:
        group_size: G >= 2, or infinity, which only the exact form can have and is grpo's.
        inner_steps: S >= 1, gradient steps per batch.
        clip_low: rho >= 1 - clip_low is kept, in (0, 1), where S > 1.
        clip_high: rho <= 1 + clip_high is kept, > 0, where S > 1.
    """

    is_smooth: ClassVar[bool] = False  # a kink, a threshold or a clip

    inner_steps: int = option(1, check_int, 1)
    clip_low: float = option(0.2, check_float, 0, 1, open_low=True, open_high=True)
    clip_high: float = option(0.28, check_float, 0, open_low=True)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        finite = np.isfinite(self.group_size)
        return Rate(
            text="escape in L G/(c eta sqrt(G-1)) updates; as many groups generated as grpo's",
            escape_exponent=0.0 if finite else 0.5,
            log_exponent=1.0 if finite else 0.0,
            source="arXiv 2503.14476; law derived",
        )

    def scale(self, success: Floats, failure: Floats) -> Floats:
        """s_G(p) / P(0 < m < G)."""
        if not np.isfinite(self.group_size):
            return np.sqrt(success * failure)
        length, chance = mixed_groups(self.group_size, success, failure)
        return length / chance

    def pulls(self, policy: Floats, values: Floats) -> Floats | float:
        """G/P(0 < m < G): groups are drawn until one is informative."""
        success, failure, _ = success_contrast(self.name, policy, values)
        if not np.isfinite(self.group_size):
            return self.group_size
        chance = success * failure * mixed_groups(self.group_size, success, failure)[1]
        return (self.group_size / np.where(chance > 0, chance, np.inf))[..., 0]

    def score(self, returns: Floats) -> Floats:
        """(R_i - mean)/std; a silent group is left out."""
        return standardised(returns, np.nan)

    def pull(self, excess: Floats, advantage: Floats, covariance: Floats) -> Floats:
        """rho times the advantage inside the clips."""
        return clipped(excess, advantage, self.clip_low, self.clip_high)

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """What S inner steps add, same shape as theta."""
        if self.inner_steps == 1:
            return super().increment(theta, values, learning_rate, weight)
        policy = softmax(theta)
        success, failure, _ = success_contrast(self.name, policy, values)
        product = success * failure
        gain = self.scale(success, failure) / np.where(product > 0, product, np.inf)
        advantage = gain * advantages(policy, values)
        return inner_ascent(theta, advantage, self.pull, self.inner_steps, learning_rate * weight)

    def sampled_increment(self, theta: Floats, batch: Batch, learning_rate: float) -> Floats:
        """What S inner steps on the batch's informative groups add."""
        if self.inner_steps == 1:
            return super().sampled_increment(theta, batch, learning_rate)
        scored = batch.scored(self.score, self.finite_size)
        return sampled_ascent(self.estimate, scored, self.pull, self.inner_steps, learning_rate)
