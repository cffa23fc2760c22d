import hashlib
import math

import numpy as np
import pytest

from agents.simulation import softmax_bandit, solve_escape_time
from agents.simulation.kernels import jumping
from agents.simulation.motion import Motion
from agents.simulation.softmax_bandit import LEVELS, NEVER, Jumps
from agents.simulation.solver import make_bandit
from agents.updates import make_rule
from gw_envs import theory
from tests.agents.simulation.direct_count import direct_escape, random_problem


def test_the_tableau_is_to_the_bit_what_stood_here_in_full():
    """SHA-256 of the digits copied from Hairer's dop853 that scipy's replaced."""
    parts = (jumping.STAGES, jumping.SOLUTION, jumping.ERROR_5, jumping.ERROR_3)
    assert [hashlib.sha256(part.astype("<f8").tobytes()).hexdigest()[:16] for part in parts] == [
        "2d7b26f6a5bdc97d",
        "e1974f8cf19b95d0",
        "01cf0cb14c03091e",
        "10061db16947d310",
    ]
    assert all(part.flags.c_contiguous for part in parts)


def test_the_tableau_meets_the_order_conditions():
    """Quadrature to order 8, c_i = sum_j a_ij, and error weights that vanish on low orders."""
    nodes = jumping.STAGES.sum(axis=1)
    for k in range(8):
        assert jumping.SOLUTION @ nodes**k == pytest.approx(1 / (k + 1), rel=1e-14)
    assert jumping.SOLUTION @ jumping.STAGES @ nodes**6 == pytest.approx(1 / 56, rel=1e-13)
    for weights, order in ((jumping.ERROR_5, 5), (jumping.ERROR_3, 3)):
        for k in range(order):
            assert weights @ nodes**k == pytest.approx(0, abs=1e-14)
        assert abs(weights @ nodes**order) > 1e-5


def follow(rewards, theta, eta, level, end, work, stops=()):
    bandit, eta = make_bandit(rewards, eta)
    motion = Motion(bandit, make_rule("softmax-pg"), np.asarray(theta)[None], eta)
    return softmax_bandit.follow(motion, level, end, work, np.asarray(stops, dtype=float))


def flow_and_update(eta, rewards, theta):
    """theta moved by the modified field over time 1, and by one update."""
    problem = jumping.Problem(rewards, eta, rewards, 1.0)
    work = jumping.prepare(np.exp(theta - theta.max()), problem)
    jumping.update_direction(work, jumping.D, eta)
    update = work[jumping.PHI].copy()
    jumping.modified_field(work, eta, jumping.SLOPE)
    error, _ = jumping.jump_increment(work, eta, 1.0)
    assert error < 1e-12
    return work[jumping.TRIAL].copy(), update


@pytest.mark.parametrize("size", [2, 3, 7])
def test_modified_field_leaves_an_error_of_fourth_order(size):
    # A wrong coefficient in any term of F would make the first ratio 4 or 8 instead of 16.
    rng = np.random.default_rng(size)
    rewards, theta = rng.uniform(0, 1, size), rng.normal(0, 1, size)
    gaps = []
    for eta in (0.08, 0.04, 0.02):
        flow, update = flow_and_update(eta, rewards, theta)
        gaps.append(np.abs(flow - update).max())
    assert gaps[0] / gaps[1] == pytest.approx(16, rel=0.08)
    assert gaps[1] / gaps[2] == pytest.approx(16, rel=0.04)


def test_update_direction_is_the_gradient_of_the_expected_reward():
    rng = np.random.default_rng(1)
    rewards, theta = rng.uniform(0, 1, 5), rng.normal(0, 2, 5)

    def value(logits):
        weights = np.exp(logits - logits.max())
        return weights @ rewards / weights.sum()

    _, update = flow_and_update(0.3, rewards, theta)
    steps = 1e-6 * np.eye(5)
    gradient = [(value(theta + h) - value(theta - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(update, 0.3 * np.array(gradient), atol=1e-9)


def test_advantage_of_a_dominant_arm_keeps_its_digits():
    # pi = (1e-40, 1-2e-40, 1e-40), r = (1, .5, .2): r_2 - pi.r = -(.5 - .3) 1e-40, where plain
    # float64 subtraction gives 0.
    theta = np.log(np.array([1e-40, 1.0, 1e-40]))
    _, update = flow_and_update(1.0, np.array([1.0, 0.5, 0.2]), theta)
    assert update[1] == pytest.approx(-0.2e-40, rel=1e-14)
    assert update[0] == pytest.approx(0.5e-40, rel=1e-14)


def test_errors_shrink_from_level_to_level():
    """Crossings as real numbers against compensated direct iteration, worst of 12 problems."""
    rng = np.random.default_rng(11)
    worst = np.zeros(len(LEVELS))
    done = 0
    while done < 12:
        problem = random_problem(rng)
        fine = follow(*problem, NEVER, 1e5, 1e5).crossings[0]
        if not 1e3 < fine < 5e4:
            continue
        done += 1
        for i, level in enumerate(LEVELS):
            path = follow(*problem, level, 1e9, 1e9)
            assert path.counts[0] == direct_escape(*problem)
            worst[i] = max(worst[i], abs(path.crossings[0] - fine))
    assert worst[0] < 2e-2
    assert np.all(worst[1:] < np.array([2e-3, 2e-5, 2e-6]))


def test_a_peak_above_the_edge_is_not_jumped_over():
    # pi(a*) rises to 0.16 while the bad arm drains, falls to 0.05, and rises for good much later.
    rewards, theta, eta = [1, 0.98, 0], [0.37685807945, 0.87529225137, 3.58788605726], 0.0005
    for edge in (0.155, 0.161, 0.1612, 0.17):
        direct = direct_escape(rewards, theta, eta, prob=edge)
        found = solve_escape_time(rewards, theta, eta, escape_prob=edge)
        assert (found.steps, found.method) == (direct, "jump")
    assert direct > 5 * direct_escape(rewards, theta, eta, prob=0.155)


def test_whole_jumps_land_on_every_stop():
    theta = np.log([1e-9, 1 - 1e-9])
    stops = np.array([0.0, 1.0, 7.0, 1e6, 1e6 + 1, 1e9, 3e16, 3e17])
    path = follow([1, 0.5], theta, 0.2, LEVELS[2], 1e300, 1e8, stops)
    moved = path.history
    assert path.finished and path.update == stops[-1]
    assert np.all(np.isfinite(moved)) and np.all(np.diff(moved[:, 0]) > 0)
    # softmax conserves the sum of the logits
    np.testing.assert_allclose(moved.sum(axis=1), 0, atol=1e-12)
    # after n updates of the linear phase: d_1 = eta pi_1 Delta n
    assert moved[3, 0] == pytest.approx(0.2 * 0.5 * 1e-9 * 1e6, rel=2e-4)


def test_work_limit_is_reported():
    path = follow([1, 0.5], [-9.0, 0.0], 0.2, NEVER, 1e9, 100)
    assert (path.update, path.finished, math.isnan(path.crossings[0])) == (100, False, True)


def test_single_updates_below_the_spacing_of_n_are_counted():
    """A million updates made one by one at n = 1e18, where float64 is spaced by 128."""
    x = 5e-18
    path = follow([1, 0.5], np.log([x, 1 - x]), 0.2, Jumps(1e-6, 1e-13), 1e300, 1e8)
    count = theory.equal_gap_escape_time(x, 0.5, 0.2)
    assert path.evaluations > 4e5 and count > 2**59
    assert abs(path.update - count) < path.evaluations / 20
