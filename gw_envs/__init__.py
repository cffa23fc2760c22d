"""Gravity wells as Gymnasium environments; importing the package registers their ids.

`TabularMDP`, `drift_law`, `DriftLaw`, `fit_drift` and `DriftFit` are found here too, loaded when
first used.
"""

from __future__ import annotations

from importlib import import_module

from gw_envs.registration import register_envs

_LAZY = {
    "TabularMDP": "tabular",
    "DriftLaw": "drift",
    "drift_law": "drift",
    "DriftFit": "drift_fitting",
    "fit_drift": "drift_fitting",
}

register_envs()


def __getattr__(name: str) -> object:
    """Load a public name of a submodule on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'gw_envs' has no attribute {name!r}")
    return getattr(import_module(f"gw_envs.{_LAZY[name]}"), name)
