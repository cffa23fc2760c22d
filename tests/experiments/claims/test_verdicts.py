"""The one rule that turns a number and its interval into a verdict, and the intervals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.estimates import (
    departure,
    each_of,
    exact,
    largest,
    median_ratio,
    quantile,
    ratio,
    share,
    share_difference,
    slope,
    smallest,
)
from experiments.analysis.finding import FAILS, HOLDS, UNDECIDED, Finding, every, some
from experiments.analysis.statistics import Estimate

numbers = st.floats(-1e6, 1e6)


def verdict(low, high, region, value=None):
    middle = (low + high) / 2 if value is None else value
    return Finding("s", "m", Estimate(middle, low, high), region).verdict


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.0, 2.0, HOLDS),
        (1.2, 1.3, HOLDS),
        (0.9, 1.5, UNDECIDED),
        (1.5, 2.1, UNDECIDED),
        (0.0, 3.0, UNDECIDED),
        (2.1, 3.0, FAILS),
        (-math.inf, 0.9, FAILS),
        (math.nan, 2.0, UNDECIDED),
        (1.0, math.nan, UNDECIDED),
    ],
)
def test_the_interval_decides(low, high, expected):
    assert verdict(low, high, (1.0, 2.0), value=1.5) == expected


def test_a_number_that_is_missing_decides_nothing():
    assert verdict(1.0, 1.0, (0.0, 2.0), value=math.nan) == UNDECIDED


@given(numbers, numbers, numbers, numbers)
def test_holds_and_fails_exclude_each_other_and_a_point_is_always_decided(a, b, c, d):
    region = (min(a, b), max(a, b))
    low, high = min(c, d), max(c, d)
    wide, point = verdict(low, high, region), verdict(low, low, region)
    assert point == (HOLDS if region[0] <= low <= region[1] else FAILS)
    if wide == HOLDS:
        assert region[0] <= low and high <= region[1]
    if wide == FAILS:
        assert high < region[0] or low > region[1]


def test_share_is_clopper_and_pearsons():
    # 5 of 20 (Clopper and Pearson 1934): 0.0866 to 0.4910; none of 20: 1 - 0.025^(1/20).
    some, none = share(5, 20), share(0, 20)
    assert (some.value, none.value, none.low) == (0.25, 0.0, 0.0)
    assert (some.low, some.high) == pytest.approx((0.08657, 0.49105), abs=1e-5)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 20))
    with pytest.raises(ValueError, match="hits=21"):
        share(21, 20)


def test_difference_of_shares_covers_the_true_one():
    rng = np.random.default_rng(1)
    first, second = rng.binomial(80, 0.3, 500), rng.binomial(60, 0.2, 500)
    inside = 0
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        estimate = share_difference(a, 80, b, 60)
        inside += estimate.low <= 0.1 <= estimate.high
    assert 0.92 <= inside / 500 <= 0.98  # binomial error of the count: 0.01


def test_quantile_interval_covers_the_true_one():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(1000):
        estimate = quantile(rng.random(300), 0.9)
        assert estimate.low <= estimate.value <= estimate.high
        inside += estimate.low <= 0.9 <= estimate.high
    assert 0.93 <= inside / 1000 <= 0.985


@pytest.mark.parametrize("draws", [3, 5, 10, 30])
def test_quantile_intervals_of_few_draws_cover_too(draws):
    rng = np.random.default_rng(draws)
    for q in (0.5, 0.9):
        inside = 0
        for _ in range(500):
            estimate = quantile(rng.exponential(size=draws), q)
            inside += estimate.low <= -math.log(1 - q) <= estimate.high
        assert inside / 500 > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 500)
    assert quantile([1.0, 2.0, 3.0], 0.9) == Estimate(pytest.approx(2.8), 1.0, math.inf)
    assert quantile([1.0, 2.0, 3.0], 0.5) == Estimate(2.0, -math.inf, math.inf)


def test_median_ratio_and_slope():
    rng = np.random.default_rng(3)
    ratio = median_ratio(3 * rng.lognormal(size=400), rng.lognormal(size=400))
    assert ratio.low < 3 < ratio.high
    assert ratio.high / ratio.low < 2
    fitted = slope([1.0, 10.0, 100.0], [2.0, 20.0, 200.0])
    assert (fitted.value, fitted.low, fitted.high) == pytest.approx((1, 1, 1))
    assert exact(3) == Estimate(3.0, 3.0, 3.0)


def test_departures_and_the_worst_of_many():
    off = departure(Estimate(1.1, 1.05, 1.2), 1.0)
    assert (off.value, off.low, off.high) == pytest.approx((0.1, 0.05, 0.2))
    near = departure(Estimate(1.01, 0.7, 1.02), 1.0)
    assert (near.value, near.low, near.high) == pytest.approx((0.01, 0.0, 0.3))
    worst = largest([off, near])
    assert (worst.value, worst.low, worst.high) == pytest.approx((0.1, 0.05, 0.3))
    least = smallest([off, near])
    assert (least.value, least.low, least.high) == pytest.approx((0.01, 0.0, 0.2))
    assert each_of(10) == pytest.approx(0.995)


@given(st.floats(-5, 5), st.floats(0, 3), st.floats(0, 3), st.floats(0.1, 5))
def test_a_departure_lies_within_its_interval(value, below, above, law):
    found = departure(Estimate(value, value - below, value + above), law)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12


@pytest.mark.slow
def test_worst_of_cells_covers_the_worst_truth():
    # 24 cells of 400 draws at a share that is off by .02 in one of them: the interval has .02.
    rng, inside = np.random.default_rng(8), 0
    for _ in range(300):
        misses = []
        for off in (0.02, *[0.0] * 23):
            seen = share(rng.binomial(400, 0.3 + off), 400, each_of(24))
            misses.append(departure(Estimate(*(1 + e - 0.3 for e in vars(seen).values())), 1.0))
        worst = largest(misses)
        inside += worst.low <= 0.02 <= worst.high
    assert inside / 300 > 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)


def test_verdicts_combine():
    assert every([HOLDS, HOLDS]) == some([FAILS, HOLDS, UNDECIDED]) == HOLDS
    assert every([HOLDS, UNDECIDED]) == some([FAILS, UNDECIDED]) == UNDECIDED
    assert every([UNDECIDED, FAILS]) == some([FAILS, FAILS]) == FAILS


def test_ratio_takes_the_widest_ends():
    found = ratio(Estimate(4.0, 2.0, 6.0), Estimate(2.0, 1.0, 3.0))
    assert (found.value, found.low, found.high) == (2.0, 2 / 3, 6.0)
    open_above = ratio(Estimate(4.0, 2.0, 6.0), Estimate(1.0, 0.0, 2.0))
    assert (open_above.low, open_above.high) == (1.0, math.inf)
    assert math.isnan(ratio(exact(0), exact(0)).value)
