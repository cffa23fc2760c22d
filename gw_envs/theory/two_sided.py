"""The escape time of an equal-gap well between two bounds, rounded outward.

r = (b + Delta, b, ..., b), exact gradient, h = eta Delta, c = K/(K-1), F = `flow_integral`,
L = logit(edge) - logit(x0), T the escape time in updates (proof: docs/theory.md, section 10):

    wrong arms alike:    L_c < T <= L_c + 1 + L,     L_c = [F(edge) - F(x0)]/(c h)
    any start:           [F(edge) - F(x0)]/(2 h) < T <= [F(edge) - F(x0)]/(c' h) + 1 + L
                         c' = 1 + kappa/(K-1),  kappa = (1 - e^-z)/z,  z = h edge (1 - edge)

for every eta. Both are computed in 60 digits from the float64 arguments as they are, and rounded
away from T: the lower one down, the upper one up.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import check_bool, check_float, check_int, check_numbers
from gw_envs.theory.wells import escape_threshold

DIGITS = 60
SLACK = Decimal("1e-45")  # more than all rounding at 60 digits, less than float64 can see


def escape_upper_bound(
    optimal_prob: ArrayLike,
    reward_gap: float,
    learning_rate: float,
    num_actions: int = 2,
    *,
    alike: bool = False,
    escape_prob: float | None = None,
) -> Any:
    """Updates within which exact-gradient softmax policy gradient has left the equal-gap well.

    Beside `escape_lower_bound`; see `escape_bounds` for arguments and errors.

    Returns:
        U with T <= U, in updates, float or array; 0 where x0 starts outside the well.
    """
    return escape_bounds(
        optimal_prob,
        reward_gap,
        learning_rate,
        num_actions,
        alike=alike,
        escape_prob=escape_prob,
    )[1]


def escape_bounds(
    optimal_prob: ArrayLike,
    reward_gap: float,
    learning_rate: float,
    num_actions: int = 2,
    *,
    alike: bool = False,
    escape_prob: float | None = None,
) -> tuple[Any, Any]:
    """Both bounds: lower < T <= upper for every start in the well, whatever the step size.

    Args:
        optimal_prob: x0 in (0, 1), float or array.
        reward_gap: Delta in (0, 1].
        learning_rate: eta > 0, constant.
        num_actions: K >= 2.
        alike: whether the wrong arms start equally likely; then the bounds are within L + 1
            updates of each other. Two arms always do.
        escape_prob: edge on pi(a*) in (0, .5]; default the well's .1.

    Returns:
        (lower, upper) in updates, floats or arrays; (0, 0) where x0 starts outside the well.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    k = check_int("num_actions", num_actions, 2)
    level = check_bool("alike", alike) or k == 2
    edge = escape_threshold()
    if escape_prob is not None:
        edge = check_float("escape_prob", escape_prob, 0, 0.5, open_low=True)
    starts = check_numbers("optimal_prob", optimal_prob, 0, 1, open_low=True, open_high=True)
    pairs = [_bounds(float(x), gap, eta, k, level, edge) for x in starts.ravel()]
    low, high = (np.array(side).reshape(starts.shape) for side in zip(*pairs, strict=True))
    return (float(low), float(high)) if starts.ndim == 0 else (low, high)


def _bounds(
    x0: float, gap: float, eta: float, k: int, alike: bool, edge: float
) -> tuple[float, float]:
    """Both bounds of one start."""
    if x0 > edge:
        return 0.0, 0.0
    with localcontext() as context:
        context.prec = DIGITS
        first, last = Decimal(x0), Decimal(edge)
        h = Decimal(eta) * Decimal(gap)
        odds, last_odds = first / (1 - first), last / (1 - last)
        way = (last_odds / odds).ln()
        flow = (
            last_odds - odds + 1 / odds - 1 / last_odds + 2 * way
        )  # F = odds - 1/odds + 2 ln odds
        if alike:
            low = high = flow * (k - 1) / (k * h)
        else:
            low = flow / (2 * h)
            high = flow / (h * (1 + _share(h * last * (1 - last)) / (k - 1)))
        return _float_below(low * (1 - SLACK)), _float_above((high + 1 + way) * (1 + SLACK))


def _share(z: Decimal) -> Decimal:
    """A number of at most (1 - e^-z)/z, z > 0, that is off by less than 1e-18 of it."""
    return 1 - z / 2 if z < Decimal("1e-18") else (1 - (-z).exp()) / z


def _float_below(value: Decimal) -> float:
    """The largest float64 number of at most `value`."""
    number = float(value)
    return math.nextafter(number, -math.inf) if Decimal(number) > value else number


def _float_above(value: Decimal) -> float:
    """The smallest float64 number of at least `value`; infinite beyond float64."""
    number = float(value)
    return math.nextafter(number, math.inf) if Decimal(number) < value else number
