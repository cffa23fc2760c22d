"""Gravity wells as Gymnasium environments; importing the package registers their ids.

`TabularMDP`, `drift_law`, `DriftLaw`, `fit_drift` and `DriftFit` are found here too, loaded when
first used.
"""

from __future__ import annotations

from gw_envs.lazy import lazy_names
from gw_envs.registration import register_envs

__version__ = "0.1.0"

register_envs()

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "TabularMDP": "tabular",
        "DriftLaw": "drift.laws",
        "drift_law": "drift.laws",
        "DriftFit": "drift.fitting",
        "fit_drift": "drift.fitting",
    },
)
