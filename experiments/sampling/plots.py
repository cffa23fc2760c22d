"""Pictures of training runs on ASRSampling-v0: what the embedding is worth, where negatives lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.plots import BLUE, GREEN, ORANGE, PINK, RED, SKY, WELL
from experiments.records import Trace
from experiments.sampling.findings import NAMES
from experiments.statistics import iqm
from gw_envs.files import write_atomically
from gw_envs.metric_learning.distance_bins import EDGES

COLORS = (BLUE, ORANGE, GREEN, PINK, RED, SKY)
AGENT_STYLE = {
    "ppo": (BLUE, "-", "PPO"),
    "sb3-softmax-pg": (ORANGE, "-", "REINFORCE"),
    "frozen": (RED, "--", "frozen bins"),
    "random": (GREEN, ":", "random actions"),
}


def draw_training(
    title: str, traces: Sequence[Trace], bins: Sequence[Sequence[Any]], path: Path
) -> None:
    """Test metrics, the validation recall that the well is judged by, and the bins of a run.

    Args:
        title: the experiment's name.
        traces: the training runs; each is a thin line, their mean a thick one.
        bins: of each run and step [29]; the first run's are drawn.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 10), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1.3, 1, 1))
    for (metric, label), color in zip(NAMES.items(), COLORS, strict=True):
        curves = [_curve(trace, f"test/{metric}") for trace in traces]
        for epochs, values in curves:
            top.plot(epochs, values, color=color, lw=0.6, alpha=0.5)
        epochs, mean = _mean(curves)
        top.plot(epochs, mean, color=color, lw=1.8, label=label)
    for trace in traces:
        epochs, values = _curve(trace, "validation/recall_at_1")
        middle.plot(epochs, values, color=BLUE, lw=1)
        inside = np.array([row["sampling/in_well"] for row in trace.rows])
        span = middle.get_xaxis_transform()
        middle.fill_between(epochs, 0, 1, where=inside, transform=span, color=WELL, alpha=0.3, lw=0)
    middle.axhline(np.mean([t.rows[0]["validation/recall_at_1"] for t in traces]), color="black",
                   ls=":", lw=1, label="start (mean of runs)")  # fmt: skip
    middle.fill_between([], [], color=WELL, alpha=0.3, label="in the well")
    _draw_bins(figure, bottom, traces[0], bins[0])
    top.set_title(title)
    top.set_ylabel("on classes not trained on")
    middle.set_ylabel("validation recall@1")
    bottom.set_xlabel("epoch")
    for panel in (top, middle):
        panel.grid(alpha=0.3)
        panel.legend(loc="best", fontsize=8.5, ncols=3)
    write_atomically(path, lambda target: figure.savefig(target, dpi=110, format="png"))


def _draw_bins(figure: Any, panel: Any, trace: Trace, bins: Sequence[Any]) -> None:
    """The sampling distribution over time, as a heat map."""
    epochs = np.array([row["sampling/epoch"] for row in trace.rows])
    width = epochs[1] - epochs[0] if len(epochs) > 1 else 1.0
    edges = np.concatenate([epochs - width / 2, [epochs[-1] + width / 2]])
    shades = np.log10(np.maximum(np.array(bins).T, 1e-6))
    mesh = panel.pcolormesh(edges, EDGES, shades, cmap="cividis", vmin=-6, vmax=0)
    figure.colorbar(mesh, ax=panel, label="log10 bin probability (-6: or less)")
    panel.set_ylabel(f"distance of negatives, seed {trace.seed}")


def _curve(trace: Trace, key: str) -> tuple[Any, Any]:
    epochs = np.array([row["sampling/epoch"] for row in trace.rows])
    return epochs, np.array([row[key] for row in trace.rows])


def _mean(curves: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Mean over runs, as far as all of them go."""
    length = min(len(values) for _, values in curves)
    return curves[0][0][:length], np.mean([values[:length] for _, values in curves], axis=0)


def draw_protocol(figure: Any, curves: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """The paper's figure: six metrics against epochs, a row per initial distribution.

    Args:
        figure: an empty matplotlib figure.
        curves: distribution -> agent -> metric -> values [runs, epochs].
    """
    panels = figure.subplots(len(curves), len(NAMES), sharex=True, sharey="col", squeeze=False)
    for panel, label in zip(panels[0], NAMES.values(), strict=True):
        panel.set_title(label)
    for panel in panels[-1]:
        panel.set_xlabel("epoch")
    for row, (distribution, agents) in zip(panels, curves.items(), strict=True):
        for panel, metric in zip(row, NAMES, strict=True):
            for agent, values in agents.items():
                color, line, name = AGENT_STYLE[agent]
                runs = np.asarray(values[metric], dtype=np.float64)
                middle = np.array([iqm(column) for column in runs.T])
                low, high = np.quantile(runs, (0.25, 0.75), axis=0)
                epochs = np.arange(runs.shape[1])
                panel.fill_between(epochs, low, high, color=color, alpha=0.15, lw=0)
                panel.plot(epochs, middle, color=color, ls=line, lw=1.6, label=name)
            panel.grid(alpha=0.3)
        row[0].set_ylabel(distribution)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle("Classes not trained on: interquartile mean of runs, band: quartiles")


def draw_returns(returns: Mapping[str, Any], path: Path) -> None:
    """Share of the runs that fell and are still below their start, by agent (Kaplan-Meier).

    Args:
        returns: agent -> `Survival` in epochs since the fall.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    panel = figure.subplots()
    for agent, survival in returns.items():
        color, line, name = AGENT_STYLE[agent]
        times = np.concatenate([[0], survival.times, [survival.last]])
        curves = [
            np.concatenate([[1.0], curve, [curve[-1] if len(curve) else 1.0]])
            for curve in (survival.survival, survival.low, survival.high)
        ]
        back = survival.runs - survival.censored
        label = f"{name}: {back} of {survival.runs} came back"
        panel.step(times, curves[0], where="post", color=color, ls=line, lw=1.8, label=label)
        panel.fill_between(times, curves[1], curves[2], step="post", color=color, alpha=0.1, lw=0)
    panel.set_xlabel("epochs since the run fell below its start")
    panel.set_ylabel("share still below")
    panel.set_ylim(0, 1.05)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=9, loc="lower left")
    panel.set_title("normal_high: the way back to the start's recall@1 (band: 95 %)")
    write_atomically(path, lambda target: figure.savefig(target, dpi=110, format="png"))
