"""Exact-gradient trajectories: the numbers of the theory, and bits that depend on nothing else."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from agents.policies import softmax
from agents.simulation import simulate
from agents.simulation.kernels import lanes
from gw_envs import theory


def uniform_suboptimal(prob, arms):
    return np.log([prob] + [(1 - prob) / (arms - 1)] * (arms - 1))


def corner(prob, arms):
    return np.log([prob, 1 - (arms - 1) * prob] + [prob] * (arms - 2))


def escape(rewards, theta, learning_rate=1.0, **options):
    run = simulate(rewards, theta, learning_rate=learning_rate, max_updates=10**7, **options)
    return run.escape_time


def test_k2_counts_and_slope():
    depths = np.logspace(-2, -5, 7)
    times = escape([1.0, 0.5], np.array([uniform_suboptimal(x, 2) for x in depths]))
    assert times[0] == 96 and times[2] == 1002
    slope = np.polyfit(np.log(1 / depths), np.log(times), 1)[0]
    assert slope == pytest.approx(1.004, abs=0.005)


def test_k6_counts():
    theta = uniform_suboptimal(1e-3, 6)
    assert escape([0.7] + [0.5] * 5, theta) == 4167
    assert escape([0.7] + [0.5] * 5, theta, learning_rate=0.4) == 10415


@pytest.mark.parametrize(
    ("arms", "spread", "in_corner"),
    [
        (2, 2502, None),
        (3, 3335, 2506),
        (4, None, 2511),
        (6, 4167, 2520),
        (10, 4501, 2538),
        (100, 4950, 2930),
    ],
)
def test_equal_gaps_by_number_of_arms(arms, spread, in_corner):
    rewards = [0.7] + [0.5] * (arms - 1)
    if spread is not None:
        assert escape(rewards, uniform_suboptimal(1e-3, arms)) == spread
    if in_corner is not None:
        assert escape(rewards, corner(1e-3, arms)) == in_corner


def test_three_arms_to_one_half():
    options = {"escape_prob": 0.5}
    assert abs(escape([1.0, 0.5, 0.0], [-1.0, 5.0, 1.0], **options)[0] - 1412) <= 2
    assert abs(escape([1.0, 0.8, 0.0], [-1.0, 5.0, 1.0], **options)[0] - 10918) <= 2


def test_unequal_rewards_change_the_exponent():
    depths = np.array([1e-2, 3e-3, 1e-3])
    theta = np.log([[x, (1 - x) / 2, (1 - x) / 2] for x in depths])
    times = escape([1.0, 0.9, 0.1], theta, escape_prob=0.5)
    slope = np.polyfit(np.log(1 / depths), np.log(times), 1)[0]
    assert slope == pytest.approx(2.03, abs=0.05)


@given(
    seed=st.integers(0, 2**32 - 1),
    arms=st.integers(2, 8),
    learning_rate=st.floats(0.1, 2.0),
    gap=st.floats(0.1, 1.0),
)
def test_no_run_leaves_before_the_lower_bound(seed, arms, learning_rate, gap):
    theta = np.random.default_rng(seed).normal(scale=1.5, size=(4, arms))
    theta[:, 0] -= 3.0
    rewards = [gap] + [0.0] * (arms - 1)
    times = escape(rewards, theta, learning_rate=learning_rate)
    bounds = theory.escape_lower_bound(softmax(theta)[:, 0], gap, learning_rate)
    assert np.all(times[bounds > 0] >= np.floor(bounds[bounds > 0]) + 1)


@pytest.mark.parametrize("arms", [2, 5])
def test_counts_are_those_of_the_exact_map(arms):
    depths = np.array([3e-2, 1e-3, 1e-5])
    theta = np.array([uniform_suboptimal(x, arms) for x in depths])
    times = escape([0.8] + [0.3] * (arms - 1), theta, learning_rate=0.7)
    np.testing.assert_array_equal(times, theory.equal_gap_escape_time(depths, 0.5, 0.7, arms))


def spread_problem(batch, arms=5):
    rng = np.random.default_rng(11)
    theta = rng.normal(scale=2.0, size=(batch, arms))
    theta[:, 1] -= 3.0
    rewards = rng.random((batch, arms)) * 0.8
    rewards[:, 1] = 1.0
    return rewards, theta


MODES = [
    {},
    {"gradient": "sampled", "seed": 5, "reward_noise": "bernoulli", "baseline": "average"},
]


@pytest.mark.parametrize("mode", MODES, ids=["exact", "sampled"])
def test_bits_depend_on_neither_threads_nor_batch_nor_history(mode):
    rewards, theta = spread_problem(200)
    options = {"learning_rate": 0.6, "max_updates": 2500, **mode}
    whole = simulate(rewards, theta, num_threads=1, **options)
    for threads in (2, 3):
        again = simulate(rewards, theta, num_threads=threads, history=7, **options)
        np.testing.assert_array_equal(again.final_theta, whole.final_theta)
        np.testing.assert_array_equal(again.escape_time, whole.escape_time)
        np.testing.assert_array_equal(again.history.theta[-1], whole.final_theta)
    for begin, end in ((0, 1), (1, 64), (64, 130), (130, 200)):
        stream = {"first_stream": begin} if "seed" in mode else {}
        part = simulate(rewards[begin:end], theta[begin:end], **options, **stream)
        np.testing.assert_array_equal(part.final_theta, whole.final_theta[begin:end])
        np.testing.assert_array_equal(part.moved, whole.moved[begin:end])
        np.testing.assert_array_equal(part.escape_time, whole.escape_time[begin:end])
        np.testing.assert_array_equal(
            part.lowest_optimal_prob, whole.lowest_optimal_prob[begin:end]
        )


def test_a_trajectory_rests_at_its_escape():
    rewards, theta = spread_problem(70)
    options = {"learning_rate": 0.6, "history": 40}
    run = simulate(rewards, theta, max_updates=3000, **options)
    assert np.sum(run.escape_time > 0) > 0
    for i in np.flatnonzero(~run.censored)[:20]:
        alone = simulate(rewards[i], theta[i], max_updates=int(run.escape_time[i]), **options)
        np.testing.assert_array_equal(alone.final_theta[0], run.final_theta[i])
        after = run.history.updates >= run.escape_time[i]
        assert np.all(run.history.theta[after, i] == run.final_theta[i])


def test_starts_outside_and_budgets():
    outside = simulate([1.0, 0.2], [0.0, 0.0], learning_rate=1.0, max_updates=5)
    assert outside.escape_time == 0 and outside.lowest_optimal_prob == 1.0
    edge = np.log([0.1, 0.9])  # exactly on the threshold: in the well
    assert simulate([1.0, 0.2], edge, learning_rate=1.0, max_updates=5).escape_time == 1
    start = uniform_suboptimal(1e-2, 2)
    for budget, expected in ((0, -1), (95, -1), (96, 96), (97, 96)):
        run = simulate([1.0, 0.5], start, learning_rate=1.0, max_updates=budget)
        assert run.escape_time == expected and run.censored == (expected < 0)


def test_history_is_log_spaced_and_starts_at_the_start():
    theta = np.array([[0.5, 2.0, -1.0], [0.0, 4.0, 0.0]])
    run = simulate([1.0, 0.5, 0.2], theta, learning_rate=0.1, max_updates=10**4, history=20)
    updates = run.history.updates
    assert updates[0] == 0 and updates[-1] == 10**4 and np.all(np.diff(updates) > 0)
    gaps = np.diff(np.log1p(updates[updates >= 30]))
    assert gaps.max() < 1.1 * gaps.min() and updates.size <= 20
    np.testing.assert_array_equal(run.history.theta[0], theta)
    np.testing.assert_allclose(np.exp(run.history.log_policy).sum(axis=2), 1.0, rtol=1e-14)


def test_rewards_and_starts_broadcast():
    theta = np.array([[0.0, 3.0, 1.0], [1.0, 3.0, 0.0]])
    rewards = np.array([[0.9, 0.5, 0.1], [0.2, 0.5, 0.8]])
    options = {"learning_rate": 0.5, "max_updates": 200}
    by_reward = simulate(rewards, theta[0], **options)
    by_start = simulate(rewards[0], theta, **options)
    both = simulate(rewards, np.stack([theta[0]] * 2), **options)
    np.testing.assert_array_equal(by_reward.final_theta, both.final_theta)
    np.testing.assert_array_equal(by_reward.final_theta[0], by_start.final_theta[0])


def test_lane_functions_are_accurate():
    @njit
    def table(x, u):
        out = np.empty((3, x.size))
        for i in range(x.size):
            out[0, i] = lanes.lane_exp(x[i])
            out[1, i] = lanes.lane_log(u[i])
            out[2, i] = lanes.lane_cos_turns(u[i])
        return out

    x = np.concatenate([np.linspace(-700, 700, 4001), np.linspace(-1, 1, 4001)])
    u = np.concatenate([np.logspace(-19.2, 0, 4001), np.linspace(1e-9, 1, 4001)])
    exp, log, cos = table(x, u)
    np.testing.assert_allclose(exp, np.exp(x), rtol=9e-16)
    np.testing.assert_allclose(log, np.log(u), rtol=9e-16, atol=1e-17)
    np.testing.assert_allclose(cos, np.cos(2 * np.pi * u), atol=1e-15)


def test_the_disk_cache_serves_the_next_process():
    code = """
from agents.simulation import simulate, solve_escape_time
from agents.simulation.kernels import driver, jumping
for options in ({}, {"gradient": "sampled", "seed": 1}):
    simulate([1, 0.5], [-3.0, 0.0], learning_rate=0.5, max_updates=9, **options)
solve_escape_time([1, 0.8, 0.2], [-3.0, 0.0, 0.0], 0.5)
for kernel in (driver.run_blocks, jumping.follow):
    print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["2", "0", "1", "0"], done.stderr
