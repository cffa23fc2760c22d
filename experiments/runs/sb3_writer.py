"""What SB3 logs, sent to the run's tracker on its own axes: no TensorBoard detour."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.logger import KVWriter

from agents import metrics
from experiments.runs.trace import Trace


class TraceWriter(KVWriter):
    """An SB3 log output that logs the keys of `metrics.SB3_FAMILIES` as rows of a trace.

    `policy/*`, which EscapeCallback also records, is in the trace's own rows.

    Args:
        trace: where the rows go.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Log one row, with the axes `update` and `global_step`."""
        own = {k: v for k, v in key_values.items() if k.startswith(metrics.SB3_FAMILIES)}
        update = key_values.get(metrics.UPDATE)
        if own and update is not None:
            self._trace.log({metrics.UPDATE: update, metrics.GLOBAL_STEP: step} | own)

    def close(self) -> None:
        """Nothing to close: the trace's run closes its tracker."""
