"""The counterexamples do what they claim, in updates and in the flow's time."""

from dataclasses import replace

import numpy as np
import pytest

from gw_envs.theory import audit, drift_escape_bound, flow_escape_time
from gw_envs.theory.counterexamples import (
    all_arms_equal,
    alternating_arms,
    alternating_starts,
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


@pytest.mark.parametrize("x0, share, updates", [(0.1, 0.5, 1778), (0.1, 0.9, 1472)])
def test_ce5_no_start_waits_though_every_gap_is_delta(x0, share, updates):
    example = alternating_arms(x0, share)
    assert example.claimed_time == pytest.approx(900 / x0)
    assert example.escape_updates() == updates
    assert (updates + 1) / example.claimed_time < 0.198
    report = example.audit()
    assert report.premise_holds and report.starts_in_well and report.printed_holds is False
    assert report.effective_gaps == pytest.approx((0.005, 0.955))  # every b_i <= b_1
    gaps = example.rewards[:, :1] - example.rewards[:, 1:]
    np.testing.assert_allclose(gaps.min(axis=1), 0.005)  # Delta is the gap at every clock
    assert report.well_bound < updates


def test_the_starts_of_ce5():
    starts = alternating_starts()
    assert len(set(starts)) == 66
    assert min(x for x, _ in starts) == pytest.approx(1e-5)
    assert max(x for x, _ in starts) == pytest.approx(0.1)


def verdicts(report):
    return {reading.name: reading.verdict for reading in report.readings}


def test_which_readings_an_instance_refutes():
    assert verdicts(all_arms_equal().audit(50)) == {
        "anything": "true",
        "instance": "refuted",
        "some start": "refuted",
        "every start": "not decided",
    }
    assert verdicts(arm_above_base().audit(50))["instance"] == "not decided"
    early = verdicts(gap_above_delta().audit())
    assert (early["some start"], early["every start"]) == ("not decided", "refuted")
    assert early["instance"] == "true"  # every b_i <= b_1
    assert verdicts(alternating_arms(0.1).audit())["every start"] == "refuted"


def test_a_start_that_waits_bears_witness_for_the_existential_reading():
    # CE3's instance from another start keeps the printed inequality up to t0.
    (report,) = audit([[0.9, 0.0]], [0.7, 0.3], 1.0, reward_gap=0.05)
    assert report.printed_holds
    assert verdicts(report)["some start"] == "true"
    assert verdicts(report)["every start"] == "not decided"


def test_where_the_values_depend_on_the_policy_one_start_tells_nothing_of_others():
    report = replace(all_arms_equal().audit(50), rewards_given=False)
    assert verdicts(report)["instance"] == verdicts(report)["some start"] == "not decided"


def test_without_the_premise_nothing_is_promised():
    (report,) = audit([[0.5, 0.9], [0.95, 0.9]], [0.01, 0.99], 1.0, reward_gap=0.05)
    assert not report.premise_holds
    assert set(verdicts(report).values()) == {"true", "not decided"}


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
