"""How rewards move: the laws b_i(t), fitting them to measured curves, rewards that follow them."""

from gw_envs.drift.laws import (
    AR1,
    LAWS,
    Abrupt,
    Constant,
    DriftLaw,
    Linear,
    Logistic,
    Saturating,
    Seasonal,
    Sum,
    Well,
    drift_law,
)

__all__ = [
    "AR1",
    "LAWS",
    "Abrupt",
    "Constant",
    "DriftLaw",
    "Linear",
    "Logistic",
    "Saturating",
    "Seasonal",
    "Sum",
    "Well",
    "drift_law",
]
