"""Numbers with their 95 % intervals, of the kinds that claims need."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from experiments.analysis.statistics import Estimate, log_log_slope
from gw_envs.checks import check_int


def exact(value: float) -> Estimate:
    """A number without sampling error: an integer count, a closed form, the worst of a list."""
    return Estimate(float(value), float(value), float(value))


def share(hits: int, trials: int) -> Estimate:
    """A share of independent trials with its exact (Clopper-Pearson) interval.

    Raises:
        ValueError: if there are more hits than trials.
    """
    from scipy import stats

    total = check_int("trials", trials, 0)
    count = check_int("hits", hits, 0, total)
    if total == 0:
        return Estimate(math.nan, 0.0, 1.0)
    ends = stats.binomtest(count, total).proportion_ci(0.95)
    return Estimate(count / total, float(ends.low), float(ends.high))


def share_difference(hits: int, trials: int, other_hits: int, other_trials: int) -> Estimate:
    """The first share less the second, with Newcombe's hybrid interval (independent groups)."""
    first, second = share(hits, trials), share(other_hits, other_trials)
    low = math.hypot(first.value - first.low, second.high - second.value)
    high = math.hypot(first.high - first.value, second.value - second.low)
    value = first.value - second.value
    return Estimate(value, value - low, value + high)


def mean(values: ArrayLike) -> Estimate:
    """Mean of independent draws with its normal interval."""
    drawn = np.ravel(np.asarray(values, dtype=np.float64))
    value, half = float(drawn.mean()), 1.96 * float(drawn.std(ddof=1)) / math.sqrt(drawn.size)
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

    ordered = np.sort(np.ravel(np.asarray(values, dtype=np.float64)))
    tail = (1 - confidence) / 2
    low, high = (int(r) for r in stats.binom.ppf([tail, 1 - tail], ordered.size, q))
    ends = np.concatenate([[-math.inf], ordered, [math.inf]])[[low, high + 1]]
    return Estimate(float(np.quantile(ordered, q)), float(ends[0]), float(ends[1]))


def median_ratio(
    values: ArrayLike, others: ArrayLike, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Median of one group over the median of another, with a percentile-bootstrap interval."""
    a, b = (np.ravel(np.asarray(v, dtype=np.float64)) for v in (values, others))
    rng = np.random.default_rng(seed)
    drawn = [
        np.median(rng.choice(a, a.size)) / np.median(rng.choice(b, b.size))
        for _ in range(resamples)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(np.median(a) / np.median(b)), float(low), float(high))


def ratio(top: Estimate, bottom: Estimate) -> Estimate:
    """Top over bottom, both >= 0, with the widest ratio of their ends; infinite over 0."""

    def over(a: float, b: float) -> float:
        if b == 0:
            return math.nan if a == 0 else math.inf
        return a / b

    low, high = over(top.low, bottom.high), over(top.high, bottom.low)
    return Estimate(over(top.value, bottom.value), low, high)
