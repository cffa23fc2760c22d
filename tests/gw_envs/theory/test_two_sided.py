"""The two-sided bound: 5,000 random instances, rounding outward, and where it is tight."""

from decimal import Decimal, localcontext
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from gw_envs.theory import (
    escape_bounds,
    escape_lower_bound,
    escape_threshold,
    escape_time,
    escape_upper_bound,
)

EDGE = escape_threshold()


def iterate_any_start(policies, h, budget):
    """Escape times of r = (1, 0, ..., 0) scaled by h, one start a row of `policies` [B, K]."""
    theta = np.log(policies)
    done = np.full(len(theta), -1)
    for n in range(budget):
        top = theta.max(1, keepdims=True)
        pi = np.exp(theta - top)
        pi /= pi.sum(1, keepdims=True)
        done[(done < 0) & (pi[:, 0] > EDGE)] = n
        if np.all(done >= 0):
            break
        x = pi[:, :1]
        move = -h[:, None] * x * pi
        move[:, 0] += h * x[:, 0]
        theta = theta + move
    return done


def test_no_violation_where_the_wrong_arms_are_alike(record_property):
    """2,500 instances against the exact count, eta Delta from 1e-3 to 50, x0 down to 1e-9."""
    rng = np.random.default_rng(41)
    tightest = 0.0
    for _ in range(2500):
        k, gap = int(rng.integers(2, 60)), float(rng.uniform(0.01, 1))
        eta, x0 = float(10 ** rng.uniform(-3, 1.7)) / gap, float(10 ** rng.uniform(-9, -1.01))
        low, high = escape_bounds(x0, gap, eta, k, alike=True)
        exact = escape_time(x0, gap, eta, k)
        assert low < exact <= high
        tightest = max(tightest, exact / high)
    record_property("tightest upper ratio, alike", float(tightest))
    print(f"T / upper bound, alike: at most {tightest:.9f}")
    assert 0.9999 < tightest <= 1


def test_no_violation_from_any_start(record_property):
    """2,500 instances against direct iteration, eta Delta up to 50."""
    rng = np.random.default_rng(42)
    upper, lower, count = 0.0, 0.0, 0
    for k in (2, 3, 5, 9, 20):
        h = 10 ** rng.uniform(-1, 1.7, 500)
        x0 = 10 ** rng.uniform(-2.7, -1.01, 500)
        shape = 10 ** rng.uniform(-1.5, 1.5, (500, 1))
        rest = rng.gamma(shape, size=(500, k - 1)) + 1e-9
        rest *= ((1 - x0) / rest.sum(1))[:, None]
        done = iterate_any_start(np.column_stack([x0, rest]), h, 20_000)
        assert np.all(done >= 0)
        for start, size, exact in zip(x0, h, done, strict=True):
            low, high = escape_bounds(float(start), 1.0, float(size), k)
            assert low < exact <= high
            upper, lower, count = max(upper, exact / high), max(lower, low / exact), count + 1
    record_property("tightest ratios, any start", (float(upper), float(lower)))
    print(f"any start: T / upper at most {upper:.6f}, lower / T at most {lower:.6f}")
    assert count == 2500
    assert 0.9 < upper <= 1 and 0.99 < lower < 1


@pytest.mark.parametrize("k, alike", [(2, True), (6, True), (6, False)])
@pytest.mark.parametrize("x0", [0.09, 1e-3, 1e-12, 1e-200])
@pytest.mark.parametrize("eta", [1e-12, 0.37, 40.0])
def test_bounds_are_rounded_away_from_the_time(x0, eta, k, alike):
    """Against 80 digits: outside the true bounds, by no more than one float."""
    low, high = escape_bounds(x0, 0.3, eta, k, alike=alike)
    with mpmath.workdps(80):
        x, edge, h = mpmath.mpf(x0), mpmath.mpf(EDGE), mpmath.mpf(eta) * mpmath.mpf(0.3)

        def flow(p):
            return 1 / (1 - p) - 1 / p + 2 * mpmath.log(p / (1 - p))

        way = mpmath.log(edge / (1 - edge)) - mpmath.log(x / (1 - x))
        z = h * edge * (1 - edge)
        slow = mpmath.mpf(k) / (k - 1) if alike else 1 + (1 - mpmath.exp(-z)) / z / (k - 1)
        true_low = (flow(edge) - flow(x)) / ((slow if alike else 2) * h)
        true_high = (flow(edge) - flow(x)) / (slow * h) + 1 + way
        assert mpmath.mpf(low) <= true_low <= mpmath.mpf(float(np.nextafter(low, np.inf)))
        assert mpmath.mpf(float(np.nextafter(high, 0))) <= true_high <= mpmath.mpf(high)


def test_rounding_is_exact_at_a_number_float64_cannot_hold():
    from gw_envs.theory.two_sided import _float_above, _float_below

    with localcontext() as context:
        context.prec = 60
        third = Decimal(1) / 3
        assert Fraction(_float_below(third)) < Fraction(third) < Fraction(_float_above(third))
    assert _float_below(Decimal("0.5")) == 0.5 == _float_above(Decimal("0.5"))


def test_alike_bounds_are_a_logarithm_apart():
    low, high = escape_bounds(1e-9, 0.2, 1.0, 6, alike=True)
    assert high - low == pytest.approx(1 + np.log(1 / 9) - np.log(1e-9), abs=1e-4)
    assert low == pytest.approx(escape_lower_bound(1e-9, 0.2, 1.0) * 2 / 1.2, rel=1e-12)


def test_arrays_starts_outside_and_the_edge():
    low, high = escape_bounds([[1e-3, 0.2]], 0.5, 1.0, 3)
    assert low.shape == high.shape == (1, 2)
    assert (low[0, 1], high[0, 1]) == (0, 0)
    assert escape_upper_bound(1e-3, 0.5, 1.0, 3) == high[0, 0]
    assert escape_bounds(EDGE, 0.5, 1.0) == (0.0, np.nextafter(1, 2))  # the first update leaves
