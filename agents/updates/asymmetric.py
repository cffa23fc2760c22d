"""Rules that weigh what went well and what went wrong by different measures."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates.arithmetic import advantages, one_hot, push
from agents.updates.gradient import SoftmaxGradient
from agents.updates.registry import register
from agents.updates.rule import Rate, Real, option
from gw_envs.checks import Floats, check_float


class OneSided(SoftmaxGradient):
    """Softmax policy gradient from the advantages of one sign.

    Exact: g - pi sum(g), g the part of pi U of that sign. Sampled: (R - b)(e_A - pi) where R - b
    has it, nothing else; the exact direction for noiseless rewards and b = pi.r, biased else. With
    b = 0 and rewards (1, 0) for the positive rule, (0, -1) for the negative one, no advantage is
    lost and both are softmax-pg in expectation, as the source has them.
    """

    is_smooth: ClassVar[bool] = False  # a kink, a threshold or a clip

    unbiased: ClassVar[bool] = False

    @abstractmethod
    def side(self, advantage: Floats) -> Floats:
        """The advantage where its sign counts, else 0."""

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """g - pi sum(g), [..., K]."""
        policy = softmax(theta)
        return weight * push(policy, self.side(advantages(policy, values)))

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """The one side of R - b, times (e_A - pi), [..., K]."""
        return super().estimate(policy, action, self.side(np.asarray(reward - baseline)))


@register("positive-pg")
@dataclass(frozen=True)
class PositiveGradient(OneSided):
    """Only positive advantages: theta += eta * weight * ((pi U)+ - pi sum (pi U)+).

    Exact, it is delightful-pg at temperature 0. Source: positive sample reinforcement (arXiv
    2506.01347), with a baseline. Escape law: 1/(c eta Delta x0), the log-odds rising at 1-x times
    softmax-pg's rate: a constant only. Gains where an arm is harmful, that is, where softmax-pg
    pushes a* down before it lifts it.
    """

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape of order 1/(c eta Delta x0), c = K/(K-1)",
            escape_exponent=1.0,
            source="arXiv 2506.01347; law derived",
        )

    def side(self, advantage: Floats) -> Floats:
        """The positive part."""
        return np.maximum(advantage, 0.0)


@register("negative-pg")
@dataclass(frozen=True)
class NegativeGradient(OneSided):
    """Only negative advantages: theta += eta * weight * ((pi U)- - pi sum (pi U)-).

    Source: negative sample reinforcement (arXiv 2506.01347), with a baseline. Wrong arms that are
    pushed down hand their mass to each other, and a* gets its share x of it: the log-odds rise at
    c eta Delta x^2 (1-x) and escape takes 1/(2 c eta Delta x0^2) updates, worse than softmax-pg.
    """

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape in 1/(2 c eta Delta x0^2), c = K/(K-1)",
            escape_exponent=2.0,
            source="arXiv 2506.01347; law derived",
        )

    def side(self, advantage: Floats) -> Floats:
        """The negative part."""
        return np.minimum(advantage, 0.0)


@register("asymmetric-pg")
@dataclass(frozen=True)
class AsymmetricGradient(SoftmaxGradient):
    """AsymRE: theta += eta * weight * (mu (r - V) - pi mu.(r - V)), mu the uniform data policy.

    The gradient of E_mu[(R - V) ln pi(A)]: data of a fixed policy, no importance weights, and so
    the baseline V decides what is learnt. Sampled here on-policy, (mu(A)/pi(A)) (R - V)(e_A - pi):
    unbiased, of a variance that grows like 1/pi. V is the rule's own; the agent's baseline is not
    used.

    Source: arXiv 2506.20520. Escape law (derived), M = mu.(r - V): the log-odds of a* rise by
    eta (Delta/K + M/(K-1)) per update deep in the well, so L updates over that, L = logit(edge) -
    logit(x0). Where V is below every reward it rests at mu (r - V)/M, a bias; for V between the
    best two rewards and M > 0 it goes to a*.

    Attributes:
        value: V, in units of reward.
    """

    value: float = option(0.5, check_float)

    @property
    def rate(self) -> Rate:
        """See `Rate`."""
        return Rate(
            text="escape in L/(eta (Delta/K + M/(K-1))), M = mean reward - V",
            escape_exponent=0.0,
            log_exponent=1.0,
            source="arXiv 2506.20520; law derived",
            bias="mean of (r - V) ln pi over arms; arms that pay more than V share the limit",
        )

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """mu (r - V) - pi mu.(r - V), [..., K]."""
        pull = (values - self.value) / theta.shape[-1]
        return weight * (pull - softmax(theta) * pull.sum(axis=-1, keepdims=True))

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """(mu(A)/pi(A)) (R - V)(e_A - pi), [..., K]."""
        pulled = np.sum(one_hot(action, policy.shape[-1]) * policy, axis=-1)
        return super().estimate(policy, action, (reward - self.value) / (policy.shape[-1] * pulled))
