"""Stuck or converged? `diagnose` probes a frozen policy, `PlateauMonitor` watches a training run.

Both are loaded when first used: importing this package loads no heavy module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gw_envs.lazy import lazy_names

if TYPE_CHECKING:
    from agents.diagnosis.monitor import PlateauMonitor
    from agents.diagnosis.policies.actors import SoftmaxTable
    from agents.diagnosis.policies.outputs import Logits
    from agents.diagnosis.procedure import diagnose
    from agents.diagnosis.verdicts import Diagnosis, EscapeRoute

__all__ = ["Diagnosis", "EscapeRoute", "Logits", "PlateauMonitor", "SoftmaxTable", "diagnose"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Diagnosis": "verdicts",
        "EscapeRoute": "verdicts",
        "Logits": "policies.outputs",
        "PlateauMonitor": "monitor",
        "SoftmaxTable": "policies.actors",
        "diagnose": "procedure",
    },
)
