"""Many trajectories, fast: direct kernels, step jumping, sampled gradients, event skipping."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "EscapeTime": "solver",
    "escape_time": "solver",
    "JumpHistory": "plateaus",
    "jump_history": "plateaus",
    "sampled_escape_time": "skipping",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import on first use: numba is heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
