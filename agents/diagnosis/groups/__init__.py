"""Groups of verified answers: how long the wait is while all rewards are zero, and whether it ends.

`GroupMonitor` watches a training run, `GroupHistory` holds what a run has seen, `judge` says what
it means. numpy only: importing this loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gw_envs.lazy import lazy_names

if TYPE_CHECKING:
    from agents.diagnosis.groups.forecast import GroupWait, critical_kl_weight
    from agents.diagnosis.groups.history import GroupHistory
    from agents.diagnosis.groups.judging import GroupReport, judge
    from agents.diagnosis.groups.monitor import GroupMonitor
    from agents.diagnosis.groups.settings import GroupSettings

__all__ = [
    "GroupHistory",
    "GroupMonitor",
    "GroupReport",
    "GroupSettings",
    "GroupWait",
    "critical_kl_weight",
    "judge",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "GroupHistory": "history",
        "GroupMonitor": "monitor",
        "GroupReport": "judging",
        "GroupSettings": "settings",
        "GroupWait": "forecast",
        "critical_kl_weight": "forecast",
        "judge": "judging",
    },
)
