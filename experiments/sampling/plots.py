"""Pictures of training runs on ASRSampling-v0: what the embedding is worth, where negatives lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.metrics import RETRIEVAL_NAMES
from experiments.analysis.statistics import iqm
from experiments.files import save_figure
from experiments.pictures.style import BELOW, BLUE, GREEN, ORANGE, RED, legend, new_figure

AGENT_STYLE = {
    "ppo": (BLUE, "-", "PPO"),
    "sb3-softmax-pg": (ORANGE, "-", "REINFORCE"),
    "frozen": (RED, "--", "frozen bins"),
    "random": (GREEN, ":", "random actions"),
}


def draw_protocol(figure: Any, curves: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """The paper's figure: six metrics against epochs, a row per initial distribution.

    Args:
        figure: an empty matplotlib figure.
        curves: distribution -> agent -> metric -> values [runs, epochs].
    """
    panels = figure.subplots(
        len(curves), len(RETRIEVAL_NAMES), sharex=True, sharey="col", squeeze=False
    )
    for panel, label in zip(panels[0], RETRIEVAL_NAMES.values(), strict=True):
        panel.set_title(label)
    for panel in panels[-1]:
        panel.set_xlabel("epoch")
    for row, (distribution, agents) in zip(panels, curves.items(), strict=True):
        for panel, metric in zip(row, RETRIEVAL_NAMES, strict=True):
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
    figure = new_figure(7, 4.2)
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
    legend(panel, **BELOW)
    panel.set_title("normal_high: the way back to the start's recall@1 (band: 95 %)")
    save_figure(figure, path, dpi=110)
