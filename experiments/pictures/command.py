"""`python -m experiments plots PICTURE`: pictures of policies and of many runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.files import check_file
from gw_envs.checks import Floats, check_choice, check_extra, check_float, check_int


@dataclass(frozen=True)
class ThreeArms:
    """A bandit of three arms and where policies start."""

    mean_rewards: tuple[float, float, float] = (1.0, 0.9, 0.1)
    """What the arms pay, in [0, 1]."""
    learning_rate: float = 0.4
    """Step size eta."""
    output: Path = Path("runs/simplex.png")
    """File to write."""


@dataclass(frozen=True)
class SimplexOptions(ThreeArms):
    """Flow of the exact gradient on the triangle of policies, the well, and trajectories."""

    starts: tuple[tuple[float, float, float], ...] = (
        (0.05, 0.01, 0.94),
        (0.01, 0.05, 0.94),
        (0.01, 0.79, 0.2),
    )
    """Initial policies, three numbers each."""
    gradient: str = "exact"
    """exact or sampled (REINFORCE, bernoulli rewards, value baseline)."""
    max_updates: int = 100_000
    """Budget of a sampled run; exact ones go on to ten times their escape."""
    seed: int = 0
    """Of the sampled runs."""


@dataclass(frozen=True)
class LandscapeOptions(SimplexOptions):
    """Expected reward over policies (a plane) and over logits (plateaus), with trajectories."""

    output: Path = Path("runs/landscape.png")
    """File to write."""


@dataclass(frozen=True)
class AnimationOptions(ThreeArms):
    """A sampled-gradient run that falls into the well and leaves it, as a GIF."""

    mean_rewards: tuple[float, float, float] = (0.9, 0.6, 0.6)
    """Probability that a pull of each arm pays 1."""
    learning_rate: float = 1.0
    """Step size eta; small ones do not fall in."""
    start: tuple[float, float, float] = (0.34, 0.33, 0.33)
    """Initial policy, outside the well."""
    max_updates: int = 100_000
    """Budget of the run."""
    frames: int = 80
    """Policies shown, at log-spaced updates."""
    seed: int = 0
    """Fixes the runs among which the first that falls is taken."""
    output: Path = Path("runs/fall.gif")
    """File to write."""


@dataclass(frozen=True)
class SurvivalOptions:
    """Kaplan-Meier curves of the escape times in a results folder, by group."""

    results: tuple[Path, ...]
    """Folders with the tables of runs or sweeps, or patterns as 'runs/well-*'."""
    by: tuple[str, ...] = ()
    """Options that make the groups; default: those by which the methods differ."""
    output: Path = Path("runs/survival.png")
    """File to write."""


@dataclass(frozen=True)
class ScalingOptions:
    """Median escape time against an option, with the theory's lower bound."""

    results: tuple[Path, ...]
    """Folders with the tables of sweeps, or patterns as 'runs/well-*'."""
    axis: str | None = None
    """The option; default the first with at least three positive values."""
    output: Path = Path("runs/scaling.png")
    """File to write."""


def trajectories(options: SimplexOptions) -> list[Floats]:
    """Policies [T, 3] from every start, at log-spaced updates."""
    from agents.simulation import jump_history, simulate
    from gw_envs.checks import check_policy

    check_choice("gradient", options.gradient, ("exact", "sampled"))
    check_int("max_updates", options.max_updates, 1)
    starts = np.log(check_policy("starts", options.starts))
    if options.gradient == "exact":
        return [
            jump_history(options.mean_rewards, theta, options.learning_rate, None, 60).policy
            for theta in starts
        ]
    history = simulate(
        options.mean_rewards,
        starts,
        gradient="sampled",
        reward_noise="bernoulli",
        baseline="value",
        learning_rate=options.learning_rate,
        max_updates=options.max_updates,
        stop_at_escape=False,
        history=400,
        seed=options.seed,
    ).history
    assert history is not None
    return list(np.exp(history.log_policy).swapaxes(0, 1))


def draw_simplex_picture(options: SimplexOptions) -> None:
    """The picture `simplex`."""
    from experiments.pictures.simplex import check_three_rewards, draw_simplex

    check_three_rewards(options.mean_rewards)
    draw_simplex(
        options.mean_rewards,
        trajectories(options),
        options.output,
        learning_rate=options.learning_rate,
        title=f"Softmax policy gradient, {options.gradient}, eta = {options.learning_rate:g}",
        labels=[_start_name(start) for start in options.starts],
    )


def draw_landscape_picture(options: LandscapeOptions) -> None:
    """The picture `landscape`."""
    from experiments.pictures.simplex import check_three_rewards, draw_landscape

    check_three_rewards(options.mean_rewards)
    draw_landscape(
        options.mean_rewards,
        trajectories(options),
        options.output,
        title=f"Expected reward, and {options.gradient} softmax policy gradient on it",
        labels=[_start_name(start) for start in options.starts],
    )


def draw_animation(options: AnimationOptions) -> None:
    """The moving picture `animation`."""
    from experiments.pictures.animation import draw_fall, find_fall
    from gw_envs.checks import check_policy

    check_float("learning_rate", options.learning_rate, 0, open_low=True)
    fall = find_fall(
        options.mean_rewards,
        np.log(check_policy("start", options.start)),
        learning_rate=options.learning_rate,
        max_updates=options.max_updates,
        frames=options.frames,
        seed=options.seed,
    )
    draw_fall(
        options.mean_rewards,
        fall,
        options.output,
        learning_rate=options.learning_rate,
        title=f"REINFORCE, eta = {options.learning_rate:g}, run {fall.run}",
    )


def draw_survival_picture(options: SurvivalOptions) -> None:
    """The picture `survival`."""
    from experiments.analysis.run_table import count_problems, label, read_escapes
    from experiments.pictures.survival import draw_survival

    runs = read_escapes(options.results)
    by = options.by or runs.method_options()
    groups = {label(by, key): group for key, group in runs.groups(by).items()}
    bounds = {name: group.common_bound() for name, group in groups.items()}
    draw_survival(
        {name: group.survival() for name, group in groups.items()},
        options.output,
        title=f"Escape from the well, {len(runs):,} runs of {count_problems(runs)}",
        bounds=bounds,
    )


def draw_scaling_picture(options: ScalingOptions) -> None:
    """The picture `scaling`."""
    from experiments.analysis.run_table import read_escapes
    from experiments.analysis.scaling import axis_name, scaling_axes, scalings
    from experiments.pictures.survival import draw_scaling

    runs = read_escapes(options.results)
    axis = options.axis or (*scaling_axes(runs), "none")[0]
    series = scalings(runs, axis)
    drawn = sum(curve.runs for scaling in series for curve in scaling.curves)
    draw_scaling(
        series,
        options.output,
        axis=axis_name(axis),
        title=f"How the wait grows, {drawn:,} of {len(runs):,} runs",
    )


PICTURES: dict[str, tuple[type, Callable[[Any], None]]] = {
    "simplex": (SimplexOptions, draw_simplex_picture),
    "landscape": (LandscapeOptions, draw_landscape_picture),
    "animation": (AnimationOptions, draw_animation),
    "survival": (SurvivalOptions, draw_survival_picture),
    "scaling": (ScalingOptions, draw_scaling_picture),
}
TRIANGLES = ("simplex", "landscape", "animation")  # drawn on ternary axes


def main(arguments: list[str]) -> int:
    """Draw the picture that the arguments name."""
    import tyro

    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m experiments plots PICTURE [options]\n")
        for name, (options, _) in PICTURES.items():
            print(f"  {name:<12}{(options.__doc__ or '').strip()}")
        return 0
    name = check_choice("picture", arguments[0], tuple(PICTURES))
    options_class, draw = PICTURES[name]
    options = tyro.cli(
        options_class, prog=f"python -m experiments plots {name}", args=arguments[1:]
    )
    check_file("output", options.output, (options_class.output.suffix,))  # type: ignore[attr-defined]
    if name in TRIANGLES:
        check_extra("picture", name, "report", "mpltern")
    draw(options)
    print(f"wrote {options.output}")
    return 0


def _start_name(start: tuple[float, ...]) -> str:
    return f"from ({', '.join(f'{p:g}' for p in start)})"
