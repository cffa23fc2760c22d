"""The exponential functional against closed forms in many digits, and its own definition."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_envs.theory.functional import ExponentialFunctional

# jumps, chances, drift: one jump or two, of either sign, drift of either sign
LAWS = [
    ((0.8,), (1.0,), 0.0),
    ((0.84,), (1.0,), 0.6),  # infinite mean
    ((0.8, 0.0), (0.7, 0.3), 0.2),
    ((0.12, -0.28), (0.7, 0.3), -0.1),
    ((1.5,), (1.0,), -2.0),  # bounded
    ((0.02,), (1.0,), 0.01),
]


def simulated(jumps, chances, drift, n=20_000, seed=0):
    """I by its definition: exponential waits, exact integrals between jumps."""
    rng = np.random.default_rng(seed)
    total, level, alive = np.zeros(n), np.ones(n), np.arange(n)
    while alive.size:
        wait = rng.exponential(size=alive.size)
        if drift < 0:  # exp(drift * wait) underflows to a level of 0, which ends the path
            part = -np.expm1(drift * wait) / -drift
        else:
            part = np.expm1(drift * wait) / drift if drift else wait
        total[alive] += level[alive] * part
        factor = drift * wait - rng.choice(jumps, p=chances, size=alive.size)
        level[alive] *= np.exp(factor)
        alive = alive[level[alive] > 1e-7 * total[alive]]
    return total


def ladder_survival(h, t, terms=60):
    """P(sum_k e^(-kh) E_k > t) by the partial fractions of its Laplace transform."""
    with mpmath.workdps(80):
        rates = [mpmath.exp(k * mpmath.mpf(h)) for k in range(terms)]
        return float(
            mpmath.fsum(
                mpmath.exp(-rate * t)
                * mpmath.fprod(o / (o - rate) for j, o in enumerate(rates) if j != k)
                for k, rate in enumerate(rates[:30])
            )
        )


@pytest.mark.parametrize("h", [0.5, 0.8, 2.0])
@pytest.mark.parametrize("q", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_quantiles_of_the_ladder_against_partial_fractions(h, q):
    law = ExponentialFunctional((h,), (1.0,), 0.0)
    assert ladder_survival(h, law.quantile(q)) == pytest.approx(1 - q, rel=2e-4, abs=1e-6)


@pytest.mark.parametrize("law", LAWS)
def test_quantiles_against_the_definition(law):
    """Within 4 standard errors of 20,000 simulated integrals, plus the promised 1e-4."""
    values, functional = simulated(*law), ExponentialFunctional(*law)
    for q in (0.1, 0.5, 0.9):
        share = np.mean(values <= functional.quantile(q))
        assert abs(share - q) < 4 * math.sqrt(q * (1 - q) / values.size) + 1e-4
        assert functional.survival(functional.quantile(q)) == pytest.approx(1 - q, abs=1e-4)


@pytest.mark.parametrize("law", [law for law in LAWS if law[2] < 0.6])
def test_moments_of_the_solved_law_are_the_exact_ones(law):
    functional = ExponentialFunctional(*law)
    grid = np.linspace(-30, 30, 400_001)
    t = np.exp(grid)
    tail = functional.survival(t)
    mean = np.trapezoid(tail * t, grid)
    square = np.trapezoid(2 * tail * t * t, grid)
    assert mean == pytest.approx(functional.mean, rel=1e-3)
    if functional.tail_index > 3:
        assert math.sqrt(square / mean**2 - 1) == pytest.approx(functional.variation, rel=2e-3)


@pytest.mark.parametrize("law", [law for law in LAWS if law[2] > -1])
def test_tail_index_is_the_root(law):
    functional = ExponentialFunctional(*law)
    if math.isinf(functional.tail_index):
        assert min(law[0]) >= 0 and law[2] <= 0
        return
    with mpmath.workdps(30):
        root = mpmath.findroot(
            lambda j: (
                sum(p * (1 - mpmath.exp(-j * x)) for x, p in zip(*law[:2], strict=True))
                - j * law[2]
            ),
            functional.tail_index * 1.001,
        )
    assert functional.tail_index == pytest.approx(float(root), rel=1e-10)
    if functional.tail_index > 10:  # below all that float64 resolves before it is a power
        return
    far = functional.quantile(1 - 1e-9)
    ratio = functional.survival(10 * far) / functional.survival(far)
    assert math.log10(ratio) == pytest.approx(-functional.tail_index, rel=0.02)


def test_narrow_laws_join_the_solved_ones():
    """On both sides of the switch the quantiles are those of the ladder, in units of its mean."""
    ratios = []
    for h in (7.9e-4, 8.1e-4):
        law = ExponentialFunctional((h,), (1.0,), 0.0)
        ratios.append([law.quantile(q) / law.mean for q in (0.1, 0.5, 0.9)])
    assert np.allclose(ratios[0], ratios[1], rtol=5e-4)


def test_a_clock_has_no_spread():
    law = ExponentialFunctional((0.0,), (1.0,), -0.16)
    assert law.variation == 0
    assert [law.quantile(q) for q in (0.01, 0.99)] == pytest.approx([6.25, 6.25])


@settings(max_examples=25, deadline=None)
@given(
    st.floats(1e-3, 3),
    st.floats(-1, 1),
    st.floats(0.05, 0.99),
    st.floats(-0.9, 0.9),
)
def test_any_law_is_a_probability_that_falls(size, other, chance, share):
    jumps, chances = (size, size * other), (chance, 1 - chance)
    mean = size * chance + size * other * (1 - chance)
    if mean < 0.05 * size:
        return
    law = ExponentialFunctional(jumps, chances, share * mean)
    t = np.geomspace(1e-3, 1e6, 200) / law.slope
    survival = law.survival(t)
    assert np.all(np.diff(survival) <= 0) and np.all((survival >= 0) & (survival <= 1))
    levels = [law.quantile(q) for q in (0.01, 0.1, 0.5, 0.9, 0.99)]
    assert np.all(np.diff(levels) > 0)
    if law.tail_index > 1:
        assert law.mean >= 1 / law.slope  # Jensen: psi is concave


@pytest.mark.parametrize("slope", [2**-53, 3 * 2**-52, 1e-12])
def test_the_root_is_found_where_psi_is_all_rounding(slope):
    functional = ExponentialFunctional((1.0,), (1.0,), 1.0 - slope)
    # 1 - exp(-j) = j (1 - slope): j = 2 slope to first order
    assert functional.tail_index == pytest.approx(2 * slope, rel=1e-3)


def test_without_a_slope_there_is_no_root_to_look_for():
    assert ExponentialFunctional((1.0,), (1.0,), 1.0).tail_index == 0
