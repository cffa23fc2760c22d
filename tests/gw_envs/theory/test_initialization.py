"""The law of random initialisation against exact cases, quadrature and Monte Carlo."""

import math
from functools import lru_cache

import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from gw_envs.theory import GaussianInitialization, escape_time, flow_escape_time

ARMS = (2, 3, 6, 10, 100)
SIGMAS = (0.5, 1.0, 2.0, 3.0, 5.0)
LEVELS = (0.05, 0.5, 0.9, 0.99)


@lru_cache(maxsize=1)
def normals(k):
    """Draws of the K-1 rivals' logits at sigma = 1, [N, K-1]."""
    draws = 60_000 if k == 100 else 300_000
    return np.random.default_rng([5, k]).standard_normal((draws, k - 1))


class SampledLaw:
    """P(W <= w) = mean over draws of Phi((w - ln S)/sigma): theta(a*) integrated exactly."""

    def __init__(self, k, sigma):
        scaled = sigma * normals(k)
        top = scaled.max(axis=1)
        self.log_rivals = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        self.sigma = sigma

    def cdf(self, w):
        return ndtr((w - self.log_rivals) / self.sigma).mean()

    def quantile(self, q):
        spread = 6 * self.sigma + 6
        middle = np.median(self.log_rivals)
        w = brentq(lambda w: self.cdf(w) - q, middle - spread, middle + spread, xtol=1e-6)
        return np.logaddexp(0, w)


@pytest.mark.parametrize("k", ARMS)
def test_quantiles_and_trap_probability_against_monte_carlo(k):
    """2 % on quantiles of ln(1/pi_1) and .005 on P(trapped), at five sigmas and four levels."""
    for sigma in SIGMAS:
        law, sampled = GaussianInitialization(k, sigma), SampledLaw(k, sigma)
        for q in LEVELS:
            expected = sampled.quantile(q)
            assert law.quantile(q) == pytest.approx(expected, rel=0.02)
            assert law.cornish_fisher_quantile(q) == pytest.approx(expected, rel=0.02)
        trapped = 1 - sampled.cdf(math.log(9))
        assert law.trap_probability() == pytest.approx(trapped, abs=0.002)
        assert law.trap_probability(0.3) == pytest.approx(
            1 - sampled.cdf(math.log(7 / 3)), abs=0.003
        )


@pytest.mark.parametrize("sigma", [1e-6, 0.1, 0.29, 0.3, 1, 10, 50])
def test_two_arms_are_exactly_normal(sigma):
    law = GaussianInitialization(2, sigma)
    z = np.linspace(-4.5, 4.5, 61)
    spread = math.sqrt(2) * sigma
    tolerance = 1e-3 if sigma < 0.01 else 1e-9
    np.testing.assert_allclose(law.cdf_log_odds(spread * z), ndtr(z), atol=tolerance)
    for q in (1e-5, 0.3, 0.999):
        exact = np.logaddexp(0, spread * ndtri(q))
        assert law.quantile(q) == pytest.approx(exact, rel=1e-5)
    assert law.cdf_log_odds(-1e4) == pytest.approx(0, abs=1e-9)
    assert law.cdf_log_odds(1e4) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    "sigma, trapped", [(1, 0.0601), (2, 0.2186), (3, 0.3023), (5, 0.3780), (10, 0.4383)]
)
def test_trap_probability_of_two_arms(sigma, trapped):
    assert GaussianInitialization(2, sigma).trap_probability() == pytest.approx(trapped, abs=6e-5)


def test_trap_probability_numbers():
    assert GaussianInitialization(6, 1.0).trap_probability() == pytest.approx(0.421, abs=0.002)
    assert GaussianInitialization(3, 0.5).trap_probability() == pytest.approx(0.0097, abs=2e-4)
    assert GaussianInitialization(3, 3.0).trap_probability() == pytest.approx(0.463, abs=0.005)
    assert GaussianInitialization(6, 50).trap_probability() == pytest.approx(5 / 6, abs=0.02)


def test_moments_are_exact():
    assert GaussianInitialization(10, 1.0).mean_inverse_prob() == pytest.approx(1 + 9 * math.e)
    assert GaussianInitialization(3, 40.0).mean_inverse_prob() == math.inf
    theta = 0.5 * np.random.default_rng(3).standard_normal((1_000_000, 4))
    odds = np.exp(theta[:, 1:] - theta[:, :1]).sum(axis=1)
    law = GaussianInitialization(4, 0.5)
    for sample, exact in (
        (1 + odds, law.mean_inverse_prob()),
        (odds**2, law.second_moment_inverse_odds()),
    ):
        assert abs(sample.mean() - exact) < 4 * sample.std() / 1000


@pytest.mark.parametrize(
    "k, sigma, mean, std",
    [
        (3, 1, 0.903, 1.252),
        (3, 3, 1.839, 3.850),
        (6, 1, 1.974, 1.124),
        (6, 2, 2.808, 2.316),
        (6, 5, 6.014, 5.957),
        (10, 3, 4.903, 3.398),
        (100, 1, 5.087, 1.008),
        (100, 5, 13.028, 5.341),
    ],
)
def test_mean_and_spread_of_the_log_odds(k, sigma, mean, std):
    law = GaussianInitialization(k, sigma).log_odds_law()
    assert law.mean == pytest.approx(mean, abs=6e-4)
    assert law.std == pytest.approx(std, abs=6e-4)


def test_skewness_stays_small_enough_for_cornish_fisher():
    skews = [
        GaussianInitialization(k, sigma).log_odds_law().skewness
        for k in (3, 6, 7, 8, 10, 100, 1000)
        for sigma in (1, 3, 6, 7, 8, 10)
    ]
    assert min(skews) > 0
    assert max(skews) == pytest.approx(0.0545, abs=5e-5)
    assert GaussianInitialization(3, 0.3).log_odds_law().skewness < 0.002


def test_cumulants_against_quadrature_for_three_arms():
    """ln(e^a + e^b) by two-dimensional Gauss-Hermite quadrature: no Gumbel anywhere."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    mass = np.outer(weights, weights)
    value = np.logaddexp(1.5 * nodes[:, None], 1.5 * nodes[None])
    mean = np.sum(mass * value)
    variance = np.sum(mass * (value - mean) ** 2)
    third = np.sum(mass * (value - mean) ** 3)
    law = GaussianInitialization(3, 1.5).log_odds_law()
    assert law.mean == pytest.approx(mean, abs=1e-8)
    assert law.std == pytest.approx(math.sqrt(variance + 1.5**2), abs=1e-8)
    assert law.skewness == pytest.approx(third / law.std**3, abs=1e-6)


def test_inverted_law_against_quadrature_for_three_arms():
    """P(W <= w) = E Phi((w - ln S)/sigma), two-dimensional quadrature."""
    z = np.linspace(-9, 9, 721)
    weights = np.exp(-0.5 * z * z)
    mass = np.outer(weights, weights) / weights.sum() ** 2
    log_rivals = np.logaddexp(2.5 * z[:, None], 2.5 * z[None])
    law = GaussianInitialization(3, 2.5)
    for w in (-6.0, 0.0, 2.197, 9.0):
        exact = np.sum(mass * ndtr((w - log_rivals) / 2.5))
        assert law.cdf_log_odds(w) == pytest.approx(exact, abs=1e-10)


def test_rivals_transform_against_mpmath():
    """phi(u) = E exp(-e^(sigma z - u)), the one integral that everything rests on."""
    law = GaussianInitialization(4, 2.0)
    for index in (180, 250, 300):
        u = law._grid[index]
        with mpmath.workdps(20):
            exact = mpmath.quad(
                lambda z, u=u: mpmath.npdf(z) * mpmath.exp(-mpmath.exp(2 * z - u)),
                np.linspace(-10, 10, 21).tolist(),
            )
        assert law._phi[index] == pytest.approx(float(exact), rel=1e-12)


def test_no_seam_where_the_inversion_begins():
    below, above = GaussianInitialization(3, 0.2999999), GaussianInitialization(3, 0.3)
    for q in LEVELS:
        assert below.quantile(q) == pytest.approx(above.quantile(q), rel=2e-4)


def test_freezing_point_and_closed_forms():
    assert GaussianInitialization(10, 1.0).freezing_sigma() == pytest.approx(2.0963, abs=1e-4)
    assert GaussianInitialization(2, 1.0).freezing_sigma() == 0
    for k in ARMS:
        for sigma in (0.5, 1.0):  # where Fenton-Wilkinson is said to be good
            law = GaussianInitialization(k, sigma)
            mean, std, _ = law.fenton_wilkinson_law()
            trapped = 1 - ndtr((math.log(9) - mean) / std)
            assert trapped == pytest.approx(law.trap_probability(), abs=0.02)
        for sigma in (5.0, 10.0):  # where the largest rival rules
            law = GaussianInitialization(k, sigma)
            assert law.random_energy_median() == pytest.approx(law.quantile(0.5), rel=0.06)
        half = GaussianInitialization(k, 1.0).freezing_sigma() / 2
        if half > 0:
            law = GaussianInitialization(k, half)
            assert law.random_energy_median() == pytest.approx(law.quantile(0.5), rel=0.06)


def test_fenton_wilkinson_fails_where_said():
    law = GaussianInitialization(10, 3.0)
    mean, std, _ = law.fenton_wilkinson_law()
    assert law.trap_probability() - (1 - ndtr((2.1972 - mean) / std)) > 0.1


def test_fenton_wilkinson_has_no_overflow():
    assert GaussianInitialization(3, 50.0).fenton_wilkinson_law().std < 80


def flow_times(k, sigma, draws, seed):
    """Escape times (eta Delta = 1) of the flow, with logit v = logit(x) as the clock.

    w_i, the shares of the rivals, obey dw_i/dv = -w_i (w_i - phi)/(1 + phi), phi = sum w_i^2, and
    dT = dF/(1 + phi); Heun's rule in v.
    """
    theta = sigma * np.random.default_rng(seed).standard_normal((draws, k))
    rest = np.exp(theta[:, 1:] - theta[:, 1:].max(axis=1, keepdims=True))
    w = rest / rest.sum(axis=1, keepdims=True)
    v = theta[:, 0] - np.log(np.exp(theta[:, 1:]).sum(axis=1))
    end = -math.log(9)
    step = np.maximum(end - v, 0) / 300
    time = np.zeros(draws)

    def slope(w):
        phi = np.sum(w * w, axis=1, keepdims=True)
        return -w * (w - phi) / (1 + phi)

    for _ in range(300):
        ahead = w + step[:, None] * slope(w)
        after = w + 0.5 * step[:, None] * (slope(w) + slope(ahead))
        phi = np.sum(((w + after) / 2) ** 2, axis=1)
        rise = 2 * (step + np.sinh(v + step) - np.sinh(v))
        time += rise / (1 + phi)
        w, v = after, v + step
    return time


@pytest.mark.parametrize("k, sigma", [(2, 2.0), (3, 3.0), (6, 1.0), (6, 3.0), (10, 3.0), (15, 4.0)])
def test_escape_time_quantiles_against_the_simulated_flow(k, sigma):
    law = GaussianInitialization(k, sigma)
    times = flow_times(k, sigma, 20_000, [9, k])
    for q in (0.75, 0.9, 0.97):
        # 4 standard errors of a sample quantile, as levels
        error = 4 * math.sqrt(q * (1 - q) / times.size)
        low, high = np.quantile(times, [q - error, min(1.0, q + error)])
        assert law.escape_time_quantile(q, 1, 1, 2.0) <= high
        assert law.escape_time_quantile(q, 1, 1, k / (k - 1)) >= low
        estimate = law.escape_time_quantile(q, 1.0, 1.0)
        assert low / 1.2 <= estimate <= high * 1.2


def test_escape_time_quantile_of_two_arms_is_the_flow():
    law = GaussianInitialization(2, 3.0)
    x0 = math.exp(-law.quantile(0.9))
    assert law.escape_time_quantile(0.9, 0.2, 0.5) == pytest.approx(
        flow_escape_time(x0, 0.2, 0.5), rel=1e-6
    )
    assert law.escape_time_quantile(0.9, 0.2, 0.5) < escape_time(x0, 0.2, 0.5)
    assert law.escape_time_quantile(0.5, 0.2, 0.5) == 0
    assert GaussianInitialization(3, 50.0).escape_time_quantile(1 - 1e-6, 1.0, 1e-300) == math.inf


@pytest.mark.parametrize("k, sigma", [(3, 0.5), (6, 2.0), (10, 5.0)])
def test_effective_constant_is_the_mean_concentration(k, sigma):
    scaled = sigma * np.random.default_rng(2).standard_normal((200_000, k - 1))
    share = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    sample = np.sum(share**2, axis=1)
    error = 4 * sample.std() / math.sqrt(sample.size)
    constant = GaussianInitialization(k, sigma).effective_constant()
    assert constant == pytest.approx(1 + sample.mean(), abs=error)
    assert GaussianInitialization(2, sigma).effective_constant() == pytest.approx(2)


def test_high_variance_makes_a_tail_not_a_certainty():
    """K = 3 from sigma .5 to 3: 99 % escape time from 0 to about 3e4/(eta Delta)."""
    assert GaussianInitialization(3, 0.5).escape_time_quantile(0.99, 1.0, 1.0) == 0
    late = GaussianInitialization(3, 3.0).escape_time_quantile(0.99, 1.0, 1.0)
    assert late == pytest.approx(3.3e4, rel=0.2)
    assert GaussianInitialization(3, 3.0).escape_time_quantile(0.5, 1.0, 1.0) == 0
