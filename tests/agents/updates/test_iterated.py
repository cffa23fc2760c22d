"""The reference runner: what counts as out, what the history holds, what it refuses."""

import numpy as np
import pytest

from agents.updates import make_rule
from experiments.ways_out.starts import policy_at_distance
from gw_envs import theory
from gw_envs.theory.instances import INSTANCES, equal_gaps, two_plateaus
from tests.agents.updates.iterated import run_rule


def test_softmax_agrees_with_the_exact_count():
    """K=2, r=(1,.5), eta=1: 96 and 1002 updates, and the clock of the theory."""
    policies = np.array([[1e-2, 1 - 1e-2], [1e-3, 1 - 1e-3]])
    run = run_rule(make_rule("softmax-pg"), [1, 0.5], policies, 1.0, 2000)
    assert list(run.escape_time) == [96, 1002]
    assert list(run.escape_time) == list(theory.escape_time(policies[:, 0], 0.5, 1.0))


def test_escape_by_sub_optimality_and_by_probability_agree_at_equal_gaps():
    well = equal_gaps(4, 0.3, 5e-3)
    rule = make_rule("softmax-pg")
    by_gap = run_rule(rule, well.mean_rewards, well.policy, 1.0, 5000)
    by_prob = run_rule(rule, well.mean_rewards, well.policy, 1.0, 5000, escape_prob=0.1)
    assert int(by_gap.escape_time) == int(by_prob.escape_time) > 0


def test_censored_and_started_outside():
    policies = np.array([[0.5, 0.5], [1e-3, 1 - 1e-3]])
    run = run_rule(make_rule("softmax-pg"), [1, 0.5], policies, 1.0, 10)
    assert list(run.escape_time) == [0, -1]
    assert run.updates[-1] == 10


def test_history_is_what_the_updates_give():
    well = equal_gaps(3, 0.2, 1e-2)
    run = run_rule(make_rule("natural-pg"), well.mean_rewards, well.policy, 0.5, 60)
    # exact: the odds of a* against any other arm grow by exp(eta Delta) per update
    odds = np.exp(0.5 * 0.2 * run.updates) * 0.01 / 0.99
    np.testing.assert_allclose(run.optimal_prob, odds / (1 + odds), rtol=1e-12)
    np.testing.assert_allclose(run.suboptimality, 0.2 / (1 + odds), rtol=1e-12)
    assert run.final_policy[0] > 0.1


@pytest.mark.parametrize("name", sorted(INSTANCES))
def test_instances_are_wells_that_softmax_leaves(name):
    well = INSTANCES[name]()
    assert sum(well.policy) == pytest.approx(1)
    assert well.name == name
    run = run_rule(
        make_rule("softmax-pg"),
        well.mean_rewards,
        well.policy,
        1.0,
        5000,
        escape_prob=well.escape_prob,
    )
    assert int(run.escape_time) > (800 if name == "verdict" else 1000)  # a gap of 1: 836


def test_two_plateaus_has_two():
    """Sub-optimality starts near .85, rests within 2% of the second arm's .1 most of the time."""
    well = two_plateaus()
    run = run_rule(
        make_rule("softmax-pg"), well.mean_rewards, well.policy, 1.0, 5000, escape_prob=0.5
    )
    assert run.suboptimality[0] > 0.8
    second = (run.suboptimality > 0.098) & (run.suboptimality < 0.102)
    on_second = np.ptp(run.updates[second])
    assert on_second > 0.7 * int(run.escape_time)


def test_harmless_start_of_the_literature_is_no_plateau():
    """r=(1,.9,.1) from (.05,.01,.94), given as an illustration: through in 15 updates at eta=1."""
    run = run_rule(
        make_rule("softmax-pg"), [1, 0.9, 0.1], [0.05, 0.01, 0.94], 1.0, 100, escape_prob=0.5
    )
    assert int(run.escape_time) == 15


def test_same_policy_and_same_parameter_distance_are_different_races():
    """K=2, r=(1,.5), eta=20, softmax at x0=1e-3: the counts of docs/ways_out.md."""
    x0, rewards = 1e-3, [1.0, 0.5]
    distance = np.log((1 - x0) / x0)

    def updates(name, learning_rate, policy):
        run = run_rule(make_rule(name), rewards, policy, learning_rate, 50_000)
        return int(run.escape_time)

    def at_distance(name):
        return policy_at_distance(make_rule(name), distance, 2)

    np.testing.assert_allclose(at_distance("softmax-pg"), [x0, 1 - x0], rtol=1e-12)
    np.testing.assert_allclose(at_distance("escort-pg")[0], 1 / (1 + (1 + distance) ** 2))
    rows = {("softmax-pg", 20.0): (53, 53), ("tsallis-pg", 20.0): (12506, 16)}
    rows[("escort-pg", 0.05)] = (49, 20)
    for (name, rate), (same_policy, same_distance) in rows.items():
        assert updates(name, rate, [x0, 1 - x0]) == pytest.approx(same_policy, abs=1)
        assert updates(name, rate, at_distance(name)) == pytest.approx(same_distance, abs=1)


@pytest.mark.parametrize(
    ("name", "options", "learning_rate", "expected"),
    [
        ("armijo-pg", {}, 1.0, 4167),  # a rate of 1 always passes: softmax-pg
        ("armijo-pg", {"expand": True}, 1.0, 1),
        ("frozen-rollout-pg", {}, 1.0, 74),  # stages of 64 gradient steps
        ("tsallis-pg", {}, 100.0, 3477),  # the flow takes 347367/eta, by quadrature
    ],
)
def test_rows_of_the_table_that_no_paper_gives(name, options, learning_rate, expected):
    """K=6, r=(.7,.5 x5), x0=1e-3: the counts of docs/ways_out.md."""
    well = equal_gaps(6, 0.2, 1e-3)
    rule = make_rule(name, **options)
    run = run_rule(rule, well.mean_rewards, well.policy, learning_rate, 5000)
    assert int(run.escape_time) == pytest.approx(expected, abs=1 if expected > 1 else 0)
