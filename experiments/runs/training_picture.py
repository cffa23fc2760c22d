"""The picture of a training run: what the embedding is worth, where the negatives lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.metrics import RETRIEVAL_NAMES
from experiments.files import save_figure
from experiments.pictures.style import BLUE, STATE_COLORS, WELL, legend, new_figure
from experiments.runs.trace import Trace
from gw_envs.metric_learning.distance_bins import EDGES


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
    figure = new_figure(8.5, 10)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(1.3, 1, 1))
    for (metric, label), color in zip(RETRIEVAL_NAMES.items(), STATE_COLORS, strict=True):
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
        legend(panel, ncols=3)
    save_figure(figure, path, dpi=110)


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
