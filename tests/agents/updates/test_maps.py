"""The escort and Tsallis maps, against 50-digit arithmetic and their definitions."""

import mpmath
import numpy as np
import pytest

from agents.policies import escort, softmax, tsallis, tsallis_parameters
from agents.updates import RULES, make_rule


def tsallis_reference(theta, alpha):
    """mu by bisection in 50 digits."""
    with mpmath.workdps(50):
        x = [mpmath.mpf(float(value)) for value in theta]
        alpha, k = mpmath.mpf(alpha), len(theta)

        def probabilities(mu):
            return [(1 + (alpha - 1) * (v - mu)) ** (1 / (alpha - 1)) / k for v in x]

        low = max(x) - (1 - mpmath.mpf(k) ** (alpha - 1)) / (1 - alpha)
        high = max(x)
        for _ in range(180):
            middle = (low + high) / 2
            low, high = (middle, high) if sum(probabilities(middle)) > 1 else (low, middle)
        return [float(p) for p in probabilities(low)]


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "theta",
    [
        [0.0, 0.0],
        [3.0, -2.0, 0.5],
        [0.0, 1000.0],
        [50.0, 49.9, -200.0, 0.0, 10.0],
        [0.0] * 9 + [1e-9],
    ],
    ids=str,
)
def test_tsallis_to_full_precision(theta, alpha):
    # The Tsallis argument loses up to |theta| * 2^-53 in theta - max(theta); powers magnify it.
    expected = tsallis_reference(theta, alpha)
    np.testing.assert_allclose(tsallis(theta, alpha), expected, rtol=2e-13 / (1 - alpha))


def test_tsallis_maximises_its_objective():
    """pi.theta - D_f(pi || uniform), f(u) = (u^alpha - alpha u + alpha - 1)/(alpha(alpha-1))."""
    theta, alpha = np.array([0.4, -0.3, 1.1]), 0.6

    def objective(pi):
        u = 3 * pi
        f = (u**alpha - alpha * u + alpha - 1) / (alpha * (alpha - 1))
        return pi @ theta - np.mean(f)

    best = tsallis(theta, alpha)
    rng = np.random.default_rng(0)
    for _ in range(200):
        direction = rng.normal(size=3)
        direction -= direction.mean()
        for size in (1e-3, 1e-2):
            other = best + size * direction / np.linalg.norm(direction)
            assert objective(other) < objective(best)


def test_tsallis_tends_to_softmax():
    theta = np.array([0.4, -0.3, 1.1])
    np.testing.assert_allclose(tsallis(theta, 1 - 1e-7), softmax(theta), rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_tsallis_parameters_invert_the_map_deep_in_a_corner(alpha):
    policy = np.array([1e-12, 1e-5, 1 - 1e-5 - 1e-12])
    np.testing.assert_allclose(tsallis(tsallis_parameters(policy, alpha), alpha), policy, rtol=1e-9)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 8.0])
def test_escort_by_its_definition(power):
    theta = np.array([[0.3, -1.2, 2.0], [1e-200, 2e-200, -1e-200]])
    with mpmath.workdps(50):
        rows = [[abs(mpmath.mpf(float(v))) ** power for v in row] for row in theta]
        expected = [[float(w / sum(row)) for w in row] for row in rows]
    np.testing.assert_allclose(escort(theta, power), expected, rtol=1e-13)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("scaled", [True, False])
def test_escort_at_zero(power, scaled):
    """An arm at 0 stays there and the others learn; a row of zeros is uniform and stays."""
    rule = make_rule("escort-pg", power=power, scaled=scaled)
    theta, rewards = np.array([0.0, 0.6, 0.8]), np.array([1.0, 0.5, 0.1])
    after = rule.step(theta, rewards, 0.01)
    assert rule.policy(theta)[0] == after[0] == 0
    assert after[1] > theta[1] and after[2] < theta[2]
    zeros = np.zeros(3)
    np.testing.assert_array_equal(rule.policy(zeros), np.full(3, 1 / 3))
    np.testing.assert_array_equal(rule.step(zeros, rewards, 0.01), zeros)


def test_escort_gradient_is_defined_at_zero_where_the_map_is_smooth():
    """p = 2 and 3: the one-sided limits of d(pi.r)/dtheta(a) as theta(a) -> 0 are both 0."""
    rewards = np.array([1.0, 0.5, 0.1])
    for power in (2.0, 3.0):
        for small in (1e-7, -1e-7):
            rule = RULES["escort-pg"](power=power, scaled=False)
            assert abs(rule.direction(np.array([small, 0.6, 0.8]), rewards)[0]) < 1e-6
