"""Products of beta variables against exact partial fractions, and known special cases."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.analysis.beta_products import BetaProduct


def product(runs, levels):
    law = BetaProduct.empty(runs)
    for level in sorted(levels, reverse=True):
        law = law.times(level)
    return law


def distribution(levels, share):
    """P(product <= share) as -ln of Beta(y, 1) is exponential of rate y: partial fractions."""
    x = Fraction(share)
    terms = (x**y * prod(Fraction(z, z - y) for z in levels if z != y) for y in levels)
    return float(sum(terms))


@given(
    st.sets(st.integers(1, 40), min_size=1, max_size=40),
    st.integers(0, 5),
    st.sampled_from([0.001, 0.025, 0.5, 0.975]),
)
def test_the_quantile_is_that_of_the_product(levels, more, tail):
    law = product(max(levels) + more, levels)
    assert distribution(levels, law.quantile(tail)) == pytest.approx(tail, abs=1e-7)
    assert sum(law.weights) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("runs", "steps"), [(1, 1), (7, 7), (200, 60), (5000, 4990)])
def test_without_gaps_the_product_is_one_beta_variable(runs, steps):
    law = product(runs, range(runs - steps + 1, runs + 1))
    for tail in (0.01, 0.975):
        known = stats.beta.ppf(tail, runs - steps + 1, steps)
        assert law.quantile(tail) == pytest.approx(known, rel=1e-9)


def test_many_runs_lost_before_the_last():
    """500 steps and as many gaps, where partial fractions would need hundreds of digits."""
    levels = range(1, 1001, 2)
    quantile = product(1000, levels).quantile(0.025)
    rng = np.random.default_rng(3)
    drawn = np.zeros(40_000)
    for level in levels:
        drawn += rng.standard_exponential(drawn.size) / level
    below = np.mean(np.exp(-drawn) <= quantile)
    assert below == pytest.approx(0.025, abs=3 * np.sqrt(0.025 * 0.975 / drawn.size))
