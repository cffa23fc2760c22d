"""The declared escape exponents against measurement and against the flow of each rule.

On the two-armed bandit each rule's flow is one ordinary differential equation for the log-odds v of
the best arm, derived by hand in `FLOWS`. Its escape time is an integral, done here by quadrature:
shallow, it is what the measured updates must scale like; deep (x0 = 1e-60), its slope must be the
exponent that the rule declares.
"""

import numpy as np
import pytest

from agents.updates import make_rule, run_rule
from gw_envs.instances import harmful_arm

GAP = 0.5  # r = (1, .5)
EDGE = 0.1


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def escort_flow(power):
    def dv(x):
        return power**2 * GAP * x * (1 - x) * (x ** (-2 / power) + (1 - x) ** (-2 / power))

    return dv


def tsallis_flow(alpha):
    def dv(x):
        first, second = (2 * x) ** (2 - alpha) / 2, (2 * (1 - x)) ** (2 - alpha) / 2
        return 2 * GAP * (first * second / (first + second)) ** 2 / (x * (1 - x))

    return dv


def delightful_flow(temperature):
    def dv(x):
        good = sigmoid((1 - x) * GAP * -np.log(x) / temperature) if temperature else 1.0
        bad = sigmoid(x * GAP * np.log1p(-x) / temperature) if temperature else 0.0
        return 2 * x * (1 - x) * GAP * (good * (1 - x) + bad * x)

    return dv


def softmax_flow(x):
    return 2 * GAP * x * (1 - x)


def entropy_flow(x):
    return 2 * x * (1 - x) * (GAP - 0.1 * np.log(x / (1 - x)))


# name, options, learning rate, starts of the measurement, dv/dn at learning rate 1 as f(x)
POWER_LAWS = [
    ("softmax-pg", {}, 1.0, (1e-4, 1e-2), softmax_flow),
    ("armijo-pg", {}, 1.0, (1e-3, 1e-2), softmax_flow),
    ("entropy-pg", {}, 1.0, (1e-4, 1e-2), entropy_flow),
    ("delightful-pg", {}, 1.0, (1e-4, 1e-2), delightful_flow(1.0)),
    ("delightful-pg", {"temperature": 0.0}, 1.0, (1e-4, 1e-2), delightful_flow(0.0)),
    ("escort-pg", {"power": 3.0}, 0.02, (1e-5, 1e-3), escort_flow(3.0)),
    ("escort-pg", {"power": 4.0}, 0.02, (1e-5, 1e-3), escort_flow(4.0)),
    ("escort-pg", {"power": 8.0}, 0.02, (1e-5, 1e-3), escort_flow(8.0)),
    ("escort-pg", {"power": 3.0, "scaled": False}, 0.005, (1e-5, 1e-3), escort_flow(3.0)),
    ("tsallis-pg", {}, 60.0, (1e-3, 1e-2), tsallis_flow(0.5)),
    ("tsallis-pg", {"alpha": 0.7}, 20.0, (1e-3, 1e-2), tsallis_flow(0.7)),
    ("frozen-rollout-pg", {"rollout_steps": 8}, 0.125, (1e-3, 1e-2), softmax_flow),
]
# updates per e-fold of 1/x0 deep in the well, from d ln(odds)/dn there
LOGARITHMIC = [
    ("natural-pg", {}, 0.2, 1 / (0.2 * GAP)),
    ("neurd", {}, 0.2, 1 / (0.2 * GAP)),
    ("normalized-pg", {}, 1 / 6, 6 / np.sqrt(2)),
    ("mirror-ascent", {}, 0.5, 1 / np.log(1 + 0.5 * GAP)),
    ("log-barrier-pg", {"barrier": 0.05}, 1.0, 20.0),
    ("escort-pg", {}, 0.05, 1 / (2 * np.log(1 + 2 * 0.05 * GAP))),
]


def updates_to_escape(name, options, learning_rate, starts, max_updates=30_000):
    policies = np.stack([starts, 1 - starts], axis=-1)
    run = run_rule(
        make_rule(name, **options),
        [1.0, 1.0 - GAP],
        policies,
        learning_rate,
        max_updates,
        escape_prob=EDGE,
    )
    assert np.all(run.escape_time > 0)
    return run.escape_time


def flow_time(dv, start):
    """The integral of dv / (dv/dn) from the log-odds of `start` to those of EDGE."""
    v = np.linspace(np.log(start / (1 - start)), np.log(EDGE / (1 - EDGE)), 200_001)
    integrand = 1 / dv(sigmoid(v))
    return np.sum((integrand[1:] + integrand[:-1]) / 2) * (v[1] - v[0])


def slope(starts, times):
    return np.polyfit(np.log(1 / starts), np.log(times), 1)[0]


@pytest.mark.parametrize(("name", "options", "learning_rate", "interval", "dv"), POWER_LAWS)
def test_power_laws(name, options, learning_rate, interval, dv):
    starts = np.geomspace(*interval, 5)
    flow = np.array([flow_time(dv, start) for start in starts])
    # An unscaled escort step has the scaled one's flow only up to the factor ||theta||^2, which is
    # nearly constant: the Euclidean norm is conserved. Slopes do not see it.
    counts = updates_to_escape(name, options, learning_rate, starts)
    assert slope(starts, counts) == pytest.approx(slope(starts, flow), abs=0.05)
    if options.get("scaled", True):
        clock = learning_rate * options.get("rollout_steps", 1)
        np.testing.assert_allclose(counts * clock, flow, rtol=0.1)
    deep = np.array([1e-60, 1e-59])
    asymptotic = slope(deep, np.array([flow_time(dv, start) for start in deep]))
    assert make_rule(name, **options).rate.escape_exponent == pytest.approx(asymptotic, abs=0.01)


@pytest.mark.parametrize(("name", "options", "learning_rate", "per_fold"), LOGARITHMIC)
def test_logarithmic_laws(name, options, learning_rate, per_fold):
    starts = np.array([1e-14, 1e-15, 1e-6])
    counts = updates_to_escape(name, options, learning_rate, starts)
    expected = per_fold * np.log(10) * 8
    assert counts[0] - counts[2] == pytest.approx(expected, rel=0.01, abs=1.5)
    measured = np.log(counts[1] / counts[0]) / np.log(10)
    declared = make_rule(name, **options).rate.escape_exponent
    assert declared == 0.0
    assert declared == pytest.approx(measured, abs=0.05)


def test_escort_below_two_needs_a_bounded_number_of_updates():
    counts = updates_to_escape("escort-pg", {"power": 1.5}, 0.05, np.array([1e-9, 1e-12, 1e-15]))
    assert counts.max() - counts.min() <= 1
    assert make_rule("escort-pg", power=1.5).rate.escape_exponent == 0.0


def test_expanding_line_search_leaves_at_once():
    counts = updates_to_escape("armijo-pg", {"expand": True}, 1.0, np.array([1e-3, 1e-6, 1e-9]))
    assert list(counts) == [1, 1, 1]
    assert make_rule("armijo-pg", expand=True).rate.escape_exponent == 0.0


def test_log_barrier_gains_230_updates_per_decade_at_a_corner():
    """K=2, eta lam = .01: ln(10)/.01 = 230 updates."""
    starts = np.array([1e-10, 1e-11])
    counts = updates_to_escape("log-barrier-pg", {"barrier": 0.01}, 1.0, starts)
    assert counts[1] - counts[0] == pytest.approx(230, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "gaps", "expected"),
    [
        ("softmax-pg", {}, (0.1, 0.05), 2.07),
        ("delightful-pg", {"temperature": 1.0}, (0.1, 0.05, 0.02), 1.42),
        ("delightful-pg", {"temperature": 0.0}, (0.1, 0.05, 0.02), 1.2),
    ],
)
def test_delight_lowers_the_exponent_where_an_arm_is_harmful(name, options, gaps, expected):
    """r=(1,1-D,0): published slopes of the updates against 1/D, "about" 2.07, 1.42 and 1.2."""
    counts = []
    for gap in gaps:
        well = harmful_arm(gap)
        run = run_rule(
            make_rule(name, **options),
            well.mean_rewards,
            well.policy,
            1.0,
            400_000,
            escape_prob=well.escape_prob,
        )
        counts.append(int(run.escape_time))
    assert min(counts) > 0
    assert slope(np.array(gaps), counts) == pytest.approx(expected, abs=0.05)
