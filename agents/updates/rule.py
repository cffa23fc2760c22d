"""What an update rule is: its interface, the rate it declares, and the table of rules by name.

Shapes, everywhere in this package: theta, values [..., K] (leading axes: runs); in an MDP
[..., S, K]. `values` are the mean rewards (one state) or Q_n(s, .) (an MDP); U = values - pi.values
is the advantage. `weight` is a plain number for one state (1, the true gradient's factor there) and
the array d(s)/(1-discount) [..., S, 1] in an MDP, d the normalised discounted visitation; since d
sums to one, the sum of the weights over states is 1/(1-discount). eta is the learning rate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from agents.policies import softmax
from gw_envs.checks import BadInput, Floats, check_choice


@dataclass(frozen=True)
class Rate:
    """What a rule is proved to do, in a form that a test can measure.

    Attributes:
        text: the rate in words, with its conditions.
        escape_exponent: alpha in T ~ x0^-alpha, the updates that the equal-gap bandit needs from
            pi(a*) = x0 to a fixed threshold as x0 -> 0; 0 where T grows like ln(1/x0) or less.
        source: where the rate is proved.
        bias: the objective the rule maximises where it is not the return; empty where its limit is
            the best policy.
    """

    text: str
    escape_exponent: float
    source: str
    bias: str = ""


class UpdateRule(Protocol):
    """What every exact rule offers."""

    name: ClassVar[str]
    uses_visitation: ClassVar[bool]
    uses_soft_values: ClassVar[bool]

    @property
    def rate(self) -> Rate:
        """What the rule with these hyper-parameters is proved to do."""
        ...

    def policy(self, theta: Floats) -> Floats:
        """The rule's map from theta [..., K] to probabilities [..., K]."""
        ...

    def theta_from_policy(self, policy: Floats) -> Floats:
        """Parameters [..., K] whose policy is `policy` [..., K], all entries in (0, 1)."""
        ...

    def step(
        self,
        theta: Floats,
        values: Floats,
        learning_rate: Floats | float,
        weight: Floats | float = 1.0,
    ) -> Floats:
        """The parameters after one update, same shape as theta; theta itself is not changed."""
        ...


class BaseRule:
    """Shared by all rules here: parameters are logits, pi = softmax(theta), unless overridden.

    Attributes:
        name: what the command line calls the rule; set by `register`.
        uses_visitation: whether `weight` multiplies the direction state by state, as it does in a
            true gradient.
        uses_soft_values: whether `values` must be soft Q-values in an MDP.
    """

    name: ClassVar[str] = ""
    uses_visitation: ClassVar[bool] = True
    uses_soft_values: ClassVar[bool] = False

    def policy(self, theta: Floats) -> Floats:
        """softmax(theta), [..., K]; adding a constant to a row changes nothing."""
        return softmax(theta)

    def theta_from_policy(self, policy: Floats) -> Floats:
        """ln pi, [..., K]."""
        return np.log(policy)


class GradientRule(BaseRule, ABC):
    """Shared by the rules of the form theta += eta * direction(theta)."""

    @abstractmethod
    def direction(self, theta: Floats, values: Floats, weight: Floats | float = 1.0) -> Floats:
        """What one unit of learning rate adds to theta, same shape as theta."""

    def step(
        self,
        theta: Floats,
        values: Floats,
        learning_rate: Floats | float,
        weight: Floats | float = 1.0,
    ) -> Floats:
        """theta + learning_rate * direction, same shape as theta."""
        return theta + learning_rate * self.direction(theta, values, weight)


RULES: dict[str, type] = {}
RuleClass = TypeVar("RuleClass", bound=type)


def register(name: str) -> Callable[[RuleClass], RuleClass]:
    """Class decorator: name the rule and enter it in `RULES`, where every caller looks it up.

    Args:
        name: what the command line calls the rule.

    Raises:
        ValueError: if another class already has the name.
    """

    def enter(rule: RuleClass) -> RuleClass:
        if name in RULES:
            raise BadInput(f"name={name!r} is taken by {RULES[name].__name__}; choose another.")
        rule.name = name  # type: ignore[attr-defined]
        RULES[name] = rule
        return rule

    return enter


def make_rule(name: str, **options: Any) -> UpdateRule:
    """The rule called `name` with the given hyper-parameters.

    Args:
        name: a key of `RULES`.
        **options: fields of the rule's class; the others keep their defaults.

    Raises:
        ValueError: if the name or an option is unknown or an option is out of range.
    """
    rule = RULES[check_choice("name", name, tuple(RULES))]
    known = tuple(field.name for field in fields(rule) if field.init)
    for option in options:
        if option not in known:
            raise BadInput(f"{option!r} is no option of {name}; it takes {known or 'none'}.")
    return rule(**options)


def advantages(policy: Floats, values: Floats) -> Floats:
    """U(a) = values(a) - pi.values, in two passes so that a dominant arm's U does not cancel."""
    mean = np.sum(policy * values, axis=-1, keepdims=True)
    centred = values - mean
    return centred - np.sum(policy * centred, axis=-1, keepdims=True)


def parameter_axes(weight: Floats | float) -> tuple[int, ...]:
    """The axes of theta that belong to one policy: actions, and states where `weight` has them.

    Raises:
        ValueError: if `weight` is an array without a state axis.
    """
    if np.ndim(weight) == 0:
        return (-1,)
    if np.ndim(weight) == 1:
        raise BadInput(
            f"weight of shape {np.shape(weight)} must be a number (one state) or d(s)/(1-discount) "
            "of shape [..., S, 1]."
        )
    return (-2, -1)


def count_states(weight: Floats | float) -> int:
    """S, the length of the state axis of `weight`; 1 for a plain number."""
    return 1 if parameter_axes(weight) == (-1,) else int(np.shape(weight)[-2])


def effective_horizon(weight: Floats | float) -> Floats | float:
    """1/(1-discount), the sum of `weight` over states; [..., 1, 1] in an MDP."""
    if parameter_axes(weight) == (-1,):
        return weight
    return np.sum(weight, axis=-2, keepdims=True)
