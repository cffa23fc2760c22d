"""Every exact rule through one engine: integers of direct iteration, errors that hold, refusals."""

from dataclasses import dataclass

import numpy as np
import pytest

from agents.simulation import engine, jump_history, solve_escape_time
from agents.simulation.answers import Seen, settled
from agents.simulation.flow import Follower, Level
from agents.simulation.motion import Motion
from agents.simulation.solver import make_bandit
from agents.updates import RULES, Rate, SoftmaxGradient, exact_rules, make_rule, register
from gw_envs import theory
from tests.agents.updates.iterated import run_rule

REWARDS = np.array([0.7, 0.5, 0.5, 0.5, 0.5, 0.5])
RATE = 0.4
ITERATED = {name for name in exact_rules() if not make_rule(name).is_smooth}
SMOOTH = sorted(set(exact_rules()) - ITERATED)
DEEP = (
    "delightful-pg",
    "entropy-pg",
    "log-barrier-pg",
    "mirror-ascent",
    "natural-pg",
    "softmax-pg",
    "temperature-pg",
    "trpo",
)
DEEP_STARTS = [(name, x) for name in DEEP for x in (1e-6, 1e-9, 1e-12)]
DEEP_STARTS += [("kl-pg", 1e-6), ("kl-pg", 1e-8)]  # deeper, its temperature is critical


def corner(optimal_prob):
    policy = np.full(6, optimal_prob)
    policy[1] = 1 - 5 * optimal_prob
    return policy


def motion(name, policy):
    rule = make_rule(name)
    bandit, rate = make_bandit(REWARDS, RATE)
    return Motion(bandit, rule, rule.theta_from_policy(policy)[None], rate)


def solve(name, optimal_prob, **options):
    theta = make_rule(name, **options.get("update_options", {})).theta_from_policy(
        corner(optimal_prob)
    )
    return solve_escape_time(REWARDS, theta, RATE, update=name, **options)


@pytest.mark.parametrize("name", sorted(exact_rules()))
def test_counts_are_those_of_every_update(name):
    found = solve(name, 1e-2)
    run = run_rule(make_rule(name), REWARDS, corner(1e-2), RATE, 50_000)
    assert found.steps == run.escape_time
    assert found.is_exact
    assert (found.method == "direct") or name not in ITERATED


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SMOOTH) - {"tsallis-pg"}))  # its updates are dear
def test_counts_from_a_thousandth(name):
    """The corner start of docs/theory.md, D3."""
    found = solve(name, 1e-3)
    run = run_rule(make_rule(name), REWARDS, corner(1e-3), RATE, 600_000)
    assert found.steps == run.escape_time
    assert found.is_exact


@pytest.mark.slow
@pytest.mark.parametrize(("name", "optimal_prob"), DEEP_STARTS)
def test_deep_answers_lie_within_their_error(name, optimal_prob):
    """Against a finer setting than any that the answer was made from."""
    found = solve(name, optimal_prob)
    finest = engine.follow(motion(name, corner(optimal_prob)), Level(6, 2e-13), 1e300, 3_000_000)
    assert abs(found.steps - finest.counts[0]) <= max(found.relative_error * found.steps, 0.5)


@pytest.mark.parametrize("optimal_prob", [1e-4, 1e-7, 1e-10])
def test_the_engine_agrees_with_the_closed_form(optimal_prob):
    """softmax-pg by the series of its map, as other rules, against theory's exact count."""
    policy = np.array([optimal_prob, *[(1 - optimal_prob) / 5] * 5])
    budget = engine.Budget(1e300, engine.WORK, engine.LEVELS)
    found = engine.Plateau(motion("softmax-pg", policy), budget).escapes(method="jump")
    truth = theory.equal_gap_escape_time(optimal_prob, 0.2, RATE, 6)
    error = abs(found.steps[0] - truth)
    assert error <= max(0.5, found.relative_error[0] * truth)
    assert not found.is_exact[0] or error == 0


def test_a_stiff_flow_is_followed():
    """entropy-pg holds the other arms level at once and lets the best one rise a billion times
    more slowly."""
    policy = np.array([1e-6, *[(1 - 1e-6) / 5] * 5])
    found = solve_escape_time(REWARDS, np.log(policy), RATE, update="entropy-pg")
    assert found.is_exact and found.method == "jump"
    # dx/dn = eta x^2 (Delta - tau ln(x/(1-x)) - tau ln 5), to first order in the step
    from scipy.integrate import quad

    slope = RATE * 6 / 5
    gap = 0.2
    flow, _ = quad(
        lambda v: (
            1
            / (slope * (gap - 0.1 * (v + np.log(5))))
            / ((1 / (1 + np.exp(-v))) * (1 / (1 + np.exp(v))))
        ),
        np.log(1e-6 / (1 - 1e-6)),
        np.log(0.1 / 0.9),
    )
    assert found.steps == pytest.approx(flow, rel=1e-3)


def test_histories_pass_through_the_updates():
    theta = np.log(corner(1e-3))
    history = jump_history(REWARDS, theta, RATE, update="delightful-pg", max_updates=2_000)
    rule, at = make_rule("delightful-pg"), 0
    for n, state in zip(history.updates, history.theta, strict=True):
        while at < n:
            theta, at = rule.step(theta, REWARDS, RATE), at + 1
        np.testing.assert_allclose(state, theta, atol=1e-8)


def test_batches_and_budgets():
    rule = make_rule("natural-pg")
    starts = np.stack([rule.theta_from_policy(corner(x)) for x in (1e-2, 1e-5)])
    both = solve_escape_time(REWARDS, starts, RATE, update="natural-pg")
    one = solve_escape_time(REWARDS, starts[1], RATE, update="natural-pg")
    assert both.steps[1] == one.steps and both.is_exact.all()
    short = solve_escape_time(REWARDS, starts[1], RATE, update="natural-pg", max_updates=20)
    assert short.censored and np.isnan(short.steps) and short.updates == 20
    outside = solve_escape_time(REWARDS, np.zeros(6), RATE, update="natural-pg")
    assert outside.steps == 0


def test_rules_that_are_no_smooth_maps_are_iterated_and_their_budgets_checked():
    found = solve("neurd", 1e-2, update_options={"threshold": 30.0})
    assert found.method == "direct" and found.is_exact
    with pytest.raises(ValueError, match=r"would take about .* days"):
        solve("armijo-pg", 1e-2, max_updates=1e300)
    given_up = solve("armijo-pg", 1e-9, max_direct_updates=50)
    assert given_up.censored and given_up.updates == 50


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="several best arms"):
        solve_escape_time([0.5, 0.5], np.zeros(2), RATE, update="natural-pg")
    with pytest.raises(ValueError, match=r"initial_theta has shape \(3,\)"):
        solve_escape_time(REWARDS, np.zeros(3), RATE, update="natural-pg")
    with pytest.raises(ValueError, match="closed-form"):
        solve("natural-pg", 1e-2, method="closed-form")
    with pytest.raises(ValueError, match="update_options"):
        solve_escape_time(REWARDS, np.zeros(6), RATE, update="natural-pg", update_options=3)


@pytest.mark.parametrize(("fault", "words"), [("shape", "of shape"), ("finite", "not finite")])
def test_a_rule_with_a_faulty_map_is_named(fault, words):
    @register("faulty-pg")
    @dataclass(frozen=True)
    class Faulty(SoftmaxGradient):
        rate = Rate("none", 1.0, "this test")

        def direction(self, theta, values, weight=1.0):
            right = super().direction(theta, values, weight)
            return right[..., :2] if fault == "shape" else right * np.nan

    try:
        with pytest.raises(ValueError, match=f"faulty-pg.*{words}"):
            solve("faulty-pg", 1e-2)
    finally:
        del RULES["faulty-pg"]


def test_answers_that_differ_are_not_exact():
    looks = [Seen(100.0, 99.5, True, "jump"), Seen(103.0, 102.5, True, "jump")]
    answer = settled(lambda level: looks[level], 2, 1e-14, 1e9, 1e-9)
    assert not answer.is_exact and answer.relative_error * 103 == pytest.approx(3)
    near = [Seen(100.0, 99.99, True, "jump"), Seen(101.0, 100.01, True, "jump")]
    assert not settled(lambda level: near[level], 2, 1e-14, 1e9, 1e-9).is_exact


def test_answers_that_do_not_converge_err_by_twice_their_spread():
    crossings = [1000.5, 1010.5, 1007.5]
    looks = [Seen(at + 0.5, at, True, "jump") for at in crossings]
    noise = settled(lambda level: looks[level], 3, 1e-14, 1e9, 1e-9)
    assert noise.relative_error * noise.steps == pytest.approx(20)
    looks[2] = Seen(1012.0, 1011.5, True, "jump")
    converging = settled(lambda level: looks[level], 3, 1e-14, 1e9, 1e-9)
    assert converging.relative_error * converging.steps == pytest.approx(1)
    chance = settled(lambda level: looks[level], 3, 1e-14, 1e9, 1e-9, is_noisy=True)
    assert chance.relative_error * chance.steps == pytest.approx(20)


class Rotation:
    """z <- lambda z, of known flow and crossing: |z| first above an edge."""

    def __init__(self, growth, turn):
        self.multiplier = growth * np.exp(1j * turn)

    def increment(self, moved, update):
        z = (moved[0] + 1 + 1j * moved[1]) * (self.multiplier - 1)
        return np.array([z.real, z.imag])

    def beyond(self, moved, update):
        return np.array([np.hypot(moved[0] + 1, moved[1]) - 2])


@pytest.mark.parametrize("growth", [1 + 1e-7, 1 + 1e-5])
def test_the_follower_follows_a_map_known_in_closed_form(growth):
    path = Follower(Rotation(growth, 1e-6), 2, Level(5, 1e-11), 1e12, 10**6).run()
    assert path.jumps > 0
    assert path.counts[0] == np.floor(np.log(2) / np.log(growth)) + 1
