"""The table that a run prints: its escapes from a well, or what an embedding is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agents import metrics
from experiments.runs.trace import Trace, escape_ratio

WELL_FOOT = (
    "Escape time: updates until the policy first left the well. The lower bound binds exact\n"
    "gradients (gw_envs.theory); for sampled ones it is a reference."
)
TRAINING_FOOT = (
    "Of classes not trained on: recall@1 at the start, its lowest and at the end; NMI at the end.\n"
    "Fell into the well: validation recall@1 was below its start by more than the noise."
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
    return "\n".join([*lines, WELL_FOOT])


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


def training_table(traces: Sequence[Trace]) -> str:
    """A row per training run."""
    lines = [
        f"{'seed':>5}{'R@1 start':>11}{'lowest':>9}{'@ epoch':>9}{'R@1 end':>9}{'NMI end':>9}"
        f"{'fell @ epoch':>14}{'back @ epoch':>14}"
    ]
    for trace in traces:
        recall = [row[metrics.TEST_RECALL] for row in trace.rows]
        epochs = [row[metrics.EPOCH] for row in trace.rows]
        low = min(range(len(recall)), key=recall.__getitem__)
        lines.append(
            f"{trace.seed:>5}{recall[0]:>11.3f}{recall[low]:>9.3f}{epochs[low]:>9.1f}"
            f"{recall[-1]:>9.3f}{trace.rows[-1][metrics.TEST_NMI]:>9.3f}"
            f"{_epoch(trace, 'enter'):>14}{_epoch(trace, 'escape'):>14}"
        )
    return "\n".join([*lines, "", TRAINING_FOOT])


def _epoch(trace: Trace, kind: str) -> str:
    """Epoch of the first event of a kind, "-" where there is none."""
    steps = [e[metrics.EVENT_UPDATE] for e in trace.events if e[metrics.EVENT_KIND] == kind]
    return f"{trace.rows[steps[0]][metrics.EPOCH]:.1f}" if steps else "-"
