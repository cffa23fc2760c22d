"""One policy for several states: what a rule learns in each state moves the logits of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.updates.batch import Batch
from agents.updates.rule import GradientRule, Rate, Real, SampledRule, UpdateRule
from gw_envs.checks import BadInput, Floats


@dataclass(frozen=True)
class TiedRule(GradientRule, SampledRule):
    """A gradient rule for logits theta(s, a) = offset(s, a) + shared(a), [..., S, K].

    The offsets are those of the start and stay; the shared logits move by the gradient of the same
    objective, which is the sum over states of the rule's directions, each with its own weight. The
    rule must add a gradient to softmax logits by itself: memory, inner steps and other maps have no
    direction to sum.

    Attributes:
        of: the rule.

    Raises:
        ValueError: for a rule that does not.
    """

    of: Any

    def __post_init__(self) -> None:
        """Check the rule."""
        rule = self.of
        adds = isinstance(rule, GradientRule) or not hasattr(rule, "increment")
        plain = type(rule).move is UpdateRule.move and type(rule).policy is UpdateRule.policy
        inner = getattr(rule, "inner_steps", 1) > 1
        if not (adds and plain and rule.follows_gradient) or inner:
            raise BadInput(
                f"shared_policy=True does not go with update={rule.name!r}, which adds no gradient "
                "to plain logits; use softmax-pg, entropy-pg or a group rule such as grpo."
            )

    @property
    def name(self) -> str:  # type: ignore[override]
        """The rule's own."""
        return str(self.of.name)

    @property
    def is_smooth(self) -> bool:  # type: ignore[override]
        """As the rule's own."""
        return bool(self.of.is_smooth)

    @property
    def uses_soft_values(self) -> bool:  # type: ignore[override]
        """As the rule's own."""
        return bool(getattr(self.of, "uses_soft_values", False))

    @property
    def temperature(self) -> float:
        """Of soft values, the rule's own."""
        return float(self.of.temperature)

    @property
    def rate(self) -> Rate:
        """The rule's own, of a single state."""
        rate: Rate = self.of.rate
        return rate

    def direction(self, theta: Floats, values: Floats, weight: Real = 1.0) -> Floats:
        """The sum over states in every row, [..., S, K]."""
        return _summed(self.of.direction(theta, values, weight))

    def estimate(
        self, policy: Floats, action: NDArray[np.int64], reward: Floats, baseline: Real = 0.0
    ) -> Floats:
        """The rule's own, for the state it is asked of."""
        own: Floats = self.of.estimate(policy, action, reward, baseline)
        return own

    def sampled_direction(self, theta: Floats, batch: Batch) -> Floats:
        """The sum over states of the batch's mean, in every row, [..., S, K]."""
        return _summed(self.of.sampled_direction(theta, batch))

    def optimal_baseline(self, policy: Floats, values: Floats) -> Floats:
        """The rule's own."""
        own: Floats = self.of.optimal_baseline(policy, values)
        return own

    @property
    def episodes_together(self) -> int:
        """As the rule's own."""
        return int(self.of.episodes_together)

    def check_batch_size(self, batch_size: int) -> None:
        """As the rule's own."""
        self.of.check_batch_size(batch_size)


def _summed(directions: Floats) -> Floats:
    total = directions.sum(axis=-2, keepdims=True)
    return np.broadcast_to(total, directions.shape).copy()
