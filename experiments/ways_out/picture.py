"""The picture of a comparison of rules: their curves, both views, and how their times grow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.files import save_figure
from experiments.pictures.style import MARKERS, STATE_COLORS, new_figure
from experiments.ways_out.comparison import Comparison, RuleResult
from experiments.ways_out.races import Race

COLORS = ("black", *STATE_COLORS)
FLOOR = 1e-4  # sub-optimality below which curves are not drawn
Styles = list[dict[str, Any]]


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Write the picture of a comparison to a PNG; see `comparison_figure`."""
    figure = comparison_figure(comparison)
    save_figure(figure, path, dpi=90)


def comparison_figure(comparison: Comparison) -> Any:
    """Draw sub-optimality against updates from both starts, and escape time against 1/pi(a*).

    Solid lines are rules whose escape time is a power of 1/pi(a*), dashed ones those for which it
    is a logarithm or less. The second panel is left out where every rule is one on logits.

    Args:
        comparison: what `compare_rules` returned.

    Returns:
        A matplotlib Figure.
    """
    results = comparison.ranked
    styles = _styles(results)
    other_map = [r.distance_race is not None and r.distance_race is not r.race for r in results]
    panels = 3 if any(other_map) else 2
    top = 1.5 * max(r.race.suboptimality.max() for r in results)
    figure = new_figure(15, 7.6)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for panel in axes:
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.grid(alpha=0.3)
    for r, style, other in zip(results, styles, other_map, strict=True):
        _draw_curve(axes[0], r.race, style, _legend_text(r))
        if panels == 3 and (other or r.contender.name == "softmax-pg"):
            _draw_curve(axes[1], r.distance_race, style, None)
        _draw_law(axes[-1], r, style)
    axes[0].set_title(f"the same initial policy, pi(a*) = {comparison.optimal_prob:g}")
    if panels == 3:
        axes[1].set_title("the same distance of the parameters:\nsoftmax-pg and the other maps")
    for panel in axes[:-1]:
        panel.set_xlabel("policy updates")
        panel.set_ylabel("sub-optimality (reward)")
        panel.set_ylim(FLOOR, max(top, 10 * FLOOR))
        panel.set_xlim(*axes[0].get_xlim())
    axes[-1].set_title("how the escape time grows")
    axes[-1].set_xlabel("1 / initial pi(a*)")
    axes[-1].set_ylabel("updates to escape")
    axes[-1].xaxis.set_minor_formatter("")
    figure.suptitle(f"Ways out of {comparison.well}")
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def law_text(result: RuleResult) -> tuple[str, str]:
    """The fitted and the proved law: exponents of 1/pi(a*), or updates a decade for a logarithm."""
    proved = result.rate.escape_exponent
    if proved == 0:
        decade = result.updates_per_decade
        return "-" if np.isnan(decade) else f"+{decade:,.0f} a decade", "logarithm"
    return "-" if result.exponent is None else f"{result.exponent.slope:.2f}", f"{proved:.2f}"


def _legend_text(result: RuleResult) -> str:
    fitted, proved = law_text(result)
    time = "censored" if result.escape_time < 0 else f"T = {result.escape_time:,}"
    rate = f"eta = {result.contender.learning_rate:.3g}"
    return f"{result.contender.label} ({rate}): {time}; fitted {fitted}, proved {proved}"


def _styles(results: Sequence[RuleResult]) -> Styles:
    """Solid for power laws, dashed for logarithms; colours and markers in turn within each."""
    styles: Styles = []
    for r in results:
        logarithmic = r.rate.escape_exponent == 0
        turn = sum((s["ls"] == "--") == logarithmic for s in styles)
        styles.append(
            {
                "color": COLORS[turn % len(COLORS)],
                "marker": MARKERS[turn % len(MARKERS)],
                "ls": "--" if logarithmic else "-",
            }
        )
    return styles


def _draw_curve(panel: Any, race: Race | None, style: dict[str, Any], label: str | None) -> None:
    """Sub-optimality of a race from one start; its marker stands at the escape."""
    if race is not None:
        updates, values = race.updates[1:], np.maximum(race.suboptimality[1:, 0], FLOOR)
        seen = np.cumsum(values == FLOOR) <= 1
        panel.plot(updates[seen], values[seen], lw=1.7, **style | {"marker": None})
        out = updates == race.escape_time[0]
        if out.any():
            mark = style | {"ls": "", "clip_on": False}
            panel.plot(updates[out], values[out], ms=7, zorder=4, **mark)
    if label is not None:
        panel.plot([], [], label=label, ms=6, **style)


def _draw_law(panel: Any, result: RuleResult, style: dict[str, Any]) -> None:
    probs = np.concatenate([result.optimal_probs, result.deep_probs])
    times = np.concatenate([result.escape_times, result.deep_times])
    left = times > 0
    panel.plot(1 / probs[left], times[left], lw=1.4, ms=5, **style)
