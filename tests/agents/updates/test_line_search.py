"""The Armijo search: the inequality it promises is checked outside it, in 40 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.updates import make_rule


def precise_return(theta, rewards):
    weights = [mpmath.exp(v) for v in theta]
    return sum(w * r for w, r in zip(weights, rewards, strict=True)) / sum(weights)


def precise_gradient(theta, rewards):
    weights = [mpmath.exp(v) for v in theta]
    total, value = sum(weights), precise_return(theta, rewards)
    return [w / total * (r - value) for w, r in zip(weights, rewards, strict=True)]


def slack(theta, rewards, rate, slope):
    """J(theta + rate g) - J(theta) - slope rate ||g||^2."""
    with mpmath.workdps(40):
        x = [mpmath.mpf(float(v)) for v in theta]
        r = [mpmath.mpf(float(v)) for v in rewards]
        g = precise_gradient(x, r)
        moved = [a + mpmath.mpf(float(rate)) * b for a, b in zip(x, g, strict=True)]
        gained = precise_return(moved, r) - precise_return(x, r)
        return float(gained - slope * mpmath.mpf(float(rate)) * sum(b * b for b in g))


@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("slope", [0.1, 0.5, 0.9])
@given(
    theta=st.lists(st.floats(-8, 8), min_size=3, max_size=3),
    rewards=st.lists(st.integers(0, 10), min_size=3, max_size=3),
    first=st.floats(0.01, 1e4),
)
def test_accepted_rate_satisfies_its_inequality_and_the_next_larger_one_does_not(
    expand, slope, theta, rewards, first
):
    theta, rewards = np.array(theta), np.array(rewards) / 10
    rule = make_rule("armijo-pg", slope=slope, expand=expand)
    rate = float(rule.accepted_rate(theta, rewards, first)[0])
    scale = np.ptp(rewards) * 1e-13
    if np.ptp(rewards) == 0:
        return
    assert rate > 0
    assert slack(theta, rewards, rate, slope) >= -scale
    if rate < first * 0.99 or expand:
        assert slack(theta, rewards, 2 * rate, slope) <= scale
    moved = rule.step(theta, rewards, first)
    with mpmath.workdps(40):
        gradient = precise_gradient(list(map(mpmath.mpf, theta)), list(map(mpmath.mpf, rewards)))
    expected = theta + rate * np.array([float(g) for g in gradient])
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-9)


def test_each_trajectory_has_its_own_search():
    theta = np.array([[0.0, 0.0], [-6.0, 6.0], [6.0, -6.0]])
    rewards = np.broadcast_to([1.0, 0.0], theta.shape)
    rule = make_rule("armijo-pg")
    together = rule.accepted_rate(theta, rewards, 1e6)[:, 0]
    alone = [rule.accepted_rate(row, rewards[0], 1e6)[0] for row in theta]
    np.testing.assert_array_equal(together, alone)
    assert len(set(together)) == 3


def test_an_mdp_has_one_search_over_all_states():
    """Discount 0, two states: J is the weighted sum, and the inequality is checked on that."""
    theta = np.array([[0.0, 0.0, 0.0], [-4.0, 4.0, 1.0]])
    values = np.array([[1.0, 0.2, 0.0], [0.9, 0.5, 0.1]])
    weight = np.array([[0.3], [0.7]])
    rule = make_rule("armijo-pg")
    rate = rule.accepted_rate(theta, values, 1e4, weight)
    assert rate.shape == (1, 1)

    def total(logits):
        policy = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return np.sum(weight * policy * values), policy

    start, policy = total(theta)
    advantage = values - np.sum(policy * values, axis=-1, keepdims=True)
    gradient = weight * policy * advantage
    for trial, holds in ((rate, True), (2 * rate, False)):
        gained = total(theta + trial * gradient)[0] - start
        assert bool(gained >= 0.5 * trial.item() * np.sum(gradient**2)) is holds
    moved = rule.step(theta, values, 1e4, weight)
    np.testing.assert_allclose(moved, theta + rate * gradient, rtol=1e-12)


def test_discounted_mdps_need_the_return():
    theta, values = np.zeros((2, 2)), np.array([[1.0, 0.0], [0.5, 0.2]])
    with pytest.raises(ValueError, match="objective=None"):
        make_rule("armijo-pg").step(theta, values, 1.0, np.array([[2.0], [3.0]]))


def test_stays_where_no_rate_passes():
    """An objective that falls in every direction, against the gradient given: nothing passes."""
    rule = make_rule("armijo-pg", objective=lambda theta: -np.sum(theta**2, axis=(-2, -1)))
    theta, values = np.zeros((2, 2)), np.array([[1.0, 0.0], [0.5, 0.2]])
    np.testing.assert_array_equal(rule.step(theta, values, 1.0, np.full((2, 1), 0.5)), theta)


def test_near_the_optimum_rounding_does_not_stop_the_search():
    """At 1 - pi = 1e-9 the gain of one step, 1e-18, is below J's last digit, yet a rate passes."""
    theta = np.array([np.log(1e9), 0.0])
    rate = make_rule("armijo-pg").accepted_rate(theta, np.array([1.0, 0.0]), 1.0)
    assert rate[0] == 1.0
