"""The picture of a run: in a well, or of the training of an embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents import metrics
from experiments.files import save_figure
from experiments.pictures.style import (
    BLUE,
    ORANGE,
    RED,
    STATE_COLORS,
    WELL,
    color_of,
    legend,
    new_figure,
)
from experiments.runs.trace import Trace
from gw_envs.metric_learning.distance_bins import EDGES
from gw_envs.theory import WELL_FRACTION, escape_threshold


def draw_run(title: str, well: Any, traces: Sequence[Trace], path: Path) -> None:
    """The picture of a run: how far from the best, how likely the best, and what drifts.

    Args:
        title: the experiment's name.
        well: the environment's ground truth.
        traces: the runs to draw.
        path: PNG to write.
    """
    drifts = well.drift_horizon > 0
    figure = new_figure(8.5, 9.5 if drifts else 7)
    axes = figure.subplots(3 if drifts else 2, 1, sharex=True)
    last = max(10, *(trace.updates for trace in traces))
    for panel in axes:
        panel.set_xscale("log")
        panel.set_xlim(1, last)
        panel.grid(alpha=0.3)
    if well.num_states == 1:
        _draw_one_state(axes[0], axes[1], well, traces)
    else:
        _draw_states(axes[0], axes[1], well, traces)
    if drifts:
        _draw_drift(axes[2], well, last)
    axes[0].set_title(title)
    axes[0].set_ylabel("sub-optimality (reward)")
    axes[1].set_ylabel("probability of the best action, pi(a*)")
    axes[-1].set_xlabel("policy updates")
    for panel in axes:
        legend(panel)
    save_figure(figure, path, dpi=120)


def _draw_one_state(top: Any, bottom: Any, well: Any, traces: Sequence[Trace]) -> None:
    """Every run as a curve; the well shaded, the escapes and the lower bound marked."""
    seeds = sum(trace.gradient == "sampled" for trace in traces)
    for trace in traces:
        exact = trace.gradient == "exact"
        plural = "s" if seeds > 1 else ""
        label = "exact gradient" if exact else f"sampled gradient, {seeds} seed{plural}"
        color = BLUE if exact else ORANGE
        style = {"color": color, "lw": 2.2 if exact else 0.9, "zorder": 3 if exact else 2}
        for panel, key in ((top, metrics.SUBOPTIMALITY), (bottom, metrics.OPTIMAL_PROB)):
            updates, values = _curve(trace, key, None)
            panel.plot(updates, values, label=label, **style)
            _mark_escape(panel, updates, values, trace.escape_time, color)
    top.set_yscale("log")
    bottom.set_yscale("log")
    ceiling, floor = top.get_ylim()[1], bottom.get_ylim()[0]
    edge = WELL_FRACTION * float(well.reward_gaps[0])
    top.axhspan(edge, ceiling, color=WELL, alpha=0.25, lw=0, label="the well")
    sure, possible = escape_threshold(), _most_probable_in_well(well)
    bottom.axhspan(floor, sure, color=WELL, alpha=0.25, lw=0, label="the well")
    if possible > sure:
        label = "in the well, or not: the other arms decide"
        bottom.axhspan(sure, possible, color=WELL, alpha=0.1, lw=0, label=label)
    top.set_ylim(top=ceiling)
    bottom.set_ylim(bottom=floor, top=1.3)
    bounds = sorted({trace.bound for trace in traces if 0 < trace.bound < np.inf})
    if len(bounds) == 1:
        label = f"lower bound (exact gradient): {math.floor(bounds[0]):,}"
        for panel in (top, bottom):
            panel.axvline(bounds[0], color=RED, ls="--", lw=1.5, zorder=4, label=label)


def _most_probable_in_well(well: Any) -> float:
    """The largest pi(a*) of a policy in the well of one state: all the rest on the worst arm."""
    uniform = np.full((1, well.num_actions), 1 / well.num_actions)
    values = np.asarray(well.action_values(uniform, 0)[0])[0]
    return float(1 - WELL_FRACTION * well.reward_gaps[0] / np.ptp(values))


def _draw_states(top: Any, bottom: Any, well: Any, traces: Sequence[Trace]) -> None:
    """One run, a colour per state; each state's well begins at its dotted line."""
    trace = traces[0]
    for state in range(well.num_states):
        color = color_of(state)
        edge = WELL_FRACTION * float(well.reward_gaps[state])
        label = f"state {state} (best action {int(well.optimal_actions[state])})"
        for panel, key in ((top, metrics.SUBOPTIMALITY), (bottom, metrics.OPTIMAL_PROB)):
            updates, values = _curve(trace, key, state)
            panel.plot(updates, values, color=color, lw=2, zorder=3, label=label)
            _mark_escape(panel, updates, values, trace.state_escape_times[state], color)
            bound = trace.state_bounds[state]
            if 0 < bound < np.inf:
                panel.axvline(bound, color=color, ls="--", lw=1, zorder=2)
        if well.discount == 0:
            top.axhline(edge, color=color, ls=":", lw=1.2, zorder=2)
    top.plot([], [], color="black", ls=":", label="edge of each state's well")
    top.plot([], [], " ", label=f"({trace.gradient} gradient, seed {trace.seed})")
    bottom.plot([], [], color="black", ls="--", label="lower bound (exact gradient)")
    bottom.set_yscale("log")


def _draw_drift(panel: Any, well: Any, last: int) -> None:
    """The base rewards b_k(t), what every state pays before its bonus Delta(s)."""
    clocks = np.unique(np.geomspace(1, last, 400).astype(int))
    rewards = np.array([well.base_rewards(int(t)) for t in clocks])
    panel.set_ylabel("base reward b(t) of each action")
    if np.ptp(rewards, axis=1).max() == 0:
        panel.plot(clocks, rewards[:, 0], color="black", lw=1.6, label="every action")
        return
    for action in range(rewards.shape[1]):
        color = color_of(action)
        name = well.action_names[action]
        panel.plot(clocks, rewards[:, action], color=color, lw=1.6, label=f"{action}: {name}")


def _curve(trace: Trace, key: str, state: int | None) -> tuple[Any, Any]:
    """Updates > 0 and values of a run, or of one of its states."""
    rows = [row for row in trace.rows if row.get("state") == state and row[metrics.UPDATE] > 0]
    updates = np.array([row[metrics.UPDATE] for row in rows])
    return updates, np.array([row[key] for row in rows])


def _mark_escape(panel: Any, updates: Any, values: Any, time: int | None, color: str) -> None:
    """A dot where the run or state first left its well."""
    if time and len(updates):
        height = values[np.searchsorted(updates, time)]
        panel.plot(time, height, "o", color=color, mec="black", ms=7, zorder=5)
        panel.plot([], [], "o", color="white", mec="black", ms=7, label="escape")


def draw_training(title: str, traces: Sequence[Trace], path: Path) -> None:
    """Test metrics, the validation recall that the well is judged by, the first run's bins.

    Args:
        title: the experiment's name.
        traces: the training runs; each is a thin line, their mean a thick one.
        path: PNG to write.
    """
    figure = new_figure(8.5, 10)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1.3, 1, 1))
    for (metric, label), color in zip(metrics.RETRIEVAL_NAMES.items(), STATE_COLORS, strict=True):
        curves = [_epochs(trace, metrics.TEST[metric]) for trace in traces]
        for epochs, values in curves:
            top.plot(epochs, values, color=color, lw=0.6, alpha=0.5)
        epochs, mean = _mean(curves)
        top.plot(epochs, mean, color=color, lw=1.8, label=label)
    for trace in traces:
        epochs, values = _epochs(trace, metrics.VALIDATION_RECALL)
        middle.plot(epochs, values, color=BLUE, lw=1)
        inside = np.array([row[metrics.IN_WELL] for row in trace.rows])
        span = middle.get_xaxis_transform()
        middle.fill_between(epochs, 0, 1, where=inside, transform=span, color=WELL, alpha=0.3, lw=0)
    start = np.mean([trace.rows[0][metrics.VALIDATION_RECALL] for trace in traces])
    middle.axhline(start, color="black", ls=":", lw=1, label="start (mean of runs)")
    middle.fill_between([], [], color=WELL, alpha=0.3, label="in the well")
    _draw_bins(figure, bottom, traces[0])
    top.set_title(title)
    top.set_ylabel("on classes not trained on")
    middle.set_ylabel("validation recall@1")
    bottom.set_xlabel("epoch")
    for panel in (top, middle):
        panel.grid(alpha=0.3)
        legend(panel, ncols=3)
    save_figure(figure, path, dpi=110)


def _draw_bins(figure: Any, panel: Any, trace: Trace) -> None:
    """The sampling distribution over time, as a heat map."""
    epochs, bins = _epochs(trace, metrics.BINS)
    width = epochs[1] - epochs[0] if len(epochs) > 1 else 1.0
    edges = np.concatenate([epochs - width / 2, [epochs[-1] + width / 2]])
    shades = np.log10(np.maximum(bins.T, 1e-6))
    mesh = panel.pcolormesh(edges, EDGES, shades, cmap="cividis", vmin=-6, vmax=0)
    figure.colorbar(mesh, ax=panel, label="log10 bin probability (-6: or less)")
    panel.set_ylabel(f"distance of negatives, seed {trace.seed}")


def _epochs(trace: Trace, key: str) -> tuple[Any, Any]:
    """Epochs and values of a training run."""
    epochs = np.array([row[metrics.EPOCH] for row in trace.rows])
    return epochs, np.array([row[key] for row in trace.rows])


def _mean(curves: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Mean over runs, as far as all of them go."""
    length = min(len(values) for _, values in curves)
    return curves[0][0][:length], np.mean([values[:length] for _, values in curves], axis=0)
