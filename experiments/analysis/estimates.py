"""Numbers with their intervals, of the kinds that claims need; 95 % unless said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from experiments.analysis.statistics import Estimate, check_scores, log_log_slope
from gw_envs.checks import check_int, check_seconds, check_share


def exact(value: float) -> Estimate:
    """A number without sampling error: an integer count, a closed form, the worst of a list."""
    return Estimate(float(value), float(value), float(value))


def share(hits: int, trials: int, confidence: float = 0.95) -> Estimate:
    """A share of independent trials with its exact (Clopper-Pearson) interval.

    Raises:
        ValueError: if there are more hits than trials.
    """
    from scipy import stats

    check_share("confidence", confidence)
    total = check_int("trials", trials, 0)
    count = check_int("hits", hits, 0, total)
    if total == 0:
        return Estimate(math.nan, 0.0, 1.0)
    ends = stats.binomtest(count, total).proportion_ci(confidence)
    return Estimate(count / total, float(ends.low), float(ends.high))


def share_difference(
    hits: int, trials: int, other_hits: int, other_trials: int, confidence: float = 0.95
) -> Estimate:
    """The first share less the second, with Newcombe's hybrid interval (independent groups)."""
    check_int("other_hits", other_hits, 0, check_int("other_trials", other_trials, 0))
    first = share(hits, trials, confidence)
    second = share(other_hits, other_trials, confidence)
    low = math.hypot(first.value - first.low, second.high - second.value)
    high = math.hypot(first.high - first.value, second.value - second.low)
    value = first.value - second.value
    return Estimate(value, value - low, value + high)


def mean(values: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Mean of independent draws with its normal interval, which is infinite for a single one."""
    from scipy import special

    drawn = check_scores("values", values)
    error = float(drawn.std(ddof=1)) / math.sqrt(drawn.size) if drawn.size > 1 else math.inf
    width = float(special.ndtri((1 + check_share("confidence", confidence)) / 2))
    value, half = float(drawn.mean()), width * error
    return Estimate(value, value - half, value + half)


def slope(x: ArrayLike, y: ArrayLike) -> Estimate:
    """The exponent of y ~ x^slope (`log_log_slope`); curvature is in its interval."""
    fit = log_log_slope(x, y)
    return Estimate(fit.slope, fit.low, fit.high)


def quantile(values: ArrayLike, q: float, confidence: float = 0.95) -> Estimate:
    """A quantile of independent draws with the interval of order statistics (binomial ranks).

    An end whose rank lies beyond the draws is infinite: so few do not fix it.
    """
    from scipy import stats

    ordered = np.sort(check_scores("values", values))
    tail, q = (1 - check_share("confidence", confidence)) / 2, check_share("q", q)
    low, high = (int(r) for r in stats.binom.ppf([tail, 1 - tail], ordered.size, q))
    ends = np.concatenate([[-math.inf], ordered, [math.inf]])[[low, high + 1]]
    return Estimate(float(np.quantile(ordered, q)), float(ends[0]), float(ends[1]))


def median_ratio(
    values: ArrayLike,
    others: ArrayLike,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Median of one group over the median of another, with a percentile-bootstrap interval."""
    a, b = check_scores("values", values), check_scores("others", others)
    check_share("confidence", confidence)
    check_seconds("resamples", resamples, 1e-5 * check_int("resamples", resamples, 1))
    rng = np.random.default_rng(check_int("seed", seed, 0))
    drawn = [
        np.median(rng.choice(a, a.size)) / np.median(rng.choice(b, b.size))
        for _ in range(resamples)
    ]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(np.median(a) / np.median(b)), float(low), float(high))


def ratio(top: Estimate, bottom: Estimate) -> Estimate:
    """Top over bottom, both >= 0, with the widest ratio of their ends; infinite over 0."""

    def over(a: float, b: float) -> float:
        if b == 0:
            return math.nan if a == 0 else math.inf
        return a / b

    low, high = over(top.low, bottom.high), over(top.high, bottom.low)
    return Estimate(over(top.value, bottom.value), low, high)


def departure(seen: Estimate, law: float) -> Estimate:
    """|seen / law - 1|; its interval reaches down to 0 where that of `seen` holds the law."""
    ends = [abs(end / law - 1) for end in (seen.low, seen.high)]
    inside = seen.low <= law <= seen.high
    return Estimate(abs(seen.value / law - 1), 0.0 if inside else min(ends), max(ends))


def largest(estimates: Sequence[Estimate]) -> Estimate:
    """The largest of several numbers; its interval holds if all of theirs hold together."""
    columns = zip(*((e.value, e.low, e.high) for e in estimates), strict=True)
    return Estimate(*(max(column) for column in columns))


def smallest(estimates: Sequence[Estimate]) -> Estimate:
    """The smallest of several numbers; its interval holds if all of theirs hold together."""
    columns = zip(*((e.value, e.low, e.high) for e in estimates), strict=True)
    return Estimate(*(min(column) for column in columns))


def each_of(count: int, confidence: float = 0.95) -> float:
    """The confidence each of so many intervals needs for all to hold together (Bonferroni)."""
    return 1 - (1 - check_share("confidence", confidence)) / check_int("count", count, 1)
