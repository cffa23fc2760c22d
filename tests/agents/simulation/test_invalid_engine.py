"""What the engine is given that is wrong, rough or too long: refused or answered, and said."""

import numpy as np
import pytest

from agents.jumping_pg import JumpingPG
from agents.simulation import jump_history, simulate, solve_escape_time
from agents.updates import make_rule

RISING = {"law": "linear", "start": 0.5, "slope": 1e-3}  # 1.5 at the drift horizon of 1,000
NOISY = {"law": "ar1", "base": 0.5, "std": 0.01, "clip": True}
START = {"initial_policy": "uniform_suboptimal", "optimal_prob": 0.05}


def test_rewards_that_leave_the_unit_interval_under_drift_are_named():
    with pytest.raises(ValueError, match=r"leaves \[0, 1\] first at t=\d+ with value"):
        JumpingPG("ASRWell-v0", {"drift": RISING, "drift_horizon": 1_000}, **START)


@pytest.mark.parametrize("name", ["adam-pg", "kl-pg", "count-bonus"])
def test_a_rule_that_remembers_carries_its_memory_through_a_batch(name):
    rule = make_rule(name)
    policy = np.array([[0.05, 0.9, 0.05], [0.01, 0.04, 0.95]])
    theta = start = rule.theta_from_policy(policy)
    rewards = np.array([0.5, 0.9, 0.2])
    for _ in range(30):
        theta = rule.step(theta, np.broadcast_to(rewards, policy.shape), 0.1)
    setting = {"learning_rate": 0.1, "max_updates": 30, "stop_at_escape": False}
    run = simulate(rewards, start, name, **setting)
    np.testing.assert_allclose(run.final_theta, theta, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(run.final_policy, rule.policy(theta), rtol=1e-12)


def test_ties_and_starts_outside():
    for call in (solve_escape_time, jump_history):
        with pytest.raises(ValueError, match="several best arms"):
            call([0.7, 0.7, 0.1], np.zeros(3), 0.4, update="entropy-pg")
    out = solve_escape_time([0.7, 0.5], [2.0, 0.0], 0.4, update="entropy-pg")
    assert out.steps == 0 and out.is_exact
    agent = JumpingPG("ASRWell-v0", {"discount": 0.5}, initial_policy="uniform")
    agent.learn(50)
    assert agent.escape.steps.tolist() == [0, 0, 0]
    assert not agent.escape.censored.any()


def test_noisy_rewards_are_iterated_to_the_horizon_and_it_is_said():
    agent = JumpingPG("ASRWell-v0", {"drift": NOISY, "drift_horizon": 300}, **START)
    agent.learn(200)
    assert set(agent.escape.method[~agent.escape.censored]) <= {"direct"}
    assert agent.escape.is_exact[~agent.escape.censored].all()


def test_budgets_without_end():
    theta = np.log([1e-9, 1 - 1e-9])
    found = solve_escape_time([0.7, 0.5], theta, 0.4, update="rloo", max_updates=1e300)
    assert found.steps == solve_escape_time([0.7, 0.5], theta, 0.4).steps  # in exact form the same
    with pytest.raises(ValueError, match=r"max_updates=1e\+300: .* would take about .* days"):
        solve_escape_time([0.7, 0.5], theta, 0.4, update="clip-cov", max_updates=1e300)
    with pytest.raises(ValueError, match="max_updates=1e\\+300 must be"):
        JumpingPG("ASRWell-v0", **START).learn(1e300)


def test_a_budget_of_more_than_a_day_in_numpy_is_refused():
    with pytest.raises(ValueError, match=r"max_updates=\d+ would take about [\d.]+ days"):
        simulate([1, 0.5], [-5.0, 0.0], "trpo", learning_rate=0.1, max_updates=10**11)
