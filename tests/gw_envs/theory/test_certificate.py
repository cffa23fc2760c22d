"""The certificate: what it proves, what it refuses, where it says nothing; its theorem's parts."""

import builtins

import mpmath
import numpy as np
import pytest

from gw_envs.theory import (
    certify_equal_gap_escape_time,
    certify_escape_time,
    equal_gap_escape_time,
    escape_threshold,
)
from gw_envs.theory.certificate import series
from gw_envs.theory.clock import abel_polynomials

CORNER = np.log([1e-3, 1 - 5e-3, 1e-3, 1e-3, 1e-3, 1e-3])
SIX_ARMS = [0.7, 0.5, 0.5, 0.5, 0.5, 0.5]


def residual(p, s):
    """R of the telescoped series from its definition, B(v + s) - B(v) - 1 with h = s/f."""
    h, v = s / (p * (1 - p)), mpmath.log(p / (1 - p))

    def b(v):
        x = 1 / (1 + mpmath.exp(-v))
        total = 2 * (v + mpmath.sinh(v)) / h + mpmath.log(x * (1 - x)) / 2
        for k, a in enumerate(abel_polynomials(), 1):
            value = sum(mpmath.mpf(c.numerator) / c.denominator * x**i for i, c in enumerate(a))
            total += h**k * value
        return total

    return b(v + s) - b(v) - 1


@pytest.mark.parametrize("p", [1e-9, 0.01, 0.1, 0.3, 0.5, 0.59])
def test_the_residual_has_the_order_and_the_size_of_the_theorem(p):
    order = len(abel_polynomials()) + 2
    with mpmath.workdps(80):
        x = mpmath.mpf(p)
        small, half = residual(x, mpmath.mpf(2) ** -20), residual(x, mpmath.mpf(2) ** -21)
        assert mpmath.log(abs(small / half), 2) == pytest.approx(order, abs=1e-3)
        most = mpmath.mpf(float(series.largest_residual()))
        for s in (mpmath.mpf(2) ** -20, mpmath.mpf("0.01"), mpmath.mpf("0.5")):
            assert abs(residual(x, s)) <= most * s**order / (1 - s)
        for angle in (0.1, 1.0, 2.0, 3.0):  # the maximum that Cauchy's estimate needs
            assert abs(residual(x, mpmath.expj(angle))) <= most


def test_the_series_rises_as_the_theorem_needs():
    assert series.least_slope() > 0.99


@pytest.mark.parametrize(
    ("start", "count", "methods"),
    [
        ((1e-2, 0.5, 1.0), 96, ["direct"]),
        ((1e-3, 0.5, 1.0), 1002, ["direct"]),
        ((1e-3, 0.2, 1.0, 6), 4167, ["direct", "series"]),
        ((1e-5, 0.2, 1.0, 6), 416_708, ["series"]),
    ],
)
def test_known_counts(start, count, methods):
    for method in methods:
        for claim in (count - 1, count, count + 1):
            proof = certify_equal_gap_escape_time(claim, *start, method=method)
            assert proof.verdict == ("certified" if claim == count else "refuted")
            assert proof.method == method
            assert proof.escape_time in (count, None)
            assert ("Not" in proof.reason) == (claim != count)


def test_a_start_where_updates_are_large_is_not_for_the_series():
    proof = certify_equal_gap_escape_time(96, 1e-2, 0.5, 1.0, method="series")
    assert proof.verdict == "not certified"
    assert "small steps" in proof.reason


def test_every_update_of_416_708():
    proof = certify_equal_gap_escape_time(416_708, 1e-5, 0.2, 1.0, 6, method="direct")
    assert (proof.verdict, proof.made) == ("certified", 416_708)
    proof = certify_equal_gap_escape_time(416_708, 1e-5, 0.2, 1.0, 6)
    assert (proof.verdict, proof.method) == ("certified", "series")
    assert proof.made < 2000


@pytest.mark.parametrize(
    "start",
    [
        (1e-12, 0.1, 1.0),
        (1e-3, 0.5, 1e-15),
        (1e-300, 0.5, 1.0, 3),
        (5e-324, 1e-200, 1e-200, 7),
        (1e-9, 0.5, 30.0, 4),
        (1e-6, 0.5, 1.0, 2, 0.5),
        (1e-6, 0.5, 1.0, 2, 0.9),
        (0.0999, 0.5, 1.0),
        (0.2, 0.5, 1.0),
    ],
)
def test_any_depth_and_one_more_or_less_is_refused(start):
    count = equal_gap_escape_time(*start)
    assert certify_equal_gap_escape_time(count, *start).verdict == "certified"
    for claim in {max(count - 1, 0), count + 1} - {count}:
        proof = certify_equal_gap_escape_time(claim, *start)
        assert proof.verdict == "refuted"
        assert f"Not {claim:,}" in proof.reason


def test_random_wells_are_certified_by_the_series():
    rng = np.random.default_rng(7)
    for _ in range(60):
        gap, k = float(rng.uniform(0.01, 1)), int(rng.integers(2, 40))
        start = (float(10 ** rng.uniform(-30, -4)), gap, float(10 ** rng.uniform(-3, 1.3)), k)
        proof = certify_equal_gap_escape_time(equal_gap_escape_time(*start), *start)
        assert (proof.verdict, proof.method) == ("certified", "series")


def test_a_start_on_the_edge_is_in_the_well():
    edge = escape_threshold()
    assert certify_equal_gap_escape_time(1, edge, 0.5, 1.0).verdict == "certified"
    assert certify_equal_gap_escape_time(0, edge, 0.5, 1.0).verdict == "refuted"


def test_any_rewards_and_starts_by_every_update():
    assert certify_escape_time(6296, SIX_ARMS, CORNER, 0.4).verdict == "certified"
    assert certify_escape_time(6295, SIX_ARMS, CORNER, 0.4).verdict == "refuted"
    proof = certify_escape_time(6297, SIX_ARMS, CORNER, 0.4)
    assert (proof.verdict, proof.escape_time) == ("refuted", 6296)


def test_the_leader_may_change():
    """Two plateaus: arm 3 leads first, arm 2 then; against 60 digits."""
    rewards, policy, eta = [1.0, 0.8, 0.0], [0.01, 0.05, 0.94], 1.0
    with mpmath.workdps(60):
        theta, n = [mpmath.log(p) for p in policy], 0
        start = [float(t) for t in theta]
        theta = [mpmath.mpf(t) for t in start]
        while True:
            weights = [mpmath.exp(t) for t in theta]
            pi = [w / sum(weights) for w in weights]
            value = sum(p * mpmath.mpf(r) for p, r in zip(pi, rewards, strict=True))
            if 1 - value < 0.9 * (1.0 - 0.8) * (1 - 1e-12):
                break
            theta = [
                t + eta * p * (mpmath.mpf(r) - value)
                for t, p, r in zip(theta, pi, rewards, strict=True)
            ]
            n += 1
    assert n > 200
    assert certify_escape_time(n, rewards, start, eta).verdict == "certified"
    assert certify_escape_time(n - 1, rewards, start, eta).verdict == "refuted"


def test_alike_arms_of_a_bandit_reach_any_depth():
    theta = np.log([1e-12, 1 - 1e-12])
    proof = certify_escape_time(5_000_000_000_218, [0.6, 0.5], theta, 1.0)
    assert proof.method == "series"
    assert proof.verdict in ("certified", "refuted")  # the logits are rounded, so T may differ ...
    again = certify_escape_time(proof.escape_time, [0.6, 0.5], theta, 1.0)
    assert again.verdict == "certified"
    assert abs(proof.escape_time / 5e12 - 1) < 1e-9  # ... but not by much


@pytest.mark.parametrize(
    ("claim", "rewards", "theta", "options", "reason"),
    [
        (10**9, [1, 0.9, 0.1], [-9, 0, 0.1], {}, "the series needs wrong arms alike"),
        (
            10**9,
            [1, 0.9, 0.1],
            [-9, 0, 0.1],
            {"method": "series"},
            "needs wrong arms with the same",
        ),
        (10**9, [1, 0.9], [-30, 0], {"method": "direct"}, "more than max_updates"),
    ],
)
def test_out_of_reach_is_not_certified(claim, rewards, theta, options, reason):
    proof = certify_escape_time(claim, rewards, theta, 1e-3, **options)
    assert proof.verdict == "not certified"
    assert proof.escape_time is None
    assert reason in proof.reason


def test_a_policy_on_the_edge_is_not_decided():
    """Sub-optimality of the first policy is the edge to 2,000 bits; no ball can tell the side."""
    edge = 0.25  # of pi(a*), which theta = (0, 0, 0, 0) has exactly
    proof = certify_escape_time(1, [1, 0.5, 0.5, 0.4], [0, 0, 0, 0], 1e-3, edge)
    assert proof.verdict == "not certified"
    assert "too near to the edge" in proof.reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0.1, 0.5, 1.0), "count=-1"),
        ((1.5, 0.1, 0.5, 1.0), "count=1.5"),
        ((1, 0.0, 0.5, 1.0), "optimal_prob=0"),
        ((1, 0.1, 0.0, 1.0), "reward_gap=0"),
        ((1, 0.1, 0.5, -1.0), "learning_rate=-1"),
        ((1, 0.1, 0.5, 1.0, 1), "num_actions=1"),
        ((1, 0.1, 0.5, 1.0, 2, 1.0), "escape_prob=1"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        certify_equal_gap_escape_time(*arguments)


def test_bad_input_of_a_bandit():
    with pytest.raises(ValueError, match="initial_theta of shape"):
        certify_escape_time(1, [1, 0.5], [0, 0, 0], 1.0)
    with pytest.raises(ValueError, match="several best arms"):
        certify_escape_time(1, [1, 1], [0, 0], 1.0)
    with pytest.raises(ValueError, match="method='fast'"):
        certify_escape_time(1, [1, 0.5], [0, 0], 1.0, method="fast")


def test_a_missing_extra_is_one_sentence(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "flint":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"python-flint.*gravity-wells\[certify\]"):
        certify_equal_gap_escape_time(96, 1e-2, 0.5, 1.0)
