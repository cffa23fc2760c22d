"""Sign flips and max-T against enumeration, scipy, and the laws they must keep."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.analysis.sign_flips import sign_flip_p_values, simultaneous
from experiments.sampling.findings import AROUND_15, Runs
from experiments.sampling.protocol import METRICS, stored_results
from gw_envs.checks import BadInput


def student(values):
    return abs(values.mean()) / (values.std(ddof=1) / math.sqrt(len(values)))


def by_enumeration(table):
    """Single-step max-T p-values, literally."""
    observed = np.array([student(column) for column in table.T])
    counts = np.zeros(table.shape[1])
    flips = list(itertools.product((1, -1), repeat=len(table)))
    for signs in flips:
        flipped = table * np.array(signs)[:, None]
        counts += max(student(column) for column in flipped.T) >= observed - 1e-9
    return counts / len(flips)


def test_one_column_is_scipys_permutation_test():
    values = np.random.default_rng(0).normal(0.8, 1, 9)
    theirs = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p_values(values)[0] == pytest.approx(theirs.pvalue)


def test_the_smallest_p_value_of_a_family_is_that_of_max_t():
    table = np.random.default_rng(1).normal(0.5, 1, (7, 3))
    enumerated = by_enumeration(table)
    p = sign_flip_p_values(table)
    assert p.min() == pytest.approx(enumerated.min())
    assert (p <= enumerated + 1e-12).all()  # stepping down only gains
    alone = [sign_flip_p_values(column)[0] for column in table.T]
    assert (p >= np.array(alone) - 1e-12).all()


@given(st.integers(0, 10_000), st.floats(-1.5, 1.5))
def test_an_interval_holds_what_the_exact_test_does_not_reject(seed, center):
    values = np.random.default_rng(seed).exponential(size=8) - 1
    (estimate,) = simultaneous(values)
    p = sign_flip_p_values(values, center)[0]
    if p > 0.05:
        assert estimate.low - 1e-9 <= center <= estimate.high + 1e-9
    assert estimate.low <= estimate.value <= estimate.high


def test_the_family_widens_an_interval_and_copies_do_not():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(10, 12))
    (alone,) = simultaneous(table[:, 0])
    together, copies = simultaneous(table)[0], simultaneous(table[:, [0] * 12])[0]
    alone, together, copies = (e.high - e.low for e in (alone, together, copies))
    assert together > 1.4 * alone
    assert alone <= copies < 1.2 * alone


@pytest.mark.parametrize(
    ("seeds", "trials", "rho"),
    [(10, 300, 0.0), (10, 300, 0.9), pytest.param(30, 80, 0.5, marks=pytest.mark.slow)],
)
def test_intervals_cover_together(seeds, trials, rho):
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(trials):
        common = rng.normal(size=(seeds, 1))
        table = 1 + math.sqrt(rho) * common + math.sqrt(1 - rho) * rng.normal(size=(seeds, 5))
        covered += all(e.low <= 1 <= e.high for e in simultaneous(table))
    assert covered / trials > 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


def test_too_few_seeds_reject_nothing():
    (estimate,) = simultaneous([1.0, 1.1, 0.9, 1.2, 1.05])
    assert (estimate.low, estimate.high) == (-math.inf, math.inf)
    assert simultaneous([2.0] * 10)[0].low == simultaneous([2.0] * 10)[0].high == 2.0


def test_many_seeds_are_sampled_and_near_students():
    values = np.random.default_rng(5).normal(0.3, 1, 60)
    (estimate,) = simultaneous(values)
    ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (estimate.low, estimate.high) == pytest.approx((ends.low, ends.high), abs=0.03)


def test_the_numbers_of_the_stored_runs():
    table = stored_results()
    runs = Runs.from_table(table.filter(np.asarray(table["seed"]) < 110))
    high, low, wide = ((name, "ppo") for name in ("normal_high", "normal_low", "wide"))
    ends = np.stack([runs.end(high, m) - runs.end(low, m) for m in METRICS], axis=1)
    assert sign_flip_p_values(ends[:, 0])[0] == pytest.approx(0.0547, abs=5e-5)
    assert sign_flip_p_values(ends).min() == pytest.approx(0.0703, abs=5e-5)
    broad = runs.end(wide, "recall_at_1") - runs.end(low, "recall_at_1")
    assert sign_flip_p_values(broad)[0] == pytest.approx(0.0508, abs=5e-5)
    frozen = runs.change(("normal_high", "frozen"), "recall_at_1", AROUND_15)
    assert sign_flip_p_values(frozen)[0] == 2 / 1024


@pytest.mark.parametrize("table", [[], [[1.0, math.nan]], np.zeros((2, 2, 2))])
def test_bad_input(table):
    with pytest.raises(BadInput, match="differences"):
        simultaneous(table)
