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
from gw_envs.checks import BadInput
from tests.experiments.analysis.test_beta_products import distribution

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
    assert curve.median.low == 10  # log-log intervals give 13; the upper end is not reached
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


@given(st.lists(st.integers(1, 8), min_size=1, max_size=30), st.sampled_from([0.8, 0.95]))
def test_without_censoring_the_interval_is_clopper_and_pearsons(times, confidence):
    curve = kaplan_meier(times, [False] * len(times), confidence)
    for t, low, high in zip(curve.times, curve.low, curve.high, strict=True):
        left = sum(s > t for s in times)
        ends = stats.binomtest(left, len(times)).proportion_ci(confidence)
        assert (low, high) == pytest.approx((ends.low, ends.high), abs=1e-9)
    ends = stats.binomtest(len(times), len(times)).proportion_ci(confidence)
    assert curve.first_low == pytest.approx(ends.low)


def test_with_censoring_the_ends_are_quantiles_of_products_of_beta_variables():
    # Fay, Brittain and Proschan 2013: Beta(y, 1) ... Beta(y - d + 1, 1) per step of d escapes among
    # y, times Beta(y', 1) for the low end; -ln of each is exponential of rate y. The last step has
    # y' = 1 here: one run is watched to the end.
    curve = kaplan_meier(*split(DRUG))
    times, cut = split(DRUG)
    levels = []
    for i, t in enumerate(curve.times):
        at_risk, events = int((times >= t).sum()), int(((times == t) & ~cut).sum())
        levels += range(at_risk - events + 1, at_risk + 1)
        following = curve.times[i + 1] if i + 1 < len(curve.times) else times.max()
        left = int((times >= following).sum())
        assert distribution(levels, curve.high[i]) == pytest.approx(0.975, abs=1e-7)
        assert distribution([*levels, left], curve.low[i]) == pytest.approx(0.025, abs=1e-7)
    assert left == 1


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


CENSORING = {  # of exponential escape times of mean 1: a budget, or runs stopped at random
    "none": lambda rng, n: np.full(n, math.inf),
    "budget": lambda rng, n: np.full(n, 1.5),
    "random": lambda rng, n: rng.exponential(3.0, n),
}


@pytest.mark.parametrize("censoring", CENSORING)
@pytest.mark.parametrize("runs", [3, 5, 10, 30])
def test_intervals_of_quantiles_cover_as_often_as_they_say(runs, censoring):
    rng = np.random.default_rng(runs)
    truth = {q: -math.log(1 - q) for q in (0.5, 0.9)}
    covered, trials = dict.fromkeys(truth, 0), 400
    for _ in range(trials):
        times, ends = rng.exponential(size=runs), CENSORING[censoring](rng, runs)
        curve = kaplan_meier(np.minimum(times, ends), times > ends)
        for q in truth:
            estimate = curve.quantile(q)
            covered[q] += estimate.low <= truth[q] <= estimate.high
    error = 3 * math.sqrt(0.95 * 0.05 / trials)
    assert min(covered.values()) / trials > 0.95 - error


@pytest.mark.parametrize("runs", [3, 5, 10, 30])
def test_the_interval_of_the_curve_covers_it_to_the_last_run(runs):
    """Runs lost fast, so that few are left; at the time the last of them is still watched."""
    rng = np.random.default_rng(runs)
    at, missed, trials = np.array([0.1, 0.4, 1.0, 2.0]), np.zeros((2, 4)), 400
    for _ in range(trials):
        times, ends = rng.exponential(size=runs), rng.exponential(0.7, size=runs)
        curve = kaplan_meier(np.minimum(times, ends), times > ends)
        step = np.searchsorted(curve.times, at, side="right")
        low = np.array([curve.first_low, *curve.low])[step] * (at <= curve.last)
        high = np.array([1.0, *curve.high])[step]
        missed += [np.exp(-at) < low, np.exp(-at) > high]
    assert missed.max() / trials <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / trials)


def test_thirty_runs_are_enough_for_a_median_that_says_something():
    times = np.random.default_rng(4).exponential(size=30)
    median = kaplan_meier(times, [False] * 30).median
    ranks = [int(r) for r in stats.binom.ppf([0.025, 0.975], 30, 0.5)]
    assert [median.low, median.high] == np.sort(times)[[ranks[0] - 1, ranks[1]]].tolist()


def test_an_end_that_few_runs_do_not_fix_is_open():
    last = kaplan_meier([5, 6, 9], [0, 0, 0]).quantile(0.9)
    assert (last.value, last.low, last.high) == (9, 5, math.inf)
    median = kaplan_meier([5, 6, 9], [0, 0, 0]).median
    assert (median.value, median.low, median.high) == (6, 0, math.inf)
    stuck = kaplan_meier([100] * 10, [True] * 10).median  # beyond the budget, nobody knows where
    assert (stuck.value, stuck.low, stuck.high) == (math.inf, 100, math.inf)


def test_log_rank_where_the_groups_could_not_have_differed():
    for first, second in (([5, 5, 5], [5, 5, 5]), ([1, 1], [1])):
        test = log_rank(first, [0] * len(first), second, [0] * len(second))
        assert (test.chi_square, test.p_value) == (0, 1)


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
    assert math.isnan(pairs.ratio.value)  # between 0.5 and 1, as the unknown pair may be
    first, second = ([2, 4, 6, 9, 8], [0, 0, 0, 1, 0]), ([1, 2, 3, 9, 4], [0, 0, 0, 1, 0])
    pairs = compare_pairs(*first, *second)
    assert pairs.ratio.value == 2  # whatever the pair of which nothing is known
    assert (pairs.ratio.low, pairs.ratio.high) == (0, math.inf)


def test_a_median_ratio_that_censoring_leaves_open():
    pairs = compare_pairs([50, 100, 100, 100, 100], [0, 1, 1, 1, 1], [10, 95, 95, 95, 95], [0] * 5)
    assert math.isnan(pairs.ratio.value)
    assert (pairs.ratio.low, pairs.ratio.high) == (pytest.approx(100 / 95), math.inf)
    pairs = compare_pairs([10, 95, 95, 95, 95], [0] * 5, [50, 100, 100, 100, 100], [0, 1, 1, 1, 1])
    assert (pairs.ratio.low, pairs.ratio.high) == (0, pytest.approx(95 / 100))


@pytest.mark.parametrize("budget", [1.0, 3.0, 30.0])
def test_intervals_of_the_median_ratio_cover_it_under_censoring(budget):
    rng = np.random.default_rng(7)
    covered, trials = 0, 400
    for _ in range(trials):
        first, second = 2 * rng.exponential(size=12), rng.exponential(size=12)
        ratio = compare_pairs(
            np.minimum(first, budget), first > budget, np.minimum(second, budget), second > budget
        ).ratio
        covered += ratio.low <= 2 <= ratio.high
    assert covered / trials > 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


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
        (lambda: kaplan_meier([], []), r"times=\[\] must be"),
        (lambda: kaplan_meier([1.0, math.inf], [False, True]), r"times\[1\]=inf is not"),
        (lambda: kaplan_meier([1.0], [False, True]), "one length"),
        (lambda: kaplan_meier([1.0], [False]).quantile(1.0), r"q=1\.0"),
        (lambda: log_rank([1], [True], [1], [True]), "without an escape"),
        (lambda: kaplan_meier([1], ["no"]), r"censored holds 'no'"),
        (lambda: kaplan_meier([1], [math.nan]), "censored holds nan"),
        (lambda: kaplan_meier([1], [5]), "censored holds 5"),
        (lambda: iqm([]), r"values=\[\] must be"),
        (lambda: iqm([1.0, math.nan]), r"values\[1\]=nan is not"),
        (lambda: bootstrap_iqm(5), "scores=5 must be a list of tasks"),
        (lambda: bootstrap_iqm([[1.0], []]), r"scores=\[\] must be"),
        (lambda: log_log_slope([1, 2], [1, 2]), "at least 3"),
        (lambda: log_log_slope([1, 2, 3], [1, -2, 3]), r"y\[1\]=-2.0 is not"),
        (lambda: compare_pairs([1], [False], [1, 2], [False, False]), "pairs need both"),
    ],
)
def test_bad_input(call, text):
    with pytest.raises(BadInput, match=text):
        call()
