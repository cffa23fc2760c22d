"""The clock of a well against quadrature, direct iteration and the known step counts."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_envs import theory
from gw_envs.theory import (
    equal_gap_escape_time,
    escape_lower_bound,
    escape_threshold,
    flow_escape_time,
    flow_integral,
)


def iterate(policy, rewards, eta, edge=None, budget=200_000):
    """Smallest n with pi_n(0) > edge, by the update rule itself in float64."""
    edge = escape_threshold() if edge is None else edge
    theta = np.log(np.asarray(policy, dtype=np.float64))
    rewards = np.asarray(rewards, dtype=np.float64)
    for n in range(budget):
        pi = np.exp(theta - theta.max())
        pi /= pi.sum()
        if pi[0] > edge:
            return n
        theta = theta + eta * pi * (rewards - pi @ rewards)
    raise AssertionError("no escape within the budget")


def symmetric_policy(x0, k):
    return np.array([x0] + [(1 - x0) / (k - 1)] * (k - 1))


def iterate_symmetric(starts, steps, edge, budget=300_000):
    """The scalar map v <- v + h p(1-p) for many settings at once, compensated summation."""
    v = np.log(starts) - np.log1p(-starts)
    lost = np.zeros_like(v)
    counts = np.full(v.shape, -1)
    for n in range(budget):
        p = 1 / (1 + np.exp(-v - lost))
        counts[(counts < 0) & (p > edge)] = n
        if np.all(counts >= 0):
            return counts
        increment = steps * p * (1 - p) + lost
        total = v + increment
        lost = increment - (total - v)
        v = total
    raise AssertionError("no escape within the budget")


def test_flow_integral_at_the_edge():
    assert flow_integral(0.1) == pytest.approx(-13.283338043561328, abs=1e-12)


@pytest.mark.parametrize("low, high", [(1e-6, 1e-3), (1e-3, 0.1), (0.1, 0.5), (0.3, 0.97)])
def test_flow_integral_is_the_integral_of_its_rate(low, high):
    with mpmath.workdps(30):
        inner = [low * (high / low) ** (i / 8) for i in range(9)]
        exact = mpmath.quad(lambda x: 1 / (x * (1 - x)) ** 2, inner)
    assert flow_integral(high) - flow_integral(low) == pytest.approx(float(exact), rel=1e-11)


def test_flow_integral_of_an_array():
    values = flow_integral(np.array([[0.1, 0.5]]))
    assert values.shape == (1, 2)
    assert values[0, 1] == 0


def test_flow_escape_time_number():
    assert flow_escape_time(1e-3, 1.0, 1.0) == pytest.approx(499.7646, abs=1e-4)
    assert flow_escape_time(0.2, 1.0, 1.0) == 0


@pytest.mark.parametrize("x0, count", [(1e-2, 96), (1e-3, 1002)])
def test_two_arm_counts(x0, count):
    assert equal_gap_escape_time(x0, 0.5, 1.0) == count
    assert iterate([x0, 1 - x0], [1.0, 0.5], 1.0) == count


def test_two_arm_slope():
    starts = np.logspace(-2, -5, 7)
    slope = np.polyfit(np.log(1 / starts), np.log(equal_gap_escape_time(starts, 0.5, 1.0)), 1)[0]
    assert slope == pytest.approx(1.004, abs=0.005)


@pytest.mark.parametrize("k, count", [(2, 2502), (3, 3335), (6, 4167), (10, 4501), (100, 4950)])
def test_uniform_suboptimal_counts(k, count):
    assert equal_gap_escape_time(1e-3, 0.2, 1.0, k) == count
    assert iterate(symmetric_policy(1e-3, k), [0.7] + [0.5] * (k - 1), 1.0) == count


@pytest.mark.parametrize("k, count", [(3, 2506), (4, 2511), (6, 2520), (10, 2538), (100, 2930)])
def test_corner_counts(k, count):
    policy = np.full(k, 1e-3)
    policy[1] = 1 - 1e-3 * (k - 1)
    assert iterate(policy, [0.7] + [0.5] * (k - 1), 1.0) == count


@pytest.mark.parametrize("k", [3, 6, 100])
def test_corner_whose_other_arms_share_the_mass(k):
    policy = np.full(k, 1e-3 / (k - 2))
    policy[:2] = 1e-3, 1 - 2e-3
    assert iterate(policy, [0.7] + [0.5] * (k - 1), 1.0) == 2506


def test_closed_form_equals_direct_iteration():
    """36 settings: every count to the integer."""
    settings = list(
        itertools.product([2, 3, 10], [0.1, 1.0, 7.0], [(0.2, 1e-3), (0.5, 3e-4), (1.0, 0.02)])
    )
    settings += [(2, 1.0, (1.0, x0)) for x0 in (1e-5, 0.0999, 0.03, 0.1, 0.15)]
    settings += [(5, 30.0, (1.0, 1e-3)), (5, 0.4, (0.3, 1e-4))]
    settings += [(2, 1.0, (0.7, 2e-5)), (4, 0.01, (0.9, 0.01))]
    assert len(settings) == 36
    starts = np.array([x0 for _, _, (_, x0) in settings])
    steps = np.array([eta * gap * k / (k - 1) for k, eta, (gap, _) in settings])
    direct = iterate_symmetric(starts, steps, escape_threshold())
    closed = [equal_gap_escape_time(x0, gap, eta, k) for k, eta, (gap, x0) in settings]
    assert closed == direct.tolist()


@given(
    st.floats(-2.5, -1.01),
    st.floats(0.1, 1.0),
    st.floats(0.2, 5.0),
    st.integers(2, 20),
    st.floats(0.02, 0.9),
)
def test_closed_form_at_any_threshold(log_start, gap, eta, k, edge):
    x0 = 10**log_start
    step = eta * gap * k / (k - 1)
    v, n = math.log(x0 / (1 - x0)), 0
    while (p := 1 / (1 + math.exp(-v))) <= edge:
        v += step * p * (1 - p)
        n += 1
    assert equal_gap_escape_time(x0, gap, eta, k, edge) == n


def test_mpmath_iteration_of_a_tough_setting():
    """Thirty digits, so that no rounding of the iteration can shift the count."""
    with mpmath.workdps(30):
        v, h, n = mpmath.log(mpmath.mpf(1e-3) / (1 - mpmath.mpf(1e-3))), mpmath.mpf(0.3) * 2, 0
        edge = mpmath.log(mpmath.mpf(escape_threshold()) / (1 - mpmath.mpf(escape_threshold())))
        while v <= edge:
            p = 1 / (1 + mpmath.exp(-v))
            v += h * p * (1 - p)
            n += 1
    assert equal_gap_escape_time(1e-3, 0.3, 1.0) == n


def test_deep_start():
    assert equal_gap_escape_time(1e-12, 0.1, 1.0) == 5_000_000_000_218  # h = 2 * 0.1
    assert equal_gap_escape_time(np.array([1e-3, 1e-30]), 0.5, 1.0).dtype == object


@given(st.floats(1e-8, 0.09), st.floats(0.05, 1.0), st.floats(0.05, 2.0), st.integers(2, 50))
def test_updates_lag_the_flow_by_half_a_logarithm(x0, gap, eta, k):
    lag = 0.5 * np.log(0.09 / (x0 * (1 - x0)))
    excess = equal_gap_escape_time(x0, gap, eta, k) - flow_escape_time(x0, gap, eta, k) - lag
    # One update is the granularity of a count; the next term of the series is of order eta Delta c.
    assert -0.3 * eta * gap * 2 <= excess <= 1.0 + 0.3 * eta * gap * 2


def test_the_old_name_is_the_same_function():
    assert theory.escape_time is equal_gap_escape_time


def count_in_mpmath(x0, gap, eta, k, edge):
    """Every update made, in 60 digits; h from the float64 parameters as real numbers."""
    with mpmath.workdps(60):
        h = mpmath.mpf(eta) * mpmath.mpf(gap) * k / (k - 1)
        end, x = mpmath.mpf(edge), mpmath.mpf(x0)
        v, n = mpmath.log(x / (1 - x)), 0
        while x <= end:
            v += h * x * (1 - x)
            x = 1 / (1 + mpmath.exp(-v))
            n += 1
    return n


@pytest.mark.parametrize("eta", [1e-15, 3e-16, 1e-13])
@pytest.mark.parametrize("edge", [0.1, 0.5, 0.97])
def test_steps_below_half_an_ulp_are_counted(eta, edge):
    """From a few floats below the edge, with steps that float64 logits would swallow."""
    start = edge
    for _ in range(4):
        start = np.nextafter(start, 0)
    count = equal_gap_escape_time(float(start), 1.0, eta, 3, edge)
    assert count == count_in_mpmath(start, 1.0, eta, 3, edge)
    if eta == 3e-16 and edge == 0.97:
        assert count > 1000


def test_a_tiny_learning_rate_has_the_count_of_the_flow_and_its_first_correction():
    """T = [F(xe) - F(x0)]/h + 1/2 ln(f(xe)/f(x0)) + O(h), f = p(1-p), by quadrature of dn/dp."""
    with mpmath.workdps(50):
        h, x, end = mpmath.mpf(1e-15), mpmath.mpf(1e-3), mpmath.mpf(escape_threshold())
        cuts = [x * (end / x) ** (mpmath.mpf(i) / 12) for i in range(13)]
        lead = mpmath.quad(lambda p: 1 / (h * (p * (1 - p)) ** 2), cuts)
        count = lead + mpmath.log(end * (1 - end) / (x * (1 - x))) / 2
        assert equal_gap_escape_time(1e-3, 0.5, 1e-15) == int(mpmath.floor(count)) + 1
    assert equal_gap_escape_time(1e-3, 0.5, 1e-15) == 999529170512845784


@pytest.mark.parametrize(
    "x0, eta, edge",
    [
        (0.02, 0.3, 0.97),
        (0.5, 0.05, 0.999),
        (0.3, 40.0, 1 - 1e-5),
        (1e-3, 2.5, 0.9995),
        (0.9995, 2.0, 0.9999),
        (0.2, 0.004, 0.8),
    ],
)
def test_edges_near_one_equal_iteration_in_sixty_digits(x0, eta, edge):
    assert equal_gap_escape_time(x0, 0.5, eta, 2, edge) == count_in_mpmath(x0, 0.5, eta, 2, edge)


@pytest.mark.parametrize("x0, eta", [(0.5, 0.7), (1e-3, 30.0), (0.03, 90.0), (0.99, 1e-12)])
def test_the_last_float_below_one_is_reached_without_a_walk(x0, eta):
    """Iteration in 60 digits until h (1-p) < 1e-6, then the flow and its first correction."""
    edge = 1 - 2.0**-53
    with mpmath.workdps(60):
        h, end, x = mpmath.mpf(eta) * 2, mpmath.mpf(edge), mpmath.mpf(x0)
        n = 0
        while h * (1 - x) > 1e-6:
            x = 1 / (1 + (1 - x) / x * mpmath.exp(-h * x * (1 - x)))
            n += 1
            if n == 3000:  # slow from here on: h (1-p) < 4e-4, whose terms count 1e-4 at most
                break
        flow = [1 / (1 - p) - 1 / p + 2 * mpmath.log(p / (1 - p)) for p in (x, end)]
        left = (flow[1] - flow[0]) / h + mpmath.log(end * (1 - end) / (x * (1 - x))) / 2
        whole = n + int(mpmath.floor(left)) + 1
    assert left > 1e13
    assert abs(equal_gap_escape_time(x0, 1.0, eta, 2, edge) - whole) <= 1


def test_counts_of_more_than_fifty_digits_are_whole():
    """The count of x0 = 1e-100 against the flow's 101 digits and its first corrections."""
    with mpmath.workdps(160):
        h, x, end = mpmath.mpf(1), mpmath.mpf(1e-100), mpmath.mpf(escape_threshold())
        flow = [1 / (1 - p) - 1 / p + 2 * mpmath.log(p / (1 - p)) for p in (x, end)]
        lead = (flow[1] - flow[0]) / h + mpmath.log(end * (1 - end) / (x * (1 - x))) / 2
        assert abs(equal_gap_escape_time(1e-100, 0.5, 1.0) - lead) < 1.1


@given(st.floats(0.01, 0.99), st.floats(1e-17, 1e3))
def test_a_start_on_the_edge_leaves_with_the_first_update(x0, eta):
    assert equal_gap_escape_time(x0, 0.5, eta, 2, x0) == 1
    assert equal_gap_escape_time(x0, 0.5, eta, 2, float(np.nextafter(x0, 0))) == 0


@pytest.mark.parametrize("function", [equal_gap_escape_time, flow_escape_time, escape_lower_bound])
def test_numpy_scalars_are_their_values(function):
    gap, eta = np.float32(0.2), np.float32(0.7)
    assert function(0.01, gap, eta) == function(0.01, float(gap), float(eta))
    assert function(np.float32(0.01), gap, eta) == function(float(np.float32(0.01)), gap, eta)
    assert equal_gap_escape_time(0.01, gap, np.int8(1), np.int8(100)) == equal_gap_escape_time(
        0.01, float(gap), 1.0, 100
    )
