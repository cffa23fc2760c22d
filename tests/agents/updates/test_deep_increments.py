"""Increments of every rule deep in a well, against the same formulas in 60 digits.

A rule that took differences of nearly equal numbers would move the dominant arm by noise."""

import mpmath
import numpy as np
import pytest

from agents.updates import exact_rules, make_rule

X0 = 1e-12
PLAIN = [0.7, 0.5, 0.5]
VERDICT = [1.0, 0.0, 0.0]
POLICY = np.array([X0, 0.01, 1 - X0 - 0.01])


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(60):
        yield


def probabilities(theta):
    weights = [mpmath.exp(t) for t in theta]
    return [w / sum(weights) for w in weights]


def centred(weights, values):
    mean = sum(w * v for w, v in zip(weights, values, strict=True))
    return [v - mean for v in values]


def projected(policy, push):
    total = sum(push)
    return [g - p * total for g, p in zip(push, policy, strict=True)]


def exact(theta, rewards):
    """pi, U, pi U in 60 digits at the logits that the float rule sees."""
    pi = probabilities([mpmath.mpf(float(t)) for t in theta])
    u = centred(pi, [mpmath.mpf(r) for r in rewards])
    return pi, u, [p * a for p, a in zip(pi, u, strict=True)]


def inner(theta, rewards, steps, push):
    start = [mpmath.mpf(float(t)) for t in theta]
    q, u, _ = exact(theta, rewards)
    now = list(start)
    for _ in range(steps):
        pi = probabilities(now)
        change = push(q, pi, u)
        now = [t + c for t, c in zip(now, change, strict=True)]
    return [t - s for t, s in zip(now, start, strict=True)]


def grpo_length(p, size):
    chances = [mpmath.binomial(size, m) * p**m * (1 - p) ** (size - m) for m in range(1, size)]
    lengths = [mpmath.sqrt(m * (size - m)) / size for m in range(1, size)]
    return sum(c * s for c, s in zip(chances, lengths, strict=True)), sum(chances)


def scaled_by(factor):
    def reference(theta, rewards):
        pi, _, g = exact(theta, rewards)
        p = sum(a * mpmath.mpf(r) for a, r in zip(pi, rewards, strict=True))
        return [factor(p) * x for x in g]

    return reference


def ppo(theta, rewards):
    """Deep in the well no ratio comes near a clip in ten steps of 1."""

    def push(q, pi, u):
        return projected(pi, [p * a for p, a in zip(pi, u, strict=True)])

    return inner(theta, rewards, 10, push)


def frozen(theta, rewards):
    r = [mpmath.mpf(v) for v in rewards]

    def push(q, pi, u):
        return projected(pi, [a * b for a, b in zip(q, r, strict=True)])

    return inner(theta, rewards, 64, push)


def one_sided(choose):
    def reference(theta, rewards):
        pi, _, g = exact(theta, rewards)
        return projected(pi, [choose(x, mpmath.mpf(0)) for x in g])

    return reference


REFERENCES = [
    ("softmax-pg", {}, PLAIN, scaled_by(lambda p: 1)),
    ("dr-grpo", {}, PLAIN, scaled_by(lambda p: mpmath.mpf(7) / 8)),
    ("grpo", {}, VERDICT, scaled_by(lambda p: grpo_length(p, 8)[0] / (p * (1 - p)))),
    ("dapo", {}, VERDICT, scaled_by(lambda p: mpmath.fdiv(*grpo_length(p, 8)) / (p * (1 - p)))),
    ("grpo", {"group_size": np.inf}, VERDICT, scaled_by(lambda p: 1 / mpmath.sqrt(p * (1 - p)))),
    ("pass-at-k", {}, VERDICT, scaled_by(lambda p: 4 * (1 - p) ** 3)),
    ("max-rl", {}, VERDICT, scaled_by(lambda p: (1 - (1 - p) ** 8) / p)),
    ("ppo-clip", {}, PLAIN, ppo),
    ("frozen-rollout-pg", {}, PLAIN, frozen),
    ("positive-pg", {}, PLAIN, one_sided(max)),
    ("negative-pg", {}, PLAIN, one_sided(min)),
]


@pytest.mark.parametrize(("name", "options", "rewards", "reference"), REFERENCES)
def test_increments_keep_their_digits(name, options, rewards, reference):
    rule = make_rule(name, **options)
    theta = rule.theta_from_policy(POLICY)
    change = rule.increment(theta, np.array(rewards), 1.0)
    expected = np.array([float(x) for x in reference(theta, rewards)])
    # A reward of .7 or .5 is rounded itself: two wrong arms differ by less than float64 tells.
    np.testing.assert_allclose(change, expected, rtol=1e-6)


@pytest.mark.parametrize("kl", [0.01, 1e-6, 2.0])
def test_a_trust_region_step_has_its_divergence(kl):
    rule = make_rule("trpo", kl=kl)
    for policy in (POLICY, np.array([0.4, 0.35, 0.25]), np.array([1 - 2e-9, 1e-9, 1e-9])):
        theta = rule.theta_from_policy(policy)
        change = rule.increment(theta, np.array(PLAIN), 1.0)
        before = probabilities([mpmath.mpf(float(t)) for t in theta])
        exponents = [mpmath.mpf(float(c)) for c in change]
        grown = sum(p * mpmath.exp(c) for p, c in zip(before, exponents, strict=True))
        mean = sum(p * c for p, c in zip(before, exponents, strict=True))
        assert float(mpmath.log(grown) - mean) == pytest.approx(kl, rel=1e-6)
        u = np.array(PLAIN) - policy @ np.array(PLAIN)
        spread = change - change[0]
        np.testing.assert_allclose(spread, (u - u[0]) * spread[1] / (u[1] - u[0]), atol=1e-9)


@pytest.mark.parametrize("name", exact_rules())
def test_a_step_is_theta_and_its_increment(name):
    rule = make_rule(name)
    theta, rewards = rule.theta_from_policy(POLICY), np.array(PLAIN)
    change = rule.increment(theta, rewards, 0.3)
    np.testing.assert_array_equal(rule.step(theta, rewards, 0.3), theta + change)
    assert np.any(change != 0)
