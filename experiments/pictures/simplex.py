"""Policies of three arms as points of a triangle: flow, well, trajectories, and the reward's shape.

Each `*_on` function draws one thing on the axes it is given, so that pictures can be put together;
`draw_simplex` and `draw_landscape` write whole ones. A corner is the policy that always plays that
arm; arm 0 stands at the top, arm 1 at the left, arm 2 at the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.policies import softmax
from experiments.files import save_figure
from experiments.pictures.style import BELOW, WELL, color_of, legend, new_figure
from gw_envs.checks import BadInput, Floats, check_float, check_mean_rewards
from gw_envs.theory import WELL_FRACTION
from gw_envs.theory.wells import in_well

# Both maps keep their order for colour-blind eyes and in grey.
SPEEDS, BRIGHTEST = "cividis", 0.85  # the map's palest part would vanish on white
REWARDS = "viridis"


def check_three_rewards(mean_rewards: ArrayLike) -> Floats:
    """Three mean rewards in [0, 1] with one best arm, as float64 [3].

    Raises:
        ValueError: if there are not three, or two are best.
    """
    rewards = check_mean_rewards("mean_rewards", mean_rewards)
    if rewards.size != 3:
        raise BadInput(f"mean_rewards={rewards.tolist()} must be three: a triangle has 3 arms.")
    if np.sum(rewards == rewards.max()) > 1:
        raise BadInput(f"mean_rewards={rewards.tolist()} must have one best arm.")
    return rewards


def losses(policy: ArrayLike, rewards: Floats) -> Any:
    """Sub-optimality sum_a pi(a)(r* - r(a)) of policies [..., 3]."""
    return np.asarray(policy) @ (rewards.max() - rewards)


def gap(rewards: Floats) -> float:
    """Delta: best minus second best."""
    second, best = np.sort(rewards)[-2:]
    return float(best - second)


def well_polygon(mean_rewards: ArrayLike) -> Floats:
    """Corners [N, 3], in order, of the part of the triangle where a policy is in the well.

    The well is a half-plane, sub-optimality >= 0.9 Delta, so its part of the triangle is found
    exactly by walking along the three edges.
    """
    rewards = check_three_rewards(mean_rewards)
    depth = rewards.max() - rewards - WELL_FRACTION * gap(rewards)
    corners = np.eye(3)
    points = []
    for here, there in ((0, 1), (1, 2), (2, 0)):
        if depth[here] >= 0:
            points.append(corners[here])
        if (depth[here] >= 0) != (depth[there] >= 0):
            share = depth[here] / (depth[here] - depth[there])
            points.append(corners[here] + share * (corners[there] - corners[here]))
    return np.array(points)


def exact_update(policy: ArrayLike, mean_rewards: ArrayLike, learning_rate: float) -> Floats:
    """The policies [..., 3] after one exact update theta(a) += eta pi(a)(r(a) - pi.r)."""
    pi, rewards = np.asarray(policy, dtype=np.float64), np.asarray(mean_rewards)
    value = pi @ rewards
    return softmax(np.log(pi) + learning_rate * pi * (rewards - value[..., None]))


def triangle_grid(steps: int, margin: float = 0.0) -> Floats:
    """Evenly spaced policies [N, 3]; every probability is at least `margin`."""
    parts = [(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    return margin + (1 - 3 * margin) * np.array(parts) / steps


def triangle_axes(figure: Any, mean_rewards: Sequence[float] | Floats, position: Any = 111) -> Any:
    """Ternary axes whose corners name the arms and what they pay.

    Args:
        figure: matplotlib figure, or subfigure.
        mean_rewards: [3].
        position: as `add_subplot` takes it.
    """
    import mpltern  # noqa: F401 - registers the projection

    axes = figure.add_subplot(position, projection="ternary")
    names = (f"arm {arm}\npays {reward:g}" for arm, reward in enumerate(mean_rewards))
    for axis, setter, name in zip(
        (axes.taxis, axes.laxis, axes.raxis),
        (axes.set_tlabel, axes.set_llabel, axes.set_rlabel),
        names,
        strict=True,
    ):
        axis.set_label_position("corner")
        axis.set_label_rotation_mode("horizontal")
        setter(name)
        axis.set_ticks([0.2, 0.4, 0.6, 0.8])
        axis.set_tick_params(labelsize=8, colors="0.4")
    return axes


def well_on(axes: Any, mean_rewards: ArrayLike) -> None:
    """Shade the well on ternary axes."""
    polygon = well_polygon(mean_rewards)
    axes.fill(*polygon.T, color=WELL, alpha=0.3, lw=0, zorder=1, label="the well")


def flow_on(axes: Any, mean_rewards: ArrayLike, learning_rate: float, steps: int = 22) -> Any:
    """Arrows of one length along the exact gradient's flow; their colour is the speed.

    Args:
        axes: ternary axes.
        mean_rewards: [3].
        learning_rate: eta > 0.
        steps: arrows along an edge.

    Returns:
        The quiver, for a colour bar: |pi_{n+1} - pi_n|, the policy's change by one update.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm

    points = triangle_grid(steps, margin=0.01)
    change = exact_update(points, mean_rewards, learning_rate) - points
    speed = np.linalg.norm(change, axis=1)
    arrows = change / np.maximum(speed, 1e-300)[:, None]
    return axes.quiver(
        *points.T,
        *arrows.T,
        speed,
        norm=LogNorm(),
        cmap=ListedColormap(colormaps[SPEEDS](np.linspace(0, BRIGHTEST, 256))),
        angles="xy",
        pivot="mid",
        scale=32,
        width=0.0032,
        zorder=2,
    )


def trajectories_on(
    axes: Any,
    mean_rewards: ArrayLike,
    trajectories: Sequence[NDArray[np.float64]],
    labels: Sequence[str] | None = None,
) -> None:
    """Paths of policies on ternary axes: a ring at the start, a dot where the well was left.

    Args:
        axes: ternary axes.
        mean_rewards: [3].
        trajectories: policies [T, 3] each, T >= 1.
        labels: for the legend; paths of one label share its entry.
    """
    rewards = check_three_rewards(mean_rewards)
    for i, path in enumerate(trajectories):
        label = None if labels is None else labels[i]
        _path_on(axes, path, first_outside(path, rewards), color_of(i), lw=1.8, label=label)
    for face, name in (("white", "start"), ("0.4", "escape")):
        axes.plot([], [], [], "o", color=face, mec="black", ms=7, label=name)


def _path_on(axes: Any, points: Floats, exit_at: int | None, color: str, **line: Any) -> None:
    """A path of points [T, axes], a ring at its first and a dot at the one outside the well."""
    axes.plot(*points.T, color=color, zorder=3, **line)
    axes.plot(*points[:1].T, "o", mfc="white", mec=color, mew=1.6, ms=7, zorder=4)
    if exit_at is not None:
        axes.plot(*points[exit_at, None].T, "o", color=color, mec="black", ms=7, zorder=5)


def first_outside(path: NDArray[np.float64], rewards: Floats) -> int | None:
    """Index of the first policy of a path [T, 3] outside the well; None if it began or stays so."""
    inside = in_well(losses(path, rewards), gap(rewards))
    return int(np.argmin(inside)) if inside[0] and not inside.all() else None


def reward_on(axes: Any, mean_rewards: ArrayLike) -> Any:
    """Expected reward pi.r in colours, with level lines, on ternary axes; for a colour bar."""
    points = triangle_grid(60)
    value = points @ np.asarray(mean_rewards, dtype=np.float64)
    filled = axes.tripcolor(*points.T, value, shading="gouraud", cmap=REWARDS)
    axes.tricontour(*points.T, value, levels=9, colors="white", linewidths=0.5)
    return filled


def log_odds(policy: ArrayLike) -> Floats:
    """ln(pi_0/pi_2) and ln(pi_1/pi_2) of policies [..., 3]: the logits that matter, [..., 2]."""
    logs = np.log(np.asarray(policy, dtype=np.float64))
    return logs[..., :2] - logs[..., 2:]


def plateaus_on(
    axes: Any,
    mean_rewards: ArrayLike,
    trajectories: Sequence[NDArray[np.float64]] = (),
    reach: float = 10.0,
) -> Any:
    """Expected reward over the logits, where it has plateaus, with paths and the well's edge.

    Args:
        axes: plain axes.
        mean_rewards: [3].
        trajectories: policies [T, 3] each, positive.
        reach: log-odds shown, at least; the paths widen it.

    Returns:
        What a colour bar needs.
    """
    rewards = check_three_rewards(mean_rewards)
    paths = [log_odds(path) for path in trajectories]
    reach = max([reach, *(1.1 * float(np.abs(path).max()) for path in paths)])
    ticks = np.linspace(-reach, reach, 301)
    x, y = np.meshgrid(ticks, ticks)
    policies = softmax(np.stack([x, y, np.zeros_like(x)], axis=-1))
    value = policies @ rewards
    filled = axes.pcolormesh(x, y, value, shading="gouraud", cmap=REWARDS, rasterized=True)
    levels = np.linspace(rewards.min(), rewards.max(), 11)[1:-1]
    axes.contour(x, y, value, levels, colors="white", linewidths=0.5)
    edge = WELL_FRACTION * gap(rewards)
    axes.contour(x, y, losses(policies, rewards), [edge], colors="black", linestyles="--")
    for i, path in enumerate(paths):
        axes.plot(*path.T, color="black", lw=3.2, zorder=3)
        _path_on(axes, path, first_outside(trajectories[i], rewards), color_of(i), lw=2)
    axes.set_xlabel("log-odds of arm 0 against arm 2")
    axes.set_ylabel("log-odds of arm 1 against arm 2")
    axes.set_aspect("equal")
    return filled


def draw_simplex(
    mean_rewards: ArrayLike,
    trajectories: Sequence[NDArray[np.float64]],
    path: Path,
    *,
    learning_rate: float,
    title: str = "",
    labels: Sequence[str] | None = None,
) -> None:
    """Write the picture of the triangle: flow of the exact gradient, well, trajectories.

    Args:
        mean_rewards: r in [0, 1], [3], one best arm.
        trajectories: policies [T, 3] each; may be none.
        path: PNG to write.
        learning_rate: eta > 0, of the flow's speed.
        title: above the picture.
        labels: one per trajectory.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    rewards = check_three_rewards(mean_rewards)
    check_float("learning_rate", learning_rate, 0, open_low=True)
    figure = new_figure(7.4, 6)
    axes = triangle_axes(figure, rewards)
    well_on(axes, rewards)
    flow = flow_on(axes, rewards, learning_rate)
    trajectories_on(axes, rewards, trajectories, labels)
    bar = figure.colorbar(flow, ax=axes, shrink=0.6, pad=0.12)
    bar.set_label("change of the policy by one update (Euclidean)")
    legend(axes, **BELOW)
    figure.suptitle(title)
    save_figure(figure, path, dpi=110)


def draw_landscape(
    mean_rewards: ArrayLike,
    trajectories: Sequence[NDArray[np.float64]],
    path: Path,
    *,
    title: str = "",
    labels: Sequence[str] | None = None,
) -> None:
    """Write the reward's landscape twice: a plane over policies, plateaus over logits.

    Args:
        mean_rewards: r in [0, 1], [3], one best arm.
        trajectories: policies [T, 3] each, positive; drawn on both.
        path: PNG to write.
        title: above the picture.
        labels: one per trajectory.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    rewards = check_three_rewards(mean_rewards)
    figure = new_figure(11, 5.2)
    panels: Any = figure.subfigures(1, 2)
    left, right = panels
    left.suptitle("over policies: a plane")
    right.suptitle("over logits, where the gradient climbs: plateaus")
    triangle = triangle_axes(left, rewards)
    reward_on(triangle, rewards)
    trajectories_on(triangle, rewards, trajectories, labels)
    legend(triangle, **BELOW)
    plain = right.add_subplot()
    filled = plateaus_on(plain, rewards, trajectories)
    plain.plot([], [], color="black", ls="--", label="edge of the well")
    legend(plain, **BELOW)
    right.colorbar(filled, ax=plain, label="expected reward")
    figure.suptitle(title)
    save_figure(figure, path, dpi=90)
