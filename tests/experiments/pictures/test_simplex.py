"""The triangle's geometry against the definition of the well; pictures that can be read back."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.path import Path as Outline

from agents.simulation import jump_history, simulate
from experiments.pictures import simplex as plots

REWARDS = (1.0, 0.9, 0.1)
pays = st.floats(0, 1).map(lambda x: round(x, 3))


def on_plane(policies):
    return np.asarray(policies)[..., :2]  # the third follows: an affine chart of the triangle


@given(st.tuples(pays, pays, pays), st.integers(0, 2**32 - 1))
def test_well_polygon_holds_exactly_the_policies_in_the_well(rewards, seed):
    rewards = np.array(rewards)
    gap = np.diff(np.sort(rewards))[-1]
    assume(gap > 0.002)
    policies = np.random.default_rng(seed).dirichlet((1, 1, 1), 200)
    loss = policies @ (rewards.max() - rewards)
    clear = np.abs(loss - 0.9 * gap) > 1e-9
    inside = Outline(on_plane(plots.well_polygon(rewards))).contains_points(on_plane(policies))
    assert (inside == (loss >= 0.9 * gap))[clear].all()


def test_exact_update_is_one_step_of_the_simulation():
    policy = np.array([[0.2, 0.5, 0.3], [0.01, 0.01, 0.98]])
    run = simulate(REWARDS, np.log(policy), learning_rate=0.7, max_updates=1, stop_at_escape=False)
    moved = plots.exact_update(policy, REWARDS, 0.7)
    np.testing.assert_allclose(moved, run.final_policy, rtol=1e-12)


def test_the_dot_stands_where_the_well_is_left():
    history = jump_history(REWARDS, np.log([0.01, 0.05, 0.94]), 0.4)
    at = plots.first_outside(history.policy, np.array(REWARDS))
    assert history.updates[at] == history.escape.steps
    assert plots.first_outside(history.policy[:at], np.array(REWARDS)) is None  # still in
    assert plots.first_outside(history.policy[at:], np.array(REWARDS)) is None  # began outside


def test_grid_covers_the_triangle():
    grid = plots.triangle_grid(4, margin=0.1)
    assert grid.shape == (15, 3)
    np.testing.assert_allclose(grid.sum(axis=1), 1)
    assert grid.min() == pytest.approx(0.1)


def test_arrows_point_along_the_update():
    axes = plots.triangle_axes(Figure(), REWARDS)
    flow = plots.flow_on(axes, REWARDS, 0.4, steps=5)
    points = plots.triangle_grid(5, margin=0.01)
    change = plots.exact_update(points, REWARDS, 0.4) - points
    np.testing.assert_allclose(flow.get_array(), np.linalg.norm(change, axis=1))
    # In the plane, the top corner is up and the right corner is to the right.
    up, across = change[:, 0], (change[:, 2] - change[:, 1])
    assert (np.sign(flow.V) == np.sign(up)).all()
    clear = np.abs(across) > 1e-12
    assert (np.sign(flow.U) == np.sign(across))[clear].all()


def test_log_odds_are_the_logits_up_to_a_constant():
    theta = np.array([0.3, -1.2, 2.0])
    policy = np.exp(theta) / np.exp(theta).sum()
    np.testing.assert_allclose(plots.log_odds(policy), [theta[0] - 2.0, theta[1] - 2.0])


@pytest.mark.parametrize("draw", ["simplex", "landscape"])
def test_pictures_are_written(draw, tmp_path):
    path = tmp_path / "new" / "picture.png"
    paths = [jump_history(REWARDS, np.log([0.05, 0.01, 0.94]), 0.4).policy]
    if draw == "simplex":
        plots.draw_simplex(REWARDS, paths, path, learning_rate=0.4, labels=["one"])
    else:
        plots.draw_landscape(REWARDS, paths, path, labels=["one"])
    pixels = imread(path)
    assert pixels.shape[0] > 300
    assert np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0).shape[0] > 50


def test_refusals_name_the_argument(tmp_path):
    path = tmp_path / "picture.png"
    with pytest.raises(ValueError, match="must be three"):
        plots.draw_simplex((1, 0.5), [], path, learning_rate=0.4)
    with pytest.raises(ValueError, match="one best arm"):
        plots.draw_landscape((1, 1, 0.5), [], path)
    with pytest.raises(ValueError, match="learning_rate=-1"):
        plots.draw_simplex(REWARDS, [], path, learning_rate=-1)
    assert not path.exists()
