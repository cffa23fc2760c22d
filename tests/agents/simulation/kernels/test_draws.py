"""Variates against scipy's laws; the seeds are fixed, a p-value below 0.01 means a wrong law."""

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


@pytest.mark.parametrize("mean", [0.9 * draws.LARGE, 1.1 * draws.LARGE, 1e13])
def test_poisson_of_a_huge_mean(mean):
    values = sample(draws.draw_poisson, mean)
    assert stats.kstest((values - mean) / np.sqrt(mean), "norm").pvalue > 0.01


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.3, 0.5, 0.99, 1 - 1e-6])
def test_the_normal_limit_with_its_skewness_has_the_quantiles_of_poisson(share):
    """At a hundredth of LARGE, where its error is a hundred times larger."""
    mean, z = draws.LARGE / 100, stats.norm.ppf(share)
    limit = mean + np.sqrt(mean) * z + (z * z - 1) / 6
    assert abs(limit - stats.poisson(mean).ppf(share)) < 1 + 1e-2


@pytest.mark.parametrize("chance", [0.9, 0.2, 1e-3])
def test_geometric(chance):
    assert discrete_p_value(sample(draws.draw_geometric, chance), stats.geom(chance)) > 0.01


@pytest.mark.parametrize("successes, chance", [(1.0, 0.3), (2.0, 0.5), (50.0, 0.9), (1e4, 0.5)])
def test_waiting(successes, chance):
    law = stats.nbinom(successes, chance)
    assert discrete_p_value(sample(draws.draw_waiting, successes, chance), law) > 0.01
    assert draws.draw_waiting(draws.open_stream(stream_key(0), np.uint64(0)), 5.0, 1.0) == 0
