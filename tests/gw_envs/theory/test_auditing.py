"""The audit against hand-made worlds whose answer is known."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from gw_envs.tabular import TabularMDP
from gw_envs.theory import (
    audit,
    ceiling_range,
    equal_gap_escape_time,
    escape_lower_bound,
    mdp_escape_bound,
    printed_constant,
    printed_escape_time,
    reward_escape_bound,
    well_escape_updates,
)


@dataclass
class Chain:
    """A tabular MDP by linear solves: the interface that the audit needs, written apart."""

    transitions: np.ndarray  # [S, A, S]
    rewards: np.ndarray  # [S, A]
    initial: np.ndarray  # [S]
    discount: float

    def action_values(self, policy):
        size = len(self.initial)
        moves = np.einsum("sa,sat->st", policy, self.transitions)
        value = np.linalg.solve(
            np.eye(size) - self.discount * moves, np.sum(policy * self.rewards, axis=1)
        )
        return self.rewards + self.discount * self.transitions @ value

    def visitation(self, policy):
        size = len(self.initial)
        moves = np.einsum("sa,sat->st", policy, self.transitions)
        start = (1 - self.discount) * self.initial
        return np.linalg.solve(np.eye(size) - self.discount * moves.T, start)


def three_levels(discount, rewards):
    """Harder / keep / easier over three levels."""
    transitions = np.zeros((3, 3, 3))
    for s in range(3):
        for a, move in enumerate((1, 0, -1)):
            transitions[s, a, np.clip(s + move, 0, 2)] = 1
    return Chain(transitions, np.asarray(rewards), np.array([0.5, 0.3, 0.2]), discount)


def uniform_suboptimal(x0, k):
    return np.array([x0] + [(1 - x0) / (k - 1)] * (k - 1))


def test_constant_rewards_are_the_one_state_theorem():
    policy = uniform_suboptimal(1e-3, 3)
    (report,) = audit([0.7, 0.5, 0.5], policy, 1.0)
    assert (
        report.escape_time
        == report.prob_escape_time
        == equal_gap_escape_time(1e-3, 0.7 - 0.5, 1.0, 3)
    )
    assert report.reward_gap == pytest.approx(0.2)
    assert report.effective_gaps == pytest.approx((0.2, 0.2))
    assert report.printed_time == pytest.approx(0.45 / (0.2 * 1e-3))
    assert report.printed_holds is True
    assert report.premise_holds
    bound = reward_escape_bound(policy, [0.7, 0.5, 0.5], 1.0)
    assert report.prob_bound == pytest.approx(bound)
    assert report.well_bound == pytest.approx(bound)
    assert (
        "the printed t0 = 2250 is respected (its premise holds); the well was left at update 3335"
        in report.verdict
    )


@pytest.mark.parametrize("alike", [True, False])
def test_equal_gaps_are_crossed_between_both_bounds(alike):
    rng = np.random.default_rng(3)
    for _ in range(20):
        k, x0, gap = int(rng.integers(2, 6)), 10 ** rng.uniform(-2.3, -1.1), rng.uniform(0.1, 0.5)
        rest = np.ones(k - 1) if alike else rng.gamma(0.3, size=k - 1) + 1e-9
        policy = np.array([x0, *((1 - x0) * rest / rest.sum())])
        (report,) = audit([0.4 + gap, *[0.4] * (k - 1)], policy, 10 ** rng.uniform(-0.5, 0.7))
        first, last = report.prob_range
        assert first <= report.prob_escape_time <= last
        assert last - first <= np.log(0.1 / 0.9) - np.log(x0 / (1 - x0)) + 2 or not alike


def test_no_two_sided_bound_where_gaps_move_or_differ():
    common = [[0.7 + 0.1 * np.sin(t), 0.5 + 0.1 * np.sin(t)] for t in range(50)]
    assert audit(common, [0.02, 0.98], 1.0)[0].prob_range is not None
    for rewards, k in (([[0.7, 0.5], [0.7, 0.4]], 2), ([0.7, 0.5, 0.4], 3)):
        assert audit(rewards, uniform_suboptimal(0.02, k), 1.0)[0].prob_range is None
    assert audit([0.7, 0.5], [0.3, 0.7], 1.0)[0].prob_range is None  # outside already


def test_verdict_of_a_failing_theorem():
    (report,) = audit([0.9, 0.0], [1e-3, 0.999], 1.0, reward_gap=0.05)
    assert report.printed_holds is False
    assert "the printed t0 = 9000 is broken (its premise holds)" in report.verdict
    assert "the well was left at update 579" in report.verdict
    assert ". " not in report.verdict  # one sentence


def test_verdict_when_the_premise_fails():
    (report,) = audit([[0.5, 0.2], [0.3, 0.4]], [1e-3, 0.999], 1.0, max_updates=30)
    assert not report.premise_holds
    assert report.ceilings == pytest.approx((0.4, 0.3))
    # the second row is held: sub-optimality is negative from clock 1 on
    assert report.escape_time == 1
    assert (
        "is broken (its premise fails, so it promises none); the well was left at update 1"
        in report.verdict
    )


def test_censored_and_undecided():
    (report,) = audit([0.7, 0.5], [1e-4, 0.9999], 1.0, max_updates=100)
    assert report.escape_time is None
    assert report.prob_escape_time is None
    assert report.updates == 100
    assert report.printed_holds is None
    assert "is not decided (its premise holds); no escape within 100 updates" in report.verdict
    (small,) = audit([0.7, 0.5], [1e-4, 0.9999], 1.0, max_updates=100, constant=1e-4)
    assert small.printed_time == pytest.approx(5)
    assert small.printed_holds is True


def test_start_outside_the_well():
    (report,) = audit([0.7, 0.5, 0.5], uniform_suboptimal(0.3, 3), 1.0)
    assert report.escape_time == report.prob_escape_time == 0
    assert report.well_bound == report.prob_bound == 0
    assert "the start is outside the well" in report.verdict


def test_optimal_action_elsewhere():
    (report,) = audit([0.5, 0.5, 0.7], uniform_suboptimal(1e-3, 3)[::-1], 1.0, optimal_action=2)
    assert report.escape_time == equal_gap_escape_time(1e-3, 0.7 - 0.5, 1.0, 3)
    assert report.optimal_prob == 1e-3


def test_path_of_rewards_equals_direct_iteration():
    """A sinusoid: the audit's times against a loop written here."""
    t = np.arange(4000)
    path = np.stack([0.6 + 0 * t, 0.3 + 0.2 * np.sin(t / 90), 0.3 - 0.2 * np.sin(t / 90)], axis=1)
    policy = np.array([2e-3, 0.7, 0.298])
    (report,) = audit(path, policy, 2.0, reward_gap=0.1)
    theta, escape, prob_escape = np.log(policy), None, None
    for n in range(4000):
        pi = np.exp(theta) / np.exp(theta).sum()
        if escape is None and path[n] @ (np.array([1, 0, 0]) - pi) < 0.09 * (1 - 1e-12):
            escape = n
        if prob_escape is None and pi[0] > 0.1:
            prob_escape = n
        theta = theta + 2 * pi * (path[n] - pi @ path[n])
    assert report.escape_time == escape
    assert report.prob_escape_time == prob_escape
    gaps = path[:, :1] - path[:, 1:]
    assert report.effective_gaps == pytest.approx((gaps.min(), gaps.max()))
    assert report.well_bound == pytest.approx(well_escape_updates(policy, gaps, 2.0, 0.1))
    assert 0 < report.prob_bound < prob_escape


def test_mdp_without_discount_is_one_bandit_per_state():
    rewards = np.array([[0.7, 0.5, 0.5], [0.9, 0.5, 0.5], [0.6, 0.5, 0.5]])
    mdp = three_levels(0.0, rewards)
    policy = uniform_suboptimal(0.01, 3)
    reports = audit(mdp, policy, 1.0)
    for s, report in enumerate(reports):
        gap, rate = rewards[s, 0] - 0.5, mdp.initial[s]
        assert report.state == s
        assert report.escape_time == equal_gap_escape_time(0.01, gap, rate, 3)
        assert report.well_bound == pytest.approx(
            reward_escape_bound(policy, rewards[s], rate), rel=1e-9
        )
        assert report.well_bound >= escape_lower_bound(0.01, gap, rate)


def test_discounted_drifting_mdp_obeys_the_corrected_theorem():
    base = np.array([[0.8, 0.4, 0.3], [0.8, 0.3, 0.4], [0.7, 0.3, 0.3]])
    mdp = three_levels(0.8, base)

    def mdp_at(clock):
        return replace(mdp, rewards=base + 0.1 * np.sin(clock / 40 + np.arange(3)))

    policy = uniform_suboptimal(0.01, 3)
    first, second, third = audit(mdp_at, policy, 0.5, max_updates=3000)
    for report in (first, second, third):
        assert 0 < mdp_escape_bound(policy, 0.5, 0.8) < report.well_bound
        assert report.well_bound <= report.prob_bound
    assert first.prob_bound < first.prob_escape_time <= first.escape_time
    # In the second state another action becomes the best first, with pi(a*) still below 0.1.
    assert second.effective_gaps[0] < 0
    assert second.prob_escape_time is None
    assert second.escape_time == second.well_bound + 1 == 231
    assert third.escape_time is None
    assert third.updates == 3000


def test_the_packages_own_mdp_is_a_world():
    chain = three_levels(0.6, np.array([[0.8, 0.4, 0.3], [0.8, 0.3, 0.4], [0.7, 0.3, 0.3]]))
    mdp = TabularMDP(chain.transitions, chain.rewards, chain.initial, chain.discount)
    start = np.stack([uniform_suboptimal(x0, 3) for x0 in (0.02, 0.03, 0.05)])
    ours, theirs = (audit(world, start, 1.0, max_updates=400) for world in (mdp, chain))
    for one, other in zip(ours, theirs, strict=True):
        assert one.escape_time == other.escape_time
        assert one.well_bound == pytest.approx(other.well_bound, rel=1e-9)
    assert any(report.escape_time for report in ours)


def test_theta_moves_by_the_policy_gradient():
    """One update of a discounted MDP against finite differences of J."""
    mdp = three_levels(0.7, np.array([[0.8, 0.4, 0.3], [0.8, 0.3, 0.4], [0.7, 0.3, 0.3]]))
    policies = []

    @dataclass
    class Spy:
        discount = 0.7

        def action_values(self, policy):
            policies.append(policy)
            return mdp.action_values(policy)

        def visitation(self, policy):
            return mdp.visitation(policy)

    audit(Spy(), np.full((3, 3), 1 / 3), 1.0, reward_gap=0.1, drift_horizon=1)

    def objective(theta):
        pi = np.exp(theta) / np.exp(theta).sum(axis=1, keepdims=True)
        return mdp.initial @ np.sum(pi * mdp.action_values(pi), axis=1)

    gradient = np.zeros((3, 3))
    for index in np.ndindex(3, 3):
        nudge = np.zeros((3, 3))
        nudge[index] = 1e-5
        gradient[index] = (objective(nudge) - objective(-nudge)) / 2e-5
    moved = np.exp(gradient) / np.exp(gradient).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(policies[-1], moved, atol=1e-9)


def test_printed_functions():
    assert printed_constant(0.5) == 0.9
    assert printed_escape_time(1e-3, 0.2, 1.0) == pytest.approx(2250)
    assert printed_escape_time(1e-3, 0.2, 1.0, constant=0.1) == pytest.approx(500)
    assert ceiling_range([[0.6, 0.5, 0.2], [0.9, 0.1, 0.55]], 0.4) == pytest.approx((0.55, 0.6))


@pytest.mark.parametrize("k", [2, 3, 10])
def test_the_reading_of_c_is_true_of_theorem_one(k):
    """C = 0.45/eta up to pi_1(a*) = 0.0163: t0 never exceeds the bound that is proved."""
    for x0 in np.geomspace(1e-10, 0.0163, 40):
        assert printed_escape_time(x0, 0.3, 2.0) <= escape_lower_bound(x0, 0.3, 2.0)
        assert equal_gap_escape_time(x0, 0.3, 2.0, k) + 1 >= printed_escape_time(x0, 0.3, 2.0)
