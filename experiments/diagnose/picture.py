"""The picture of a diagnosis: what each probed action is worth, against how likely it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agents.diagnosis import Diagnosis
from agents.diagnosis.prediction import TAKEN
from experiments.files import save_figure
from experiments.pictures.style import RED, STATE_COLORS, WELL, legend, new_figure

HOLD_COLORS = STATE_COLORS[:4]  # red is for the routes
LEAST_PROBABILITY = 1e-30  # less is drawn there


def draw_diagnosis(title: str, found: Diagnosis, path: Path) -> None:
    """Advantage with its interval against probability (log axis), a colour per length of hold.

    Args:
        title: what was diagnosed.
        found: the diagnosis.
        path: PNG to write.
    """
    figure = new_figure(8.5, 5.2)
    axes = figure.subplots()
    axes.set_xscale("log")
    least = min([TAKEN, *(max(p.probability, LEAST_PROBABILITY) for p in found.probes)])
    axes.set_xlim(least / 3, 1.5)
    axes.axvspan(least / 3, TAKEN, color=WELL, alpha=0.18, lw=0, label="hardly taken (pi <= 0.1)")
    axes.axhline(0, color="black", lw=0.8)
    for number, hold in enumerate(sorted({probe.hold for probe in found.probes})):
        probes = [probe for probe in found.probes if probe.hold == hold]
        x = np.array([max(probe.probability, LEAST_PROBABILITY) for probe in probes])
        y = np.array([probe.advantage for probe in probes])
        ends = np.array([[p.advantage - p.low, p.high - p.advantage] for p in probes]).T
        label = f"forced {'once' if hold == 1 else f'{hold} times in a row'}"
        color = HOLD_COLORS[number % len(HOLD_COLORS)]
        style: dict[str, Any] = {"fmt": "o", "ms": 4.5, "lw": 0.9, "alpha": 0.8}
        axes.errorbar(x, y, np.maximum(ends, 0), color=color, label=label, **style)
    if found.routes:
        across = [max(route.probability, LEAST_PROBABILITY) for route in found.routes]
        up = [route.advantage for route in found.routes]
        axes.plot(across, up, "o", ms=10, mfc="none", mec=RED, label="significantly better")
    axes.set_xlabel(
        "probability with which the policy takes the action (or the sequence; least drawn: 1e-30)"
    )
    axes.set_ylabel("advantage (discounted return)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    legend(axes)
    save_figure(figure, path, dpi=110)
