"""Drift laws: values by hand, clipping, determinism, round trips."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_envs.drift import (
    AR1,
    LAWS,
    Abrupt,
    Constant,
    Linear,
    Logistic,
    Saturating,
    Seasonal,
    Sum,
    Well,
    drift_law,
)

EXAMPLES = {
    "constant": Constant(0.4),
    "linear": Linear(0.2, 0.001, clip=(0.1, 0.8)),
    "saturating": Saturating(0.3, 0.8, 50),
    "logistic": Logistic(0.3, 0.8, 200, 25),
    "well": Well(0.8, 0.3, 40, 0.25, 300, 30),
    "abrupt": Abrupt((100, 200), (0.3, 0.7, 0.5)),
    "seasonal": Seasonal(0.5, 0.2, 60, 0.3),
    "ar1": AR1(Constant(0.5), 0.01, 0.4, clip=True),
    "sum": Sum((Constant(0.4), Seasonal(0, 0.1, 50), AR1(Constant(0), 0.01))),
}


def test_every_law_has_an_example():
    assert set(EXAMPLES) == set(LAWS)


@pytest.mark.parametrize(
    ("law", "t", "expected"),
    [
        (Constant(0.4), 17, 0.4),
        (Linear(0.2, 0.001), 100, 0.3),
        (Linear(0.2, 0.001, clip=(0.1, 0.25)), 100, 0.25),
        (Saturating(0.3, 0.8, 50), 0, 0.3),
        (Saturating(0.3, 0.8, 50), 50, 0.8 - 0.5 / math.e),
        (Logistic(0.3, 0.8, 200, 25), 200, 0.55),
        (Logistic(0.3, 0.8, 200, 25), 225, 0.3 + 0.5 / (1 + 1 / math.e)),
        (Logistic(0.3, 0.8, 1e4, 0.1), 0, 0.3),
        (Well(0.8, 0.3, 40, 0.25, 300, 30), 0, 0.8 + 0.25 / (1 + math.exp(10))),
        (Well(0.8, 0.3, 40, 0.25, 300, 30), 300, 0.8 - 0.3 * (1 - math.exp(-7.5)) + 0.125),
        (Abrupt((100, 200), (0.3, 0.7, 0.5)), 99.5, 0.3),
        (Abrupt((100, 200), (0.3, 0.7, 0.5)), 100, 0.7),
        (Abrupt((100, 200), (0.3, 0.7, 0.5)), 1e6, 0.5),
        (Seasonal(0.5, 0.2, 60), 15, 0.7),
        (Seasonal(0.5, 0.2, 60, math.pi), 15, 0.3),
        (Constant(0.4) + Linear(0, 0.001) + 0.1, 100, 0.6),
        (0.1 + Constant(0.4), 3, 0.5),
        (Constant(1.7, clip=True) + (-0.2), 3, 0.8),
    ],
)
def test_values_by_hand(law, t, expected):
    value = law.values(t)
    assert value.shape == ()
    assert float(value) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_round_trip_through_json(name):
    law = EXAMPLES[name]
    form = law.to_dict()
    assert form["law"] == name
    again = drift_law(json.loads(json.dumps(form)))
    assert again == law
    assert hash(again) == hash(law)
    t = np.arange(500)
    np.testing.assert_array_equal(again.values(t, seed=3), law.values(t, seed=3))


@pytest.mark.parametrize("name", LAWS)
def test_tabulate_is_the_law_at_whole_ticks_whatever_the_horizon(name):
    law = EXAMPLES[name]
    long, short = law.tabulate(400, seed=9), law.tabulate(100, seed=9)
    assert long.shape == (401,)
    assert long.min() >= 0 and long.max() <= 1
    np.testing.assert_array_equal(long[:101], short)
    np.testing.assert_allclose(long, law.values(np.arange(401), seed=9), atol=1e-12)
    np.testing.assert_array_equal(law.values([[5, 0], [3, 5]], seed=9), long[[[5, 0], [3, 5]]])


def test_a_number_is_a_constant():
    assert drift_law(0.3) == drift_law({"law": "constant", "value": 0.3}) == Constant(0.3)
    assert drift_law(EXAMPLES["well"]) is EXAMPLES["well"]


def test_noise_has_the_stated_deviation_and_correlation():
    law = AR1(Linear(0.2, 1e-6), std=0.05, correlation=0.6)
    t = np.arange(100_000)
    noise = law.values(t, seed=1) - Linear(0.2, 1e-6).values(t)
    # Standard errors: sd of the mean is .05 * sqrt((1+.6)/(1-.6)/1e5) = 3.2e-4; 4 of each.
    assert abs(noise.mean()) < 1.3e-3
    assert noise.std() == pytest.approx(0.05, rel=0.015)
    correlations = [np.corrcoef(noise[:-h], noise[h:])[0, 1] for h in (1, 2, 3)]
    np.testing.assert_allclose(correlations, [0.6, 0.36, 0.216], atol=0.015)
    # Stationary from the first tick on: over seeds, x(0) has the same deviation.
    first = [AR1(Constant(0), 0.05, 0.6).values(0, seed=s) for s in range(2000)]
    assert np.std(first) == pytest.approx(0.05, rel=0.07)


def test_noise_is_fixed_by_the_seed_and_differs_between_terms():
    noise = AR1(Constant(0.5), 0.01)
    t = np.arange(50)
    np.testing.assert_array_equal(noise.values(t, seed=4), noise.values(t, seed=4))
    assert not np.array_equal(noise.values(t, seed=4), noise.values(t, seed=5))
    two = Sum((noise, noise)).values(t, seed=4)
    # Equal terms with equal noise would give exactly twice one of them.
    spread = np.std(two - 1.0)
    assert 0.009 < spread < 0.018
    nested = AR1(noise, 0.01).values(t, seed=4) - noise.values(t, seed=4)
    assert not np.allclose(nested, noise.values(t, seed=4) - 0.5)
    # A SeedSequence is left as it was: reading twice gives the same.
    sequence = np.random.SeedSequence(4)
    np.testing.assert_array_equal(two, Sum((noise, noise)).values(t, sequence))
    np.testing.assert_array_equal(two, Sum((noise, noise)).values(t, sequence))


def test_without_a_clip_the_first_tick_outside_is_named():
    with pytest.raises(
        ValueError, match=r"leaves \[0, 1\] first at t=801 with value 1.001; .*clip"
    ):
        Linear(0.2, 0.001).tabulate(1000)
    assert Linear(0.2, 0.001, clip=True).tabulate(1000)[-1] == 1.0
    assert Linear(0.2, 0.001).tabulate(800)[-1] == 1.0


@given(st.floats(-1, 2), st.floats(-0.1, 0.1), st.floats(0, 0.5), st.floats(0.6, 1))
def test_a_clipped_law_stays_in_its_range(start, slope, low, high):
    for law in (Linear(start, slope, clip=(low, high)), AR1(Constant(start), 1, clip=(low, high))):
        path = law.tabulate(50)
        assert path.min() >= low and path.max() <= high
    whole = Linear(start, slope, clip=True).tabulate(50)
    np.testing.assert_allclose(whole, np.clip(start + slope * np.arange(51), 0, 1), atol=1e-12)


def test_laws_are_frozen():
    with pytest.raises(AttributeError):
        EXAMPLES["constant"].value = 0.5
