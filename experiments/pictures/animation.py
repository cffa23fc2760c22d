"""A moving picture of a policy that falls into a well and leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.files import write_atomically
from experiments.pictures.simplex import (
    check_three_rewards,
    flow_on,
    gap,
    losses,
    triangle_axes,
    well_on,
)
from experiments.pictures.style import BLUE, ORANGE, WELL, new_figure
from gw_envs.checks import BadInput, Floats, check_int
from gw_envs.theory import WELL_FRACTION
from gw_envs.theory.wells import in_well

MOST_FRAMES = 10_000
SEEDS_AT_ONCE = 200
LAST_FRAME_MS = 2000


@dataclass(frozen=True)
class Fall:
    """One run that began outside the well, was in it and is outside again.

    Attributes:
        updates: numbers of updates, ascending, [T].
        policies: the policy after each, [T, 3].
        run: which of the seed's runs it is.
    """

    updates: NDArray[np.int64]
    policies: Floats
    run: int


def find_fall(
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    *,
    learning_rate: float,
    max_updates: int,
    frames: int,
    seed: int = 0,
) -> Fall:
    """Of 200 sampled-gradient runs, one that falls into the well, stays longest and leaves it.

    Exact gradients never fall in: for them the expected reward rises with every update. REINFORCE
    without a baseline does, by chance, when the step size is large.

    Args:
        mean_rewards: r [3]; a pull pays 1 with this probability (bernoulli), else 0.
        initial_theta: logits [3] of a policy outside the well.
        learning_rate: eta > 0.
        max_updates: budget.
        frames: how many log-spaced policies are kept, >= 2; falls between two of them go unseen.
        seed: fixes the runs.

    Raises:
        ValueError: if none of the runs does it, or naming the argument that is out of range.
    """
    from agents.simulation import simulate

    rewards = check_three_rewards(mean_rewards)
    run = simulate(
        rewards,
        np.tile(np.asarray(initial_theta, dtype=np.float64), (SEEDS_AT_ONCE, 1)),
        gradient="sampled",
        reward_noise="bernoulli",
        learning_rate=learning_rate,
        max_updates=check_int("max_updates", max_updates, 1),
        stop_at_escape=False,
        history=check_int("frames", frames, 2, MOST_FRAMES),
        seed=seed,
    )
    assert run.history is not None
    policies = np.exp(run.history.log_policy)
    inside = in_well(losses(policies, rewards), gap(rewards))
    fell = ~inside[0] & inside.any(axis=0) & ~inside[-1]
    if not fell.any():
        raise BadInput(
            f"seed={seed}: none of {SEEDS_AT_ONCE} runs falls into the well and leaves it within "
            f"max_updates={max_updates}; take a larger learning_rate (now {learning_rate:g}) to "
            "fall in, more updates to get out."
        )
    chosen = int(np.argmax(inside.sum(axis=0) * fell))
    return Fall(run.history.updates, policies[:, chosen], chosen)


def draw_fall(
    mean_rewards: ArrayLike,
    fall: Fall,
    path: Path,
    *,
    learning_rate: float,
    title: str = "",
    frames_per_second: int = 10,
) -> None:
    """Write a GIF: the policy on the triangle, its sub-optimality beside it, a frame per policy.

    Args:
        mean_rewards: r [3].
        fall: the run.
        path: GIF to write.
        learning_rate: eta, of the flow's arrows.
        title: above both.
        frames_per_second: >= 1.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from experiments.options.progress import progress

    rewards = check_three_rewards(mean_rewards)
    rate = check_int("frames_per_second", frames_per_second, 1)
    figure = new_figure(8.2, 3.9)
    figure.set_dpi(75)
    canvas = FigureCanvasAgg(figure)
    triangle = triangle_axes(figure, rewards, 121)
    well_on(triangle, rewards)
    flow_on(triangle, rewards, learning_rate, steps=16)
    curve = _curve_axes(figure, rewards, fall)
    figure.suptitle(title)
    moving = _moving_parts(triangle, curve)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    distance = losses(fall.policies, rewards)
    frames = []
    for i in progress(range(len(fall.updates)), desc="frames"):
        canvas.restore_region(still)
        _show(moving, fall, distance, i)
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    write_atomically(path, lambda target: _save_gif(target, frames, rate))


def _save_gif(target: Path, frames: list[Any], frames_per_second: int) -> None:
    """One palette for all frames, so that only what moved is stored of each."""
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    palette = pictures[-1].quantize(method=Image.Quantize.FASTOCTREE)
    flat = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times = [1000 // frames_per_second] * (len(flat) - 1) + [LAST_FRAME_MS]
    flat[0].save(
        target, format="GIF", save_all=True, append_images=flat[1:], duration=times, loop=0
    )


def _curve_axes(figure: Any, rewards: Floats, fall: Fall) -> Any:
    axes = figure.add_subplot(122)
    edge = WELL_FRACTION * gap(rewards)
    top = 1.05 * max(float(losses(fall.policies, rewards).max()), gap(rewards))
    axes.axhspan(edge, top, color=WELL, alpha=0.3, lw=0)
    axes.text(0.03, 0.95, "the well", transform=axes.transAxes, va="top", color="0.25")
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, fall.updates[-1])
    axes.set_ylim(0, top)
    axes.grid(alpha=0.3)
    axes.set_xlabel("policy updates")
    axes.set_ylabel("sub-optimality (reward)")
    return axes


def _moving_parts(triangle: Any, curve: Any) -> dict[str, Any]:
    point = {"marker": "o", "ms": 9, "color": ORANGE, "mec": "black", "zorder": 6}
    line = {"color": BLUE, "lw": 1.6, "zorder": 4}
    parts = {
        "path": triangle.plot([], [], [], **line)[0],
        "policy": triangle.plot([], [], [], **point)[0],
        "curve": curve.plot([], [], **line)[0],
        "now": curve.plot([], [], **point)[0],
        "count": curve.text(0.03, 0.05, "", transform=curve.transAxes, color="0.25"),
    }
    for part in parts.values():
        part.set_animated(True)  # left out of the still background
    return parts


def _show(moving: dict[str, Any], fall: Fall, distance: Any, i: int) -> None:
    """Draw the moving parts of frame i over the background."""
    trail, here = fall.policies[: i + 1], fall.policies[i : i + 1]
    for part, policies in (("path", trail), ("policy", here)):
        moving[part].set_data(*moving[part].axes.transProjection.transform(policies).T)
    moving["curve"].set_data(fall.updates[: i + 1], distance[: i + 1])
    moving["now"].set_data(fall.updates[i : i + 1], distance[i : i + 1])
    moving["count"].set_text(f"{fall.updates[i]:,} updates")
    for part in moving.values():
        part.axes.draw_artist(part)
