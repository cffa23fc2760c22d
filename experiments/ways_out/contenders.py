"""Who races: a rule, its hyper-parameters and its step size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.updates import ExactRule, exact_rules, make_rule
from gw_envs.checks import check_float


@dataclass(frozen=True)
class Contender:
    """A rule with its hyper-parameters and its step size.

    Attributes:
        name: one of `agents.updates.exact_rules()`.
        options: hyper-parameters by field name; the others keep their defaults.
        learning_rate: eta > 0; None for `ExactRule.default_learning_rate`.

    Raises:
        ValueError: for an unknown rule or option, or a value out of range.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        """Check rule, options and step size."""
        make_rule(self.name, **self.options)
        if self.learning_rate is not None:
            check_float("learning_rate", self.learning_rate, 0, open_low=True)

    @property
    def rule(self) -> ExactRule:
        """The rule."""
        return make_rule(self.name, **self.options)

    @property
    def label(self) -> str:
        """The name, and the options that were given."""
        return ", ".join([self.name, *(f"{key}={value}" for key, value in self.options.items())])


def all_contenders() -> list[Contender]:
    """Every exact rule at its defaults, and the variants that behave in another way."""
    variants = [Contender("armijo-pg", {"expand": True})]
    variants.append(Contender("delightful-pg", {"temperature": 0.0}))
    variants.append(Contender("grpo", {"group_size": math.inf}))
    variants.append(Contender("kl-pg", {"temperature": 0.5}))
    return [Contender(name) for name in sorted(exact_rules())] + variants
