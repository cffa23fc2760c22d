"""Statistics against published numbers, scipy and definitions computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.analysis.statistics import (
    bootstrap_iqm,
    compare_pairs,
    iqm,
    kaplan_meier,
    log_log_slope,
    log_rank,
)

# Freireich et al. 1963, weeks of remission of acute leukaemia; the censored are marked by a minus.
DRUG = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
# Kleinbaum and Klein, Survival Analysis, table 2.1: survival under the drug.
PUBLISHED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def split(marked):
    values = np.array(marked)
    return np.abs(values), values < 0


def by_definition(times, censored):
    """The product-limit estimate, literally."""
    curve, survival = {}, 1.0
    for t in sorted({t for t, c in zip(times, censored, strict=True) if not c}):
        at_risk = sum(s >= t for s in times)
        escapes = sum(s == t and not c for s, c in zip(times, censored, strict=True))
        survival *= 1 - escapes / at_risk
        curve[float(t)] = survival
    return curve


def test_kaplan_meier_of_the_leukaemia_data():
    curve = kaplan_meier(*split(DRUG))
    assert {t: round(s, 3) for t, s in zip(curve.times, curve.survival, strict=True)} == PUBLISHED
    assert (curve.runs, curve.censored, curve.last) == (21, 12, 35)
    assert curve.median.value == 23
    assert curve.median.low == 13  # log-log interval; its upper end is not reached
    assert curve.median.high == math.inf
    assert kaplan_meier(*split(PLACEBO)).median.value == 8


def test_log_rank_of_the_leukaemia_data():
    test = log_rank(*split(DRUG), *split(PLACEBO))
    assert round(test.chi_square, 2) == 16.79  # Kleinbaum and Klein, section 2.IV
    assert test.p_value == pytest.approx(stats.chi2.sf(16.793, 1), rel=1e-3)


def test_log_rank_by_definition():
    a, a_cut = split(DRUG)
    b, b_cut = split(PLACEBO)
    excess = variance = 0.0
    for t in sorted({*a[~a_cut], *b[~b_cut]}):
        n1, n2 = (a >= t).sum(), (b >= t).sum()
        d1, d2 = ((a == t) & ~a_cut).sum(), ((b == t) & ~b_cut).sum()
        n, d = n1 + n2, d1 + d2
        excess += d1 - d * n1 / n
        variance += d * n1 * n2 * (n - d) / n**2 / (n - 1)
    test = log_rank(a, a_cut, b, b_cut)
    assert test.chi_square == pytest.approx(excess**2 / variance, rel=1e-12)


def test_intervals_are_those_of_greenwood_on_the_log_log_scale():
    curve = kaplan_meier(*split(DRUG))
    greenwood = {6: 0.0764, 7: 0.0869, 10: 0.0963, 13: 0.1068, 16: 0.1141, 22: 0.1282, 23: 0.1346}
    for t, s, low, high in zip(curve.times, curve.survival, curve.low, curve.high, strict=True):
        half = 1.959964 * greenwood[t] / s / abs(math.log(s))
        assert low == pytest.approx(s ** math.exp(half), abs=2e-3)
        assert high == pytest.approx(s ** math.exp(-half), abs=2e-3)


samples = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=25)


@given(samples)
def test_kaplan_meier_is_its_definition(pairs):
    times, censored = zip(*pairs, strict=True)
    curve = kaplan_meier(times, censored)
    expected = by_definition(times, censored)
    assert curve.times.tolist() == list(expected)
    np.testing.assert_allclose(curve.survival, list(expected.values()), atol=1e-12)
    assert (curve.low <= curve.survival + 1e-12).all()
    assert (curve.high >= curve.survival - 1e-12).all()
    assert curve.median.low <= curve.median.value <= curve.median.high


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30, unique=True))
def test_without_censoring_the_median_is_the_sample_median(times):
    curve = kaplan_meier(times, [False] * len(times))
    assert curve.median.value == sorted(times)[(len(times) - 1) // 2]


def test_nobody_escaped():
    curve = kaplan_meier([10, 10], [True, True])
    assert (curve.times.size, curve.censored, curve.last) == (0, 2, 10)
    assert curve.median.value == math.inf


def test_censored_runs_pull_the_median_up_where_the_mean_of_the_escaped_would_not():
    times, censored = [10, 12, 14, 1000, 1000, 1000, 1000], [False] * 3 + [True] * 4
    assert kaplan_meier(times, censored).median.value == math.inf


def test_the_interval_of_the_median_covers_it():
    rng = np.random.default_rng(3)
    truth, covered, trials = math.log(2), 0, 400
    for _ in range(trials):
        times = rng.exponential(size=60)
        curve = kaplan_meier(np.minimum(times, 1.2), times > 1.2)
        covered += curve.median.low <= truth <= curve.median.high
    error = 3 * math.sqrt(0.95 * 0.05 / trials)
    assert covered / trials > 0.95 - error
    assert covered / trials < 1.0


def test_iqm_is_the_mean_of_the_middle_half():
    assert iqm([100, 3, 1, 2, 4, -50, 5, 6]) == 3.5
    assert iqm(np.arange(20).reshape(4, 5)) == stats.trim_mean(np.arange(20), 0.25)


def test_bootstrap_iqm_agrees_with_scipy_where_there_is_one_task():
    values = np.random.default_rng(0).gamma(2.0, size=40)
    ours = bootstrap_iqm([values], resamples=4000)
    theirs = stats.bootstrap(
        (values,), iqm, n_resamples=4000, method="percentile", vectorized=False, rng=1
    ).confidence_interval
    assert ours.value == iqm(values)
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_bootstrap_is_stratified():
    constant = bootstrap_iqm([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])  # no spread within a task
    assert constant.low == constant.value == constant.high == 0.5


def test_slope_is_that_of_linregress_and_covers_the_truth():
    rng = np.random.default_rng(1)
    x = np.geomspace(1e-4, 1e-1, 12)
    covered = 0
    for _ in range(300):
        fit = log_log_slope(x, 7 * x**-1.25 * np.exp(rng.normal(scale=0.1, size=12)))
        covered += fit.low <= -1.25 <= fit.high
    assert abs(covered / 300 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 300)
    exact = log_log_slope(x, 7 * x**-1.25)
    assert exact.slope == pytest.approx(-1.25)
    np.testing.assert_allclose(exact(x), 7 * x**-1.25)


def test_pairs_are_decided_only_where_censoring_allows():
    first = [1, 5, 9, 9, 4], [False, False, True, True, False]
    second = [2, 9, 3, 9, 4], [False, True, False, True, False]
    pairs = compare_pairs(*first, *second)  # earlier, earlier, later, open, tie
    assert (pairs.decided, pairs.undecided) == (3, 2)
    assert pairs.earlier.value == pytest.approx(2 / 3)
    assert pairs.p_value == pytest.approx(stats.binomtest(2, 3).pvalue)
    assert math.isnan(pairs.ratio.value)  # one pair's ratio is unknown


def test_median_ratio_of_pairs():
    rng = np.random.default_rng(5)
    base = rng.exponential(size=41) + 1
    pairs = compare_pairs(2 * base, [False] * 41, base, [False] * 41)
    assert pairs.earlier.value == 0
    assert pairs.ratio.value == pairs.ratio.low == pairs.ratio.high == 2
    covered = 0
    for _ in range(300):
        ratio = np.exp(rng.normal(scale=1.0, size=25))
        ends = compare_pairs(ratio, [False] * 25, np.ones(25), [False] * 25).ratio
        covered += ends.low <= 1 <= ends.high
    assert covered / 300 > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: kaplan_meier([], []), "at least 1"),
        (lambda: kaplan_meier([1.0, math.inf], [False, True]), "budget"),
        (lambda: kaplan_meier([1.0], [False, True]), "one length"),
        (lambda: kaplan_meier([1.0], [False]).quantile(1.0), r"q=1\.0"),
        (lambda: log_rank([1], [True], [1], [True]), "without an escape"),
        (lambda: bootstrap_iqm([[1.0], []]), "finite scores"),
        (lambda: log_log_slope([1, 2], [1, 2]), "at least 3"),
        (lambda: log_log_slope([1, 2, 3], [1, -2, 3]), "positive"),
        (lambda: compare_pairs([1], [False], [1, 2], [False, False]), "pairs need both"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(ValueError, match=text):
        call()
