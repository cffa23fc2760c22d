"""Many trajectories, fast: `simulate` iterates them, `escape_time` jumps to their end.

`jump_history` keeps a plateau's history on a log axis, `sampled_escape_times` skips from event to
event. All load numba when first used, not when this package is imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.simulation.plateaus import jump_history
    from agents.simulation.skipping import sampled_escape_times
    from agents.simulation.solver import escape_time
    from agents.simulation.trajectories import simulate

__all__ = ["escape_time", "jump_history", "sampled_escape_times", "simulate"]

_HOMES = {
    "simulate": "trajectories",
    "escape_time": "solver",
    "jump_history": "plateaus",
    "sampled_escape_times": "skipping",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
