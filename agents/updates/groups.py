"""Rules that score a group of answers to one prompt: the literature of verifiable rewards.

G episodes that begin in one state are a group. A rule scores each by the others and moves along
the mean of score * (e_A - pi). Where rewards are verdicts, R in {0, 1}, r(a) is an arm's chance of
success, p = pi.r the policy's, and e = pi (r - p)/(p (1-p)) is the policy given success minus the
policy given failure. The exact form of every rule here is the expectation over groups, scale(p) e
for verdicts. In a well (a* always succeeds, the others never, and are equally likely) p = pi(a*),
and with c = K/(K-1) the log-odds of a* rise by eta c scale(p) per update.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from agents.policies import softmax
from agents.updates.arithmetic import advantages, expected
from agents.updates.batch import Batch
from agents.updates.gradient import SoftmaxGradient
from agents.updates.registry import register
from agents.updates.rule import Rate, Real, option
from gw_envs.checks import BadInput, Floats, check_int


def check_size(name: str, value: Any, minimum: int) -> None:
    """A whole number of at least `minimum`, or infinity."""
    if not (isinstance(value, float) and value == np.inf):
        check_int(name, value, minimum)


class GroupRule(SoftmaxGradient):
    """What the rules of this file share: a score for every answer of a group.

    Only complete groups count: G episodes of one run that begin in the same state (its prompt).
    In an MDP the score at step k comes from the group's returns from step k on.
    """

    @property
    @abstractmethod
    def size(self) -> float:
        """G, episodes in a group."""

    @abstractmethod
    def score(self, returns: Floats) -> Floats:
        """What each episode counts, from the returns [..., G] of its group; NaN drops a group."""

    @property
    def finite_size(self) -> int:
        """G as a number of episodes.

        Raises:
            ValueError: for an infinite group.
        """
        if not np.isfinite(self.size):
            raise BadInput(
                f"an infinite group has only the exact form of {self.name}; give it a whole number "
                "of episodes for sampled gradients."
            )
        return int(self.size)

    @property
    def episodes_together(self) -> int:
        """G."""
        return self.finite_size

    def check_batch_size(self, batch_size: int) -> None:
        """At least one group."""
        if batch_size < self.finite_size:
            raise BadInput(
                f"batch_size={batch_size} holds no group of {self.finite_size} episodes, which "
                f"{self.name} learns from; it must be at least {self.finite_size}."
            )

    def pulls(self, policy: Floats, values: Floats) -> Floats | float:
        """G."""
        return self.size

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """The mean of score * (e_A - pi) over the complete groups of each run."""
        return batch.scored(self.score, self.finite_size).mean(self.estimate)


@dataclass(frozen=True)
class SizedGroupRule(GroupRule):
    """A group rule that is told how large its groups are.

    Attributes:
        group_size: G >= 2, or infinity, which only the exact form can have.
    """

    group_size: float = option(8, check_size, 2)

    @property
    def size(self) -> float:
        """G."""
        return self.group_size


class VerdictRule(GroupRule):
    """The group rules whose exact form is scale(p) e: values are probabilities of success."""

    uses_verdicts = True

    @abstractmethod
    def scale(self, success: Floats, failure: Floats) -> Floats:
        """The expected length along e, from p and 1 - p, [..., 1]."""

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """weight * scale(p) * e, [..., K].

        Raises:
            ValueError: if a value is no probability.
        """
        success, failure, contrast = success_contrast(self.name, softmax(theta), values)
        return weight * self.scale(success, failure) * contrast


def success_contrast(name: str, policy: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
    """p and 1 - p, [..., 1], and e = pi U/(p (1-p)), [..., K]; e is 0 where a verdict is certain.

    Raises:
        ValueError: if a value is outside [0, 1].
    """
    if np.minimum.reduce(values, None) < -1e-9 or np.maximum.reduce(values, None) > 1 + 1e-9:
        raise BadInput(
            f"values from {float(np.min(values)):.6g} to {float(np.max(values)):.6g} are no "
            f"probabilities of success, which {name} takes them for: they must lie in [0, 1]."
        )
    success, failure = expected(policy, values), expected(policy, 1 - values)
    product = success * failure
    pull = policy * advantages(policy, values)
    return success, failure, pull / np.where(product > 0, product, np.inf)


def check_verdicts(name: str, returns: Floats) -> Floats:
    """Successes, 1 or 0, among `returns`.

    Raises:
        ValueError: if a return is something else.
    """
    wrong = (returns != 0) & (returns != 1)
    if np.any(wrong):
        raise BadInput(
            f"a return of {float(returns[wrong][0]):.6g} is no verdict: {name} needs rewards of 0 "
            "or 1 (reward_noise='bernoulli' pays them)."
        )
    return returns


@cache
def mixed_counts(size: float) -> tuple[Floats, Floats, Floats]:
    """m = 1, ..., G-1, ln C(G, m) and sqrt(m(G-m))/G, asked for at every update."""
    from scipy.special import gammaln

    m = np.arange(1.0, size)
    ways = gammaln(size + 1) - gammaln(m + 1) - gammaln(size - m + 1)
    return m, ways, np.sqrt(m * (size - m)) / size


def mixed_groups(size: float, success: Floats, failure: Floats) -> tuple[Floats, Floats]:
    """E[sqrt(m(G-m))/G] and P(0 < m < G) over p(1-p), m ~ Bin(G, p), [..., 1]; finite G.

    Without the factor p(1-p) both are polynomials with positive terms, which nothing cancels.
    """
    from scipy.special import xlogy

    m, ways, lengths = mixed_counts(size)
    chance = np.exp(ways + xlogy(m - 1, success) + xlogy(size - m - 1, failure))
    return expected(chance, lengths), np.add.reduce(chance, axis=-1, keepdims=True)


@register("rloo")
@dataclass(frozen=True)
class LeaveOneOut(SizedGroupRule):
    """REINFORCE leave-one-out (RLOO): score R_i - mean of the others' R. No verdicts needed.

    Exact: the expectation over groups is pi U whatever G, softmax-pg; so are its law and constant.
    Sampled: unbiased. A group in which a* is seen once raises its log-odds by eta c/G in a well.

    Source: Ahmadian et al. 2024 (arXiv 2402.14740). Escape law: 1/(c eta Delta x0) updates of G
    pulls each: a group buys less noise, not a quicker escape.
    """

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="the expectation is softmax-pg's: escape in 1/(c eta Delta x0), c = K/(K-1)",
            escape_exponent=1.0,
            source="Ahmadian et al. 2024, arXiv 2402.14740; law derived",
        )

    def score(self, returns: Floats) -> Floats:
        """R_i minus the mean of the others."""
        size = returns.shape[-1]
        return (returns - returns.mean(axis=-1, keepdims=True)) * (size / (size - 1))


@register("dr-grpo")
@dataclass(frozen=True)
class CentredGroup(SizedGroupRule):
    """Dr. GRPO: score R_i - mean of the group, not divided by a deviation. No verdicts needed.

    Exact: (1 - 1/G) pi U, the expectation over groups (an answer is in its own baseline). Sampled:
    unbiased for that.

    Source: Liu et al. 2025 (arXiv 2503.20783). Escape law: G/(G-1) times softmax-pg's.
    """

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape in G/((G-1) c eta Delta x0), c = K/(K-1)",
            escape_exponent=1.0,
            source="Liu et al. 2025, arXiv 2503.20783; law derived",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """(1 - 1/G) times the gradient of the return, [..., K]."""
        return (1 - 1 / self.group_size) * super().direction(theta, values, weight)

    def score(self, returns: Floats) -> Floats:
        """R_i minus the mean of the group."""
        return returns - returns.mean(axis=-1, keepdims=True)


def standardised(returns: Floats, silent: float) -> Floats:
    """(R - mean)/population deviation over the last axis; `silent` where all R are equal."""
    centred = returns - returns.mean(axis=-1, keepdims=True)
    mixed = np.ptp(returns, axis=-1, keepdims=True) > 0
    deviation = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True))
    return np.where(mixed, centred / np.where(mixed, deviation, 1.0), silent)


@register("grpo")
@dataclass(frozen=True)
class GroupRelative(VerdictRule, SizedGroupRule):
    """Group relative policy optimisation (GRPO), one gradient step per batch, no KL term.

    Score (R_i - mean)/std of the group, std the population's, 0 where all R are equal. Exact:
    s_G e, the expectation over groups of verdicts, s_G = E sqrt(m(G-m))/G, m ~ Bin(G, p);
    sqrt(p(1-p)) for an infinite group; G = 2 is softmax-pg. Sampled: unbiased for that where
    rewards are verdicts; others are scored all the same, and the gap between two rewards drops out.

    Source: Shao et al. 2024 (arXiv 2402.03300). Escape law with c = K/(K-1): 1/(c eta sqrt(G-1) x0)
    for x0 << 1/G and 2/(c eta sqrt(x0)) for x0 >> 1/G. If wrong arms succeed with probability
    b > 0, std stays near sqrt(b(1-b)) and 1/(c eta Delta x0) is back, times that.
    """

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape in 1/(c eta sqrt(G-1) x0) for x0 << 1/G, 2/(c eta sqrt(x0)) above",
            escape_exponent=1.0 if np.isfinite(self.group_size) else 0.5,
            source="Shao et al. 2024, arXiv 2402.03300; law derived",
        )

    def scale(self, success: Floats, failure: Floats) -> Floats:
        """s_G(p)."""
        product = success * failure
        if not np.isfinite(self.group_size):
            return np.sqrt(product)
        return product * mixed_groups(self.group_size, success, failure)[0]

    def score(self, returns: Floats) -> Floats:
        """(R_i - mean)/std."""
        return standardised(returns, 0.0)


@register("pass-at-k")
@dataclass(frozen=True)
class PassAtK(VerdictRule, SizedGroupRule):
    """The gradient of pass@k = 1 - (1-p)^k, the chance that one of k answers succeeds.

    Exact: k (1-p)^(k-1) pi U. Sampled: a success scores k times the chance that k - 1 of the
    group's other answers, drawn without return, all fail; a failure scores 0. Unbiased for G >= k.

    Source: PKPO (arXiv 2505.15201), here with the leave-one-out baseline over k - 1 others. Escape
    law: 1/(c eta k x0), c = K/(K-1): a constant only. Near p = 1 it hardly learns.

    Attributes:
        k: answers that may be given, >= 1, at most group_size.

    Raises:
        ValueError: if k exceeds group_size.
    """

    k: int = option(4, check_int, 1)

    def __post_init__(self) -> None:
        """Check k against the group."""
        super().__post_init__()
        if self.k > self.group_size:
            raise BadInput(
                f"k={self.k} with group_size={self.group_size}: pass@k cannot be told from fewer "
                "than k answers; k must be at most group_size."
            )

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape in 1/(c eta k x0), c = K/(K-1)",
            escape_exponent=1.0,
            source="PKPO, arXiv 2505.15201; law derived",
        )

    def scale(self, success: Floats, failure: Floats) -> Floats:
        """k p (1-p)^k."""
        return self.k * success * failure**self.k

    def score(self, returns: Floats) -> Floats:
        """k C(failures, k-1)/C(G-1, k-1) for a success."""
        verdicts = check_verdicts(self.name, returns)
        size = returns.shape[-1]
        failures = size - verdicts.sum(axis=-1, keepdims=True)
        drawn = np.arange(self.k - 1)
        shares = np.clip(failures[..., None] - drawn, 0, None) / (size - 1 - drawn)
        return self.k * verdicts * np.prod(shares, axis=-1)


@register("max-rl")
@dataclass(frozen=True)
class MaximumLikelihood(VerdictRule):
    """MaxRL: the gradient of ln p, to the order that N rollouts can estimate.

    Exact: pi U (1 - (1-p)^N)/p, the gradient of -sum_{k<=N} (1-p)^k/k; pi U/p for infinite N.
    Sampled: the mean of e_A - pi over the group's successes, nothing where there are none:
    unbiased.

    Source: MaxRL (arXiv 2602.02710). Escape law with c = K/(K-1): 1/(c eta N x0) for x0 << 1/N,
    L/(c eta) above, L = logit(edge) - logit(x0). If wrong arms succeed with probability b > 0, p
    stays near b and b/(c eta Delta x0) is back.

    Attributes:
        rollouts: N >= 1, the group's size, or infinity, which only the exact form can have.
    """

    rollouts: float = option(8, check_size, 1)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        finite = np.isfinite(self.rollouts)
        return Rate(
            text="escape in 1/(c eta N x0) for x0 << 1/N, ln(1/x0)/(c eta) above, c = K/(K-1)",
            escape_exponent=1.0 if finite else 0.0,
            log_exponent=0.0 if finite else 1.0,
            source="MaxRL, arXiv 2602.02710; law derived",
        )

    @property
    def size(self) -> float:
        """N."""
        return self.rollouts

    def scale(self, success: Floats, failure: Floats) -> Floats:
        """(1-p) (1 - (1-p)^N)."""
        if not np.isfinite(self.rollouts):
            return failure
        with np.errstate(divide="ignore"):
            log_failure = np.where(success < 0.5, np.log1p(-success), np.log(failure))
        return failure * -np.expm1(self.rollouts * log_failure)

    def score(self, returns: Floats) -> Floats:
        """N over the number of successes, for each of them."""
        verdicts = check_verdicts(self.name, returns)
        successes = np.maximum(verdicts.sum(axis=-1, keepdims=True), 1)
        return returns.shape[-1] * verdicts / successes
