"""The counterexamples do what they claim, in updates and in the flow's time."""

import numpy as np
import pytest

from gw_envs.theory import drift_escape_bound, flow_escape_time
from gw_envs.theory.counterexamples import (
    all_arms_equal,
    arm_above_base,
    draining_mass,
    flow_time,
    gap_above_delta,
)


def test_ce1_no_policy_is_suboptimal():
    report = all_arms_equal().audit(max_updates=50)
    assert report.premise_holds
    assert report.ceilings == (0.6, 0.6)
    assert report.initial_suboptimality == pytest.approx(0, abs=1e-15)
    assert not report.starts_in_well
    assert report.printed_holds is False
    assert report.effective_gaps == (0, 0)


def test_ce2_an_arm_above_the_base_reward():
    report = arm_above_base().audit(max_updates=50)
    assert report.premise_holds
    assert report.ceilings[0] <= 0.6 <= report.ceilings[1]
    assert report.initial_suboptimality == pytest.approx(0.0505, abs=1e-12)
    assert report.escape_time == 0
    assert report.printed_holds is False
    assert report.effective_gaps == pytest.approx((0.05, 0.6))


@pytest.mark.parametrize(
    "x0, switch, updates, claimed",
    [(1e-2, 0, 75, 900), (1e-3, 0, 579, 9000), (1e-4, 0, 5583, 90000), (1e-3, 200, 768, 9000)],
)
def test_ce3_a_gap_larger_than_delta(x0, switch, updates, claimed):
    example = gap_above_delta(x0, switch)
    assert example.claimed_time == pytest.approx(claimed)
    assert example.escape_updates() == updates
    report = example.audit()
    assert report.premise_holds
    assert report.ceilings[0] <= 0.87 <= report.ceilings[1]
    assert report.starts_in_well
    assert report.printed_holds is False
    assert report.prob_bound < report.prob_escape_time < report.escape_time
    assert report.well_bound < report.escape_time


@pytest.mark.parametrize("x0, updates", [(1e-3, 111), (1e-4, 392)])
def test_ce4_updates(x0, updates):
    example = draining_mass(x0)
    assert example.escape_updates() == updates
    assert example.claimed_time > 4 * updates
    assert drift_escape_bound(example.policy) < updates  # the corrected bound holds


def test_ce4_flow_times():
    starts = np.array([1e-3, 1e-4, 1e-5, 1e-6])
    examples = [draining_mass(x0) for x0 in starts]
    times = [flow_time(e.rewards, e.policy) for e in examples]
    np.testing.assert_allclose(times, [108.6, 388.5, 1268, 4049], rtol=5e-4)
    slope = np.polyfit(np.log(1 / starts), np.log(times), 1)[0]
    assert slope == pytest.approx(0.52, abs=0.01)
    for example, time in zip(examples, times, strict=True):
        # The corrected theorem holds for the flow too (the limit of small steps), G = 1.
        assert drift_escape_bound(example.policy) < time < example.claimed_time


@pytest.mark.parametrize("k", [2, 5])
def test_flow_time_of_the_symmetric_well(k):
    policy = np.array([1e-3] + [0.999 / (k - 1)] * (k - 1))
    rewards = np.array([0.7] + [0.5] * (k - 1))
    assert flow_time(rewards, policy) == pytest.approx(
        flow_escape_time(1e-3, 0.2, 1.0, k, 0.1), rel=1e-7
    )


def test_flow_that_never_arrives():
    with pytest.raises(RuntimeError, match="has not reached"):
        flow_time(np.array([0.5, 0.5]), np.array([0.01, 0.99]))


@pytest.mark.parametrize("x0", [1e-16, 1e-100])
def test_a_flow_of_equal_arms_stands_still_and_says_so(x0):
    """Rounding of r - pi.r once made it creep, step by step, to the flow's time 1e4/x0."""
    with pytest.raises(RuntimeError, match="has not reached"):
        flow_time([0.6, 0.6, 0.6], np.array([x0, 0.5, 0.5]))
