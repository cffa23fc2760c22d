"""Deep wells: the kernel against mpmath, and the guard of the rules in plain float64."""

import mpmath as mp
import numpy as np
import pytest

from agents.policies import softmax
from agents.precision import PrecisionError, PrecisionWarning
from agents.simulation import simulate

DEPTHS = [1e-6, 1e-10, 1e-14, 1e-20, 1e-50, 1e-100]


def true_moves(theta, rewards, learning_rate, updates):
    """theta_n - theta_0 by iterating the update in 140 digits."""
    with mp.workdps(140):
        start = [mp.mpf(float(x)) for x in theta]
        r = [mp.mpf(float(x)) for x in rewards]
        now = list(start)
        for _ in range(updates):
            mass = [mp.exp(x) for x in now]
            total = mp.fsum(mass)
            mean = mp.fsum(m * x for m, x in zip(mass, r, strict=True)) / total
            now = [
                x + mp.mpf(learning_rate) * m / total * (y - mean)
                for x, m, y in zip(now, mass, r, strict=True)
            ]
        return [x - y for x, y in zip(now, start, strict=True)]


def logs(*probabilities):
    return np.log(np.array(probabilities))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(
    ("rewards", "rest"),
    [
        ([1.0, 0.5], [1.0]),
        ([0.7, 0.3, 0.3], [0.6, 0.4]),
        ([0.9, 0.4, 0.4, 0.4], [0.5, 0.3, 0.2]),
    ],
    ids=["K2", "K3", "K4"],
)
def test_drift_of_equal_suboptimal_arms(depth, rewards, rest):
    theta = logs(depth, *rest)
    moved = simulate(
        rewards, theta, learning_rate=0.5, max_updates=200, stop_at_escape=False
    ).moved[0]
    truth = true_moves(theta, rewards, 0.5, 200)
    drift = float((mp.mpf(moved[0]) - mp.mpf(moved[1])) / (truth[0] - truth[1]))
    assert drift == pytest.approx(1.0, abs=1e-13)
    for ours, true in zip(moved, truth, strict=True):
        assert ours == pytest.approx(float(true), rel=1e-12)


def test_drift_where_another_arm_takes_over():
    # The dominant arm of the start loses to a better sub-optimal one; the shift of the rewards
    # must follow it. Both depths are beyond plain float64.
    theta, rewards = logs(1e-13, 0.9, 0.1), [1.0, 0.2, 0.8]
    run = simulate(rewards, theta, learning_rate=1.0, max_updates=3000, stop_at_escape=False)
    truth = [float(x) for x in true_moves(theta, rewards, 1.0, 3000)]
    np.testing.assert_allclose(run.moved[0], truth, rtol=1e-11)


@pytest.mark.parametrize("depth", [1e-12, 1e-14])
def test_the_plain_loop_really_drifts(depth):
    theta, rewards = logs(depth, 1.0), np.array([1.0, 0.5])
    plain = theta.copy()
    for _ in range(1000):
        policy = softmax(plain)
        plain += 0.5 * policy * (rewards - policy @ rewards)
    run = simulate(rewards, theta, learning_rate=0.5, max_updates=1000)
    drift = [moved[0] - moved[1] for moved in (plain - theta, run.moved[0])]
    assert abs(drift[0] / drift[1] - 1) > 1e-3


def test_plain_arithmetic_refuses_a_deep_start():
    options = {"update": "natural-pg", "learning_rate": 1e-3, "max_updates": 100}
    with pytest.raises(PrecisionError, match=r"trusted down to pi\(a\*\) = 1e-10"):
        simulate([1.0, 0.5], logs(9e-11, 1.0), **options)
    assert simulate([1.0, 0.5], logs(2e-10, 1.0), **options).censored


# With unequal rewards pi(a*) falls while arm 2 displaces arm 3: a tenth after 100 updates.
SINKING = {"mean_rewards": [1.0, 0.9, 0.1], "update": "dr-grpo", "learning_rate": 1.0}
SUNK = logs(5e-10, 0.5, 0.5)


def test_plain_arithmetic_is_watched_during_the_run():
    assert simulate(initial_theta=SUNK, max_updates=20, **SINKING).lowest_optimal_prob > 1e-10
    both = np.stack([logs(0.05, 0.5, 0.45), SUNK])
    with pytest.raises(PrecisionError, match=r"update='dr-grpo' .* trajectory 1 reached"):
        simulate(initial_theta=both, max_updates=10**8, **SINKING)


def test_plain_arithmetic_goes_on_where_it_is_told_to_warn():
    with pytest.warns(PrecisionWarning, match="trajectory 0 reached") as heard:
        run = simulate(initial_theta=SUNK, max_updates=500, on_precision="warn", **SINKING)
    assert heard[0].filename == __file__
    assert run.lowest_optimal_prob < 1e-10 and run.final_policy[0, 1] > 0.9


def test_robust_arithmetic_is_not_refused():
    run = simulate([1.0, 0.5], logs(1e-200, 1.0), learning_rate=0.5, max_updates=1000)
    assert run.censored and run.lowest_optimal_prob == pytest.approx(1e-200, rel=1e-10)
