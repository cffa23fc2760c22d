"""The weighted Brownian area of the noisy three-armed well: its law, by independent ways."""

import math

import mpmath
import numpy as np
import pytest

from gw_envs.theory import noisy_wrong_arms_law
from gw_envs.theory.noisy_arms import area_quantile, area_survival


def inverted_survival(w):
    """P(W > w) from E exp(-l W) = 1/0F1(; 2/3; 2l/9) by Talbot's inversion in 40 digits."""
    with mpmath.workdps(40):
        transform = lambda s: (1 - 1 / mpmath.hyp0f1(mpmath.mpf(2) / 3, 2 * s / 9)) / s  # noqa: E731
        return float(mpmath.invertlaplace(transform, w, method="talbot"))


@pytest.mark.parametrize("w", [0.02, 0.06, 0.1, 0.25, 0.5, 1.0, 2.0])
def test_survival_against_the_inverted_transform(w):
    assert area_survival(w) == pytest.approx(inverted_survival(w), abs=1e-10)


def test_quartiles_and_mean():
    assert [area_quantile(q) for q in (0.25, 0.5, 0.75)] == pytest.approx(
        [0.1519, 0.2581, 0.4352], abs=1e-4
    )
    w = np.linspace(0, 12, 200_001)
    assert np.trapezoid(area_survival(w), w) == pytest.approx(1 / 3, abs=1e-8)


def test_law_of_the_area_against_paths():
    """20,000 plane Brownian paths of 400 steps."""
    rng, n, steps = np.random.default_rng(7), 20_000, 400
    place, area = np.zeros((n, 2)), np.zeros(n)
    for i in range(steps):
        after = place + rng.normal(scale=steps**-0.5, size=place.shape)
        weight = 1 - (i + 0.5) / steps
        area += weight * (np.sum(place**2, 1) + np.sum(after**2, 1)) / (2 * steps)
        place = after
    for q in (0.1, 0.5, 0.9):
        share = np.mean(area <= area_quantile(q))
        assert abs(share - q) < 4 * math.sqrt(q * (1 - q) / n) + 0.003


def test_escape_of_the_limit_process_has_that_law():
    """The two-dimensional diffusion itself, steps adapted to its distance from both ends.

    d rho = dB + dt/(2 rho) - dt/(2 E), dE = -(3/2) dt/rho, ended at E = 0: 4 T has the law of W.
    """
    rng, n = np.random.default_rng(8), 2500
    plane, level, time = rng.normal(scale=1e-3, size=(n, 2)), np.ones(n), np.full(n, 1e-6)
    alive = np.arange(n)
    while alive.size:
        p, e = plane[alive], level[alive]
        rho = np.sqrt(np.sum(p * p, 1))
        dt = 0.015 * np.minimum(np.maximum(rho, 1e-4) ** 2, np.maximum(e, 1e-3) * rho)
        after = p + rng.normal(size=p.shape) * np.sqrt(dt)[:, None]
        after *= (1 - dt / (2 * e) / np.sqrt(np.sum(after * after, 1)))[:, None]
        middle = (rho + np.sqrt(np.sum(after * after, 1))) / 2
        plane[alive], level[alive] = after, e - 1.5 * dt / middle
        time[alive] += dt
        alive = alive[level[alive] > 1e-3]
    for q in (0.25, 0.5, 0.75):
        share = np.mean(4 * time <= area_quantile(q))
        assert abs(share - q) < 4 * math.sqrt(q * (1 - q) / n) + 0.015


def test_scales_of_three_arms():
    law = noisy_wrong_arms_law([0.7, 0.5, 0.5], 1e-3, 0.2)
    assert law.noise_scale == pytest.approx(0.25 / 0.04 / 16e-6)
    assert law.drift_time == pytest.approx(1 / (2 * 0.2 * 0.2 * 1e-3))
    assert law.exponent == 2 and law.median == law.quantile(0.5)
    shifted = noisy_wrong_arms_law(
        [0.7, 0.5, 0.5], 1e-3, 0.2, baseline="none", reward_noise="gaussian", noise_std=0.3
    )
    assert shifted.noise_scale == pytest.approx((0.25 + 0.09) / 0.04 / 16e-6)


@pytest.mark.parametrize("k", [3, 4, 6])
def test_mean_in_many_digits(k):
    """Bernoulli (.7, .5, ...), value baseline, eta = .2, from the formula of the page."""
    law = noisy_wrong_arms_law([0.7] + [0.5] * (k - 1), 1e-3, 0.2)
    with mpmath.workdps(30):
        eta = mpmath.mpf("0.2")
        psi = [1 - 0.7 * mpmath.exp(-j * eta / 2) - 0.3 * mpmath.exp(j * eta / 2) for j in range(9)]
        noise = mpmath.factorial(k - 2) * (mpmath.cosh(eta / 2) - 1) ** (k - 2)
        noise /= mpmath.fprod(psi[2 : k + 1]) * ((k - 1) * mpmath.mpf("0.001")) ** (k - 1)
        assert law.noise_mean == pytest.approx(float(noise), rel=1e-11)
        assert law.drift_mean == pytest.approx(float(1000 / psi[2]), rel=1e-11)
    assert law.mean == law.noise_mean + law.drift_mean and law.exponent == k - 1


def test_mean_of_small_steps_is_that_of_the_law_for_three_arms():
    law = noisy_wrong_arms_law([0.7, 0.5, 0.5], 1e-6, 1e-4)
    assert law.noise_mean == pytest.approx(law.noise_scale / 3, rel=1e-3)
    assert law.drift_mean == pytest.approx(law.drift_time, rel=1e-3)


def test_where_the_mean_is_infinite():
    """Psi(3) = 0 is met before Psi(2) = 0: the third arm makes the tail heavier."""
    law = noisy_wrong_arms_law([0.7, 0.5, 0.5], 1e-3, 0.6)
    assert math.isinf(law.mean) and math.isfinite(law.drift_mean)
    third, second = (0.7 * math.exp(-j * 0.3) + 0.3 * math.exp(j * 0.3) for j in (3, 2))
    assert third > 1 > second
