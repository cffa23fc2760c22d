"""SoftmaxPG in ASRWell: the gradient of the drifting objective, per-state escapes and bounds."""

import numpy as np
import pytest

from agents.policies import softmax
from agents.rollouts import Rollouts
from agents.softmax_pg import SoftmaxPG
from gw_envs import theory

DRIFT = [
    {"law": "logistic", "start": 0.5, "end": 0.35, "midpoint": 40, "width": 10},
    {"law": "constant", "value": 0.45},
    {"law": "linear", "start": 0.3, "slope": 0.001},
]


def drifting(**kwargs):
    return {
        "drift": DRIFT,
        "reward_gaps": (0.4, 0.3, 0.45),
        "drift_horizon": 100,
        "premise": "ignore",
    } | kwargs


@pytest.mark.parametrize("discount", [0.0, 0.8])
def test_an_exact_update_is_the_gradient_of_the_process_frozen_at_the_clock(discount):
    agent = SoftmaxPG("ASRWell-v0", drifting(discount=discount), initial_policy="normal")
    theta = agent.theta[0].copy()
    for n in range(60):
        mdp = agent.well.mdp_at(n)
        step = 1e-5
        gradient = np.zeros_like(theta)
        for index in np.ndindex(theta.shape):
            bump = np.zeros_like(theta)
            bump[index] = step
            up, down = mdp.objective(softmax(theta + bump)), mdp.objective(softmax(theta - bump))
            gradient[index] = (up - down) / (2 * step)
        agent.learn(n + 1, record_at=[])
        moved = (agent.theta[0] - theta) / 0.4
        np.testing.assert_allclose(moved, gradient, rtol=0, atol=1e-7)
        theta = agent.theta[0].copy()


@pytest.mark.parametrize("baseline", ["none", "value"])
@pytest.mark.parametrize("discount", [0.0, 0.7])
def test_the_sampled_gradient_is_unbiased_for_the_horizon(discount, baseline):
    kwargs = {"drift": [0.5, 0.3, 0.2], "reward_gaps": 0.4, "discount": discount, "horizon": 4}
    kwargs |= {"drift_horizon": 1, "premise": "ignore"}
    batch, batches = 2000, 50
    rollouts = Rollouts("ASRWell-v0", kwargs, (1,), batch, baseline, None)
    policy = softmax(np.random.default_rng(2).normal(size=(1, 3, 3)))
    mdp = rollouts.well.mdp_at(0)
    values = mdp.action_values(policy)
    draws = np.array([rollouts.gradient(policy, values)[0] for _ in range(batches)])
    exact = mdp.policy_gradient(policy, horizon=4)[0]
    error = draws.std(axis=0, ddof=1) / np.sqrt(batches)
    assert (np.abs(draws.mean(axis=0) - exact) <= 4 * error).all()


def test_every_state_escapes_when_the_audit_says_and_not_before_its_bound():
    kwargs = {"reward_gaps": (0.3, 0.2, 0.25)}
    agent = SoftmaxPG("ASRWell-v0", kwargs, initial_policy="corner", optimal_prob=0.01)
    audit = theory.audit(
        agent.well.mdp_at,
        agent.policy[0],
        0.4,
        optimal_action=agent.well.optimal_actions,
        reward_gap=agent.well.reward_gaps,
        max_updates=4000,
    )
    agent.learn(4000, record_at=[])
    assert agent.detector.escape_time[0].tolist() == [report.escape_time for report in audit]
    assert agent.escape_time[0] == max(report.escape_time for report in audit)
    for state, report in enumerate(audit):
        assert 0 < agent.bounds[0, state] < report.escape_time
        assert agent.bounds[0, state] == pytest.approx(report.well_bound, rel=1e-9)
    assert sorted(event.state for event in agent.events if event.is_first_escape) == [0, 1, 2]


def test_bounds_hold_under_drift_that_widens_the_gaps():
    drift = [{"law": "linear", "start": 0.5, "slope": -0.0005, "clip": [0.1, 0.5]}, 0.5, 0.5]
    kwargs = {"num_states": 1, "best_actions": (1,), "reward_gaps": 0.3, "drift": drift}
    agent = SoftmaxPG("ASRWell-v0", kwargs, initial_policy="corner", optimal_prob=5e-3)
    agent.learn(3000, record_at=[])
    assert 0 < agent.bounds[0, 0] < agent.escape_time[0]
    still = theory.escape_lower_bound(5e-3, 0.3, 0.4)
    assert agent.bounds[0, 0] < still  # wider gaps, earlier escape


def test_discounted_wells_use_the_gaps_of_the_policys_own_values():
    agent = SoftmaxPG(
        "ASRWell-v0", drifting(discount=0.5), initial_policy="corner", optimal_prob=0.01
    )
    values, _ = agent.well.action_values(agent.policy, 0)
    best = agent.well.optimal_actions
    inside = []
    for state in range(3):
        q, pi = values[0, state], agent.policy[0, state]
        gap = q[best[state]] - np.delete(q, best[state]).max()
        inside.append(bool(gap > 0 and pi @ (q[best[state]] - q) >= 0.9 * gap * (1 - 1e-12)))
    assert (agent.detector.escape_time[0] < 0).tolist() == inside


def test_the_sampled_agents_environment_ticks_once_per_update():
    agent = SoftmaxPG("ASRWell-v0", drifting(discount=0.5, horizon=7), gradient="sampled")
    agent.learn(20, record_at=[])
    assert agent.rollouts.well.clock == 20
    assert agent.global_step == 140
    shallow = SoftmaxPG("ASRWell-v0", drifting(horizon=7), gradient="sampled")
    shallow.learn(20, record_at=[])
    assert shallow.rollouts.well.clock == 20
    assert shallow.global_step == 20  # at discount 0 only the first step of an episode counts
