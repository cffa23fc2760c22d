"""Update counts and limits that were computed before this code was written, by other programs."""

import numpy as np
import pytest

from agents.updates import make_rule
from gw_envs.theory.instances import SharedBernoulli, equal_gaps, harmful_arm
from tests.agents.updates.iterated import run_rule


def updates_to_escape(name, instance, learning_rate, **options):
    run = run_rule(
        make_rule(name, **options),
        instance.mean_rewards,
        instance.policy,
        learning_rate,
        20_000,
        escape_prob=instance.escape_prob,
    )
    return int(run.escape_time)


@pytest.mark.parametrize(
    ("name", "options", "learning_rate", "expected", "tolerance"),
    [
        ("softmax-pg", {}, 1.0, 4167, 1),
        ("softmax-pg", {}, 0.4, 10415, 1),
        ("natural-pg", {}, 1.0, 24, 1),
        ("neurd", {}, 1.0, 24, 1),
        ("normalized-pg", {}, 1 / 6, 26, 2),
        ("mirror-ascent", {}, 1.0, 26, 1),
        ("entropy-pg", {"temperature": 0.1}, 1.0, 1357, 1),
        ("log-barrier-pg", {"barrier": 0.01}, 1.0, 1118, 1),
        ("delightful-pg", {"temperature": 1.0}, 1.0, 5475, 1),
        ("escort-pg", {"power": 2.0}, 1 / 36, 214, 2),
    ],
)
def test_equal_gap_bandit_of_six_arms(name, options, learning_rate, expected, tolerance):
    """K=6, r=(.7,.5 x5), x0=1e-3, threshold .1, equally likely sub-optimal arms."""
    instance = equal_gaps(6, 0.2, 1e-3)
    assert updates_to_escape(name, instance, learning_rate, **options) == pytest.approx(
        expected, abs=tolerance
    )


@pytest.mark.parametrize(
    ("gap", "name", "options", "expected"),
    [
        (0.5, "softmax-pg", {}, 1412),
        (0.5, "delightful-pg", {"temperature": 1.0}, 609),
        (0.5, "delightful-pg", {"temperature": 0.0}, 459),
        (0.2, "softmax-pg", {}, 10918),
        (0.2, "delightful-pg", {"temperature": 1.0}, 2075),
        (0.2, "delightful-pg", {"temperature": 0.0}, 1266),
    ],
)
def test_harmful_arm_is_where_delight_pays(gap, name, options, expected):
    """K=3, r=(1,1-D,0), softmax(-1,5,1), step 1, threshold .5."""
    assert updates_to_escape(name, harmful_arm(gap), 1.0, **options) == pytest.approx(
        expected, abs=2
    )


@pytest.mark.parametrize(
    ("power", "expected"),
    [(2.0, [25, 49, 72, 96]), (3.0, [33, 105, 259, 591])],
)
def test_escort_counts(power, expected):
    """K=2, r=(1,.5), eta_t=.05||theta||^2 from x0=1e-2..1e-5."""
    x0 = 10.0 ** -np.arange(2, 6)
    run = run_rule(
        make_rule("escort-pg", power=power), [1, 0.5], np.stack([x0, 1 - x0], -1), 0.05, 1000
    )
    np.testing.assert_allclose(run.escape_time, expected, atol=1)


@pytest.mark.parametrize(("power", "slope"), [(3.0, 0.358), (4.0, 0.515), (8.0, 0.774)])
def test_escort_slopes_of_the_last_decade(power, slope):
    x0 = np.array([1e-4, 1e-5])
    run = run_rule(
        make_rule("escort-pg", power=power), [1, 0.5], np.stack([x0, 1 - x0], -1), 0.05, 10_000
    )
    shallow, deep = run.escape_time
    assert np.log10(deep / shallow) == pytest.approx(slope, abs=0.05)


def test_frozen_rollout_of_64_steps():
    """mu=(1,.9,.89), pi=(.0005,.1,.8995), eta=.5, threshold .5: 319 stages."""
    run = run_rule(
        make_rule("frozen-rollout-pg", rollout_steps=64),
        [1, 0.9, 0.89],
        [0.0005, 0.1, 0.8995],
        0.5,
        1000,
        escape_prob=0.5,
    )
    assert int(run.escape_time) == pytest.approx(319, abs=1)


@pytest.mark.slow
def test_frozen_rollout_of_one_step():
    """The same start takes 106358 updates of plain softmax PG, which S=1 is."""
    run = run_rule(
        make_rule("frozen-rollout-pg", rollout_steps=1),
        [1, 0.9, 0.89],
        [0.0005, 0.1, 0.8995],
        0.5,
        200_000,
        escape_prob=0.5,
    )
    assert int(run.escape_time) == pytest.approx(106358, abs=1)


@pytest.mark.parametrize(("num_actions", "expected"), [(2, 0.49997), (5, 0.80027), (10, 0.90046)])
def test_softmax_damping(num_actions, expected):
    """Cross entropy through softmax falls like (K-1)/(K eta t), not exponentially.

    Its gradient is the inner step of a stage whose q r is the one-hot target.
    """
    rule = make_rule("frozen-rollout-pg", rollout_steps=10_000)
    theta = rule.step(np.zeros(num_actions), num_actions * np.eye(num_actions)[0], 1.0)
    assert -1e4 * np.log(rule.policy(theta)[0]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "updates", "expected", "suboptimality"),
    [
        ("entropy-pg", {"temperature": 0.1}, 2000, 0.59642, 0.08072),
        ("log-barrier-pg", {"barrier": 0.01}, 20_000, 0.95869, 0.008262),
    ],
)
def test_bias_of_the_regularised_rules(name, options, updates, expected, suboptimality):
    """K=6, r=(.7,.5 x5), eta=1: where the rule comes to rest."""
    rule = make_rule(name, **options)
    assert rule.rate.bias
    run = run_rule(rule, [0.7] + [0.5] * 5, [1 / 6] * 6, 1.0, updates, stop_at_escape=False)
    assert run.final_policy[0] == pytest.approx(expected, abs=1e-4)
    assert run.suboptimality[-1] == pytest.approx(suboptimality, abs=1e-5)
    moved = rule.step(run.final_theta, np.array([0.7] + [0.5] * 5), 1.0) - run.final_theta
    assert np.abs(moved).max() < 1e-8


@pytest.mark.parametrize(
    ("name", "options", "fixed_point"),
    [
        ("delightful-pg", {"temperature": 0.0}, 1 / 11),
        ("delightful-pg", {"temperature": 1.0}, 0.11613),
    ],
)
def test_shared_parameters_mislead_delight(name, options, fixed_point):
    """Two states, one Bernoulli parameter, +10/-100: delight is drawn to p > 0."""
    well, rule = SharedBernoulli(), make_rule(name, **options)

    def field(p):
        theta = well.logits(np.log(p / (1 - p)))
        return well.shared_change(rule.step(theta, well.values(), 1.0, well.weight()) - theta)

    assert field(fixed_point - 1e-4) > 0 > field(fixed_point + 1e-4)
    low, high = 0.01, 0.9
    assert field(low) > 0 > field(high)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if field(middle) > 0 else (low, middle)
    assert low == pytest.approx(fixed_point, abs=1e-5)


@pytest.mark.parametrize("p", [0.01, 1 / 11, 0.5, 0.99])
def test_shared_parameters_do_not_mislead_the_gradient(p):
    well, rule = SharedBernoulli(), make_rule("softmax-pg")
    theta = well.logits(np.log(p / (1 - p)))
    change = well.shared_change(rule.step(theta, well.values(), 1.0, well.weight()) - theta)
    assert change == pytest.approx(-45 * p * (1 - p), rel=1e-9)
    zero = make_rule("delightful-pg", temperature=0.0)
    change = well.shared_change(zero.step(theta, well.values(), 1.0, well.weight()) - theta)
    assert change == pytest.approx(5 * p * (1 - p) * (1 - 11 * p), rel=1e-9, abs=1e-12)
