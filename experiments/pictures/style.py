"""Colours that colour-blind eyes tell apart, shared by every picture."""

from __future__ import annotations

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
WELL = "#999999"
