"""Many trajectories, fast: `simulate` iterates them, `solve_escape_time` jumps to their end.

Every exact rule is followed through a plateau of any length by one engine (`engine`, `flow`).

`jump_history` keeps a plateau's history on a log axis, `sampled_escape_times` skips from event to
event. All load numba when first used, not when this package is imported. `escape_time` is the first
release's name of `solve_escape_time`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gw_envs.lazy import lazy_names

if TYPE_CHECKING:
    from agents.simulation.history import jump_history
    from agents.simulation.skipping import sampled_escape_times
    from agents.simulation.solver import escape_time, solve_escape_time
    from agents.simulation.trajectories import simulate

__all__ = [
    "escape_time",
    "jump_history",
    "sampled_escape_times",
    "simulate",
    "solve_escape_time",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "escape_time": "solver",
        "jump_history": "history",
        "sampled_escape_times": "skipping",
        "simulate": "trajectories",
        "solve_escape_time": "solver",
    },
)
