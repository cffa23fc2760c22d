"""What an update rule is: its exact form, its sampled form, and the rate it declares.

A rule is one frozen dataclass. Its exact form says what a step on exact values does (`ExactRule`;
`GradientRule` where the step is theta += eta * direction), its sampled form what a pull teaches
(`SampledRule`). A class derives from the forms that it has; its fields, the hyper-parameters, serve
both.

Shapes: theta, values [..., K] (leading axes: runs); in an MDP [..., S, K]. `values` are the mean
rewards (one state) or Q_n(s, .) (an MDP); U = values - pi.values is the advantage. `weight` is a
plain number for one state (1, the true gradient's factor there) and the array d(s)/(1-discount)
[..., S, 1] in an MDP, d the normalised discounted visitation; since d sums to one, the sum of the
weights over states is 1/(1-discount). eta is the learning rate.

A rule that remembers (moments of an optimiser, a reference policy) carries its memory on theta's
last axis, behind the K parameters (`agents.updates.memory`): `theta_from_policy` lays it out,
`policy` reads past it, `increment` keeps it up to date. Whoever runs rules then keeps, saves and
stacks one array.

Every update is theta + increment, and rules compute the increment by itself, not as a difference of
parameters: deep in a well it is far below the spacing of floats at theta.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.baselines import optimal_baseline
from agents.policies import softmax
from agents.updates.arithmetic import Real
from agents.updates.batch import Batch
from gw_envs.checks import Floats


@dataclass(frozen=True)
class Rate:
    """What a rule is proved to do, in a form that a test can measure.

    Attributes:
        text: the rate in words, with its conditions.
        escape_exponent: alpha in T ~ x0^-alpha ln(1/x0)^beta, the updates that the equal-gap bandit
            needs from pi(a*) = x0 to a fixed threshold as x0 -> 0.
        source: where the rate is proved.
        bias: the objective the rule maximises where it is not the return; empty where its limit is
            the best policy.
        log_exponent: beta; with alpha = 0, 1 is a logarithm and 0 a bounded number.
    """

    text: str
    escape_exponent: float
    source: str
    bias: str = ""
    log_exponent: float = 0.0


CODE_ONLY = {"code_only": True}  # metadata of a hyper-parameter that text cannot give


def option(default: Any, check: Callable[..., Any], *bounds: Any, **ends: Any) -> Any:
    """A hyper-parameter: a dataclass field that is checked when the rule is made.

    Args:
        default: its default; where that is None, None is accepted unchecked.
        check: one of `gw_envs.checks`, called as check(name, value, *bounds, **ends).
        *bounds: further arguments of the check.
        **ends: its keyword arguments.
    """

    def checked(name: str, value: Any) -> None:
        if value is not None or default is not None:
            check(name, value, *bounds, **ends)

    return field(default=default, metadata={"check": checked})


@dataclass(frozen=True)
class UpdateRule:
    """Shared by both forms: parameters are logits, pi = softmax(theta), unless overridden.

    Attributes:
        name: what the command line calls the rule; set by `register`.
        follows_gradient: whether what a step or a pull adds to theta is the policy gradient of some
            objective in the logits of each visited state. Such a rule can also move a network whose
            outputs are the logits.
    """

    name: ClassVar[str] = ""
    follows_gradient: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the hyper-parameters."""
        for item in fields(self):
            if "check" in item.metadata:
                item.metadata["check"](item.name, getattr(self, item.name))

    def policy(self, theta: Floats) -> Floats:
        """Probabilities [..., K]; adding a constant to a row of logits changes nothing."""
        return softmax(theta)

    def theta_from_policy(self, policy: Floats) -> Floats:
        """Parameters whose policy is `policy` [..., K], all entries in (0, 1): ln pi, [..., K]."""
        return np.log(policy)

    def move(self, theta: Floats, direction: Floats, learning_rate: Real) -> Floats:
        """What a step along a direction adds to theta: learning_rate times it, or an optimiser's.

        Args:
            theta: parameters, with the rule's memory if it has one.
            direction: of the exact form, or the sampled form's estimate of it, [..., K].
            learning_rate: eta > 0, a number or [..., 1].

        Returns:
            The change, same shape as theta, that of the memory included.
        """
        return learning_rate * direction


class ExactRule(UpdateRule, ABC):
    """The exact form: what a step on exact values does.

    Attributes:
        uses_soft_values: whether `values` must be soft Q-values in an MDP, of the rule's
            `temperature`.
        uses_objective: whether an MDP of discount > 0 must give the return as the rule's
            `objective`, a function of theta.
        uses_verdicts: whether `values` are probabilities of success, in [0, 1]. The rate is then
            that of a verdict: a* always succeeds, the others never.
        is_smooth: whether the update is a smooth map of theta, so that it can be jumped over; a
            line search or a threshold is none.
    """

    uses_soft_values: ClassVar[bool] = False
    uses_objective: ClassVar[bool] = False
    uses_verdicts: ClassVar[bool] = False
    is_smooth: ClassVar[bool] = True

    @property
    @abstractmethod
    def rate(self) -> Rate:
        """What the rule with these hyper-parameters is proved to do; a class attribute will do."""

    @abstractmethod
    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """What one update adds to theta, same shape, to the precision of a float however small."""

    def step(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """The parameters after one update: theta + increment; theta itself is not changed."""
        return theta + self.increment(theta, values, learning_rate, weight)

    def stuck(self, policy: Floats, values: Floats, edge: float) -> str:
        """Why a run of this rule that starts here never leaves its well; empty where it does.

        Args:
            policy: the first policies, [..., K].
            values: mean rewards or Q-values, [..., K].
            edge: pi(a*) at which a well of equal gaps ends, in (0, 1).
        """
        return ""

    def pulls(self, policy: Floats, values: Floats) -> Floats | float:
        """What one update of the sampled form draws, in expectation, [...]; NaN if there is none.

        Args:
            policy: [..., K].
            values: mean rewards or Q-values, [..., K].
        """
        return 1.0 if isinstance(self, SampledRule) else float("nan")

    @property
    def gradients_per_update(self) -> int:
        """How many gradients one update costs: 1, or the inner steps of a rule that has some."""
        return 1

    def default_learning_rate(self, advantage_bound: float = 1.0) -> float:
        """The step size of the rule's source where no |U| exceeds the bound; 1 if it has none."""
        return 1.0


class GradientRule(ExactRule):
    """The exact rules of the form theta += eta * direction(theta)."""

    @abstractmethod
    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """What one unit of learning rate adds to theta, [..., K]."""

    def increment(
        self, theta: Floats, values: Floats, learning_rate: Real, weight: Real = 1.0
    ) -> Floats:
        """`move` along the direction."""
        return self.move(theta, self.direction(theta, values, weight), learning_rate)


class SampledRule(UpdateRule, ABC):
    """The sampled form: what one pull tells, theta += eta * estimate(policy, action, reward, b).

    Attributes:
        unbiased: whether the expectation over A ~ pi and R is the exact form's direction for the
            mean rewards, for every b that does not depend on A, unless the class says more.
    """

    unbiased: ClassVar[bool] = True

    @abstractmethod
    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """What one unit of learning rate adds to theta, [..., K]; the agent applies discount^k.

        Args:
            policy: pi, [..., K].
            action: the arm A pulled, [...].
            reward: R, in an MDP the return from the state on, [...].
            baseline: b, [...] or a number (see `agents.baselines`).
        """

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The scalar b of least total variance of the estimate, [..., 1]; `optimal` by name.

        Here that of (R - b)(e_A - pi): the average of r(a) with weights pi(a) ||e_a - pi||^2
        (Greensmith et al., JMLR 2004).

        Args:
            policy: [..., K].
            values: mean rewards, [..., K].
        """
        return optimal_baseline(policy, values)

    @property
    def episodes_together(self) -> int:
        """Episodes from one state that the rule looks at as a group; 1: it takes each by itself."""
        return 1

    def check_batch_size(self, batch_size: int) -> None:
        """Refuse a number of episodes per run and update from which the rule cannot learn.

        Raises:
            ValueError: naming `batch_size`.
        """

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """What a batch says of the exact form's direction, [..., K]: the mean estimate.

        Overridden by a rule that looks at a group of episodes together, or whose estimate needs
        its memory.
        """
        return batch.mean(self.estimate)

    def sampled_increment(self, theta: Floats, batch: Batch, learning_rate: float) -> Floats:
        """What an update on a batch adds to theta: `move` along the sampled direction.

        Overridden by a rule that takes several inner steps on one batch.
        """
        return self.move(theta, self.sampled_direction(theta, batch), learning_rate)

    def sampled_step(self, theta: Floats, batch: Batch, learning_rate: float) -> Floats:
        """The parameters after one update on a batch: theta + sampled_increment."""
        return theta + self.sampled_increment(theta, batch, learning_rate)


def code_options(rule: type[UpdateRule]) -> frozenset[str]:
    """The hyper-parameters of a rule's class that only code can give (`CODE_ONLY`), by name."""
    return frozenset(item.name for item in fields(rule) if item.metadata.get("code_only"))
