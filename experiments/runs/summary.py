"""The table of escapes that a run prints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from experiments.runs.trace import Trace, escape_ratio

FOOT = (
    "Escape time: updates until the policy first left the well. The lower bound binds exact\n"
    "gradients (gw_envs.theory); for sampled ones it is a reference."
)


def escape_table(traces: Sequence[Trace]) -> str:
    """Escape time, lower bound and ratio: a row per run, a group of rows per state."""
    lines = []
    for state in range(len(traces[0].state_bounds)):
        lines.append(_head(state, len(traces[0].state_bounds)))
        for trace in traces:
            time, bound = trace.state_escape_times[state], trace.state_bounds[state]
            ratio = escape_ratio(time, bound)
            cells = (
                f"{_time(time, trace.relative_error):>27}",
                f"{_number(bound, ',.1f'):>29}",
                f"{'-' if math.isnan(ratio) else f'{ratio:,.3f}':>14}",
            )
            lines.append(f"{trace.gradient:<10}{trace.seed:>5}" + "".join(cells))
        lines.append("")
    return "\n".join([*lines, FOOT])


def _head(state: int, num_states: int) -> str:
    columns = f"{'gradient':<10}{'seed':>5}{'escape time':>27}{'lower bound':>29}{'ratio':>14}"
    return columns if num_states == 1 else f"state {state}\n{columns}"


def _time(count: int | None, relative_error: float) -> str:
    """The exact integer, or, where the solver cannot vouch for it, the value with its error."""
    if count is None:
        return "censored"
    if relative_error * count < 0.5:
        return f"{count:,}"
    return f"{count:.10g} +- {relative_error * count:.1g}"


def _number(bound: float, form: str) -> str:
    if bound <= 0:
        return "-"
    return "never" if math.isinf(bound) else f"{bound:{form}}"
