"""The table that a run prints: its escapes from a well, or what an embedding is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from agents import metrics
from experiments.runs.laws import Expectation
from experiments.runs.trace import Trace

WELL_FOOT = (
    "Escape time: updates until the policy first left the well. Bounds are proved for exact\n"
    "gradients, the lower one rounded down, the upper one up; percentages are of the law of the\n"
    'escape time of sampled ones (gw_envs.theory). "-": none is known for this setting.'
)
TRAINING_FOOT = (
    "Of classes not trained on: recall@1 at the start, its lowest and at the end; NMI at the end.\n"
    "Fell into the well: validation recall@1 was below its start by more than the noise."
)


def escape_table(
    traces: Sequence[Trace], expected: Mapping[str, Sequence[Expectation]] = {}
) -> str:
    """Escape times beside what theory expects: rows by state, then exact and sampled runs.

    Args:
        traces: the runs.
        expected: by gradient, of each state.
    """
    lines: list[str] = []
    num_states = len(traces[0].state_bounds)
    kinds = sorted({trace.gradient for trace in traces})
    shown = {kind: _has_law(expected.get(kind, ())) for kind in kinds}
    for state in range(num_states):
        if num_states > 1:
            starts = {f", from pi(a*) = {trace.first_prob(state):.3g}" for trace in traces}
            lines.append(f"state {state}" + (starts.pop() if len(starts) == 1 else ""))
        for kind in kinds:
            lines.append(_head(kind, shown[kind]))
            own = [trace for trace in traces if trace.gradient == kind]
            here = expected[kind][state] if kind in expected else Expectation()
            lines += [_row(trace, state, here, shown[kind]) for trace in own]
            lines.append("")
    notes = [note for kind in kinds for note in _notes(expected.get(kind, ()))]
    return "\n".join([*lines, WELL_FOOT, *dict.fromkeys(notes)])


def _notes(states: Sequence[Expectation]) -> list[str]:
    """The notes of all states; those that not all share say whose they are."""
    return [
        note if all(note in other.notes for other in states) else f"State {state}: {note}"
        for state, one in enumerate(states)
        for note in one.notes
    ]


def _has_law(states: Sequence[Expectation]) -> bool:
    """Whether anything but the lower bound is known, in any state."""
    return any(
        not math.isnan(value) for one in states for value in (one.upper, one.law, *one.quantiles)
    )


def _head(kind: str, has_law: bool) -> str:
    """Column heads of exact or of sampled runs; those of a law only where there is one."""
    names: tuple[str, ...] = ("lower bound", "upper bound", "law")
    if kind != "exact":
        names = ("10 % by law", "median by law", "90 % by law")
    if not has_law:
        names = ("lower bound",) if kind == "exact" else ()
    return f"{'gradient':<9}{'seed':>5}{'escape time':>24}" + "".join(f"{n:>20}" for n in names)


def _row(trace: Trace, state: int, expected: Expectation, has_law: bool) -> str:
    """One run in one state."""
    time = _time(trace.state_escape_times[state], trace.relative_error)
    cells: list[str] = []
    if trace.gradient == "exact":
        cells.append(bound(trace.state_bounds[state], down=True))
        if has_law:
            cells += [bound(expected.upper, down=False), near(expected.law)]
    elif has_law:
        cells = [near(q) for q in expected.quantiles]
    return f"{trace.gradient:<9}{trace.seed:>5}{time:>24}" + "".join(f"{c:>20}" for c in cells)


def bound(value: float, *, down: bool) -> str:
    """A bound in tenths, rounded to the side on which it stays true; "-" where there is none."""
    if not value > 0:
        return "-"
    if math.isinf(value):
        return "never" if down else "-"
    exact = Decimal(value)
    place = max(exact.adjusted() - 9, -1)  # tenths, or ten digits
    rounding = ROUND_FLOOR if down else ROUND_CEILING
    with localcontext() as context:
        context.prec = 400
        rounded = exact.quantize(Decimal(1).scaleb(place), rounding=rounding)
    return f"{rounded:,.1f}" if place == -1 else f"{rounded:.9e}"


def near(value: float) -> str:
    """A number of a law, which is no bound; "-" where there is none."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if value < 1e15 else f"{value:.5g}"


def censored_note(traces: Sequence[Trace], can_jump: bool) -> str:
    """What a run that is censored should hear; empty where none is.

    With several states a run is censored while any of them is in its well, so states are counted
    as well: of each run, and of all runs together.

    Args:
        traces: the runs.
        can_jump: whether `--until-escape` would follow the exact one.
    """
    made = [trace.updates for trace in traces if trace.escape_time is None]
    if not made:
        return ""
    left, budget = len(made), min(made)
    note = f"{left} of {len(traces)} runs censored: still in the well after {budget:,} updates."
    times = [time for trace in traces for time in trace.state_escape_times]
    if len(times) > len(traces):
        note = (
            f"A run is one seed in all its states: after {budget:,} updates {left} of "
            f"{len(traces)} runs were still in\nthe well of a state or more; "
            f"{times.count(None)} of {len(times)} rows are censored."
        )
    if can_jump:
        note += (
            "\n--until-escape follows the exact gradient to its escape, however far; "
            "--max-updates makes\nthe budget larger."
        )
    return note


def _time(count: int | None, relative_error: float) -> str:
    """The exact integer, or, where the solver cannot vouch for it, the value with its error."""
    if count is None:
        return "censored"
    if relative_error * count < 0.5:
        return f"{count:,}"
    return f"{count:.10g} +- {relative_error * count:.1g}"


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
