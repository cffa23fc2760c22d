"""The escape time of exact gradient rules as a flow, where the wrong arms are alike."""

from __future__ import annotations

import math

import numpy as np

from agents.updates import GradientRule, UpdateRule
from gw_envs.checks import Floats
from gw_envs.theory import escape_threshold

NODES = 200  # of the quadrature; the integrand is near an exponential over some tens of nats


def moves_logits(rule: UpdateRule) -> bool:
    """Whether a rule is theta += eta * direction on softmax logits: what a flow can follow."""
    plain = type(rule).move is UpdateRule.move and type(rule).policy is UpdateRule.policy
    return plain and isinstance(rule, GradientRule)


def flow_escape_time(rule: GradientRule, start: float, values: Floats, rate: float) -> float:
    """Updates that a gradient rule needs to the edge of a well whose wrong arms are alike.

    The log-odds of a* rise by rate * (d(a*) - d(wrong)) per update, d the rule's direction; the
    time is the integral of their change over that, pi(a*) from the start to the edge. A count of
    updates differs from it by the size of its last steps.

    Args:
        rule: theta += rate * direction, on softmax logits.
        start: pi(a*), in (0, 1), the others equal.
        values: mean rewards [K], that of a* first, the others equal.
        rate: eta times the weight of the state.

    Returns:
        The time; 0 from a start beyond the edge, inf where the log-odds do not rise throughout.
    """
    first, last = (math.log(x / (1 - x)) for x in (start, escape_threshold()))
    if first >= last:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    theta = np.zeros((NODES, values.size))
    theta[:, 0] = first + (last - first) * (nodes + 1) / 2 + math.log(values.size - 1)
    step = rule.direction(theta, np.broadcast_to(values, theta.shape))
    rise = rate * (step[:, 0] - step[:, 1])
    if np.min(rise) <= 0:
        return math.inf
    return float(np.sum(weights / rise) * (last - first) / 2)
