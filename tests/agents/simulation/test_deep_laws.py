"""Answers at any depth against laws worked out by hand, rule by rule.

On the two-armed bandit each rule's flow is one equation dv/dn = eta f(x) for the log-odds v of the
best arm (tests/agents/updates/test_rates.py). The count of a map with steps eta f is its flow's
time and half the logarithm of how much faster it is at the edge, up to an update or two
(Euler-Maclaurin; gw_envs.theory.clock has it for softmax-pg). Other maps and inner steps change the
half, so a few logarithms are allowed: at T = 1e12 that is ten digits.
"""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from agents.simulation import solve_escape_time
from agents.updates import exact_rules, make_rule
from tests.agents.updates.test_rates import EDGE, GAP, LOGARITHMIC, OF_THEIR_OWN, POWER_LAWS

DEPTHS = (1e-6, 1e-9, 1e-12)
SLOW = {"frozen-rollout-pg": 1e-6, "tsallis-pg": 1e-6}  # an update is a stage, or a root search
ITERATED = [name for name in exact_rules() if not make_rule(name).is_smooth]
POWERS = [
    (*row, x0)
    for row in POWER_LAWS
    for x0 in DEPTHS
    if row[0] not in ITERATED and x0 >= SLOW.get(row[0], 0) and row[1].get("scaled", True)
]
LOGARITHMS = [row for row in LOGARITHMIC if row[0] not in ITERATED]


def answer(name, options, rate, x0):
    rule = make_rule(name, **options)
    rewards = [1.0, 0.0] if rule.uses_verdicts else [1.0, 1.0 - GAP]
    theta = rule.theta_from_policy(np.array([x0, 1 - x0]))
    found = solve_escape_time(
        rewards, theta, rate, escape_prob=EDGE, update=name, update_options=options
    )
    assert not found.censored
    return found


def flow_time(speed, x0):
    """Of dv/dn = speed(x), from x0 to the edge; over u = ln x, dv = du/(1-x)."""
    ends = np.linspace(np.log(x0), np.log(EDGE), 25)
    parts = [
        quad(lambda u: 1 / ((1 - np.exp(u)) * speed(np.exp(u))), a, b, epsrel=1e-13)[0]
        for a, b in itertools.pairwise(ends)
    ]
    return sum(parts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "rate", "starts", "flow", "x0"),
    POWERS,
    ids=[f"{name}-{i}-{x0:g}" for i, (name, *_, x0) in enumerate(POWERS)],
)
def test_counts_are_the_flows_and_half_a_logarithm(name, options, rate, starts, flow, x0):
    found = answer(name, options, rate, x0)
    inner = options.get("rollout_steps", 1)  # gradient steps in an update
    truth = flow_time(lambda x: inner * rate * flow(x), x0)
    allowed = 3 + 3 * abs(np.log(flow(EDGE) / flow(x0))) + found.relative_error * truth
    assert abs(found.steps - truth) < allowed + 1e-11 * truth
    assert found.relative_error < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "rate", "each"), LOGARITHMS, ids=[name for name, *_ in LOGARITHMS]
)
def test_three_decades_cost_what_the_logarithm_says(name, options, rate, each):
    times = [answer(name, options, rate, x0) for x0 in (1e-9, 1e-12)]
    assert all(found.is_exact for found in times)
    assert times[1].steps - times[0].steps == pytest.approx(each * np.log(1e3), abs=1.01)


def test_every_smooth_rule_has_a_law_or_is_followed_twice():
    """Those left out here are in test_every_rule.py, against a finer setting."""
    seen = {name for name, *_ in [*POWERS, *LOGARITHMS]}
    assert set(exact_rules()) - seen - set(ITERATED) <= {"kl-pg", "temperature-pg", "trpo"}
    assert {"kl-pg", "temperature-pg", "trpo"} <= set(OF_THEIR_OWN)
