"""Many trajectories, fast: `simulate` iterates them, `escape_time` jumps to their end.

Both load numba when first used, not when this package is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.simulation.solver import escape_time
    from agents.simulation.trajectories import simulate

__all__ = ["escape_time", "simulate"]

_HOMES = {"simulate": "trajectories", "escape_time": "solver"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
