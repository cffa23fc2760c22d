"""The escape bounds: no random instance violates them, and they are tight where theory says so."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_envs.theory import (
    drift_escape_bound,
    drift_escape_updates,
    equal_rewards_escape_bound,
    escape_lower_bound,
    escape_threshold,
    escape_time,
    flow_escape_time,
    flow_integral,
    in_well,
    mdp_escape_bound,
    reward_escape_bound,
    uniform_start_escape_bound,
    well_escape_updates,
)
from gw_envs.theory.bounds import extended_flow, levelled_logit, logit
from tests.gw_envs.theory.drifting_instances import first_true, run_sweep

EDGE = escape_threshold()


@pytest.fixture(scope="module")
def sweeps():
    """K -> 360 drifting instances of 2500 updates, order changes and schedules among them."""
    return {k: run_sweep(7, k, 360, 2500) for k in (2, 3, 4, 6, 8)}


def uniform_suboptimal(x0, k):
    return np.array([x0] + [(1 - x0) / (k - 1)] * (k - 1))


# --- one state, equal gaps ------------------------------------------------------------------------


def test_no_equal_gap_run_escapes_before_its_bound():
    """600 random starts, K 2-29, eta .2-20: pi(a*) <= 0.1 for every n <= L."""
    rng = np.random.default_rng(11)
    escaped = 0
    for k in (2, 3, 5, 10, 20, 29):
        eta, gap = rng.uniform(0.2, 20, (100, 1)), rng.uniform(0.1, 1, (100, 1))
        x0 = 10 ** rng.uniform(-2.5, -1.1, 100)
        rest = rng.gamma(rng.choice([0.3, 3.0], (100, 1)), size=(100, k - 1)) + 1e-12
        theta = np.log(np.column_stack([x0, rest * ((1 - x0) / rest.sum(1))[:, None]]))
        bound = np.array(
            [escape_lower_bound(x0[i], float(gap[i, 0]), float(eta[i, 0])) for i in range(100)]
        )
        done = np.full(100, -1)
        for n in range(4000):
            pi = np.exp(theta - theta.max(1, keepdims=True))
            pi /= pi.sum(1, keepdims=True)
            done[(done < 0) & (pi[:, 0] > EDGE)] = n
            if np.all(done >= 0):
                break
            reward = gap * (np.arange(k) == 0)
            theta = theta + eta * pi * (reward - np.sum(pi * reward, 1, keepdims=True))
        left = done >= 0
        escaped += left.sum()
        assert np.all(done[left] >= np.floor(bound[left]) + 1)
        assert np.all(bound[~left] <= 4000 * 3)
    assert escaped >= 580


def test_equal_gap_bound_is_the_flow_of_two_arms_and_tight():
    bound = escape_lower_bound(1e-3, 0.3, 1.0)
    assert bound == pytest.approx((flow_integral(0.1) - flow_integral(1e-3)) / 0.6, rel=1e-9)
    assert bound < escape_time(1e-3, 0.3, 1.0) < bound + 5


@pytest.mark.parametrize("x0, scaled", [(0.05, 0.2888), (0.02, 0.4348), (0.01, 0.4745)])
def test_constant_of_theorem_one(x0, scaled):
    """C eta = x0 L eta Delta, the worst case over initial policies."""
    assert x0 * escape_lower_bound(x0, 1.0, 1.0) == pytest.approx(scaled, abs=5e-5)


@given(st.floats(1e-12, 0.0999), st.floats(0.01, 1), st.floats(0.01, 10))
def test_simple_form_is_weaker(x0, gap, eta):
    assert (1 - 10 * x0) / (2 * eta * gap * x0) <= escape_lower_bound(x0, gap, eta) * (1 + 1e-9)


def test_bounds_outside_the_well_are_zero():
    assert escape_lower_bound(0.2, 0.5, 1.0) == 0
    assert equal_rewards_escape_bound(np.array([0.3, 0.05]))[0] == 0
    assert drift_escape_bound([0.2, 0.4, 0.4]) == 0
    assert drift_escape_updates([0.2, 0.4, 0.4], 0.0, 1.0) == 0
    assert uniform_start_escape_bound(0.2, 0.5, 1.0, 3) == 0


# --- the corrected theorem under drift ------------------------------------------------------------


def test_corrected_theorem_at_every_update(sweeps):
    """H(x_n) <= H(xh) + (K/(K-1)) clock(n), at all 4.5 million policies of the sweep."""
    for k, sweep in sweeps.items():
        start = np.array([extended_flow(levelled_logit(pi, 0)) for pi in sweep.policies])
        height = extended_flow(np.log(sweep.probs) - np.log1p(-sweep.probs))
        assert np.max(height - start - k / (k - 1) * sweep.clock) <= 1e-8


def test_no_drifting_run_escapes_before_the_clock(sweeps, record_property):
    """1216 escapes with a positive bound; the smallest clock/bound is 1.0013."""
    ratios = []
    for sweep in sweeps.values():
        escape = first_true(sweep.probs > EDGE)
        for i in np.flatnonzero(escape >= 0):
            bound = drift_escape_bound(sweep.policies[i])
            if bound > 0:
                ratios.append(sweep.clock[escape[i], i] / bound)
                updates = drift_escape_updates(
                    sweep.policies[i], sweep.gaps[:, i].max(axis=1), sweep.rates[:, i]
                )
                assert escape[i] >= math.floor(updates) + 1
    record_property("instances", len(ratios))
    record_property("smallest ratio", float(min(ratios)))
    assert len(ratios) == 1216
    assert min(ratios) == pytest.approx(1.00128, abs=5e-5)
    assert 1.3 < np.median(ratios) < 4


def test_equal_rewards_bound_holds_from_any_start(sweeps):
    count = 0
    for sweep in sweeps.values():
        escape = first_true(sweep.probs > EDGE)
        alike = np.all(np.ptp(sweep.gaps, axis=2) == 0, axis=0)
        for i in np.flatnonzero((escape >= 0) & alike):
            assert sweep.clock[escape[i], i] > equal_rewards_escape_bound(sweep.policies[i, 0])
            count += 1
    assert count >= 400


def test_no_run_leaves_the_glossary_well_before_its_bound(sweeps):
    """Gaps cross Delta(s) from both sides here; the bound follows them."""
    counts = {"below": 0, "above": 0}
    for sweep in sweeps.values():
        for i in range(0, sweep.policies.shape[0], 2):
            gaps = sweep.gaps[:, i]
            delta = 0.8 * gaps[0].min()
            if delta <= 0:
                continue
            escape = first_true(~in_well(sweep.shortfalls[:, [i]], delta))[0]
            bound = well_escape_updates(sweep.policies[i], gaps, sweep.rates[:, i], delta)
            if escape >= 0 and bound > 0:
                assert escape >= math.floor(bound) + 1
                counts["below" if sweep.probs[escape, i] <= EDGE else "above"] += 1
    assert counts["below"] >= 50
    assert counts["above"] >= 50


@pytest.mark.parametrize(
    "k, steps, bound", [(2, 1669, 1665.9), (3, 2224, 2221.2), (10, 3001, 2998.6)]
)
def test_corrected_bound_is_tight_for_equal_gaps_and_uniform_rest(k, steps, bound):
    limit = drift_escape_bound(uniform_suboptimal(1e-3, k)) / 0.3
    assert limit == pytest.approx(bound, abs=0.05)
    assert escape_time(1e-3, 0.3, 1.0, k) == steps


# --- the functions among themselves ---------------------------------------------------------------


@given(st.floats(1e-9, 0.09), st.integers(2, 30), st.floats(0.05, 1), st.floats(0.05, 5))
def test_existential_form_is_the_weaker_one(x0, k, gap, eta):
    sharp = drift_escape_updates(uniform_suboptimal(x0, k), gap, eta)
    simple = uniform_start_escape_bound(x0, gap, eta, k)
    assert 0 < simple <= sharp * (1 + 1e-9)


def test_mdp_form():
    policy = uniform_suboptimal(1e-3, 3)
    assert mdp_escape_bound(policy, 0.4, 0.9) == pytest.approx(
        drift_escape_updates(policy, 10.0, 4.0)
    )
    assert mdp_escape_bound(policy, 0.4, 0.9, visitation=0.25) == pytest.approx(
        4 * mdp_escape_bound(policy, 0.4, 0.9)
    )
    assert mdp_escape_bound(policy, 0.4, 0.9, visitation=0) == math.inf


@given(
    st.lists(st.floats(0.02, 1), min_size=2, max_size=6),
    st.lists(st.floats(0, 0.9), min_size=1, max_size=5),
    st.floats(0.1, 3),
)
def test_constant_rewards_agree_with_the_path_form(masses, others, eta):
    others = (others * 6)[: len(masses) - 1]
    policy = np.array([0.001, *masses[1:]])
    policy[1:] *= 0.999 / policy[1:].sum()
    rewards = np.array([1.0, *others])
    gaps = (rewards[0] - rewards[1:])[None]
    one = reward_escape_bound(policy, rewards, eta)
    assert well_escape_updates(policy, gaps, eta) == pytest.approx(one, rel=1e-9)
    longer = well_escape_updates(policy, np.repeat(gaps, 7, axis=0), eta, gaps.min())
    assert longer == pytest.approx(one, rel=1e-9)


def test_equal_rewards_must_be_equal_to_the_bit():
    """At x0 = 1e-14 a difference of 1e-12 between rivals outweighs the pull of a*."""
    corner = np.array([1e-14, 1e-14, 1 - 2e-14])
    equal = reward_escape_bound(corner, [0.7, 0.5, 0.5], 1.0)
    assert equal == pytest.approx(escape_lower_bound(1e-14, 0.7 - 0.5, 1.0))
    assert reward_escape_bound(corner, [0.7, 0.5, 0.5 + 1e-12], 1.0) < 1e-3 * equal


def test_path_updates_interpolate_hold_and_reach_infinity():
    policy = uniform_suboptimal(1e-3, 2)
    clock = drift_escape_bound(policy)
    assert drift_escape_updates(policy, [0.5], 1.0) == pytest.approx(2 * clock)
    # 100 quick updates use up 90, the rest goes by at a tenth.
    assert drift_escape_updates(policy, [0.9] * 100 + [0.1], 1.0) == pytest.approx(
        100 + 10 * (clock - 90)
    )
    assert drift_escape_updates(policy, [0.9, 0.0], 1.0) == math.inf
    assert drift_escape_updates(policy, [0.9, -0.4], 1.0) == math.inf
    assert drift_escape_updates(policy, 0.5, [1.0, 0.0]) == math.inf
    assert drift_escape_updates([5e-324, 1.0 - 1e-16], 0.5, 1.0) == np.finfo(float).max


@pytest.mark.parametrize(
    "eta, gap", [(1e-200, 1e-200), (5e-324, 1.0), (1e300, 1e-320), (1.0, 1e-17)]
)
def test_products_that_float64_cannot_hold_are_divided_by_all_the_same(eta, gap):
    """Against 400 digits; a lower bound stays finite, as the truth is."""
    with mpmath.workdps(400):
        x = mpmath.mpf(1e-3)
        edge = mpmath.mpf(escape_threshold())
        flow = [1 / (1 - p) - 1 / p + 2 * mpmath.log(p / (1 - p)) for p in (edge, x)]
        true = (flow[0] - flow[1]) / 2 / mpmath.mpf(eta) / mpmath.mpf(gap)
        most = np.finfo(float).max
        expected = float(true) if true < most else most
    assert escape_lower_bound(1e-3, gap, eta) == pytest.approx(expected, rel=1e-12)
    assert reward_escape_bound([1e-3, 1 - 1e-3], [gap, 0], eta) == pytest.approx(
        expected, rel=1e-12
    )
    time = flow_escape_time(1e-3, gap, eta)
    assert time == pytest.approx(expected, rel=1e-12) if true < most else time == math.inf


def test_equal_rewards_flag_helps_a_corner():
    corner = [1e-3, 1e-9, 1 - 1e-3 - 1e-9]
    assert drift_escape_updates(corner, 0.5, 1.0) == 0
    assert drift_escape_updates(corner, 0.5, 1.0, equal_rewards=True) == pytest.approx(
        2 * equal_rewards_escape_bound(1e-3)
    )


def test_well_bound_when_the_smallest_gap_sinks_below_delta():
    policy = uniform_suboptimal(1e-3, 3)
    level = np.full((40, 2), 0.5)
    level[30:, 0] = 0.2
    # 0.2 < 0.9 * 0.5: from n = 30 on the glossary's well is not certain, pi(a*) <= 0.1 still is.
    assert well_escape_updates(policy, level, 1.0, 0.5) == 29
    assert drift_escape_updates(policy, level.max(axis=1), 1.0) > 1000
    # A dip of 4 % costs nothing while pi(a*) is small.
    level[30:, 0] = 0.48
    assert well_escape_updates(policy, level, 1.0, 0.5) > 1000
    # discount > 0: Delta is the smallest gap of each n, so only pi(a*) <= 0.1 counts ...
    level[30:, 0] = 0.2
    assert well_escape_updates(policy, level, 1.0) > 1000
    # ... until another action is the best.
    level[30:, 0] = -0.1
    assert well_escape_updates(policy, level, 1.0) == 29


def test_well_bound_when_every_gap_exceeds_delta():
    """Escape then needs (1 - x) G < 0.9 Delta, x far above 0.1: the bound reaches past 1/2."""
    policy = uniform_suboptimal(1e-3, 2)
    bound = well_escape_updates(policy, [[0.9]], 1.0, 0.05)
    edge = logit(1 - 0.9 * (1 - 1e-12) * 0.05 / 0.9)
    assert bound == pytest.approx((4 * edge - flow_integral(1e-3)) / 1.8, rel=1e-6)
    assert drift_escape_updates(policy, 0.9, 1.0) < bound < 579


def test_extended_flow_is_the_integral_below_one_half_and_below_it_above():
    v = np.linspace(-30, 5, 200)
    x = 1 / (1 + np.exp(-v))
    low = v <= 0
    np.testing.assert_allclose(extended_flow(v[low]), flow_integral(x[low]), rtol=1e-9, atol=1e-12)
    assert np.all(extended_flow(v[~low]) <= flow_integral(x[~low]))
    assert np.all(np.diff(extended_flow(v), 2) <= 1e-9)
