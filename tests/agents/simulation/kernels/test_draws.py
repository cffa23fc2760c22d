"""Variates against scipy's laws; the seeds are fixed, a p-value below 0.01 means a wrong law."""

import mpmath
import numpy as np
import pytest
from scipy import stats

from agents.simulation.kernels import draws
from agents.simulation.kernels.counters import stream_key

NUMBER = 4000


def sample(draw, *arguments):
    stream = draws.open_stream(stream_key(7), np.uint64(3))
    return np.array([draw(stream, *arguments) for _ in range(NUMBER)])


def discrete_p_value(values, law):
    """Chi-squared p-value over cells of equal expected size."""
    edges = np.unique(law.ppf(np.linspace(0, 1, 21)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, values), minlength=edges.size + 1)
    chances = np.diff([0, *law.cdf(edges), 1])
    kept = chances > 0
    assert counts[~kept].sum() == 0
    return stats.chisquare(counts[kept], chances[kept] * values.size).pvalue


def test_normal():
    assert stats.kstest(sample(draws.draw_normal), "norm").pvalue > 0.01


@pytest.mark.parametrize("shape", [1.0, 2.5, 40.0, 1e6])
def test_gamma(shape):
    assert stats.kstest(sample(draws.draw_gamma, shape), stats.gamma(shape).cdf).pvalue > 0.01


@pytest.mark.parametrize("mean", [0.3, 9.0, 12.0, 300.0, 1e6])
def test_poisson(mean):
    assert discrete_p_value(sample(draws.draw_poisson, mean), stats.poisson(mean)) > 0.01


def test_poisson_of_a_huge_mean():
    values = sample(draws.draw_poisson, 1e13)
    assert stats.kstest((values - 1e13) / np.sqrt(1e13), "norm").pvalue > 0.01


@pytest.mark.parametrize("chance", [0.9, 0.2, 1e-3])
def test_geometric(chance):
    assert discrete_p_value(sample(draws.draw_geometric, chance), stats.geom(chance)) > 0.01


@pytest.mark.parametrize("successes, chance", [(1.0, 0.3), (2.0, 0.5), (50.0, 0.9), (1e4, 0.5)])
def test_waiting(successes, chance):
    law = stats.nbinom(successes, chance)
    assert discrete_p_value(sample(draws.draw_waiting, successes, chance), law) > 0.01
    assert draws.draw_waiting(draws.open_stream(stream_key(0), np.uint64(0)), 5.0, 1.0) == 0


@pytest.mark.parametrize("k, mean", [(0, 2.5), (3, 2.5), (15, 30), (16, 10), (10**6 + 2000, 1e6)])
def test_poisson_probabilities_at_any_mean(k, mean):
    check_probability(k, mean, 1e-11)


@pytest.mark.parametrize("offset", [0, 1, -3 * 10**6, 10**7])
def test_poisson_probabilities_where_plain_float64_loses_them(offset):
    # k ln(mean) - mean - ln k! is a difference of numbers near 3e14, known to 0.06 at best
    check_probability(10**13 + offset, 1e13, 1e-11)


def check_probability(k, mean, tolerance):
    with mpmath.workdps(50):
        exact = k * mpmath.log(mean) - mean - mpmath.loggamma(k + 1)
    assert draws.log_poisson(float(k), float(mean)) == pytest.approx(float(exact), rel=tolerance)
