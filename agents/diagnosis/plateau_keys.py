"""The names `PlateauMonitor` logs: one place for the code that logs and for the code that draws."""

from __future__ import annotations

PLATEAU_ENTROPY = "plateau/entropy"
PLATEAU_EFFECTIVE_ACTIONS = "plateau/effective_actions"
PLATEAU_LARGEST_PROBABILITY = "plateau/largest_probability"
PLATEAU_GRADIENT_NORM = "plateau/gradient_norm"
PLATEAU_ADVANTAGE_SPREAD = "plateau/advantage_spread"
PLATEAU_LOST_UPDATES = "plateau/lost_updates"
PLATEAU_RETURN_TREND = "plateau/return_trend"
PLATEAU_VERDICT = "plateau/verdict"
PLATEAU_KEYS = (
    PLATEAU_ENTROPY,
    PLATEAU_EFFECTIVE_ACTIONS,
    PLATEAU_LARGEST_PROBABILITY,
    PLATEAU_GRADIENT_NORM,
    PLATEAU_ADVANTAGE_SPREAD,
    PLATEAU_LOST_UPDATES,
    PLATEAU_RETURN_TREND,
    PLATEAU_VERDICT,
)
