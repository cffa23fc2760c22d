"""SoftmaxPG: the numbers of the theory, determinism, save and load."""

import pickle

import numpy as np
import pytest

from agents.softmax_pg import SoftmaxPG
from gw_envs import theory


def escape_of(optimal_prob=1e-3, budget=20_000, initial="uniform_suboptimal", rate=1.0, **env):
    agent = SoftmaxPG(
        env_kwargs=env, learning_rate=rate, initial_policy=initial, optimal_prob=optimal_prob
    )
    agent.learn(budget, record_at=[])
    return int(agent.escape_time[0])


@pytest.mark.parametrize(("start", "expected"), [(1e-2, 96), (1e-3, 1002)])
def test_two_arms_escape_after_the_known_number_of_updates(start, expected):
    env = {"mean_rewards": (1.0, 0.5)}
    assert escape_of(start, budget=1100, **env) == expected


@pytest.mark.parametrize(("rate", "expected"), [(1.0, 4167), (0.4, 10415)])
def test_six_arms_escape_after_the_known_number_of_updates(rate, expected):
    assert escape_of(rate=rate, budget=expected + 10) == expected


@pytest.mark.parametrize(("num_actions", "expected"), [(2, 2502), (3, 3335), (10, 4501)])
def test_uniform_starts_escape_after_the_known_number_of_updates(num_actions, expected):
    assert escape_of(num_actions=num_actions, budget=expected + 10) == expected


@pytest.mark.parametrize(("num_actions", "expected"), [(3, 2506), (6, 2520), (100, 2930)])
def test_corner_starts_escape_after_the_known_number_of_updates(num_actions, expected):
    found = escape_of(num_actions=num_actions, initial="corner", budget=expected + 10)
    assert found == expected


def test_the_default_run_escapes_at_6296_above_its_bound_and_the_seeds_escape_too():
    exact = SoftmaxPG(initial_policy="corner", optimal_prob=1e-3)
    exact.learn(6300, record_at=[])
    assert exact.escape_time.tolist() == [6296]
    bound = theory.escape_lower_bound(1e-3, exact.well.reward_gap, 0.4)
    assert exact.bounds[0, 0] == pytest.approx(bound)
    assert bound < 6296
    sampled = SoftmaxPG(
        initial_policy="corner", optimal_prob=1e-3, gradient="sampled", seeds=range(10)
    )
    sampled.learn(20_000, record_at=[])
    assert (sampled.escape_time > 0).sum() >= 9


def test_a_well_that_is_not_left_is_censored_and_one_that_was_never_entered_is_zero():
    assert escape_of(budget=50) == -1
    assert escape_of(optimal_prob=0.2, budget=5) == 0


def test_records_hold_the_exact_state_of_the_policy():
    agent = SoftmaxPG(initial_policy="corner", optimal_prob=0.01, learning_rate=1.0)
    records = agent.learn(1000)
    assert [r.update for r in records if r.update in (0, 1000)] == [0, 1000]
    assert int(agent.escape_time[0]) in [r.update for r in records]
    for record in records[:: len(records) // 5]:
        policy = record.policy[0, 0]
        rewards = agent.well.mean_rewards
        assert record.suboptimality[0] == pytest.approx(rewards[0] - policy @ rewards, abs=1e-15)
        assert record.optimal_prob[0] == policy[0]
        gradient = policy * (rewards - policy @ rewards)
        assert record.gradient_norm[0] == pytest.approx(np.linalg.norm(gradient), rel=1e-9)
        assert record.objective[0] == pytest.approx(policy @ rewards)


@pytest.mark.parametrize(
    "how",
    [{"gradient": "exact"}, {"gradient": "sampled", "baseline": "average", "batch_size": 3}],
    ids=["exact", "sampled"],
)
def test_a_saved_agent_continues_to_the_same_bits(how):
    def make():
        return SoftmaxPG(
            env_kwargs={"reward_noise": "bernoulli"},
            initial_policy="normal",
            seeds=(4, 9),
            **how,
        )

    whole = make()
    whole.learn(400)
    half = make()
    half.learn(150)
    rest = pickle.loads(pickle.dumps(half))  # what a checkpoint does
    rest.learn(400)
    np.testing.assert_array_equal(rest.theta, whole.theta)
    assert repr(rest.events) == repr(whole.events)  # repr, because NaN != NaN


def test_a_seed_gives_the_same_run_alone_and_in_a_batch():
    def run(seeds):
        agent = SoftmaxPG(
            env_kwargs={"reward_noise": "gaussian", "noise_std": 0.2},
            initial_policy="normal",
            gradient="sampled",
            seeds=seeds,
        )
        agent.learn(300)
        return agent.theta

    np.testing.assert_array_equal(run((1, 2, 3))[1], run((2,))[0])


def test_step_size_schedules_agree_with_one_another():
    def theta(rate):
        agent = SoftmaxPG(initial_policy="corner", optimal_prob=0.01, learning_rate=rate)
        agent.learn(50)
        return agent.theta

    np.testing.assert_allclose(
        theta([1 / (n + 1) for n in range(50)]), theta(lambda n: 1 / (n + 1)), rtol=1e-14
    )
    np.testing.assert_array_equal(theta([0.5]), theta(0.5))
    assert (theta([0.5, 0.1]) != theta(0.5)).any()


def test_float64_refuses_to_go_where_it_would_lie():
    agent = SoftmaxPG(
        env_kwargs={"mean_rewards": (1.0, 0.9, 0.1)},
        policy=np.array([1.2e-10, 0.5, 0.5 - 1.2e-10]),
        learning_rate=lambda n: 1.0,  # the engine takes no functions
    )
    with pytest.raises(FloatingPointError, match=r"below 1e-10.*agents\.simulation"):
        agent.learn(5000, record_at=[])


def test_a_budget_beyond_int64_is_refused():
    agent = SoftmaxPG()
    with pytest.raises(ValueError, match=r"max_updates=1.*at most 1000000000000000000"):
        agent.learn(10**20)
    assert agent.updates == 0
