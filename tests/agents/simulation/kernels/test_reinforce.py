"""REINFORCE trajectories: their law, beyond equality with the numpy reference."""

import numpy as np
import pytest

from agents.policies import softmax
from agents.simulation import simulate

REWARDS = np.array([0.9, 0.6, 0.2, 0.5])
THETA = np.array([-1.0, 1.0, 0.5, 0.0])
BATCH = 200_000


def one_update(**options):
    """Mean and standard error of theta_1 - theta_0 over many streams."""
    run = simulate(
        REWARDS,
        np.tile(THETA, (BATCH, 1)),
        learning_rate=0.5,
        max_updates=1,
        gradient="sampled",
        seed=2,
        stop_at_escape=False,
        **options,
    )
    return run.moved.mean(axis=0), run.moved.std(axis=0) / np.sqrt(BATCH), run.moved.var(axis=0)


MODES = [
    {},
    {"reward_noise": "bernoulli"},
    {"reward_noise": "gaussian", "noise_std": 0.7},
    {"baseline": "value", "batch_size": 4},
    {"baseline": "optimal"},
    {"baseline": "oracle", "reward_noise": "bernoulli"},
    {"baseline": "constant", "baseline_value": -2.0},
    {"baseline": "average"},
]


@pytest.mark.parametrize("options", MODES, ids=str)
def test_the_expected_update_is_the_exact_one(options):
    mean, error, _ = one_update(**options)
    policy = softmax(THETA)
    exact = 0.5 * policy * (REWARDS - policy @ REWARDS)
    assert np.all(np.abs(mean - exact) < 4.5 * error)


def test_the_optimal_baseline_has_the_least_variance():
    policy = softmax(THETA)
    weights = policy * (1 - 2 * policy + policy @ policy)
    best = float(weights @ REWARDS / weights.sum())
    total = one_update(baseline="optimal")[2].sum()
    for shift in (-0.2, 0.2):
        other = one_update(baseline="constant", baseline_value=best + shift)[2].sum()
        assert other > 1.01 * total
    same = one_update(baseline="constant", baseline_value=best)[2].sum()
    assert same == pytest.approx(total, rel=1e-9)


def test_batches_divide_the_variance():
    single, many = one_update()[2].sum(), one_update(batch_size=5)[2].sum()
    assert many == pytest.approx(single / 5, rel=0.03)


def test_gaussian_rewards_are_gaussian():
    # K=2: theta_1 moves by eta R (1 - pi) or -eta R pi of the drawn arm, so R can be read off.
    theta, sigma = np.zeros(2), 0.3
    run = simulate(
        [1.0, 0.5],
        np.tile(theta, (BATCH, 1)),
        learning_rate=1.0,
        max_updates=1,
        gradient="sampled",
        reward_noise="gaussian",
        noise_std=sigma,
        baseline="constant",
        baseline_value=0.5,
        seed=4,
        stop_at_escape=False,
        escape_prob=0.99,
    )
    # moved_1 = +(R-b)/2 for arm 0 and -(R-b)/2 for arm 1: means 0.25 and 0, variance sigma^2/4.
    half = run.moved[:, 0]
    moments = [np.mean(half**k) for k in (1, 2, 3, 4)]
    parts = [(0.25, 0.5), (0.0, 0.5)]
    s2 = sigma**2 / 4
    expected = [
        sum(w * m for m, w in parts),
        sum(w * (m**2 + s2) for m, w in parts),
        sum(w * (m**3 + 3 * m * s2) for m, w in parts),
        sum(w * (m**4 + 6 * m**2 * s2 + 3 * s2**2) for m, w in parts),
    ]
    errors = [np.std(half**k) / np.sqrt(BATCH) for k in (1, 2, 3, 4)]
    assert np.all(np.abs(np.subtract(moments, expected)) < 4.5 * np.array(errors))


def test_seeds_and_streams():
    theta = np.tile(THETA, (40, 1))
    options = {"learning_rate": 0.5, "max_updates": 50, "gradient": "sampled"}
    first, again = (simulate(REWARDS, theta, seed=1, **options) for _ in range(2))
    other = simulate(REWARDS, theta, seed=2, **options)
    np.testing.assert_array_equal(first.final_theta, again.final_theta)
    assert len(np.unique(first.final_theta[:, 0])) > 30
    assert not np.any(first.final_theta[:, 0] == other.final_theta[:, 0])
    fresh = [simulate(REWARDS, theta, **options).final_theta for _ in range(2)]
    assert np.any(fresh[0] != fresh[1])


def test_survival_in_a_plateau_without_the_best_arm():
    # K=2, deterministic rewards, no baseline: until arm 1 is drawn the path is deterministic, so
    # P(no draw of arm 1 in n updates) = prod (1 - pi_k(a*)) along v <- v - 2 eta r (1 - pi(a_2)).
    p0, eta, updates, batch = 1e-2, 0.1, 400, 20_000
    theta = np.tile(np.log([p0, 1 - p0]), (batch, 1))
    run = simulate(
        [1.0, 0.5],
        theta,
        learning_rate=eta,
        max_updates=updates,
        gradient="sampled",
        seed=12,
        stop_at_escape=False,
    )
    v, survival = np.log(p0 / (1 - p0)), 1.0
    for _ in range(updates):
        p = 1 / (1 + np.exp(-v))
        survival *= 1 - p
        v -= 2 * eta * 0.5 * p
    silent = np.log(p0 / (1 - p0)) + (run.moved[:, 0] - run.moved[:, 1])
    share = np.mean(np.isclose(silent, v, rtol=1e-12))
    assert abs(share - survival) < 4 * np.sqrt(survival * (1 - survival) / batch)
