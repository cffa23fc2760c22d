"""Stuck or converged? `diagnose` probes a frozen policy, `PlateauMonitor` watches a training run.

Both are loaded when first used: importing this package loads no heavy module.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.diagnosis.actors import SoftmaxTable
    from agents.diagnosis.monitor import PlateauMonitor
    from agents.diagnosis.procedure import diagnose
    from agents.diagnosis.verdicts import Diagnosis, EscapeRoute

__all__ = ["Diagnosis", "EscapeRoute", "PlateauMonitor", "SoftmaxTable", "diagnose"]

_HOMES = {
    "Diagnosis": "verdicts",
    "EscapeRoute": "verdicts",
    "PlateauMonitor": "monitor",
    "SoftmaxTable": "actors",
    "diagnose": "procedure",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
