"""Sampled estimates: expectations by enumerating every pull, moments by Monte Carlo, and D15."""

import numpy as np
import pytest

from agents.baselines import exact_baseline
from agents.policies import softmax
from agents.updates import make_sampled_rule, sampled_rules

POLICY = np.array([0.12, 0.55, 0.08, 0.25])
MEANS = np.array([0.9, 0.4, 0.7, 0.1])
ADVANTAGE = MEANS - POLICY @ MEANS
NOISE = (-0.3, 0.3)  # a pull pays its mean plus one of these, equally likely


def expectation(rule, baseline, noise=NOISE):
    """Sum over every action and every reward it can pay."""
    total = np.zeros(4)
    for action in range(4):
        for extra in noise:
            reward = np.asarray(MEANS[action] + extra)
            estimate = rule.estimate(POLICY, np.asarray(action), reward, baseline)
            total += POLICY[action] / len(noise) * estimate
    return total


def exact_targets():
    gradient = POLICY * ADVANTAGE
    soft = MEANS - 0.1 * np.log(POLICY)
    return {
        "softmax-pg": gradient,
        "natural-pg": MEANS,
        "entropy-pg": POLICY * (soft - POLICY @ soft),
        "log-barrier-pg": gradient + 0.01 * (0.25 - POLICY),
    }


@pytest.mark.parametrize("name", sorted(exact_targets()))
@pytest.mark.parametrize("baseline", [0.0, 0.4, -2.0, 0.8])
def test_unbiased_whatever_the_baseline(name, baseline):
    rule = make_sampled_rule(name)
    assert rule.unbiased
    np.testing.assert_allclose(expectation(rule, baseline), exact_targets()[name], atol=1e-13)


def test_alternate_is_the_gradient_with_the_value_baseline_only():
    rule = make_sampled_rule("alternate")
    assert not rule.unbiased
    np.testing.assert_allclose(expectation(rule, POLICY @ MEANS), POLICY * ADVANTAGE, atol=1e-13)
    np.testing.assert_allclose(expectation(rule, 0.2), POLICY * (MEANS - 0.2), atol=1e-13)


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0])
def test_delight_without_noise_is_the_exact_rule(temperature):
    rule = make_sampled_rule("delightful-pg", temperature=temperature)
    if temperature:
        gates = 1 / (1 + np.exp(ADVANTAGE * np.log(POLICY) / temperature))
    else:
        gates = (ADVANTAGE > 0).astype(float)
    gated = gates * POLICY * ADVANTAGE
    expected = gated - POLICY * gated.sum()
    quiet = expectation(rule, POLICY @ MEANS, noise=(0.0,))
    np.testing.assert_allclose(quiet, expected, atol=1e-13)
    assert not rule.unbiased
    assert np.abs(expectation(rule, POLICY @ MEANS) - expected).max() > 1e-3


@pytest.mark.parametrize("name", sorted(sampled_rules()))
def test_monte_carlo_agrees_with_enumeration(name):
    """200,000 pulls: every component within 4.5 standard errors of the enumerated expectation."""
    rule, rng, pulls = make_sampled_rule(name), np.random.default_rng(7), 200_000
    actions = rng.choice(4, size=pulls, p=POLICY)
    rewards = MEANS[actions] + rng.choice(NOISE, size=pulls)
    policies = np.broadcast_to(POLICY, (pulls, 4))
    estimates = rule.estimate(policies, actions, rewards, np.full(pulls, 0.3))
    error = estimates.std(axis=0) / np.sqrt(pulls)
    assert estimates.shape == (pulls, 4)
    assert np.all(np.abs(estimates.mean(axis=0) - expectation(rule, 0.3)) <= 4.5 * error + 1e-15)


@pytest.mark.parametrize("name", ["softmax-pg", "natural-pg", "alternate", "log-barrier-pg"])
def test_optimal_baseline_has_the_least_total_variance(name):
    rule = make_sampled_rule(name)

    def variance(baseline):
        second = 0.0
        for action in range(4):
            for extra in NOISE:
                reward = np.asarray(MEANS[action] + extra)
                estimate = rule.estimate(POLICY, np.asarray(action), reward, baseline)
                second += POLICY[action] / len(NOISE) * np.sum(estimate**2)
        return second - np.sum(expectation(rule, baseline) ** 2)

    best = float(rule.optimal_baseline(POLICY, MEANS)[0])
    grid = best + np.linspace(-0.5, 0.5, 101)
    assert grid[np.argmin([variance(b) for b in grid])] == pytest.approx(best, abs=1e-9)
    assert variance(best) < min(variance(best - 0.01), variance(best + 0.01))


def test_two_equal_arms_have_the_textbook_optimal_baselines():
    """K=2: softmax-pg ||e_a - pi||^2 = 2(1-pi_a)^2, so b* = (1-x) r_1 + x r_2; natural-pg weights
    (1-pi_a)/pi_a, so ((1-x)^2 r_1 + x^2 r_2)/((1-x)^2 + x^2); alternate the plain mean."""
    policy, means = np.array([0.2, 0.8]), np.array([1.0, 0.5])
    expected = {"softmax-pg": 0.9, "natural-pg": (0.64 + 0.02) / 0.68, "alternate": 0.75}
    for name, value in expected.items():
        assert make_sampled_rule(name).optimal_baseline(policy, means)[0] == pytest.approx(value)


def final_policies(name, means, learning_rate, updates, baseline="none", seed=0):
    """1000 runs from the uniform policy, one pull per update, rewards without noise."""
    rng, rule, means = np.random.default_rng(seed), make_sampled_rule(name), np.array(means)
    theta = np.zeros((1000, means.size))
    for _ in range(updates):
        policy = softmax(theta)
        edges = np.cumsum(policy, axis=-1)[:, :-1]
        actions = np.sum(rng.random((1000, 1)) >= edges, axis=-1)
        b = exact_baseline(baseline, policy, np.broadcast_to(means, policy.shape), 0.0)[:, 0]
        theta = theta + learning_rate * rule.estimate(policy, actions, means[actions], b)
    return softmax(theta)


def test_sampled_natural_gradient_commits_to_wrong_arms():
    """r=(.9,.5,.1): a wrong arm ends at pi = 1 to within 1e-6 in 73 of 1000 seeds."""
    final = final_policies("natural-pg", (0.9, 0.5, 0.1), 0.1, 1000)
    stuck = np.max(final[:, 1:], axis=-1) > 1 - 1e-6
    assert stuck.sum() == pytest.approx(73, abs=10)
    assert final[stuck, 0].max() < 1e-6


@pytest.mark.parametrize("baseline", ["oracle", "value"])
def test_a_baseline_cures_the_natural_gradient(baseline):
    final = final_policies("natural-pg", (0.9, 0.5, 0.1), 0.1, 1000, baseline)
    assert final[:, 0].min() > 0.99


def test_sampled_softmax_gradient_commits_to_none():
    """The same arms and seeds, eta = .4: after 8000 pulls every seed has pi(a*) > .99."""
    final = final_policies("softmax-pg", (0.9, 0.5, 0.1), 0.4, 8000)
    assert final[:, 0].min() > 0.99


def saturated_walk(name, noise, baseline, runs=400, updates=1000):
    """Garg et al.: means (1,2,3), logits (10,0,0), so the worst arm holds the mass."""
    rng, rule = np.random.default_rng(3), make_sampled_rule(name)
    means, theta = np.array([1.0, 2.0, 3.0]), np.tile([10.0, 0.0, 0.0], (runs, 1))
    for _ in range(updates):
        policy = softmax(theta)
        edges = np.cumsum(policy, axis=-1)[:, :-1]
        actions = np.sum(rng.random((runs, 1)) >= edges, axis=-1)
        rewards = means[actions] + noise * rng.standard_normal(runs)
        theta = theta + 0.5 * rule.estimate(policy, actions, rewards, baseline)
    return np.mean(softmax(theta)[:, 0] < 0.5)


def test_alternate_estimate_leaves_a_corner_by_noise_and_faster_by_optimism():
    regular = saturated_walk("softmax-pg", 1.0, 1.0)
    alternate = saturated_walk("alternate", 1.0, 1.0)
    optimistic = saturated_walk("alternate", 1.0, 4.0)
    assert regular == pytest.approx(0.005, abs=0.01)
    assert alternate == pytest.approx(0.64, abs=0.03)
    assert optimistic == pytest.approx(0.955, abs=0.03)
    assert saturated_walk("alternate", 0.0, 1.0) == 0.0
