"""The closed constant for unequal rewards against the exact solver."""

import numpy as np
import pytest

from agents.simulation import escape_time, simulate
from gw_envs.theory import escape_law


def clear_instance(rng):
    """3 or 4 arms with gaps of at least .15 and no arm below a tenth of its rivals' mass."""
    while True:
        k = int(rng.integers(3, 5))
        rewards = np.sort(rng.uniform(0, 1, k))[::-1]
        rest = rng.dirichlet(np.full(k - 1, 3.0))
        if np.min(rewards[:-1] - rewards[1:]) > 0.15 and rest.min() > 0.1:
            return rewards, rest


def test_within_two_percent_on_random_instances():
    """100 instances with clear gaps at pi_1 = 1e-4, steps from .05 to 1."""
    rng, worst = np.random.default_rng(9), 0.0
    for _ in range(100):
        rewards, rest = clear_instance(rng)
        policy, eta = np.r_[1e-4, (1 - 1e-4) * rest], float(rng.uniform(0.05, 1))
        order = rng.permutation(rewards.size)
        exact = escape_time(rewards[order], np.log(policy[order]), eta).steps
        law = escape_law(policy[order], rewards[order], eta)
        assert law.exponent == rewards.size - 1
        worst = max(worst, abs(exact / law.escape_time - 1))
    print(f"largest deviation {worst:.2%}")
    assert worst < 0.02


@pytest.mark.parametrize("x0, ratio", [(1e-3, 0.994), (1e-4, 0.9994)])
def test_ratios_of_the_page(x0, ratio):
    policy = [x0, (1 - x0) / 2, (1 - x0) / 2]
    exact = escape_time([1, 0.9, 0.1], np.log(policy), 0.5).steps
    assert exact / escape_law(policy, [1, 0.9, 0.1], 0.5).escape_time == pytest.approx(
        ratio, abs=5e-4
    )


def test_six_arms_of_the_readme():
    policy = np.r_[2.8e-4, np.full(5, (1 - 2.8e-4) / 5)]
    rewards = np.linspace(1, 0.5, 6)
    law = escape_law(policy, rewards, 0.5)
    assert law.escape_time == pytest.approx(2.9708e15, rel=1e-4)
    assert escape_time(rewards, np.log(policy), 0.5).steps == pytest.approx(
        law.escape_time, rel=0.01
    )


def test_two_arms_and_the_lowest_probability():
    assert escape_law([1e-6, 1 - 1e-6], [0.7, 0.5], 0.4).escape_time == pytest.approx(
        escape_time([0.7, 0.5], np.log([1e-6, 1 - 1e-6]), 0.4).steps, rel=1e-4
    )
    policy, rewards = [1e-3, 0.5, 0.499], [1, 0.7, 0.3]
    law = escape_law(policy, rewards, 0.5)
    run = simulate(rewards, np.log(policy), learning_rate=0.5, max_updates=10**7)
    assert run.lowest_optimal_prob[0] == pytest.approx(law.lowest_optimal_prob, rel=0.02)


def test_beyond_float64_the_logarithm_stays():
    k = 200
    law = escape_law(np.r_[1e-6, np.full(k - 1, (1 - 1e-6) / (k - 1))], np.linspace(1, 0, k), 1.0)
    assert law.escape_time == np.inf and 1000 < law.log_escape_time < 10_000
