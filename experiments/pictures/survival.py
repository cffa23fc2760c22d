"""Escape times of many runs: who is still in the well, and how the wait grows along an axis.

The `*_on` functions draw on the axes they are given; `draw_survival` and `draw_scaling` write whole
pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.analysis.scaling import Scaling
from experiments.analysis.statistics import Estimate, Survival
from experiments.files import save_figure
from experiments.pictures.style import MARKERS, STATE_COLORS, color_of, darker, legend, new_figure


def escape_curves_on(
    axes: Any, groups: Mapping[str, Survival], bounds: Mapping[str, float] | None = None
) -> None:
    """Kaplan-Meier curves with their pointwise 95% bands, over updates on a logarithmic axis.

    Args:
        axes: matplotlib axes.
        groups: label -> curve, at most a dozen.
        bounds: label -> lower bound of the escape time, drawn dashed in the curve's colour.
    """
    first = min([curve.times[0] for curve in groups.values() if len(curve.times)], default=1.0)
    left = max(0.5, 0.5 * min([first, *(b for b in (bounds or {}).values() if b > 0)]))
    for i, (name, curve) in enumerate(groups.items()):
        color = color_of(i)
        style = "-" if i < len(STATE_COLORS) else "-."
        x, value, low, high = steps(curve, left)
        axes.step(x, value, where="post", color=color, ls=style, lw=1.8, label=_count(name, curve))
        axes.fill_between(x, low, high, step="post", color=color, alpha=0.18, lw=0)
        if curve.censored:
            axes.plot(x[-1], value[-1], "|", color=color, mew=2, ms=10)
        bound = (bounds or {}).get(name, np.nan)
        if np.isfinite(bound) and bound > 0:
            axes.axvline(bound, color=color, ls="--", lw=1.2)
    if any(np.isfinite(bound) for bound in (bounds or {}).values()):
        axes.plot([], [], color="black", ls="--", lw=1.2, label="lower bound (exact gradient)")
    axes.set_xscale("log")
    axes.set_xlim(left=left)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    axes.set_xlabel("policy updates")
    axes.set_ylabel("share of runs still in the well")
    legend(axes)


def steps(curve: Survival, left: float) -> tuple[Any, Any, Any, Any]:
    """Corners of a curve and its band, from 1 at `left` to the longest time watched."""
    x = np.maximum(np.concatenate([[left], curve.times, [curve.last]]), left)
    ends = (curve.survival, curve.low, curve.high)
    value, low, high = (np.concatenate([[1.0], y, (y if len(y) else [1.0])[-1:]]) for y in ends)
    return x, value, low, high


def medians_on(axes: Any, series: Sequence[Scaling], theory: str = "lower bound") -> None:
    """Median escape times with 95% intervals along an axis, both logarithmic, and theory's line.

    A median beyond the budget is an arrow that starts at the longest time watched. Theory's line
    is dashed in a darker shade and lies over the others, which it often all but touches.

    Args:
        axes: matplotlib axes.
        series: at most six.
        theory: what their `theory` is; the dashed line's name.
    """
    for i, scaling in enumerate(series):
        color = color_of(i)
        style = {"color": color, "marker": MARKERS[i % len(MARKERS)], "ms": 5}
        medians = scaling.medians
        known = np.array([np.isfinite(m.value) for m in medians])
        y = np.array([m.value for m in medians])
        axes.errorbar(
            scaling.x[known],
            y[known],
            yerr=_arms([m for m in medians if np.isfinite(m.value)], scaling, known),
            capsize=3,
            lw=2.5,
            alpha=0.6,
            ls="-",
            label=scaling.caption,
            **style,
        )
        for at in np.flatnonzero(~known):
            axes.plot(scaling.x[at], scaling.curves[at].last, marker="$\\uparrow$", ms=12, c=color)
        if np.isfinite(scaling.theory).any():
            axes.plot(scaling.x, scaling.theory, color=darker(color), ls="--", lw=1.6, zorder=3)
    if any(np.isfinite(scaling.theory).any() for scaling in series):
        axes.plot([], [], color="black", ls="--", lw=1.4, label=theory)
    if not all(np.isfinite(m.value) for scaling in series for m in scaling.medians):
        axes.plot([], [], color="black", marker="$\\uparrow$", ls="", label="beyond the budget")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(alpha=0.3, which="both")
    axes.set_ylabel("median escape time (updates)")
    legend(axes)


def ratios_on(axes: Any, series: Sequence[Scaling], theory: str = "lower bound") -> None:
    """Finite medians over theory's line: how far above it they lie, which many decades hide.

    Args:
        axes: matplotlib axes.
        series: at most six.
        theory: what their `theory` is.
    """
    for i, scaling in enumerate(series):
        ratio = np.array([median.value for median in scaling.medians]) / scaling.theory
        known = np.isfinite(ratio)
        style = {"color": color_of(i), "marker": MARKERS[i % len(MARKERS)], "ms": 5, "alpha": 0.6}
        axes.plot(scaling.x[known], ratio[known], **style)
    axes.axhline(1, color="black", ls="--", lw=1.6)
    axes.set_xscale("log")
    axes.grid(alpha=0.3)
    axes.set_ylabel(f"median / {theory.partition(' (')[0]}")


def draw_survival(
    groups: Mapping[str, Survival],
    path: Path,
    *,
    title: str = "",
    bounds: Mapping[str, float] | None = None,
) -> None:
    """Write the picture of `escape_curves_on`."""
    figure = new_figure(7.6, 4.8)
    axes = figure.subplots()
    escape_curves_on(axes, groups, bounds)
    axes.set_title(title)
    save_figure(figure, path, dpi=110)


def draw_scaling(
    series: Sequence[Scaling],
    path: Path,
    *,
    axis: str,
    title: str = "",
    theory: str = "lower bound (exact gradient)",
) -> None:
    """Write the picture of `medians_on`, and `ratios_on` below it where the theory has a line.

    `axis` names the horizontal one.
    """
    has_theory = any(
        (np.isfinite(scaling.theory) & (scaling.theory > 0)).any() for scaling in series
    )
    figure = new_figure(9.4, 6.4 if has_theory else 4.8)
    panels = figure.subplots(
        2 if has_theory else 1,
        sharex=True,
        squeeze=False,
        height_ratios=(3, 1.2) if has_theory else None,
    )[:, 0]
    medians_on(panels[0], series, theory)
    if has_theory:
        ratios_on(panels[1], series, theory)
    legend(panels[0], loc="upper left", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel(axis)
    panels[0].set_title(title)
    save_figure(figure, path, dpi=110)


def _count(name: str, curve: Survival) -> str:
    cut = f", {curve.censored} censored" if curve.censored else ""
    return f"{name} ({curve.runs} run{'s' if curve.runs > 1 else ''}{cut})"


def _arms(medians: list[Estimate], scaling: Scaling, known: Any) -> Any:
    """Lengths of the error bars, [2, M]; an open end reaches to the longest time watched."""
    lasts = np.array([curve.last for curve in scaling.curves])[known]
    value = np.array([m.value for m in medians])
    low = np.array([m.low for m in medians])
    high = np.minimum([m.high for m in medians], np.maximum(lasts, value))
    return np.maximum(np.array([value - np.minimum(low, value), high - value]), 0.0)
