"""What holds for every rule, whatever the policy and rewards."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.updates import exact_rules, make_rule

ESCORTS = [{"power": 1.0}, {"power": 1.5}, {}, {"power": 3.0}]
VARIANTS = [(name, {}) for name in sorted(exact_rules())] + [
    ("neurd", {"threshold": 2.0}),
    ("armijo-pg", {"expand": True}),
    ("delightful-pg", {"temperature": 0.0}),
    *[("escort-pg", options) for options in ESCORTS if options],
    ("escort-pg", {"scaled": False}),
    ("tsallis-pg", {"alpha": 0.1}),
    ("tsallis-pg", {"alpha": 0.95}),
    ("grpo", {"group_size": float("inf")}),
    ("max-rl", {"rollouts": float("inf")}),
    ("dapo", {"inner_steps": 4}),
    ("kl-pg", {"estimator": "k3"}),
    ("kl-pg", {"reference": "uniform"}),
    ("adam-pg", {"of": "grpo"}),
]


def of_all(variants):
    return pytest.mark.parametrize(("name", "options"), variants, ids=lambda value: str(value))


@st.composite
def bandits(draw):
    """Mean rewards [K] in [0, 1] and a policy [K] with entries of at least e-8 of the largest."""
    k = draw(st.integers(2, 6))
    numbers = st.floats(0, 1)
    rewards = np.array(draw(st.lists(numbers, min_size=k, max_size=k)))
    logits = np.array(draw(st.lists(st.floats(-4, 4), min_size=k, max_size=k)))
    weights = np.exp(logits)
    return rewards, weights / weights.sum()


@of_all(VARIANTS)
@given(bandit=bandits())
def test_starts_from_the_policy_it_is_given(name, options, bandit):
    rule = make_rule(name, **options)
    _, policy = bandit
    theta = rule.theta_from_policy(policy)
    np.testing.assert_allclose(rule.policy(theta), policy, rtol=1e-12)
    np.testing.assert_array_equal(rule.theta_from_policy(policy.tolist()), theta)


@of_all(VARIANTS)
@given(bandit=bandits())
def test_keeps_a_policy_a_policy_and_its_argument_as_it_was(name, options, bandit):
    rule = make_rule(name, **options)
    rewards, policy = bandit
    theta = rule.theta_from_policy(policy)
    before = theta.copy()
    after = rule.policy(rule.step(theta, rewards, 0.9))
    np.testing.assert_array_equal(theta, before)
    assert np.all(after >= 0)
    assert after.sum() == pytest.approx(1, abs=1e-14)


@of_all([(n, o) for n, o in VARIANTS if n != "escort-pg"])
@given(bandit=bandits(), shift=st.floats(-50, 50))
def test_shifts_of_theta_change_nothing(name, options, bandit, shift):
    rule = make_rule(name, **options)
    rewards, policy = bandit
    if name == "armijo-pg":
        # A line search compares returns; where those differ by rounding alone, any answer is right.
        levels = np.unique(rewards)
        assume(levels.size > 1 and np.diff(levels).min() > 1e-6)
    theta = rule.theta_from_policy(policy)
    shift = shift * (np.arange(theta.size) < policy.size)  # logits, not what is remembered
    plain, shifted = rule.step(theta, rewards, 0.5), rule.step(theta + shift, rewards, 0.5)
    np.testing.assert_allclose(rule.policy(shifted), rule.policy(plain), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(shifted - shift, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", ESCORTS, ids=str)
@given(bandit=bandits(), factor=st.floats(0.01, 100), flip=st.booleans())
def test_escort_sees_only_the_direction_of_theta(options, bandit, factor, flip):
    """The scaled step makes the whole update commute with multiplication by a number."""
    rule = make_rule("escort-pg", **options)
    rewards, policy = bandit
    theta = rule.theta_from_policy(policy)
    number = -factor if flip else factor
    np.testing.assert_allclose(
        rule.step(number * theta, rewards, 0.5), number * rule.step(theta, rewards, 0.5), rtol=1e-9
    )


# learning rates for which ascent on the return is proved (or, for a gradient with a bounded
# Hessian, below 2 over that bound)
ASCENT = [
    ("softmax-pg", {}, 0.4),
    ("natural-pg", {}, 3.0),
    ("neurd", {}, 3.0),
    ("normalized-pg", {}, 1 / 6),
    ("mirror-ascent", {}, 0.99),
    ("armijo-pg", {}, 50.0),
    ("armijo-pg", {"expand": True}, 0.1),
    ("frozen-rollout-pg", {"rollout_steps": 1}, 0.4),
    ("escort-pg", {}, 1 / 36 / 2**0.5),
    ("escort-pg", {"power": 3.0}, 1 / 81),
    ("escort-pg", {"power": 4.0}, 1 / 144),
    ("tsallis-pg", {}, 0.05),
    ("tsallis-pg", {"alpha": 0.9}, 0.05),
    ("trpo", {}, 1.0),
    ("rloo", {}, 0.4),
    ("dr-grpo", {}, 0.4),
    ("ppo-clip", {"inner_steps": 3}, 0.1),
]


@pytest.mark.parametrize(("name", "options", "learning_rate"), ASCENT, ids=str)
@given(bandit=bandits())
def test_small_steps_ascend(name, options, learning_rate, bandit):
    rule = make_rule(name, **options)
    rewards, policy = bandit
    theta = rule.theta_from_policy(policy)
    after = rule.policy(rule.step(theta, rewards, learning_rate))
    assert after @ rewards >= policy @ rewards - 1e-13


@pytest.mark.parametrize("name", ["entropy-pg", "log-barrier-pg"])
@given(bandit=bandits())
def test_small_steps_ascend_on_the_regularised_objective(name, bandit):
    rule = make_rule(name)
    rewards, policy = bandit
    after = rule.policy(rule.step(rule.theta_from_policy(policy), rewards, 0.2))

    def objective(pi):
        if name == "entropy-pg":
            return pi @ (rewards - 0.1 * np.log(pi))
        return pi @ rewards + 0.01 * np.mean(np.log(pi))

    assert objective(after) >= objective(policy) - 1e-13


@of_all(VARIANTS)
@given(bandit=bandits())
def test_runs_stacked_on_a_leading_axis_do_not_touch_each_other(name, options, bandit):
    rule = make_rule(name, **options)
    rewards, policy = bandit
    theta = rule.theta_from_policy(np.stack([policy, policy[::-1]]))
    values = np.broadcast_to(rewards, (2, rewards.size))
    both = rule.step(theta, values, 0.3)
    for row in range(2):
        np.testing.assert_allclose(both[row], rule.step(theta[row], rewards, 0.3), rtol=1e-12)


@of_all(VARIANTS)
def test_one_state_with_a_state_axis_is_one_state(name, options):
    """theta [1, K] with weight [[1]] moves as theta [K]; so an environment may have either form."""
    rule = make_rule(name, **options)
    theta = rule.theta_from_policy(np.array([0.2, 0.5, 0.3]))
    rewards = np.array([0.9, 0.5, 0.1])
    plain = rule.step(theta, rewards, 0.3)
    stated = rule.step(theta[None], rewards[None], 0.3, np.ones((1, 1)))
    np.testing.assert_allclose(stated[0], plain, rtol=1e-13)


@of_all(VARIANTS)
def test_a_plain_number_and_an_array_of_rates_agree(name, options):
    rule = make_rule(name, **options)
    theta = rule.theta_from_policy(np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]))
    values = np.broadcast_to([0.9, 0.5, 0.1], (2, 3))
    several = rule.step(theta, values, np.array([[0.1], [0.4]]))
    np.testing.assert_allclose(several[1], rule.step(theta[1], values[1], 0.4), rtol=1e-13)


@pytest.mark.parametrize("name", sorted(exact_rules()))
def test_declares_its_rate(name):
    rule = make_rule(name)
    assert rule.name == name
    assert rule.rate.text
    assert rule.rate.source
    assert rule.rate.escape_exponent >= 0
    biased = {"entropy-pg", "log-barrier-pg", "kl-pg", "clip-cov", "asymmetric-pg"}
    assert bool(rule.rate.bias) == (name in biased)
    assert type(rule).__doc__
