"""The picture of a comparison: a panel for each thing that rules do to 1/pi(a*)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.files import save_figure
from experiments.pictures.style import MARKERS, WELL, color_of, new_figure
from experiments.ways_out.comparison import Comparison, RuleResult
from experiments.ways_out.laws import updates_per_decade

COLUMNS = 3
TITLES = {
    "bounded": "bounded: whatever the start",
    "logarithm": "a logarithm of 1/pi(a*)",
    "root": "a root of 1/pi(a*)",
    "constant only": "a constant only: still 1/pi(a*)",
    "unchanged": "unchanged: 1/pi(a*)",
    "steeper": "steeper than 1/pi(a*)",
    "never": "never",
}


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Write the picture of a comparison to a PNG; see `comparison_figure`."""
    save_figure(comparison_figure(comparison), path, dpi=90)


def comparison_figure(comparison: Comparison) -> Any:
    """Draw the updates to escape against 1/pi(a*), a panel per family of rules on the same axes.

    The grey line of every panel is softmax-pg, where it raced, and the dotted one the theory's
    lower bound on it. The legend of a panel says T at the start that was asked for and what the
    sampled form would draw by then; a rule that left from no start is in the legend only.

    Args:
        comparison: what `compare_rules` returned.

    Returns:
        A matplotlib Figure.
    """
    families = comparison.families
    rows = math.ceil(len(families) / COLUMNS)
    most = max(len(results) for results in families.values())
    figure = new_figure(17, max(3.2 * rows, 0.25 * most * rows, 4.0))
    panels = figure.subplots(rows, min(COLUMNS, len(families)), squeeze=False)
    for panel in panels.flat[len(families) :]:
        panel.set_visible(False)
    depths = np.concatenate([1 / r.optimal_probs for r in comparison.results])
    times = np.concatenate(
        [[comparison.max_updates], *(r.escape_times for r in comparison.results)]
    )
    for panel, (family, results) in zip(panels.flat, families.items(), strict=False):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.grid(alpha=0.3)
        panel.set_title(TITLES[family], fontsize=10)
        panel.set_xlim(0.8 * depths.min(), 1.25 * depths.max())
        panel.set_ylim(0.7, 1.5 * np.nanmax(times))
        panel.xaxis.set_minor_formatter("")
        _draw_softmax(panel, comparison)
        for turn, result in enumerate(results):
            _draw_law(panel, result, turn)
        beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
        panel.legend(**beside, fontsize=8, title="T; pulls (*: < 1/pi(a*))", frameon=False)
    for panel in panels.flat[max(0, len(families) - COLUMNS) : len(families)]:
        panel.set_xlabel("1 / initial pi(a*)")
    for panel in panels[:, 0]:
        panel.set_ylabel("updates to escape")
    words = "; dotted, softmax-pg's lower bound" if comparison.lower_bound.size else ""
    figure.suptitle(
        f"Ways out of {comparison.well} from pi(a*) = {comparison.optimal_prob:g}: "
        f"what each rule does to 1/pi(a*){words}"
    )
    return figure


def law_text(result: RuleResult) -> tuple[str, str, str]:
    """The law fitted near the start, measured far below it, and proved.

    Exponents of 1/pi(a*), or updates per factor of ten where the proved exponent is 0.
    """
    proved = result.rate.escape_exponent
    if proved == 0:
        near = slice(None, result.num_near)
        steps = updates_per_decade(result.optimal_probs[near], result.escape_times[near])
        below = math.nan if math.isnan(result.deep_exponent) else result.updates_per_decade
        word = "logarithm" if result.rate.log_exponent > 0 else "bounded"
        return _decade_text(steps), _decade_text(below), word
    fitted = "-" if result.exponent is None else f"{result.exponent.slope:.2f}"
    deep = "-" if math.isnan(result.deep_exponent) else f"{result.deep_exponent:.3f}"
    return fitted, deep, f"{proved:.2f}"


def _decade_text(updates: float) -> str:
    return "-" if math.isnan(updates) else f"+{updates:,.0f} per 10x"


def pulls_text(result: RuleResult) -> str:
    """The expected pulls, - where there is no number; a star where they hardly show a*."""
    if not np.isfinite(result.pulls):
        return "-"
    star = "*" if result.pulls * result.optimal_prob < 1 else ""
    return f"{result.pulls:,.0f}{star}"


def _draw_softmax(panel: Any, comparison: Comparison) -> None:
    """The line of softmax-pg where it raced, and its bound: what every family is seen against."""
    for result in comparison.results:
        left = result.escape_times > 0
        if result.contender.label == "softmax-pg" and left.any():
            depth = 1 / result.optimal_probs[left]
            panel.plot(depth, result.escape_times[left], color=WELL, lw=4, alpha=0.5, zorder=0)
    if comparison.lower_bound.size:
        depth, bound = 1 / comparison.bound_probs, comparison.lower_bound
        panel.plot(depth, np.where(bound > 0, bound, np.nan), color="black", ls=":", lw=1.2)


def _draw_law(panel: Any, result: RuleResult, turn: int) -> None:
    left = result.escape_times > 0
    time = "censored" if result.escape_time < 0 else f"{result.escape_time:,}"
    panel.plot(
        1 / result.optimal_probs[left],
        result.escape_times[left],
        color=color_of(turn),
        marker=MARKERS[turn % len(MARKERS)],
        ls=_dashes(turn),
        lw=1.4,
        ms=5,
        label=f"{result.contender.label}: {time}; {pulls_text(result)}",
    )


def _dashes(turn: int) -> str:
    """Solid for the first round of colours, then dashed, then dotted."""
    styles: Sequence[str] = ("-", "--", ":")
    return styles[turn // 6 % len(styles)]
