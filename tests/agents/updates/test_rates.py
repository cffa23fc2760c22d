"""The declared escape exponents against measurement and against the flow of each rule.

Every rule in the table is measured at its own step size, whoever added it: the growth of its escape
times must be what it declares. Every rule also needs a row below, a law worked out by hand.

On the two-armed bandit each rule's flow is one ordinary differential equation for the log-odds v of
the best arm, derived by hand in `POWER_LAWS`. Its escape time is an integral, done by quadrature:
shallow, it is what the measured updates must scale like; deep (x0 = 1e-60), its slope must be the
exponent that the rule declares. Rules that take verdicts are measured on r = (1, 0).
"""

import math

import numpy as np
import pytest

from agents.updates import (
    RULES,
    GradientRule,
    Rate,
    SoftmaxGradient,
    exact_rules,
    make_rule,
    register,
)
from gw_envs.theory.instances import harmful_arm
from tests.agents.updates.iterated import run_rule

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


def verdict_flow(score):
    """The mean over groups of G verdicts, m right: 2 sum_m P(m) score(m), scores of K = 2."""

    def flow(size):
        def dv(x):
            return 2 * sum(
                math.comb(size, m) * x**m * (1 - x) ** (size - m) * score(m, size)
                for m in range(1, size)
            )

        return dv

    return flow


def grpo_score(m, size):
    """One right answer adds (1 - m/G)/s to a*, s = sqrt(m(G-m))/G, one wrong -m/G/s to the other;
    the mean over the group moves the odds by half of 2 sqrt(m(G-m))/G."""
    return math.sqrt(m * (size - m)) / size


def passed_flow(x):
    return 2 * 4 * x * (1 - x) ** 4


def likelihood_flow(x):
    return -2 * (1 - x) * np.expm1(8 * np.log1p(-x))


def positive_flow(x):
    return 2 * GAP * x * (1 - x) ** 2


def negative_flow(x):
    return 2 * GAP * x**2 * (1 - x)


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
    ("ppo-clip", {"inner_steps": 8}, 0.125, (1e-3, 1e-2), softmax_flow),
    ("kl-cov", {"inner_steps": 8}, 0.125, (1e-3, 1e-2), softmax_flow),
    ("clip-cov", {}, 1.0, (1e-3, 1e-2), softmax_flow),
    ("rloo", {}, 1.0, (1e-3, 1e-2), softmax_flow),
    ("dr-grpo", {}, 1.0, (1e-3, 1e-2), lambda x: 7 / 8 * softmax_flow(x)),
    ("grpo", {}, 0.1, (1e-4, 1e-2), verdict_flow(grpo_score)(8)),
    ("grpo", {"group_size": 2}, 1.0, (1e-3, 1e-2), lambda x: softmax_flow(x) / GAP),
    ("grpo", {"group_size": np.inf}, 0.1, (1e-6, 1e-3), lambda x: 2 * np.sqrt(x * (1 - x))),
    ("pass-at-k", {}, 0.1, (1e-4, 1e-2), passed_flow),
    ("max-rl", {}, 0.1, (1e-4, 1e-2), likelihood_flow),
    ("positive-pg", {}, 1.0, (1e-3, 1e-2), positive_flow),
    ("negative-pg", {}, 20.0, (1e-3, 1e-2), negative_flow),
]
# updates per e-fold of 1/x0 deep in the well, from d ln(odds)/dn there
LOGARITHMIC = [
    ("natural-pg", {}, 0.2, 1 / (0.2 * GAP)),
    ("dapo", {}, 0.1, 8 / (2 * 0.1 * np.sqrt(7))),
    ("max-rl", {"rollouts": np.inf}, 0.1, 1 / (2 * 0.1)),
    ("asymmetric-pg", {}, 0.1, 1 / (0.1 * (GAP / 2 + 0.25))),
    ("neurd", {}, 0.2, 1 / (0.2 * GAP)),
    ("normalized-pg", {}, 1 / 6, 6 / np.sqrt(2)),
    ("mirror-ascent", {}, 0.5, 1 / np.log(1 + 0.5 * GAP)),
    ("log-barrier-pg", {"barrier": 0.05}, 1.0, 20.0),
    ("escort-pg", {}, 0.05, 1 / (2 * np.log(1 + 2 * 0.05 * GAP))),
]

# rules whose flow depends on the start or on time; their laws are the tests at the end
OF_THEIR_OWN = ["adam-pg", "kl-pg", "temperature-pg", "count-bonus", "trpo"]

BUDGET = 4000  # updates of the measurement that needs no row
# learning rate and budget where a rule's own leave it amid two regimes, or the well too deep
MEASURED = {"adam-pg": (0.1, 20_000), "negative-pg": (100.0, 20_000)}


def escape_times(rule, learning_rate, starts, max_updates):
    """Of every start x0 = pi(a*); -1 where the budget ends first."""
    policies = np.stack([starts, 1 - starts], axis=-1)
    rewards = [1.0, 0.0] if rule.uses_verdicts else [1.0, 1.0 - GAP]
    return run_rule(
        rule, rewards, policies, learning_rate, max_updates, escape_prob=EDGE
    ).escape_time


def measured_exponent(rule):
    """Growth of T over the last decade of starts, to 1e-14, that BUDGET updates can leave, and
    that decade."""
    default = rule.default_learning_rate(GAP), BUDGET
    (rate, budget), times = MEASURED.get(rule.name, default), []
    for decade in range(2, 15):
        time = int(escape_times(rule, rate, np.array(10.0**-decade), budget))
        assert time > 0, f"{rule.name} is still in the well of pi(a*)=1e-{decade} at {budget}"
        times.append(time)
        if len(times) > 1 and times[-1] ** 2 / times[-2] > budget:
            break
    return np.log10(times[-1] / times[-2]), decade


def check_declaration(rule):
    """T ~ x0^-alpha ln(1/x0)^beta between two decades; tau ln(1/x0) costs .085."""
    measured, decade = measured_exponent(rule)
    logarithm = rule.rate.log_exponent * np.log10(decade / (decade - 1))
    assert rule.rate.escape_exponent + logarithm == pytest.approx(measured, abs=0.1)


def check_rows(rows):
    missing = set(exact_rules()) - {name for name, *_ in rows} - set(OF_THEIR_OWN)
    assert not missing, f"{sorted(missing)} need a row in POWER_LAWS or LOGARITHMIC"


@pytest.mark.parametrize("name", exact_rules())
def test_every_rule_declares_what_is_measured(name):
    check_declaration(make_rule(name))


def test_every_rule_has_a_row():
    check_rows([*POWER_LAWS, *LOGARITHMIC])


@pytest.fixture
def enter():
    """Registers throw-away rules."""
    before = dict(RULES)
    yield register
    RULES.clear()
    RULES.update(before)


def test_a_wrong_exponent_and_a_missing_row_are_seen(enter):
    @enter("hasty-pg")
    class Hasty(SoftmaxGradient):
        rate = Rate("wrong", escape_exponent=0.7, source="nowhere")

    with pytest.raises(AssertionError, match=r"0\.7"):
        check_declaration(make_rule("hasty-pg"))
    with pytest.raises(AssertionError, match="hasty-pg"):
        check_rows([*POWER_LAWS, *LOGARITHMIC])
    Hasty.rate = Rate("right", escape_exponent=1.0, source="softmax-pg")
    check_declaration(make_rule("hasty-pg"))
    check_rows([*POWER_LAWS, *LOGARITHMIC, ("hasty-pg",)])


def test_a_rule_without_a_rate_cannot_be_made(enter):
    @enter("silent-pg")
    class Silent(GradientRule):
        def direction(self, theta, values, weight=1.0):
            return theta

    with pytest.raises(TypeError, match="rate"):
        make_rule("silent-pg")


def updates_to_escape(name, options, learning_rate, starts, max_updates=30_000):
    times = escape_times(make_rule(name, **options), learning_rate, starts, max_updates)
    assert np.all(times > 0)
    return times


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
        clock = learning_rate * options.get("rollout_steps", options.get("inner_steps", 1))
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


def test_a_learnt_temperature_gains_the_square_of_the_logarithm():
    """K=2: dv = x (1-x) GAP (2 kappa^2 + delta^2) dn in v = kappa delta, where 2 kappa^2 - delta^2
    is conserved: (2 kappa^2 + delta^2)^2 = (2 - v0^2)^2 + 8 v^2."""
    rule, starts = make_rule("temperature-pg"), np.geomspace(1e-5, 1e-3, 5)

    def flow(start):
        first = np.log(start / (1 - start))

        def dv(x):
            gain = np.sqrt((2 - first**2) ** 2 + 8 * np.log(x / (1 - x)) ** 2)
            return x * (1 - x) * GAP * gain

        return flow_time(dv, start)

    expected = np.array([flow(start) for start in starts])
    counts = escape_times(rule, 0.05, starts, 40_000)
    np.testing.assert_allclose(counts * 0.05, expected, rtol=0.05)
    deep = np.array([1e-120, 1e-119])
    asymptotic = slope(deep, np.array([flow(start) for start in deep]))
    logarithm = rule.rate.log_exponent * np.log10(120 / 119)
    assert rule.rate.escape_exponent + logarithm == pytest.approx(asymptotic, abs=0.01)


def test_a_penalised_flow():
    """K=2: dv = 2 x (1-x) (GAP - tau (v - v0)) dn, shallow of the depth that is critical."""
    starts, tau = np.geomspace(1e-4, 1e-2, 5), 0.04

    def dv(start):
        first = np.log(start / (1 - start))
        return lambda x: 2 * x * (1 - x) * (GAP - tau * (np.log(x / (1 - x)) - first))

    expected = np.array([flow_time(dv(start), start) for start in starts])
    counts = escape_times(make_rule("kl-pg", temperature=tau), 1.0, starts, 60_000)
    np.testing.assert_allclose(counts, expected, rtol=0.1)


def test_a_count_bonus_buys_a_constant():
    """Between the well of gap GAP + bonus and that of GAP, whatever the depth."""
    starts = np.array([1e-4, 1e-3])
    counts = escape_times(make_rule("count-bonus"), 1.0, starts, 30_000)
    plain = np.array([flow_time(softmax_flow, start) for start in starts])
    assert np.all((plain * GAP / (GAP + 0.5) < counts) & (counts < plain))
    assert np.log10(counts[0] / counts[1]) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("kl", [0.01, 0.001, 0.0001])
def test_a_trust_region_crosses_an_arc(kl):
    """2 asin sqrt(x) moves by sqrt(2 kl) per update, from the edge's distance at any depth."""
    starts = np.array([1e-3, 1e-6, 1e-12, 1e-15])
    counts = escape_times(make_rule("trpo", kl=kl), 1.0, starts, 1000)
    arc = np.arcsin(np.sqrt(EDGE)) - np.arcsin(np.sqrt(starts))
    np.testing.assert_allclose(counts, arc * np.sqrt(2 / kl), rtol=0.12, atol=1.5)
    assert counts[-1] - counts[1] <= 1


def test_adam_puts_the_well_off_by_its_epsilon():
    """K=2: below x0 = eps/GAP updates are eps/(2 eta GAP x0); far above, at most L/(2 eta)."""
    starts = np.array([1e-8, 1e-9])
    counts = escape_times(make_rule("adam-pg", epsilon=1e-5), 1.0, starts, 30_000)
    slow = 1e-5 / (2 * GAP * starts)
    assert np.all((slow < counts) & (counts < 1.1 * slow + 50))
    shallow = escape_times(make_rule("adam-pg"), 0.01, np.array([1e-3]), 1000)
    climb = np.log(EDGE / (1 - EDGE)) - np.log(1e-3 / (1 - 1e-3))
    assert np.sqrt(climb) / 0.02 < shallow[0] < climb / 0.02
    free = make_rule("adam-pg", epsilon=0.0)
    deep = escape_times(free, 0.1, np.array([1e-12, 1e-15]), 4000)
    assert np.all((deep > 0) & (deep < 10 * np.log(1e15)))
    assert free.rate.escape_exponent == 0.0
