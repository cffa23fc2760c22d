"""Group rules: the pure birth law against simulated groups, wrong arms and all."""

import math

import numpy as np
import pytest

from gw_envs.theory import group_escape_law

G = 8


def softmax(theta):
    e = np.exp(theta - theta.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def advantages(rule, m, size=G):
    """Of a success and of a failure, in groups with m successes and rewards 1 and 0."""
    mean = m / size
    if rule == "rloo":
        return (size - m) / (size - 1), -m / (size - 1)
    if rule == "dr-grpo":
        return 1 - mean, -mean
    deviation = np.sqrt(mean * (1 - mean))
    deviation = np.where(deviation > 0, deviation, 1.0)
    return (1 - mean) / deviation, -mean / deviation


def seen_groups(rng, x):
    """Groups up to one with a success, and the number of successes in it."""
    wait = rng.geometric(-np.expm1(G * np.log1p(-x)))
    m = np.zeros(x.size, dtype=int)
    while np.any(m == 0):
        m[m == 0] = rng.binomial(G, x[m == 0])
    return wait, m


def escape_groups(rule, x0, k, eta, n, seed):
    """Groups to pi(a*) > .1; those without a success change nothing and are skipped."""
    rng = np.random.default_rng(seed)
    theta = np.log(np.tile([x0] + [(1 - x0) / (k - 1)] * (k - 1), (n, 1)))
    time, alive = np.zeros(n), np.arange(n)
    while alive.size:
        pi = softmax(theta[alive])
        wait, m = seen_groups(rng, pi[:, 0])
        time[alive] += wait
        if rule == "max-rl":
            push = -pi
            push[:, 0] += 1
        else:
            wrong = rng.multinomial(G - m, pi[:, 1:] / pi[:, 1:].sum(1, keepdims=True))
            success, failure = advantages(rule, m)
            push = np.column_stack([success * m, failure[:, None] * wrong]) / G
        theta[alive] += eta * push  # advantages sum to zero: no multiple of pi is left
        alive = alive[softmax(theta[alive])[:, 0] <= 0.1]
    return time


@pytest.mark.parametrize(
    "rule, law", [("rloo", 8965), ("dr-grpo", None), ("grpo", 3812), ("max-rl", 1787)]
)
def test_groups_to_escape(rule, law):
    """K = 6, eta = 1, x0 = 1e-4, 3,000 seeds."""
    expected = group_escape_law(rule, 1e-4, G, 1.0, num_actions=6)
    assert law is None or expected.mean == pytest.approx(law, abs=0.5)
    time = escape_groups(rule, 1e-4, 6, 1.0, 3000, seed=5)
    assert abs(time.mean() - expected.mean) < 4 * time.std() / math.sqrt(time.size)
    assert time.std() / time.mean() == pytest.approx(expected.std / expected.mean, rel=0.06)
    for q in (0.1, 0.5, 0.9):
        share = np.mean(time <= expected.quantile(q))
        assert abs(share - q) < 4 * math.sqrt(q * (1 - q) / time.size) + 0.005


def test_groups_of_clipped_inner_steps():
    """K = 2, eps = .2, x0 = 1e-3, 1,500 seeds: ratios of successes stop at 1.2."""
    rng, n = np.random.default_rng(6), 1500
    v, time, alive = np.full(n, math.log(1e-3 / 0.999)), np.zeros(n), np.arange(n)
    while alive.size:
        old = 1 / (1 + np.exp(-v[alive]))
        wait, m = seen_groups(rng, old)
        time[alive] += wait
        success, failure = advantages("rloo", m)
        u = v[alive]
        for _ in range(250):  # a step moves ln(ratio) by at most .002 m
            new = 1 / (1 + np.exp(-u))
            open_ = new / old <= 1.2
            gain = m * success * open_ * (new / old) * (1 - new)
            loss = (G - m) * failure * ((1 - new) / (1 - old)) * new
            u = u + 0.0015 * (gain - loss)
        v[alive] = u
        alive = alive[u <= math.log(1 / 9)]
    law = group_escape_law("ppo-clip", 1e-3, G, clip=0.2)
    assert law.mean == pytest.approx(742.5, abs=0.1)
    assert law.std / law.mean == pytest.approx(math.sqrt(0.2 / 2.2), rel=1e-12)
    assert abs(time.mean() - law.mean) < 4 * time.std() / math.sqrt(n)


def test_formula_of_the_page():
    law = group_escape_law("rloo", 1e-4, 16, 0.5, num_actions=3, reward_gap=0.4)
    h = 1.5 * 0.5 * 0.4 / 16
    assert law.mean == pytest.approx((1 - 1e-3) / (16e-4 * -math.expm1(-h)), rel=1e-9)
    assert law.std / law.mean == pytest.approx(math.sqrt(math.tanh(h / 2)), rel=1e-9)
