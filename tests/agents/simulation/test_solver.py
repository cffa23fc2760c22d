import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import simulation
from agents.simulation import solve_escape_time
from gw_envs import theory
from tests.agents.simulation.direct_count import direct_escape, random_problem

WIDE = np.linspace(1, 0.5, 6)


def two_arms(x):
    return np.log([x, 1 - x])


def uniform_suboptimal(x, size):
    return np.log([x] + [(1 - x) / (size - 1)] * (size - 1))


def compare_with_direct(seed, number, smallest, largest):
    """Problems solved, of `number` random ones: exact share, largest miss, wrong `is_exact`."""
    rng = np.random.default_rng(seed)
    misses, wrong = [], 0
    while len(misses) < number:
        rewards, theta, eta = random_problem(rng)
        found = solve_escape_time(rewards, theta, eta, max_updates=largest)
        if found.censored or found.steps < smallest:
            continue
        direct = direct_escape(rewards, theta, eta, limit=int(largest) + 10)
        misses.append(abs(found.steps - direct))
        wrong += bool(found.is_exact and found.steps != direct)
        assert misses[-1] <= max(0.5, 2 * found.relative_error * found.steps)
    return np.mean(np.array(misses) == 0), max(misses), wrong


def test_random_problems_give_the_integer_of_direct_iteration():
    share, worst, wrong = compare_with_direct(seed=0, number=40, smallest=1e3, largest=1e6)
    assert share >= 0.99 and worst <= 1 and wrong == 0


@pytest.mark.slow
def test_two_hundred_random_problems_to_a_hundred_million_updates():
    share, worst, wrong = compare_with_direct(seed=1, number=200, smallest=1e3, largest=1e8)
    assert share >= 0.99 and worst <= 1 and wrong == 0


@pytest.mark.parametrize("x", [1e-3, 1e-6, 1e-9, 1e-12])
def test_jumping_equals_the_closed_form(x):
    closed = solve_escape_time([1, 0.5], two_arms(x), 0.2)
    jumped = solve_escape_time([1, 0.5], two_arms(x), 0.2, method="jump")
    assert closed.method == "closed-form" and jumped.method == "jump"
    assert closed.is_exact and jumped.is_exact
    assert jumped.steps == closed.steps == theory.equal_gap_escape_time(x, 0.5, 0.2)
    if x == 1e-12:
        assert closed.steps == 5000000000218


@pytest.mark.parametrize("x", [1e-14, 1e-30, 1e-100, 1e-280])
def test_beyond_float64_integers_the_error_estimate_covers_the_closed_form(x):
    closed = solve_escape_time([1, 0.5], two_arms(x), 0.2)
    jumped = solve_escape_time([1, 0.5], two_arms(x), 0.2, method="jump")
    assert not jumped.is_exact and not closed.is_exact
    assert jumped.relative_error < 1e-9 and closed.relative_error < 1e-14
    assert abs(jumped.steps / closed.steps - 1) < jumped.relative_error


def test_table_of_starts():
    # theory.md D4: eta = 1, Delta = .2, b = .5, x0 = 1e-3
    counts = {2: 2502, 3: 3335, 6: 4167, 10: 4501, 100: 4950}
    for size, count in counts.items():
        rewards = [0.7] + [0.5] * (size - 1)
        found = solve_escape_time(rewards, uniform_suboptimal(1e-3, size), 1.0)
        assert (found.steps, found.method) == (count, "closed-form")
    corners = {3: 2506, 4: 2511, 6: 2520, 10: 2538, 100: 2930}
    for size, count in corners.items():
        policy = np.full(size, 1e-3)
        policy[1] = 1 - 1e-3 * (size - 1)
        found = solve_escape_time([0.7] + [0.5] * (size - 1), np.log(policy), 1.0)
        assert found.steps == count and found.method == "jump"


def test_unequal_rewards_square_the_escape_time():
    # theory.md D6: slope 2.03 +- .05, not 1
    starts = np.array([1e-2, 3e-3, 1e-3])
    times = [
        solve_escape_time(
            [1, 0.9, 0.1], np.log([x, (1 - x) / 2, (1 - x) / 2]), 1.0, escape_prob=0.5
        )
        for x in starts
    ]
    slope = np.polyfit(np.log(1 / starts), np.log([t.steps for t in times]), 1)[0]
    assert slope == pytest.approx(2.03, abs=0.05)


@pytest.mark.parametrize("gap, count", [(0.5, 1412), (0.2, 10918)])
def test_three_arm_table(gap, count):
    # theory.md D5
    found = solve_escape_time([1, 1 - gap, 0], [-1, 5, 1], 1.0, escape_prob=0.5)
    assert abs(found.steps - count) <= 2 and found.is_exact


def test_off_policy_instance():
    # theory.md D13, S = 1
    found = solve_escape_time([1, 0.9, 0.89], np.log([0.0005, 0.1, 0.8995]), 0.5, escape_prob=0.5)
    assert found.steps == 106358 and found.is_exact


def test_forty_digits_agree():
    """K = 3, every update made in 40-digit arithmetic."""
    import mpmath

    rewards, theta, eta = [1, 0.7, 0.45], [-4, 0, 0.5], 0.5
    with mpmath.workdps(40):
        r = [mpmath.mpf(x) for x in rewards]
        logits, edge, n = [mpmath.mpf(x) for x in theta], (r[0] - r[1]) * mpmath.mpf("0.9"), 0
        while True:
            weights = [mpmath.exp(x) for x in logits]
            total = mpmath.fsum(weights)
            value = mpmath.fdot(weights, r) / total
            if r[0] - value < edge:
                break
            logits = [
                x + eta * w * (q - value) / total
                for x, w, q in zip(logits, weights, r, strict=True)
            ]
            n += 1
    found = solve_escape_time(rewards, theta, eta)
    assert found.steps == n > 1000 and found.is_exact and found.method == "jump"


def test_three_quadrillion_updates():
    found = solve_escape_time(WIDE, uniform_suboptimal(2.8e-4, 6), 0.5)
    assert found.method == "jump" and not found.is_exact
    assert 2.5e15 < found.steps < 3.5e15 and found.relative_error <= 1e-9
    finer = solve_escape_time(WIDE, uniform_suboptimal(2.8e-4, 6), 0.5, relative_tolerance=0)
    assert abs(found.steps / finer.steps - 1) <= found.relative_error
    assert finer.relative_error < 1e-11


@pytest.mark.slow
def test_gradient_flow_has_a_quadrature_that_agrees():
    """eta T tends to the flow's time, an integral that involves no integrator of this package.

    With y_a = exp(-theta_a), Z = sum 1/y_a, dtau = ds/Z the flow is y_a = y_a(0) - r_a tau + R,
    where R keeps prod y_a; the time is the integral of Z over tau (own derivation: y' = -y theta',
    theta_a' = (r_a - pi.r)/(y_a Z), and sum theta is conserved).
    """
    import mpmath

    rewards, theta = [1, 0.8, 0.6, 0.3], np.log([3e-4, 0.3, 0.2, 0.4997])
    with mpmath.workdps(60):
        r = [mpmath.mpf(x) for x in rewards]
        start = [mpmath.exp(-mpmath.mpf(x)) for x in theta]
        volume = mpmath.fprod(start)

        def arms(tau):
            """y at tau: the root R of prod(y(0) - r tau + R) = volume, by bisection and Newton."""
            base = [y - q * tau for y, q in zip(start, r, strict=True)]
            shift = -min(base) + min(start)
            for _ in range(200):
                y = [b + shift for b in base]
                change = mpmath.log(mpmath.fprod(y) / volume) / mpmath.fsum(1 / x for x in y)
                while min(b + shift - change for b in base) <= 0:
                    change /= 2
                shift -= change
                if abs(change) < min(y) * mpmath.mpf(10) ** -45:
                    return [b + shift for b in base]
            raise AssertionError("the conserved product was not met")

        def excess(tau):
            weights = [1 / y for y in arms(tau)]
            lost = mpmath.fdot(weights, [r[0] - q for q in r]) / mpmath.fsum(weights)
            return lost - mpmath.mpf(0.9) * (r[0] - r[1]) * (1 - mpmath.mpf(1e-12))

        low, high = mpmath.mpf(0), start[0]
        while excess(high) > 0:
            high *= 2
        for _ in range(120):
            middle = (low + high) / 2
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
        cuts = [0] + [high * mpmath.mpf(10) ** k for k in range(-12, 0)]
        cuts += [high * (1 - mpmath.mpf(10) ** -k) for k in range(1, 14)] + [high]
        flow = mpmath.quad(lambda tau: mpmath.fsum(1 / y for y in arms(tau)), sorted(cuts))
    scaled = [eta * solve_escape_time(rewards, theta, eta).steps for eta in (0.02, 0.01)]
    extrapolated = 2 * scaled[1] - scaled[0]  # eta T = flow + c eta + O(eta^2)
    assert float(flow) > 1e9
    assert extrapolated == pytest.approx(float(flow), rel=1e-9)


@given(
    x=st.floats(0.001, 0.3),
    eta=st.floats(0.05, 3.0),
    size=st.integers(3, 6),
    tilt=st.floats(-1.0, 1.0),
)
def test_any_start_agrees_with_direct_iteration(x, eta, size, tilt):
    rewards = np.linspace(0.9, 0.4, size)
    theta = uniform_suboptimal(x, size) + tilt * np.sin(np.arange(size))
    found = solve_escape_time(rewards, theta, eta, max_updates=10**5)
    direct = direct_escape(rewards, theta, eta, limit=10**5)
    assert (found.censored, direct) == (True, -1) or found.steps == direct


def test_batch_rows_are_the_single_answers():
    theta = np.stack([uniform_suboptimal(x, 6) for x in (1e-2, 1e-3, 0.5, 1e-4)])
    batch = solve_escape_time(WIDE, theta, 0.5, max_updates=10**14)
    assert batch.steps.dtype == np.float64 and batch.is_exact.dtype == bool
    for i, row in enumerate(theta):
        single = solve_escape_time(WIDE, row, 0.5, max_updates=10**14)
        for name in ("steps", "is_exact", "relative_error", "method", "censored", "updates"):
            np.testing.assert_equal(getattr(batch, name)[i], getattr(single, name))
    assert batch.censored.tolist() == [False, False, False, True]


def test_a_start_outside_the_well_has_left_it():
    for rewards, theta in (([1, 0.5], [3.0, 0.0]), ([1, 0.8, 0.1], [3.0, 0.0, 1.0])):
        found = solve_escape_time(rewards, theta, 0.5)
        assert (found.steps, found.is_exact, found.censored) == (0, True, False)
    assert solve_escape_time([1, 0.5], two_arms(0.3), 0.5, escape_prob=0.2).steps == 0
    # a start on the edge itself is inside (the tolerance of `in_well`)
    assert solve_escape_time([1, 0.5], two_arms(0.1), 0.5).steps == 1


def test_budget_ends_a_run_as_censored():
    theta = np.log([1e-3, 0.2, 0.799])
    full = solve_escape_time([1, 0.8, 0.3], theta, 0.5)
    for budget in (full.steps, full.steps - 1, 0):
        found = solve_escape_time([1, 0.8, 0.3], theta, 0.5, max_updates=budget)
        assert found.censored == (budget < full.steps)
        assert found.updates == budget
    assert np.isnan(found.steps) and np.isnan(found.relative_error) and not found.is_exact
    assert solve_escape_time([1, 0.5], two_arms(1e-9), 0.5, max_updates=10**6).censored
    never = solve_escape_time([1, 0.5, 0.2], [-800.0, 0.0, 0.0], 0.5)
    assert never.censored and never.updates == 1e300


def test_work_limit_ends_a_run_as_censored():
    found = solve_escape_time(WIDE, np.zeros(6), 1e-6, max_direct_updates=10, method="direct")
    assert found.censored and found.updates == 10 and found.method == "direct"


def test_learning_rate_too_large_for_a_flow_is_said_in_the_method():
    rewards, theta = [0.9, 0.8, 0.1], [-5.0, 0.0, 0.0]
    for eta, method in ((1.0, "jump"), (10.0, "jump (no flow)")):
        found = solve_escape_time(rewards, theta, eta)
        assert found.method == method and found.is_exact
        assert found.steps == direct_escape(rewards, theta, eta)
    found = solve_escape_time([0.9, 0.5, 0.1], [-1.0, 0.0, 0.0], 20.0)
    assert found.method == "direct (no flow)"
    assert found.steps == direct_escape([0.9, 0.5, 0.1], [-1.0, 0.0, 0.0], 20.0)


def test_direct_method_makes_every_update():
    theta = uniform_suboptimal(3e-2, 6)
    direct = solve_escape_time(WIDE, theta, 1.0, method="direct")
    assert direct.method == "direct" and direct.is_exact
    assert direct.steps == solve_escape_time(WIDE, theta, 1.0).steps > 1e4


def test_the_old_name_is_the_same_function():
    assert simulation.escape_time is solve_escape_time


def test_a_gap_of_a_few_ulp_ends():
    """r = (.5 + 1e-15, .5, .5): steps far below half an ulp of the logits, by quadrature."""
    import mpmath

    rewards, theta, eta = [0.5 + 1e-15, 0.5, 0.5], np.log([0.01, 0.495, 0.495]), 0.4
    with mpmath.workdps(50):
        x = 1 / (1 + 2 * mpmath.exp(mpmath.mpf(theta[1]) - mpmath.mpf(theta[0])))
        h = mpmath.mpf(eta) * (mpmath.mpf(rewards[0]) - mpmath.mpf(0.5)) * 3 / 2
        cuts = [x * (10 * x) ** (mpmath.mpf(-i) / 8) for i in range(9)]  # to 0.1
        flow = mpmath.quad(lambda p: 1 / (h * (p * (1 - p)) ** 2), cuts)
    for method in ("auto", "jump"):
        found = solve_escape_time(rewards, theta, eta, method=method)
        assert found.steps == pytest.approx(float(flow), rel=found.relative_error + 1e-11)
        assert not found.is_exact and found.relative_error < 1e-10
    # the arms' logits differ: no closed form
    apart = solve_escape_time(rewards, np.log([0.01, 0.49, 0.5]), eta)
    assert apart.method == "jump" and apart.steps == pytest.approx(float(flow), rel=1e-4)


@pytest.mark.parametrize("edge", [0.6, 0.99, 1 - 1e-6, 1 - 1e-12, 1 - 2.0**-50])
def test_edges_near_one_keep_their_digits(edge):
    closed = solve_escape_time([1, 0.5], two_arms(1e-3), 0.5, escape_prob=edge)
    jumped = solve_escape_time([1, 0.5], two_arms(1e-3), 0.5, escape_prob=edge, method="jump")
    assert (closed.method, jumped.method) == ("closed-form", "jump")
    assert abs(jumped.steps - closed.steps) <= jumped.relative_error * closed.steps
    assert jumped.is_exact or jumped.relative_error < 1e-9


@pytest.mark.parametrize("fraction", [0.5, 1e-3, 1e-8, 1e-11, 1e-14, 1e-200])
def test_small_fractions_of_the_gap_are_not_rounded_away(fraction):
    """Sub-optimality falls as 1/(h n), so T -> 1/(h fraction); 1 - fraction is no float."""
    found = solve_escape_time([1, 0.5], two_arms(1e-3), 0.5, escape_fraction=fraction)
    jumped = solve_escape_time(
        [1, 0.5], two_arms(1e-3), 0.5, escape_fraction=fraction, method="jump"
    )
    assert abs(found.steps / jumped.steps - 1) <= found.relative_error + jumped.relative_error
    if fraction < 1e-7:
        assert found.steps == pytest.approx(2 / fraction, rel=1e-4)
    assert found.method == ("closed-form" if fraction > 1e-10 else "jump")


def test_starts_as_near_one_as_float64_has_are_outside():
    for logit in (30.0, 36.0, 36.7, 40.0, 800.0):
        assert solve_escape_time([1, 0.5], [logit, 0.0], 0.5).steps == 0


def test_a_batch_of_another_rule_leaves_the_warnings_as_they_were():
    """Filters of warnings are the process's: threads that set and reset them would mix them up."""
    theta = np.log([[1e-4, 0.5, 0.4999]] * 6)
    solve_escape_time([1, 0.6, 0.5], theta[0], 0.1, update="entropy-pg")
    before = list(warnings.filters)
    found = solve_escape_time([1, 0.6, 0.5], theta, 0.1, update="entropy-pg")
    assert len(set(found.steps)) == 1 and warnings.filters == before
