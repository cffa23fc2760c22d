"""Bad input of the rules, estimates, instances and the runner: one sentence each."""

import numpy as np
import pytest

from agents.rollouts import Rollouts
from agents.softmax_pg import SoftmaxPG
from agents.updates import RULES, make_rule, make_sampled_rule, register
from experiments.ways_out.starts import policy_at_distance
from gw_envs.theory import instances


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
        ("rloo", {"group_size": 1}, "group_size=1 must be a whole number of at least 2"),
        ("grpo", {"group_size": 1}, "group_size=1 must"),
        ("grpo", {"group_size": 2.5}, r"group_size=2\.5 must"),
        ("dapo", {"group_size": float("nan")}, "group_size=nan must"),
        ("dapo", {"clip_high": 0.0}, r"clip_high=0\.0"),
        ("max-rl", {"rollouts": 0}, "rollouts=0 must"),
        ("pass-at-k", {"k": 0}, "k=0 must"),
        ("pass-at-k", {"k": 9}, "k=9 with group_size=8: .* k must be at most group_size"),
        ("ppo-clip", {"inner_steps": 0}, "inner_steps=0 must"),
        ("ppo-clip", {"clip": 1.0}, r"clip=1\.0"),
        ("kl-cov", {"inner_steps": 0}, "inner_steps=0 must"),
        ("clip-cov", {"threshold": -1.0}, r"threshold=-1\.0"),
        ("trpo", {"kl": 0.0}, r"kl=0\.0"),
        ("trpo", {"kl": -1.0}, r"kl=-1\.0"),
        ("kl-pg", {"temperature": -0.1}, r"temperature=-0\.1"),
        ("kl-pg", {"reference": "begin"}, "reference='begin' is unknown"),
        ("kl-pg", {"estimator": "k2"}, "estimator='k2' is unknown.*k3"),
        ("count-bonus", {"bonus": -1.0}, r"bonus=-1\.0"),
        ("adam-pg", {"beta1": 1.0}, r"beta1=1\.0"),
        ("adam-pg", {"of": "adam"}, "of='adam' is unknown"),
        ("adam-pg", {"of": "adam-pg"}, "of='adam-pg' is no gradient rule on plain logits"),
        ("adam-pg", {"of": "escort-pg"}, "of='escort-pg' is no gradient rule"),
        ("adam-pg", {"of": "ppo-clip"}, "of='ppo-clip' is no gradient rule"),
        ("adam-pg", {"of": "grpo", "of_options": {"group_size": 1}}, "group_size=1 must"),
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


@pytest.mark.parametrize("name", ["grpo", "dapo", "pass-at-k", "max-rl"])
def test_values_must_be_chances_of_success(name):
    with pytest.raises(ValueError, match=f"values from 0 to 2 are no probabilities.*{name}"):
        make_rule(name).step(np.log([0.9, 0.1]), np.array([2.0, 0.0]), 1.0)


@pytest.mark.parametrize("name", ["pass-at-k", "max-rl"])
def test_returns_must_be_verdicts(name):
    rollouts = Rollouts(
        "SoftmaxWell-v0", {"mean_rewards": [0.7, 0.5]}, (0,), 8, "none", None, make_rule(name)
    )
    policy, values = np.full((1, 1, 2), 0.5), np.array([[[0.7, 0.5]]])
    with pytest.raises(ValueError, match=f"is no verdict: {name} needs rewards of 0 or 1"):
        rollouts.step(np.log(policy), policy, values, 0.1)


def test_a_batch_must_hold_a_group():
    with pytest.raises(ValueError, match=r"batch_size=1 holds no group of 8 .*at least 8"):
        SoftmaxPG(update="grpo", gradient="sampled")
    with pytest.raises(ValueError, match="batch_size=4 holds no group of 8"):
        SoftmaxPG(update="adam-pg", update_options={"of": "rloo"}, gradient="sampled", batch_size=4)
    with pytest.raises(ValueError, match="infinite group has only the exact form of max-rl"):
        options = {"rollouts": float("inf")}
        SoftmaxPG(update="max-rl", update_options=options, gradient="sampled", batch_size=8)


def test_a_critical_temperature_is_a_warning_of_the_agent():
    with pytest.warns(UserWarning, match=r"tau_c=0\.04247"):
        SoftmaxPG(
            env_kwargs={"mean_rewards": [0.7, 0.5, 0.5, 0.5, 0.5, 0.5]},
            initial_policy="uniform_suboptimal",
            optimal_prob=1e-3,
            update="kl-pg",
            update_options={"temperature": 0.05},
        )


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
