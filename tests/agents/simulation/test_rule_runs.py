"""`simulate` of every rule against the classes and against counts computed elsewhere."""

import re

import numpy as np
import pytest

from agents.precision import PrecisionError
from agents.simulation import simulate
from agents.updates import make_rule
from gw_envs.theory.instances import equal_gaps
from tests.agents.updates.iterated import run_rule

RULES = [
    ("entropy-pg", {"temperature": 0.1}, 1.0),
    ("log-barrier-pg", {"barrier": 0.02}, 1.0),
    ("delightful-pg", {"temperature": 1.0}, 1.0),
    ("delightful-pg", {"temperature": 0.0}, 1.0),
    ("escort-pg", {"power": 2.0}, 1 / 36),
    ("escort-pg", {"power": 3.0}, 1 / 36),
    ("escort-pg", {"power": 1.0}, 0.01),
    ("escort-pg", {"power": 3.0, "scaled": False}, 0.02),
]


def random_problem(name, options, arms=5, batch=12):
    generator = np.random.default_rng(3)
    rewards = generator.uniform(size=arms)
    policy = generator.dirichlet(np.ones(arms), size=batch) * 0.98 + 0.02 / arms
    rule = make_rule(name, **options)
    return rule, rewards, policy, rule.theta_from_policy(policy)


@pytest.mark.parametrize(("name", "options", "rate"), RULES)
def test_a_thousand_updates_as_the_class_makes_them(name, options, rate):
    rule, rewards, _, theta = random_problem(name, options)
    setting = {"learning_rate": rate, "max_updates": 1000, "stop_at_escape": False}
    run = simulate(rewards, theta, name, **setting, history=10, update_options=options)
    expected, states = theta, {0: theta}
    for n in range(1, 1001):
        expected = rule.step(expected, np.broadcast_to(rewards, theta.shape), rate)
        states[n] = expected
    np.testing.assert_allclose(run.final_theta, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(run.final_policy, rule.policy(expected), rtol=1e-11, atol=1e-12)
    for n, saved in zip(run.history.updates, run.history.theta, strict=True):
        np.testing.assert_allclose(saved, states[int(n)], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "options", "rate"), RULES)
def test_escape_integers_and_any_split_of_the_batch(name, options, rate):
    rule, rewards, policy, theta = random_problem(name, options)
    setting = {"learning_rate": rate, "max_updates": 3000, "update_options": options}
    run = simulate(rewards, theta, name, **setting, escape_prob=0.9)
    reference = run_rule(rule, rewards, policy, rate, 3000, escape_prob=0.9)
    np.testing.assert_array_equal(run.escape_time, reference.escape_time)
    assert (run.escape_time > 0).any()
    parts = [
        simulate(rewards, part, name, **setting, escape_prob=0.9, num_threads=2)
        for part in (theta[:5], theta[5:])
    ]
    np.testing.assert_array_equal(run.moved, np.concatenate([p.moved for p in parts]))


@pytest.mark.parametrize(
    ("name", "options", "rate", "expected", "tolerance"),
    [
        ("entropy-pg", {"temperature": 0.1}, 1.0, 1357, 1),
        ("log-barrier-pg", {"barrier": 0.01}, 1.0, 1118, 1),
        ("delightful-pg", {"temperature": 1.0}, 1.0, 5475, 1),
        ("escort-pg", {"power": 2.0}, 1 / 36, 214, 2),
    ],
)
def test_published_counts(name, options, rate, expected, tolerance):
    """K=6, r=(.7,.5 x5), x0=1e-3, threshold .1."""
    start = equal_gaps(6, 0.2, 1e-3)
    theta = make_rule(name, **options).theta_from_policy(np.array(start.policy))
    run = simulate(
        start.mean_rewards, theta, name, learning_rate=rate, max_updates=20_000,
        escape_prob=start.escape_prob, update_options=options,
    )  # fmt: skip
    assert int(run.escape_time[0]) == pytest.approx(expected, abs=tolerance)


def test_escort_counts_over_four_decades():
    """K=2, r=(1,.5), p=3, eta=.05 ||theta||^2: x0 = 1e-2 .. 1e-5."""
    best = 10.0 ** -np.arange(2, 6)
    theta = make_rule("escort-pg", power=3.0).theta_from_policy(np.stack([best, 1 - best], -1))
    run = simulate(
        [1, 0.5], theta, "escort-pg", learning_rate=0.05, max_updates=2000,
        escape_prob=0.1, update_options={"power": 3.0},
    )  # fmt: skip
    np.testing.assert_allclose(run.escape_time, [33, 105, 259, 591], atol=1)


def test_escort_at_zero_stays_where_the_class_says():
    rows = [[0.0, 0.0, 0.0], [1.0, 0.0, -0.5]]
    setting = {"learning_rate": 0.1, "max_updates": 50, "stop_at_escape": False}
    run = simulate([1, 0.5, 0], rows, "escort-pg", **setting)
    np.testing.assert_array_equal(run.final_theta[0], 0)
    np.testing.assert_allclose(run.final_policy[0], 1 / 3)
    assert run.final_theta[1, 1] == 0 and run.final_policy[1, 1] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"update": "alternate"}, "update='alternate' has no exact form; choose one of"),
        ({"update": "natural"}, "update='natural' is unknown"),
        ({"update": "adam-pg"}, "initial_theta has 2 numbers a row, which fit no number of arms"),
        ({"update_options": {"power": 2.0}}, "'power' is no option of entropy-pg"),
        ({"update_options": {"temperature": 0.0}}, "temperature=0.0"),
        ({"update_options": 3}, "update_options=3 must be a mapping"),
        ({"update": "softmax-pg", "update_options": {"p": 1}}, "'p' is no option of softmax-pg"),
        ({"gradient": "sampled"}, "gradient='sampled' goes with update='softmax-pg' only"),
        ({"update": "escort-pg", "learning_rate": 1e300}, "learning_rate=1e+300 is too large"),
    ],
)
def test_bad_arguments(changes, message):
    good = {"mean_rewards": [1.0, 0.5], "initial_theta": [1.0, 2.0], "update": "entropy-pg"}
    setting = {"learning_rate": 0.5, "max_updates": 10, "stop_at_escape": False}
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(**{**good, **setting, **changes})


def test_deep_wells_are_refused():
    with pytest.raises(
        PrecisionError, match=r"update='log-barrier-pg' runs in plain float64.*reached 1\.39e-11"
    ):
        simulate([1, 0.5], [-25.0, 0.0], "log-barrier-pg", learning_rate=0.5, max_updates=10)
