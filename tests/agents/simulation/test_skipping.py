import numpy as np
import pytest
from scipy import stats

from agents.simulation import sampled_escape_times, simulate, skipping

FAR = 2**53  # stands for a censored run in two-sample tests


def start(p0):
    return np.log([p0, 1 - p0])


def p_value(left, right):
    return stats.ks_2samp(np.where(left < 0, FAR, left), np.where(right < 0, FAR, right)).pvalue


@pytest.mark.parametrize("p", [1e-12, 1e-6, 1e-3, 0.05])
@pytest.mark.parametrize("h", [0.01, 0.3, 2.0])
def test_jumps_are_those_of_the_pulls(p, h):
    pulls = 2000 if h * p < 1e-6 else 200
    y = 1 / p - 1
    if h * p > skipping.JUMP_RATE:
        y = h / skipping.JUMP_RATE - 1
    direct = np.longdouble(y)
    for _ in range(pulls):
        direct *= np.exp(h / (1 + direct))
    # 3e-7 of one pull moves ln y by at most 3e-7 h p
    bound = 3e-7 * h / (1 + y) + 1e-15
    assert abs(float(skipping.jump_odds(y, h, float(pulls)) / direct) - 1) <= bound


def test_jumps_compose_and_may_be_nothing():
    y, h = 1e6, 0.3
    parts = skipping.jump_odds(skipping.jump_odds(y, h, 3e5), h, 7e6)
    assert parts == pytest.approx(skipping.jump_odds(y, h, 7.3e6), rel=1e-13)
    assert skipping.jump_odds(y, 0.0, 1e9) == y == skipping.jump_odds(y, h, 0.0)


@pytest.mark.parametrize("noise", ["none", "bernoulli"])
@pytest.mark.parametrize("rewards", [[1, 0.5], [0.2, 0.7], [0.6, 0.0]])
def test_law_is_that_of_making_every_update(noise, rewards):
    theta = start(5e-3) if rewards[0] > rewards[1] else start(5e-3)[::-1]
    arguments = {"reward_noise": noise, "max_updates": 10**6}
    events = sampled_escape_times(rewards, theta, 0.2, 4000, seed=1, **arguments)
    direct = sampled_escape_times(rewards, theta, 0.2, 4000, seed=2, method="direct", **arguments)
    assert p_value(events, direct) > 0.01
    assert np.median(events) > 300


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["none", "bernoulli"])
def test_law_is_that_of_simulate(noise):
    events = sampled_escape_times([1, 0.5], start(3e-3), 0.3, 4000, seed=3, reward_noise=noise)
    run = simulate(
        [1, 0.5],
        np.tile(start(3e-3), (1024, 1)),
        learning_rate=0.3,
        max_updates=10**6,
        gradient="sampled",
        reward_noise=noise,
        seed=4,
    )
    events = np.where(events > 10**6, -1, events)
    assert p_value(events, run.escape_time) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["none", "bernoulli"])
def test_law_at_a_ten_thousandth(noise):
    arguments = {"reward_noise": noise, "max_updates": 10**9}
    theta = start(1e-4)
    events = sampled_escape_times([1, 0.5], theta, 0.3, 5000, seed=5, **arguments)
    direct = sampled_escape_times([1, 0.5], theta, 0.3, 5000, seed=6, method="direct", **arguments)
    assert p_value(events, direct) > 0.01


def test_waiting_for_the_first_pull_of_the_best_arm():
    # One pull of the best arm multiplies its odds by e^20: T is the first such pull (or the next).
    # Survival, exactly: prod (1 - p_i) along the deterministic path of the other arm's pulls.
    times = sampled_escape_times([1, 0.5], start(1e-3), 10.0, 4000, seed=8)
    y, survival, log_alive = 1e3 - 1, [], 0.0
    for n in range(1, 20_001):
        p = 1 / (1 + y)
        log_alive += np.log1p(-p)
        y *= np.exp(10.0 * p)
        if n in (100, 1000, 20_000):
            survival.append((n, np.exp(log_alive)))
    for n, alive in survival:
        seen = np.mean((times > n) | (times < 0))
        assert abs(seen - alive) < 4 * np.sqrt(alive * (1 - alive) / 4000)


def test_results_do_not_depend_on_the_batch():
    arguments = {"learning_rate": 0.3, "reward_noise": "bernoulli", "seed": 11}
    whole = sampled_escape_times([1, 0.5], start(1e-6), num_trajectories=20, **arguments)
    rest = sampled_escape_times(
        [1, 0.5], np.tile(start(1e-6), (8, 1)), first_stream=12, **arguments
    )
    np.testing.assert_array_equal(whole[12:], rest)
    assert whole.dtype == np.int64 and len(set(whole.tolist())) == 20


def test_budget_and_starts_outside():
    assert sampled_escape_times([1, 0.5], [3.0, 0.0], 0.3, 3, seed=0).tolist() == [0, 0, 0]
    full = sampled_escape_times([1, 0.5], start(1e-3), 0.3, 200, seed=0)
    budget = int(np.median(full))
    cut = sampled_escape_times([1, 0.5], start(1e-3), 0.3, 200, seed=0, max_updates=budget)
    np.testing.assert_array_equal(cut, np.where(full <= budget, full, -1))


def test_deep_wells_take_time_in_proportion_to_their_depth():
    medians = [
        np.median(sampled_escape_times([1, 0.5], start(x), 0.1, 2000, seed=9)) * x
        for x in (1e-9, 1e-12)
    ]
    assert medians[0] == pytest.approx(medians[1], rel=1e-6)


GOOD = {
    "mean_rewards": [1, 0.5],
    "initial_theta": [-5.0, 0.0],
    "learning_rate": 0.1,
    "num_trajectories": 2,
}
BAD = [
    ({"mean_rewards": [1, 0.5, 0.2]}, r"mean_rewards has 3 arms.*approximate.*simulate"),
    ({"reward_noise": "gaussian"}, r"reward_noise='gaussian'.*approximate.*simulate"),
    ({"reward_noise": "uniform"}, r"reward_noise='uniform' is unknown"),
    ({"baseline": "value"}, r"baseline='value'.*approximate.*simulate"),
    ({"mean_rewards": [0.5, 0.5]}, r"several best arms"),
    ({"mean_rewards": [0.5]}, r"at least 2"),
    ({"learning_rate": 0}, r"learning_rate=0"),
    ({"initial_theta": [np.nan, 0]}, r"initial_theta=.*finite"),
    ({"initial_theta": [-5.0, 0.0, 1.0]}, r"initial_theta has shape \(3,\)"),
    ({"initial_theta": [-800.0, 0.0]}, r"logit gap of 800"),
    ({"initial_theta": [[-5.0, 0.0]]}, r"num_trajectories=2 must be left out"),
    ({"num_trajectories": 0}, r"num_trajectories=0"),
    ({"max_updates": 2**53 + 1}, r"max_updates=.*at most"),
    ({"max_updates": -1}, r"max_updates=-1"),
    ({"method": "event"}, r"method='event' is unknown.*'events'"),
    ({"seed": -1}, r"seed=-1"),
    ({"first_stream": -1}, r"first_stream=-1"),
    ({"max_direct_updates": 0}, r"max_direct_updates=0"),
    ({"learning_rate": 1e-15}, r"learning_rate=1e-15 moves the odds by a share of 1.8e-15"),
    ({"learning_rate": 0.1, "escape_prob": 1 - 1e-12}, r"learning_rate=0.1 moves the odds"),
]


@pytest.mark.parametrize("change, message", BAD)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        sampled_escape_times(**{**GOOD, **change})


@pytest.mark.parametrize("method", ["events", "direct"])
def test_work_without_end_is_refused_and_never_a_result(method):
    """About 8/h events lead from 0.05 to the edge: more than the work allowed, so an error."""
    arguments = {"num_trajectories": 3, "seed": 0, "method": method, "max_direct_updates": 10**6}
    with pytest.raises(ValueError, match=r"max_direct_updates=1000000 .*trajectory 0"):
        sampled_escape_times([1, 0.5], start(0.05), 1e-8, **arguments)
    # a budget of updates within that work censors as ever
    times = sampled_escape_times([1, 0.5], start(0.05), 1e-8, max_updates=10**5, **arguments)
    assert times.tolist() == [-1, -1, -1]


def test_the_work_allowed_changes_no_result():
    arguments = {"num_trajectories": 50, "seed": 4}
    free = sampled_escape_times([1, 0.5], start(1e-6), 0.3, **arguments)
    bound = sampled_escape_times([1, 0.5], start(1e-6), 0.3, max_direct_updates=10**5, **arguments)
    np.testing.assert_array_equal(free, bound)
