"""Honest statistics of escape times, which are heavy-tailed and cut off by the budget.

A run that did not escape within its budget is *censored*: its time is known only to be larger. The
mean of the escaped runs leaves those out and is wrong by as much as one likes, so nothing here
computes it. Times are in updates; a censored run's time is the budget it was watched for. Every
function says what it assumes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.analysis.beta_products import BetaProduct
from gw_envs.checks import (
    BadInput,
    Floats,
    check_int,
    check_memory,
    check_numbers,
    check_share,
    shown,
)


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval; an end that the data do not fix is infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Survival:
    """Kaplan-Meier estimate of P(escape time > t), a step function that begins at 1.

    Attributes:
        times: where it steps, ascending, [M].
        survival: its value from each step on, [M].
        low: lower end of the pointwise confidence interval, [M].
        high: upper end, [M].
        first_low: lower end before the first step.
        last: the longest time any run was watched; beyond it the curve is unknown.
        runs: number of runs.
        censored: how many of them did not escape.
    """

    times: Floats
    survival: Floats
    low: Floats
    high: Floats
    first_low: float
    last: float
    runs: int
    censored: int

    def quantile(self, q: float) -> Estimate:
        """The time by which a share q of all runs has escaped: the first t with S(t) <= 1-q.

        The interval inverts the pointwise intervals (Brookmeyer and Crowley 1982). A value or an
        upper end that the curve does not reach is infinite; a lower end that it does not reach is
        `last`, since beyond that nothing is known; few runs leave it at 0. Assumes what
        `kaplan_meier` assumes.

        Args:
            q: in (0, 1).
        """
        level = 1 - check_share("q", q) + 1e-12
        value, high = (self._first(curve <= level) for curve in (self.survival, self.high))
        low = 0.0 if self.first_low <= level else min(self._first(self.low <= level), self.last)
        return Estimate(value, low, high)

    @property
    def median(self) -> Estimate:
        """`quantile(0.5)`."""
        return self.quantile(0.5)

    def _first(self, reached: NDArray[np.bool_]) -> float:
        return float(self.times[np.argmax(reached)]) if reached.any() else math.inf


def kaplan_meier(times: ArrayLike, censored: ArrayLike, confidence: float = 0.95) -> Survival:
    """Kaplan and Meier's product-limit estimate with beta product intervals.

    Assumes independent runs, and censoring that tells nothing about the escape: a fixed budget
    does, stopping the runs that look stuck does not. Ties are allowed. The interval is pointwise,
    not a band for the whole curve. It is the beta product confidence procedure of Fay, Brittain
    and Proschan (2013, Biostatistics 14) with the product's law exact (`BetaProduct`): Clopper and
    Pearson's interval where nothing is censored, and not too narrow for few runs. A step of d
    escapes among y runs leaves a share of the law Beta(y, 1) ... Beta(y - d + 1, 1). The lower end
    is that of the end of each step, where the fewest runs are still watched: that none of these y'
    has escaped before, Beta(y', 1). With one budget for all it takes milliseconds; 1,000 runs
    censored at as many times take a second, 3,000 seven, since the law then is a wide mixture.

    Args:
        times: escape time, or the budget of a censored run, >= 0, [N], N >= 1.
        censored: whether each run was still in its well then (booleans, or 0 and 1), [N].
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: for times that are not finite, negative, none, or of another length, or
            censoring that is neither true nor false.
    """
    seen, cut = _check_times(times, censored)
    tail = (1 - check_share("confidence", confidence)) / 2
    steps, events = np.unique(seen[~cut], return_counts=True)
    last = float(seen.max())
    at_risk = seen.size - np.searchsorted(np.sort(seen), [*steps, last])
    watched, after = at_risk[:-1], at_risk[1:].copy()
    if not cut.all() and steps[-1] == last:
        after[-1] = 0
    first = int(at_risk[0])
    product, low, high = BetaProduct.empty(first), np.zeros(steps.size), np.zeros(steps.size)
    for i, y in enumerate(watched.tolist()):
        for level in range(y, y - int(events[i]), -1):
            product = product.times(level)
        high[i] = product.quantile(1 - tail)
        if after[i]:
            low[i] = product.times(int(after[i])).quantile(tail)
    return Survival(
        steps,
        np.multiply.accumulate(1 - events / watched),
        low,
        high,
        tail ** (1 / first),
        last,
        seen.size,
        int(cut.sum()),
    )


@dataclass(frozen=True)
class LogRank:
    """A log-rank test.

    Attributes:
        chi_square: the statistic, one degree of freedom.
        p_value: two-sided.
    """

    chi_square: float
    p_value: float


def log_rank(
    times: ArrayLike, censored: ArrayLike, other_times: ArrayLike, other_censored: ArrayLike
) -> LogRank:
    """Mantel's log-rank test that two groups have the same law of escape times.

    Assumes independent runs and groups and uninformative censoring. It is strongest when the
    escape rates stay in proportion; curves that cross can hide a difference from it. The p-value is
    asymptotic: with fewer than about ten escapes in all it is rough. Where the data could not have
    differed (all runs escape at one time, or nobody of the other group is left) the statistic is 0
    and p is 1.

    Raises:
        ValueError: as `kaplan_meier`; or if no run of either group escaped.
    """
    from scipy import stats

    a = _check_times(times, censored)
    b = _check_times(other_times, other_censored, "other_")
    if a[1].all() and b[1].all():
        raise BadInput("censored=all of both groups: without an escape nothing can be compared.")
    with np.errstate(invalid="ignore"):  # 0/0 where no event could have told the groups apart
        result = stats.logrank(*(stats.CensoredData.right_censored(*group) for group in (a, b)))
    if math.isnan(result.statistic):
        return LogRank(0.0, 1.0)
    return LogRank(float(result.statistic) ** 2, float(result.pvalue))


def iqm(values: ArrayLike) -> float:
    """Interquartile mean: the mean of the middle half, floor(N/4) values cut from each end.

    Assumes every value is known: for scores such as final sub-optimality, not for escape times of
    which some are censored.

    Raises:
        ValueError: for no value, or one that is not a finite number.
    """
    from scipy import stats

    return float(stats.trim_mean(check_scores("values", values), 0.25))


def bootstrap_iqm(
    scores: list[ArrayLike], confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """IQM over tasks and seeds with a stratified percentile-bootstrap interval.

    Agarwal et al. 2021 (Deep RL at the edge of the statistical precipice): the seeds of each task
    are drawn again within that task, so the tasks stay fixed. Assumes independent seeds within a
    task, scores on one common scale, and that the interval is about these tasks, not about a
    population of tasks. With fewer than about five seeds a task it is too narrow.

    Args:
        scores: per task, the scores of its seeds; finite, at least one each.
        confidence: of the interval, in (0, 1).
        resamples: number of bootstrap draws.
        seed: of the draws.

    Raises:
        ValueError: for no task, an empty task or a score that is not finite.
    """
    from scipy import stats

    if not isinstance(scores, (list, tuple, np.ndarray)) or len(scores) == 0:
        raise BadInput(f"scores={shown(scores)} must be a list of tasks, each with finite scores.")
    tasks = [check_scores("scores", task) for task in scores]
    check_share("confidence", confidence)
    size = 8.0 * sum(task.size for task in tasks)
    check_memory("resamples", resamples, size * check_int("resamples", resamples, 1))
    rng = np.random.default_rng(check_int("seed", seed, 0))
    drawn = np.concatenate([rng.choice(task, (resamples, task.size)) for task in tasks], axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(stats.trim_mean(drawn, 0.25, axis=1), [tail, 1 - tail])
    return Estimate(iqm(np.concatenate(tasks)), float(low), float(high))


@dataclass(frozen=True)
class Slope:
    """A power law y = exp(intercept) x^slope fitted on logarithms, with the slope's interval."""

    slope: float
    low: float
    high: float
    intercept: float

    def __call__(self, x: ArrayLike) -> Floats:
        """The fitted y."""
        return np.exp(self.intercept) * np.asarray(x, dtype=np.float64) ** self.slope


def log_log_slope(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Slope:
    """Exponent of a power law by least squares of ln y on ln x, with Student's interval.

    Assumes that ln y is linear in ln x over the whole range, and errors of ln y that are
    independent, normal and of equal size. Curvature breaks this: the interval is then about the
    best line, not about a limit. Leave out points that are censored: give medians, and only finite
    ones.

    Args:
        x: positive, at least two different values, [N], N >= 3.
        y: positive, [N].
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: for fewer than three points, no spread in x, or a value that is not positive.
    """
    from scipy import stats

    xs, ys = (check_numbers(name, v, 0, open_low=True) for name, v in (("x", x), ("y", y)))
    if xs.shape != ys.shape or xs.ndim != 1 or xs.size < 3 or np.ptp(xs) == 0:
        raise BadInput(
            f"x of shape {xs.shape} and y of shape {ys.shape} must be of one length, at least 3, "
            "with different x."
        )
    check_share("confidence", confidence)
    fit = stats.linregress(np.log(xs), np.log(ys))
    half = float(stats.t.ppf((1 + confidence) / 2, xs.size - 2) * fit.stderr)
    slope = float(fit.slope)
    return Slope(slope, slope - half, slope + half, float(fit.intercept))


@dataclass(frozen=True)
class PairedComparison:
    """Which of two methods escapes earlier, pair by pair.

    Attributes:
        earlier: share of the decided pairs in which the first method escaped earlier, with its
            exact (Clopper-Pearson) interval; NaN without a decided pair.
        p_value: exact two-sided sign test of a share of one half; 1 without a decided pair.
        decided: pairs whose order is known.
        undecided: ties, and pairs that censoring leaves open.
        ratio: median over pairs of first / second time, with an interval of order statistics, 0
            and infinite where pairs are too few or censoring leaves an end open. The value is NaN
            where censoring leaves the median open.
    """

    earlier: Estimate
    p_value: float
    decided: int
    undecided: int
    ratio: Estimate


def compare_pairs(
    times: ArrayLike,
    censored: ArrayLike,
    other_times: ArrayLike,
    other_censored: ArrayLike,
    confidence: float = 0.95,
) -> PairedComparison:
    """Compare two methods on the same tasks and seeds: entry i of both is one pair.

    A pair is decided where the earlier of its two times is an escape. Assumes that pairs are
    independent of one another; nothing about the shape of the law. Undecided pairs are left out of
    the share, which is fair when both methods of a pair had the same budget.

    Raises:
        ValueError: as `kaplan_meier`; or for groups of different length.
    """
    from scipy import stats

    (a, a_cut), (b, b_cut) = (
        _check_times(times, censored),
        _check_times(other_times, other_censored, "other_"),
    )
    if a.size != b.size:
        raise BadInput(f"times has {a.size} entries and other_times {b.size}: pairs need both.")
    check_share("confidence", confidence)
    first = ~a_cut & ((a < b) | ((a == b) & b_cut))
    second = ~b_cut & ((b < a) | ((a == b) & a_cut))
    decided = int(first.sum() + second.sum())
    share, p_value = Estimate(math.nan, math.nan, math.nan), 1.0
    if decided:
        test = stats.binomtest(int(first.sum()), decided)
        ends = test.proportion_ci(confidence)
        share = Estimate(float(test.statistic), float(ends.low), float(ends.high))
        p_value = float(test.pvalue)
    ratio = _median_ratio(a, a_cut, b, b_cut, confidence)
    return PairedComparison(share, p_value, decided, a.size - decided, ratio)


def _median_ratio(
    a: Floats, a_cut: NDArray[np.bool_], b: Floats, b_cut: NDArray[np.bool_], confidence: float
) -> Estimate:
    """Median of a/b with ranks from the binomial law.

    Of each pair the ratio is known to lie between two ends: a cut makes one of them 0 or infinite,
    and two cuts both. An end of the median that is open for that reason cannot be wrong, so the
    other one takes the whole error probability.
    """
    from scipy import stats

    with np.errstate(divide="ignore", invalid="ignore"):
        known = a / b
    unknown = np.isnan(known)  # 0/0
    least = np.sort(np.where(b_cut | unknown, 0.0, known))
    most = np.sort(np.where(a_cut | unknown, math.inf, known))
    n = a.size

    def rank(tail: float) -> int:  # P(fewer than rank of n values lie below the median) <= tail
        return int(stats.binom.ppf(tail, n, 0.5))

    def ends(tail: float) -> tuple[float, float]:
        i = rank(tail)
        return (float(least[i - 1]), float(most[n - i])) if i else (0.0, math.inf)

    tail = (1 - confidence) / 2
    low, high = ends(tail)
    if math.isinf(most[n - max(rank(tail), 1)]):
        low = ends(2 * tail)[0]
    elif least[max(rank(tail), 1) - 1] == 0:
        high = ends(2 * tail)[1]
    middle = float(np.median(least))
    identified = middle == float(np.median(most))
    return Estimate(middle if identified else math.nan, low, high)


def _check_times(
    times: ArrayLike, censored: ArrayLike, group: str = ""
) -> tuple[Floats, NDArray[np.bool_]]:
    seen, flags = check_numbers(f"{group}times", times, 0), np.array(censored, dtype=object)
    if seen.ndim != 1 or seen.size == 0 or seen.shape != flags.shape:
        raise BadInput(
            f"{group}times of shape {seen.shape} and {group}censored of shape {flags.shape} must "
            "be lists of one length, at least 1."
        )
    wrong = [flag for flag in flags.tolist() if flag not in (0, 1)]
    if wrong:
        raise BadInput(f"{group}censored holds {wrong[0]!r}; each entry must be true or false.")
    return seen, flags.astype(np.bool_)


def check_scores(name: str, values: ArrayLike) -> Floats:
    """Return numbers of any shape as a list of them [N], N >= 1.

    Raises:
        ValueError: if there is none, or one is not finite.
    """
    return np.ravel(check_numbers(name, values))
