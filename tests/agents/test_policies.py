"""Softmax and the initial policies of the glossary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax as scipy_softmax
from scipy.stats import entropy as scipy_entropy

from agents.policies import entropy, initial_theta, softmax

logits = arrays(np.float64, st.integers(2, 8), elements=st.floats(-300, 300))


@given(logits, st.floats(-100, 100))
def test_softmax_equals_scipy_and_ignores_shifts(theta, shift):
    policy = softmax(theta)
    np.testing.assert_allclose(policy, scipy_softmax(theta), rtol=1e-12, atol=0)
    np.testing.assert_allclose(softmax(theta + shift), policy, rtol=1e-10, atol=0)
    assert abs(policy.sum() - 1) < 1e-12


def test_entropy_equals_scipy_and_takes_corners():
    policy = softmax(np.random.default_rng(0).normal(size=(5, 3, 4)))
    np.testing.assert_allclose(entropy(policy), scipy_entropy(policy, axis=-1), rtol=1e-12)
    assert entropy(np.array([1.0, 0.0])) == 0


@pytest.mark.parametrize("best", [0, 2])
def test_named_policies_are_what_the_glossary_says(best):
    uniform = softmax(initial_theta("uniform", 4, best))
    np.testing.assert_allclose(uniform, 0.25)
    spread = softmax(initial_theta("uniform_suboptimal", 4, best, optimal_prob=1e-3))
    np.testing.assert_allclose(np.delete(spread, best), 0.999 / 3)
    assert spread[best] == pytest.approx(1e-3, rel=1e-12)
    corner = softmax(initial_theta("corner", 4, best, optimal_prob=1e-3))
    first_other = 1 if best == 0 else 0
    np.testing.assert_allclose(np.delete(corner, first_other), 1e-3)
    assert corner[first_other] == pytest.approx(1 - 3e-3)
    chosen = softmax(initial_theta("corner", 4, best, optimal_prob=1e-3, corner_action=3))
    assert chosen.argmax() == 3


def test_normal_has_the_given_spread_and_follows_the_generator():
    rng = np.random.default_rng(3)
    theta = initial_theta("normal", 100_000, sigma=2.0, rng=rng)
    assert abs(theta.mean()) < 4 * 2 / np.sqrt(100_000)
    assert theta.std() == pytest.approx(2, rel=0.02)
    again = initial_theta("normal", 100_000, sigma=2.0, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(theta, again)
