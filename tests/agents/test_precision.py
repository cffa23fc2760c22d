"""Deep wells: the robust kernel against mpmath, and the guard of the plain ones."""

import mpmath as mp
import numpy as np
import pytest

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
    theta = logs(depth, 1.0)
    options = {"learning_rate": 0.5, "max_updates": 1000, "stop_at_escape": False}
    with pytest.warns(PrecisionWarning, match="robust=False"):
        plain = simulate([1.0, 0.5], theta, robust=False, on_precision="warn", **options)
    robust = simulate([1.0, 0.5], theta, **options)
    drift = [run.moved[0, 0] - run.moved[0, 1] for run in (plain, robust)]
    assert abs(drift[0] / drift[1] - 1) > 1e-3


def test_float32_freezes_in_a_deep_well():
    options = {"learning_rate": 0.5, "dtype": "float32", "on_precision": "warn"}
    with pytest.warns(PrecisionWarning, match="float32"):
        start, end = (
            simulate([1.0, 0.5], logs(1e-8, 1.0), max_updates=n, **options).final_theta
            for n in (0, 10**5)
        )
    np.testing.assert_array_equal(start, end)


@pytest.mark.parametrize(("dtype", "depth"), [("float64", 9e-11), ("float32", 9e-6)])
def test_plain_arithmetic_refuses_a_deep_start(dtype, depth):
    options = {"learning_rate": 0.5, "max_updates": 100, "robust": False, "dtype": dtype}
    with pytest.raises(PrecisionError, match=r"trusted down to pi\(a\*\)"):
        simulate([1.0, 0.5], logs(depth, 1.0), **options)
    accepted = simulate([1.0, 0.5], logs(2 * depth, 1.0), **options)
    assert accepted.censored


def test_plain_arithmetic_is_watched_during_the_run():
    # With unequal rewards pi(a*) falls while arm 2 displaces arm 3: a tenth after 100 updates.
    theta, rewards = logs(5e-10, 0.5, 0.5), [1.0, 0.9, 0.1]
    options = {"learning_rate": 1.0, "robust": False}
    assert simulate(rewards, theta, max_updates=20, **options).lowest_optimal_prob > 1e-10
    both = np.stack([logs(0.05, 0.5, 0.45), theta])
    with pytest.raises(PrecisionError, match="trajectory 1 reached"):
        simulate(rewards, both, max_updates=10**12, **options)


def test_robust_arithmetic_is_not_refused():
    run = simulate([1.0, 0.5], logs(1e-200, 1.0), learning_rate=0.5, max_updates=1000)
    assert run.censored and run.lowest_optimal_prob == pytest.approx(1e-200, rel=1e-10)
