"""Waits of group rules: against the theory's law, a brute-force walk, and exact iteration."""

import math

import numpy as np
import pytest

from agents.diagnosis.groups import GroupWait, critical_kl_weight
from agents.diagnosis.groups.forecast import binomial, first_success_groups, group_signals
from agents.updates import AnchoredGradient
from gw_envs.theory import group_escape_law


def walk(rule, size, pace, x0, edge, runs, seed):
    """Groups until logit x passes the edge, every group drawn; no law of ours."""
    rng = np.random.default_rng(seed)
    gain, total = group_signals(rule, size)
    z, times, n = np.full(runs, np.log(x0 / (1 - x0))), np.zeros(runs), 0
    live = np.arange(runs)
    while live.size:
        n += 1
        x = 1 / (1 + np.exp(-z[live]))
        m = rng.binomial(size, x)
        z[live] += pace * (gain[m] - x * total[m])
        out = z[live] > np.log(edge / (1 - edge))
        times[live[out]] = n
        live = live[~out]
    return times


@pytest.mark.parametrize(
    ("rule", "signals"),
    [
        # m successes among 4: hand-computed sums of the successes' scores, over 4
        ("grpo", [0, 3**0.5 / 4, 0.5, 3**0.5 / 4, 0]),
        ("dr-grpo", [0, 3 / 16, 4 / 16, 3 / 16, 0]),
        ("rloo", [0, 1 / 4, 1 / 3, 1 / 4, 0]),
        ("max-rl", [0, 1, 1, 1, 1]),
        ("pass-at-k", [0, 1, 0, 0, 0]),
    ],
)
def test_signals_are_the_scores_of_the_rules(rule, signals):
    assert group_signals(rule, 4)[0] == pytest.approx(signals, abs=1e-12)


def test_binomial_is_brute_force():
    wanted = [0.7**3, 3 * 0.3 * 0.7**2, 3 * 0.3**2 * 0.7, 0.3**3]
    assert binomial(0.3, 3) == pytest.approx(wanted, rel=1e-12)


def test_first_success_by_its_sum():
    x, size = 0.01, 8
    silent = (1 - x) ** size
    total = sum(n * silent ** (n - 1) * (1 - silent) for n in range(1, 5000))
    assert float(first_success_groups(x, size)) == pytest.approx(total, rel=1e-9)
    assert np.isinf(first_success_groups(0.0, size))


@pytest.mark.parametrize("rule", ["grpo", "dr-grpo", "rloo", "max-rl"])
@pytest.mark.parametrize("x0", [1e-4, 1e-6, 1e-9])
def test_deep_waits_are_those_of_the_theory(rule, x0):
    size, eta = 8, 1.0
    law = group_escape_law(rule, x0, size, eta, num_actions=2)  # edge .1
    wait = GroupWait(rule, size, 2 * eta, escape_prob=0.1)
    mean, variance = wait.moments(x0)
    rest = 0.02 + 300 * x0  # what the law leaves out: two successes in a group, near the edge
    assert float(mean) == pytest.approx(law.mean, rel=rest)
    assert float(np.sqrt(variance)) == pytest.approx(law.std, rel=rest)
    for q, error in ((0.05, 0.35), (0.5, 0.03), (0.95, 0.03)):  # a gamma distribution's
        assert float(wait.quantile(q, x0)) == pytest.approx(law.quantile(q), rel=error + rest)


@pytest.mark.parametrize(
    ("rule", "size", "pace", "x0", "edge"),
    [
        ("grpo", 8, 0.6, 0.005, 0.5),
        ("grpo", 32, 0.5, 0.05, 0.5),
        ("dr-grpo", 4, 2.0, 0.02, 0.5),
        ("rloo", 16, 2.0, 0.01, 0.3),
        ("max-rl", 8, 0.3, 0.01, 0.8),
        ("max-rl", 2, 3.0, 0.02, 0.5),
        ("pass-at-k", 8, 0.7, 0.02, 0.5),
    ],
)
def test_moments_and_quantiles_are_those_of_a_drawn_walk(rule, size, pace, x0, edge):
    times = walk(rule, size, pace, x0, edge, 2000, 1)
    wait = GroupWait(rule, size, pace, escape_prob=edge)
    mean, variance = wait.moments(x0)
    error = times.std() / np.sqrt(len(times))
    assert abs(float(mean) - times.mean()) < 4 * error + 0.02 * times.mean()
    assert float(np.sqrt(variance)) == pytest.approx(times.std(), rel=0.1)
    for q, off in ((0.05, 0.25), (0.5, 0.08), (0.95, 0.08)):  # times are whole numbers
        drawn = np.quantile(times, q)
        assert abs(float(wait.quantile(q, x0)) - drawn) < 1 + off * drawn


def test_waits_end_at_the_edge_and_never_at_zero():
    wait = GroupWait("grpo", 8, 0.5)
    assert wait.quantile(0.5, [0.5, 0.9, 1.0]).tolist() == [0, 0, 0]
    assert np.isinf(wait.quantile(0.5, 0.0))
    medians = wait.quantile(0.5, 10.0 ** np.arange(-12, -0.5, 0.05))
    assert np.all(np.diff(medians) < 0)


@pytest.mark.parametrize("form", ["reverse", "k3"])
@pytest.mark.parametrize("x0", [1e-6, 1e-3, 0.05])
def test_critical_weight_of_rloo_is_that_of_the_exact_gradient(form, x0):
    """Delta edge (1-edge)/(edge - x0), or Delta/(logit edge - logit x0), where the edge is low."""
    known = AnchoredGradient(estimator=form).critical_temperature(1.0, x0, 0.1)
    ours = critical_kl_weight("rloo", 8, x0, escape_prob=0.1, kl_form=form)
    assert ours == pytest.approx(float(known), rel=1e-9)


@pytest.mark.parametrize("rule", ["grpo", "max-rl"])
@pytest.mark.parametrize("form", ["reverse", "k3"])
def test_critical_weight_parts_the_expected_updates(rule, form):
    """A table whose logits follow every expected group, iterated: past the edge or at rest."""
    size, x0, edge = 8, 0.02, 0.5
    m = np.arange(size + 1)
    ways = np.array([math.comb(size, k) for k in m])
    critical = critical_kl_weight(rule, size, x0, escape_prob=edge, kl_form=form)
    gain, total = group_signals(rule, size)
    z0 = np.log(x0 / (1 - x0))
    for factor, escapes in ((0.95, True), (1.05, False)):
        z = z0
        for _ in range(4000):
            x = 1 / (1 + np.exp(-z))
            pull = x - x0 if form == "k3" else x * (1 - x) * (z - z0)
            z += ways * x**m * (1 - x) ** (size - m) @ (gain - x * total)
            z -= factor * critical * pull
        assert bool(z > np.log(edge / (1 - edge))) is escapes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pace": 0}, "pace=0"),
        ({"pace": 1.0, "escape_prob": 1.0}, "escape_prob=1.0"),
        ({"pace": 1.0, "rule": "gpro"}, "Did you mean 'grpo'"),
        ({"pace": 1.0, "group_size": 1}, "group_size=1"),
    ],
)
def test_bad_waits_are_one_sentence(arguments, words):
    from gw_envs.checks import BadInput

    with pytest.raises(BadInput, match=words):
        GroupWait(**({"rule": "grpo", "group_size": 8} | arguments))
