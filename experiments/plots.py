"""Pictures of runs, in colours that colour-blind eyes tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import metrics
from experiments.records import Trace
from gw_envs.files import write_atomically
from gw_envs.theory import WELL_FRACTION, escape_threshold

# Okabe and Ito's palette.
EXACT, SAMPLED, BOUND, WELL = "#0072B2", "#E69F00", "#D55E00", "#999999"


def draw_run(title: str, well: Any, traces: Sequence[Trace], path: Path) -> None:
    """Sub-optimality and pi(a*) against updates, the well shaded, escapes and bound marked.

    Args:
        title: the experiment's name.
        well: the environment's ground truth (`reward_gaps`).
        traces: the runs to draw.
        path: PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True)
    gap = float(np.max(well.reward_gaps))
    edge = escape_threshold()
    last = max((trace.updates for trace in traces), default=1)
    for axes, key in ((top, metrics.SUBOPTIMALITY), (bottom, metrics.OPTIMAL_PROB)):
        for trace in traces:
            _draw_curve(axes, trace, key, _label(trace, traces))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1, max(last, 10))
        axes.grid(alpha=0.3)
    ceiling = top.get_ylim()[1]
    top.axhspan(WELL_FRACTION * gap, ceiling, color=WELL, alpha=0.25, lw=0, label="the well")
    top.set_ylim(top=ceiling)
    floor = bottom.get_ylim()[0]
    bottom.axhspan(floor, edge, color=WELL, alpha=0.25, lw=0, label="the well")
    bottom.set_ylim(bottom=floor, top=1.3)
    _mark_bound(bottom, top, traces)
    top.set_ylabel("sub-optimality (reward)")
    bottom.set_ylabel("probability of the best action, pi(a*)")
    bottom.set_xlabel("policy updates")
    top.set_title(title)
    handles, labels = bottom.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    bottom.legend(unique.values(), unique.keys(), loc="upper left", fontsize=9)
    write_atomically(path, lambda target: figure.savefig(target, dpi=120, format="png"))


def _draw_curve(axes: Any, trace: Trace, key: str, label: str) -> None:
    """One run's curve, with a dot where it escaped."""
    rows = [row for row in trace.rows if "state" not in row and row[metrics.UPDATE] > 0]
    updates = np.array([row[metrics.UPDATE] for row in rows])
    values = np.array([row[key] for row in rows])
    exact = trace.gradient == "exact"
    color, order = (EXACT, 3) if exact else (SAMPLED, 2)
    axes.plot(
        updates,
        values,
        color=color,
        lw=2.2 if exact else 0.9,
        alpha=1 if exact else 0.7,
        zorder=order,
        label=label,
    )
    if trace.escape_time and len(updates):
        height = values[np.searchsorted(updates, trace.escape_time)]
        axes.plot(
            trace.escape_time,
            height,
            "o" if exact else ".",
            color=color,
            mec="black",
            mew=0.6,
            ms=8 if exact else 7,
            zorder=order + 2,
            label="first escape" if exact else None,
        )


def _label(trace: Trace, traces: Sequence[Trace]) -> str:
    if trace.gradient == "exact":
        return "exact gradient"
    count = sum(t.gradient == "sampled" for t in traces)
    return f"sampled gradient, {count} seed{'s' if count > 1 else ''}"


def _mark_bound(bottom: Any, top: Any, traces: Sequence[Trace]) -> None:
    """The line before which exact gradients cannot escape."""
    bounds = sorted({trace.bound for trace in traces if trace.bound > 0})
    if len(bounds) != 1:
        return
    for axes in (bottom, top):
        axes.axvline(
            bounds[0],
            color=BOUND,
            ls="--",
            lw=1.5,
            zorder=4,
            label=f"lower bound (exact gradient): {bounds[0]:,.0f}",
        )
