"""What pictures share: colours that colour-blind eyes tell apart, markers, figures and legends."""

from __future__ import annotations

from typing import Any

# Okabe and Ito's palette; grey is kept for the well.
BLUE, ORANGE, RED, GREEN, PINK, SKY = (
    "#0072B2",
    "#E69F00",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
)
STATE_COLORS = (BLUE, ORANGE, GREEN, PINK, RED, SKY)
MARKERS = ("o", "s", "^", "v", "D", "P", "X")
WELL = "#999999"
# Where a legend stands that would hide data: under the panel.
BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16), "ncols": 2}


def color_of(number: int) -> str:
    """Colour of the curve with this number; the palette begins again where it ends."""
    return STATE_COLORS[number % len(STATE_COLORS)]


def darker(color: str) -> tuple[float, float, float]:
    """The colour at half its brightness."""
    red, green, blue = (int(color[i : i + 2], 16) / 510 for i in (1, 3, 5))
    return red, green, blue


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure of so many inches, whose parts make room for each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend(panel: Any, **options: Any) -> None:
    """The legend of a panel: one entry per label, in the emptiest corner unless `loc` names one.

    Args:
        panel: matplotlib axes.
        options: of matplotlib's `legend`.
    """
    handles, labels = panel.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    options = {"loc": "best", "fontsize": 8.5} | options
    panel.legend(unique.values(), unique.keys(), **options)
