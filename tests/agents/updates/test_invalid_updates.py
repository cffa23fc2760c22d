"""Bad input of the rules, estimates, instances and the runner: one sentence each."""

import numpy as np
import pytest

from agents.simulation import policy_at_distance, run_rule
from agents.softmax_pg import SoftmaxPG
from agents.updates import RULES, make_rule, make_sampled_rule, register
from gw_envs import instances


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("softmax", {}, "name='softmax' is unknown.*Did you mean 'softmax-pg'"),
        ("softmax-pg", {"power": 2}, "'power' is no option of softmax-pg; it takes none"),
        ("escort-pg", {"powr": 2}, r"'powr' is no option of escort-pg; it takes \('power'"),
        ("escort-pg", {"power": 0.5}, "power=0.5"),
        ("tsallis-pg", {"alpha": 1.0}, "alpha=1.0"),
        ("tsallis-pg", {"alpha": 0.0}, "alpha=0.0"),
        ("entropy-pg", {"temperature": 0.0}, "temperature=0.0"),
        ("log-barrier-pg", {"barrier": -0.1}, "barrier=-0.1"),
        ("delightful-pg", {"temperature": -1.0}, "temperature=-1.0"),
        ("delightful-pg", {"temperature": float("nan")}, "temperature=nan"),
        ("frozen-rollout-pg", {"rollout_steps": 0}, "rollout_steps=0"),
        ("neurd", {"threshold": 0.0}, "threshold=0.0"),
        ("armijo-pg", {"slope": 1.0}, "slope=1.0"),
        ("armijo-pg", {"shrink": 0.0}, "shrink=0.0"),
        ("armijo-pg", {"max_trials": 0}, "max_trials=0"),
        ("alternate", {}, "name='alternate' has no exact form; choose one of .*softmax-pg"),
    ],
)
def test_rules(name, options, message):
    with pytest.raises(ValueError, match=message):
        make_rule(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("entropy-pg", {"temperature": 0.0}, "temperature=0.0"),
        ("log-barrier-pg", {"barrier": 0.0}, "barrier=0.0"),
        ("delightful-pg", {"temperature": -1.0}, "temperature=-1.0"),
        ("softmax", {}, "name='softmax' is unknown.*Did you mean 'softmax-pg'"),
        ("escort-pg", {}, "name='escort-pg' has no sampled form; choose one of .*alternate"),
        ("alternate", {"temperature": 1.0}, "'temperature' is no option of alternate"),
    ],
)
def test_estimates(name, options, message):
    with pytest.raises(ValueError, match=message):
        make_sampled_rule(name, **options)


def test_mirror_ascent_refuses_a_step_that_leaves_the_simplex():
    rule = make_rule("mirror-ascent")
    with pytest.raises(ValueError, match=r"learning_rate=3\.0 is too large"):
        rule.step(np.log([0.9, 0.1]), np.array([1.0, 0.0]), 3.0)


@pytest.mark.parametrize("name", ["normalized-pg", "natural-pg", "armijo-pg", "log-barrier-pg"])
def test_weight_needs_a_state_axis(name):
    with pytest.raises(ValueError, match=r"weight of shape \(2,\)"):
        make_rule(name).step(np.zeros((2, 2)), np.eye(2), 1.0, np.array([0.5, 0.5]))


def test_names_are_taken_once():
    rules = dict(RULES)
    with pytest.raises(ValueError, match="name='softmax-pg' is taken by SoftmaxGradient"):
        register("softmax-pg")(int)
    with pytest.raises(ValueError, match="int has neither an exact nor a sampled form"):
        register("none-pg")(int)
    assert rules == RULES


@pytest.mark.parametrize(
    ("gradient", "update"), [("exact", "alternate"), ("sampled", "mirror-ascent")]
)
def test_the_agent_refuses_a_rule_without_the_form(gradient, update):
    with pytest.raises(ValueError, match=f"update='{update}' has no {gradient} form; choose one"):
        SoftmaxPG(gradient=gradient, update=update)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"mean_rewards": [1.0, 2.0]}, "mean_rewards"),
        ({"mean_rewards": [0.5, 0.5]}, r"mean_rewards=\[0.5, 0.5\] has several best arms"),
        ({"policy": [0.5, 0.6]}, "policy"),
        ({"policy": [0.2, 0.3, 0.5]}, "3 actions does not fit 2"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"max_updates": 0}, "max_updates=0"),
        ({"escape_prob": 1.0}, "escape_prob=1.0"),
        ({"escape_fraction": 0.0}, "escape_fraction=0.0"),
    ],
)
def test_runner(overrides, message):
    arguments = {
        "mean_rewards": [1.0, 0.5],
        "policy": [0.1, 0.9],
        "learning_rate": 1.0,
        "max_updates": 5,
    }
    with pytest.raises(ValueError, match=message):
        run_rule(make_rule("softmax-pg"), **{**arguments, **overrides})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: policy_at_distance(make_rule("tsallis-pg"), 0.0, 2), r"distance=0\.0"),
        (lambda: policy_at_distance(make_rule("tsallis-pg"), 1.0, 1), "num_actions=1"),
        (lambda: instances.equal_gaps(1), "num_actions=1"),
        (lambda: instances.equal_gaps(3, 0.6), "reward_gap=0.6"),
        (lambda: instances.equal_gaps(3, 0.2, 0.1), "optimal_prob=0.1"),
        (lambda: instances.harmful_arm(1.0), "reward_gap=1.0"),
        (lambda: instances.two_plateaus(0.0), "optimal_prob=0.0"),
    ],
)
def test_instances(make, message):
    with pytest.raises(ValueError, match=message):
        make()
