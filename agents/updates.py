"""Update rules: how a step moves the logits. One small class each; `RULES` maps CLI names to them.

Shapes: theta, values [..., K] (leading axes: runs, states); `weight` broadcasts against [..., 1].
`values` are the mean rewards (one state) or Q_n(s, .) (an MDP); U = values - pi.values. `weight` is
d(s)/(1-discount), the visitation factor of the true gradient, 1 in one state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agents.policies import softmax
from gw_envs.checks import Floats


class UpdateRule(Protocol):
    """What every exact rule offers."""

    def policy(self, theta: Floats) -> Floats:
        """The rule's map from theta [..., K] to probabilities [..., K]."""
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


def advantages(policy: Floats, values: Floats) -> Floats:
    """U(a) = values(a) - pi.values, in two passes so that a dominant arm's U does not cancel."""
    mean = np.sum(policy * values, axis=-1, keepdims=True)
    centred = values - mean
    return centred - np.sum(policy * centred, axis=-1, keepdims=True)


@dataclass(frozen=True)
class SoftmaxGradient:
    """Softmax policy gradient: theta(a) += eta * weight * pi(a) U(a).

    Source: the paper, equations 1 and 3; Mei et al. 2020. Rate: sub-optimality O(1/n) for any
    constant eta, with a plateau of C/(Delta pi_1(a*)) updates in a well.
    """

    def policy(self, theta: Floats) -> Floats:
        """softmax(theta)."""
        return softmax(theta)

    def step(
        self,
        theta: Floats,
        values: Floats,
        learning_rate: Floats | float,
        weight: Floats | float = 1.0,
    ) -> Floats:
        """One update; see the class."""
        pi = softmax(theta)
        return theta + learning_rate * weight * pi * advantages(pi, values)


RULES: dict[str, type] = {"softmax-pg": SoftmaxGradient}
