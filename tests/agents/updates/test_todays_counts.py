"""Updates to escape of the rules people train with, computed by another program before these were.

K = 6, wrong arms alike and equally likely, eta = 1, edge .1. Verdicts are r = (1, 0, ...), the
plain well is r = (.7, .5, ...). Adam's count at x0 = 1e-12, 4,167,554, is left to an engine that
jumps; its law there is measured in test_rates at a larger epsilon.
"""

import numpy as np
import pytest

from agents.updates import make_rule
from gw_envs.theory.instances import harmful_arm, two_plateaus
from tests.agents.updates.iterated import run_rule

VERDICT = [1.0, 0, 0, 0, 0, 0]
PLAIN = [0.7, 0.5, 0.5, 0.5, 0.5, 0.5]
DECADES = (1e-2, 1e-3, 1e-4)
INFINITE = float("inf")


def starts(optimal_probs):
    x0 = np.atleast_1d(optimal_probs).astype(float)
    return np.concatenate([x0[:, None], np.repeat((1 - x0[:, None]) / 5, 5, axis=1)], axis=1)


def counts(name, rewards, optimal_probs, learning_rate=1.0, budget=40_000, **options):
    rule = make_rule(name, **options)
    policies = starts(optimal_probs)
    return run_rule(rule, rewards, policies, learning_rate, budget, escape_prob=0.1).escape_time


COUNTS = [
    ("rloo", {}, VERDICT, DECADES, [81, 836, 8341]),
    ("dr-grpo", {}, VERDICT, [1e-3], [955]),
    ("grpo", {}, VERDICT, DECADES, [33, 320, 3158]),
    ("grpo", {"group_size": 64}, VERDICT, DECADES, [16, 116, 1067]),
    ("grpo", {"group_size": INFINITE}, VERDICT, DECADES, [13, 50, 164]),
    ("dapo", {}, VERDICT, DECADES, [6, 12, 18]),
    ("pass-at-k", {}, VERDICT, DECADES, [23, 214, 2093]),
    ("max-rl", {}, VERDICT, DECADES, [12, 108, 1048]),
    ("max-rl", {"rollouts": INFINITE}, PLAIN, DECADES[:2], [201, 2089]),
    ("kl-pg", {"temperature": 0.03}, PLAIN, [1e-3], [5060]),
    ("kl-pg", {"temperature": 0.042}, PLAIN, [1e-3], [6297]),
    ("kl-pg", {"reference": "uniform", "estimator": "k3"}, PLAIN, [1e-3], [1118]),
    ("ppo-clip", {"inner_steps": 1}, PLAIN, [1e-3], [4167]),
    ("ppo-clip", {"inner_steps": 10}, PLAIN, [1e-3], [417]),
    ("ppo-clip", {"inner_steps": 100}, PLAIN, [1e-3], [49]),
    ("trpo", {}, PLAIN, [1e-3, 1e-12], [4, 4]),
    ("trpo", {"kl": 0.001}, PLAIN, [1e-3, 1e-12], [13, 14]),
    ("temperature-pg", {}, PLAIN, [*DECADES, 1e-6], [54, 178, 860, 33_378]),
    ("asymmetric-pg", {"value": 0.52}, PLAIN, [1e-3, 1e-6], [133, 325]),
    ("positive-pg", {}, PLAIN, [1e-3], [4188]),
    ("count-bonus", {}, PLAIN, [1e-3], [1731]),
]


@pytest.mark.parametrize(("name", "options", "rewards", "optimal_probs", "expected"), COUNTS)
def test_updates_to_escape(name, options, rewards, optimal_probs, expected):
    np.testing.assert_allclose(counts(name, rewards, optimal_probs, **options), expected, atol=1)


def test_adam():
    times = counts("adam-pg", PLAIN, [1e-3, 1e-6], learning_rate=0.01)
    np.testing.assert_allclose(times, [146, 267], atol=1)


@pytest.mark.parametrize(
    ("name", "options", "well", "expected"),
    [
        ("softmax-pg", {}, harmful_arm(0.2), 10_918),
        ("positive-pg", {}, harmful_arm(0.2), 1266),
        ("softmax-pg", {}, two_plateaus(), 2960),
        ("clip-cov", {"threshold": 0.1}, two_plateaus(), 443),
    ],
)
def test_wells_of_several_plateaus(name, options, well, expected):
    rule, budget = make_rule(name, **options), 20_000
    edge = well.escape_prob
    run = run_rule(rule, well.mean_rewards, well.policy, 1.0, budget, escape_prob=edge)
    assert int(run.escape_time) == pytest.approx(expected, abs=1)


def test_grpo_of_two_is_softmax_on_verdicts():
    theta = np.log(starts(1e-3))
    pair = make_rule("grpo", group_size=2).direction(theta, np.array([VERDICT]))
    plain = make_rule("softmax-pg").direction(theta, np.array([VERDICT]))
    np.testing.assert_allclose(pair, plain, rtol=1e-12)


def never(name, well, budget, **options):
    rule = make_rule(name, **options)
    edge = well.escape_prob
    run = run_rule(rule, well.mean_rewards, well.policy, 1.0, budget, escape_prob=edge)
    return int(run.escape_time) == -1


def test_a_tight_covariance_stalls():
    """omega = .01: no arm but the pushed-down ones learns; after 20,000 updates hardly any does."""
    assert never("clip-cov", two_plateaus(), 20_000, threshold=0.01)


@pytest.mark.slow
def test_a_tight_covariance_stalls_for_good():
    assert never("clip-cov", two_plateaus(), 300_000, threshold=0.01)


def test_the_critical_temperature():
    """tau_c = Delta/L = .2/(logit .1 - logit .001) = .04247; k3: Delta e(1-e)/(e-x0)."""
    rule = make_rule("kl-pg", temperature=0.042)
    assert rule.critical_temperature(0.2, 1e-3) == pytest.approx(0.04247, abs=5e-6)
    k3 = make_rule("kl-pg", estimator="k3").critical_temperature(0.2, 1e-3)
    assert k3 == pytest.approx(0.2 * 0.09 / 0.099)
    assert make_rule("kl-pg", reference="uniform").critical_temperature(0.2, 1e-3) == np.inf


@pytest.mark.parametrize("estimator", ["reverse", "k3"])
def test_the_critical_temperature_is_where_the_push_to_the_best_arm_ends(estimator):
    """At the edge, started at x0: the log-odds still rise just below tau_c, and fall just above."""
    critical = float(make_rule("kl-pg", estimator=estimator).critical_temperature(0.2, 1e-3))
    for share, sign in ((0.999, 1), (1.001, -1)):
        rule = make_rule("kl-pg", estimator=estimator, temperature=share * critical)
        theta = np.concatenate([np.log(starts(0.1)), np.log(starts(1e-3))], axis=-1)[0]
        change = rule.increment(theta, np.array(PLAIN), 1.0)
        assert np.sign(change[0] - change[1]) == sign
        np.testing.assert_array_equal(change[6:], 0)


def test_above_the_critical_temperature_it_warns_and_stays():
    with pytest.warns(UserWarning, match=r"temperature=0\.043 holds.*tau_c=0\.04247"):
        times = counts("kl-pg", PLAIN, [1e-3], temperature=0.043)
    assert times[0] == -1


@pytest.mark.slow
def test_above_the_critical_temperature_it_stays_for_300_000_updates():
    with pytest.warns(UserWarning, match="tau_c"):
        assert counts("kl-pg", PLAIN, [1e-3], budget=300_000, temperature=0.043)[0] == -1


def test_asymmetric_rests_where_its_data_say():
    """V below every reward: mu (r - V)/M."""
    rule = make_rule("asymmetric-pg", value=0.3)
    run = run_rule(rule, PLAIN, starts(1e-3)[0], 5.0, 4000, stop_at_escape=False)
    expected = (np.array(PLAIN) - 0.3) / np.sum(np.array(PLAIN) - 0.3)
    np.testing.assert_allclose(run.final_policy, expected, rtol=1e-6)
