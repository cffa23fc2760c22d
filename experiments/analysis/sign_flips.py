"""Paired differences of few seeds, several at once: sign flips and max-T.

Row i holds the differences of seed i. If the law of a seed's differences is symmetric about their
centres, flipping the sign of its row changes nothing in law, and the observed table is one of 2^n
equally likely ones (Fisher 1935). The largest Student statistic of a flipped table is the law that
all statistics are held against together (max-T, Westfall and Young 1993), so that a whole family
errs at most once in twenty times. Nothing is assumed normal, and that the statistics depend on one
another is taken into account. For more than ten seeds flips are drawn; the observed table is
counted among them, so that the level is kept whatever their number (Phipson and Smyth 2010).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike

from experiments.analysis.statistics import Estimate
from gw_envs.checks import BadInput, Floats, check_float, check_numbers, check_share

EXACT = 10  # up to so many seeds all 2^n flips are made
DRAWN = 4096  # above, so many are drawn, the observed table among them
REACH = 60.0  # an end further away than so many standard errors is taken for infinite


def sign_flip_p_values(differences: ArrayLike, center: float = 0.0) -> Floats:
    """Step-down max-T p-values that each column's centre is `center`, two-sided, [F].

    A column alone has its exact sign-flip p-value; with others it is adjusted for them, as Holm
    adjusts but with their dependence (Westfall and Young 1993, algorithm 2.8).

    Args:
        differences: [n, F], or [n] for one column.
        center: the difference in question.

    Raises:
        ValueError: if the table is empty or holds a value that is not finite.
    """
    sizes = _sizes(
        _check(differences) - check_float("center", center), _flips(differences)
    )  # [S, F]
    order, least = np.argsort(-sizes[0]), 0.0
    p = np.empty(order.size)
    for rank, column in enumerate(order):
        largest = sizes[:, order[rank:]].max(axis=1)
        least = max(least, float(_share_at_least(largest, sizes[0, column])))
        p[column] = least
    return p


def simultaneous(differences: ArrayLike, confidence: float = 0.95) -> list[Estimate]:
    """Mean of each column with intervals that hold together, [F].

    A number is in a column's interval if max-T does not reject it as the column's centre, the other
    columns centred at their means. With one column this inverts the exact sign-flip test. Ends are
    infinite where there are too few seeds to reject anything (n < 6 at 95 %).

    Args:
        differences: [n, F], or [n] for one column.
        confidence: of all intervals together, in (0, 1).

    Raises:
        ValueError: as `sign_flip_p_values`.
    """
    table, signs = _check(differences), _flips(differences)
    alpha = 1 - check_share("confidence", confidence)
    centred = _sizes(table - table.mean(axis=0), signs)
    found = []
    for column, values in enumerate(table.T):
        others = np.delete(centred, column, axis=1).max(axis=1, initial=0.0)
        low, high = (-_reach(-values, signs, others, alpha), _reach(values, signs, others, alpha))
        found.append(Estimate(float(values.mean()), low, high))
    return found


def _reach(values: Floats, signs: Floats, others: Floats, alpha: float) -> float:
    """The largest centre of one column that is not rejected."""
    middle, error = float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size))

    def p(centers: Floats) -> Floats:
        sizes = _sizes(values[:, None] - centers, signs)
        return _share_at_least(np.maximum(sizes, others[:, None]), sizes[0])

    if error == 0:
        return middle if 1 / len(signs) <= alpha else math.inf
    steps = error * np.concatenate([np.linspace(0, 10, 201), np.geomspace(10, REACH, 40)[1:]])
    kept = np.flatnonzero(p(middle + steps) > alpha)
    if kept.size == 0:
        return middle
    if kept[-1] == steps.size - 1:
        return math.inf
    inside, outside = steps[kept[-1]], steps[kept[-1] + 1]
    for _ in range(40):
        half = (inside + outside) / 2
        kept_too = p(np.array([middle + half]))[0] > alpha
        inside, outside = (half, outside) if kept_too else (inside, half)
    return middle + float(inside)


def _sizes(table: Floats, signs: Floats) -> Floats:
    """|sum| of flipped columns over its largest possible value, [S, F]: rises with Student's |t|.

    The sum of squares is the same under every flip, so t is a function of the sum alone.
    """
    bound = np.sqrt(table.shape[0] * np.sum(table**2, axis=0))
    return np.abs(signs @ table) / np.where(bound > 0, bound, 1.0)


def _share_at_least(sizes: Floats, observed: ArrayLike) -> Floats:
    """Share of the flips, the first axis, that are as large as the observed table, [...]."""
    return np.asarray(np.mean(sizes >= np.asarray(observed) - 1e-9, axis=0))


def _flips(differences: ArrayLike) -> Floats:
    """Signs [S, n], the first row all +1; a table and its mirror image count once."""
    n = len(np.asarray(differences))
    if n <= EXACT:
        rest = itertools.product((1.0, -1.0), repeat=n - 1)
        return np.array([(1.0, *signs) for signs in rest])
    drawn = np.random.default_rng(0).choice((1.0, -1.0), (DRAWN, n))
    drawn[0] = 1.0
    return drawn


def _check(differences: ArrayLike) -> Floats:
    table = check_numbers("differences", differences)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or table.size == 0 or not np.isfinite(table).all():
        raise BadInput(
            f"differences of shape {table.shape} must be finite numbers [seeds, columns], at least "
            "one of each."
        )
    return table
