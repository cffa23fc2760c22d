"""The sampled gradient is unbiased with every baseline, and a run depends on its own seed only."""

import numpy as np
import pytest

from agents.baselines import BASELINES, exact_baseline, optimal_baseline
from agents.policies import softmax
from agents.rollouts import Rollouts

REWARDS = np.array([0.9, 0.6, 0.1])
POLICY = softmax(np.array([0.3, -0.4, 0.8]))
EXACT = POLICY * (REWARDS - POLICY @ REWARDS)


def estimates(baseline, noise, batches=40, batch=2500):
    value = 0.45 if baseline == "constant" else None
    kwargs = {"mean_rewards": REWARDS, "reward_noise": noise}
    rollouts = Rollouts("SoftmaxWell-v0", kwargs, (3,), batch, baseline, value)
    policy, values = POLICY[None, None], REWARDS[None, None]
    return np.array([rollouts.gradient(policy, values)[0, 0] for _ in range(batches)]), batch


@pytest.mark.parametrize("noise", ["none", "bernoulli"])
@pytest.mark.parametrize("baseline", BASELINES)
def test_the_mean_of_100000_draws_is_the_exact_gradient(baseline, noise):
    draws, _ = estimates(baseline, noise)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert (error > 0).all()
    assert (np.abs(draws.mean(axis=0) - EXACT) <= 4 * error).all()


def enumerated_variance(baseline):
    """Total variance of (r(A) - b)(e_A - pi) over A ~ pi, by summing over actions."""
    terms = (REWARDS - baseline)[:, None] * (np.eye(3) - POLICY)
    mean = POLICY @ terms
    return float(POLICY @ np.sum((terms - mean) ** 2, axis=1))


def test_the_optimal_baseline_minimises_the_enumerated_variance():
    best = float(optimal_baseline(POLICY, REWARDS)[0])
    grid = np.linspace(0, 1, 2001)
    by_search = grid[np.argmin([enumerated_variance(b) for b in grid])]
    assert best == pytest.approx(by_search, abs=5e-4)
    assert enumerated_variance(best) <= min(enumerated_variance(b) for b in grid) + 1e-12


def test_the_exact_baselines_are_the_glossarys():
    def number(name):
        return float(exact_baseline(name, POLICY, REWARDS, 0.25)[0])

    assert number("none") == 0
    assert number("constant") == 0.25
    assert number("value") == pytest.approx(POLICY @ REWARDS)
    assert REWARDS[0] - 0.3 < number("oracle") < REWARDS[0]


def test_the_average_baseline_is_the_running_mean_of_the_rewards_seen():
    rollouts = Rollouts("SoftmaxWell-v0", {"mean_rewards": REWARDS}, (0, 1), 4, "average", None)
    policy = np.broadcast_to(POLICY, (2, 1, 3))
    seen = [[], []]
    for _ in range(5):
        before = [np.mean(s) if s else 0.0 for s in seen]
        np.testing.assert_allclose(rollouts._mean_return, before, rtol=1e-12)
        rollouts.gradient(policy, np.broadcast_to(REWARDS, (2, 1, 3)))
        latest = rollouts._recent[-1]
        for run in range(2):
            seen[run].append(latest[run])


def test_a_run_does_not_depend_on_the_other_runs():
    kwargs = {"mean_rewards": REWARDS, "reward_noise": "bernoulli"}
    together = Rollouts("SoftmaxWell-v0", kwargs, (5, 6, 7), 3, "value", None)
    alone = Rollouts("SoftmaxWell-v0", kwargs, (6,), 3, "value", None)
    many, one = np.broadcast_to(POLICY, (3, 1, 3)), POLICY[None, None]
    for _ in range(200):
        both = together.gradient(many, np.broadcast_to(REWARDS, (3, 1, 3)))
        np.testing.assert_array_equal(both[1:2], alone.gradient(one, REWARDS[None, None]))
