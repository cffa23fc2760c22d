"""The table that a run on ASRSampling-v0 prints."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.runs.trace import Trace

FOOT = (
    "Of classes not trained on: recall@1 at the start, its lowest and at the end; NMI at the end.\n"
    "Fell into the well: validation recall@1 was below its start by more than the noise."
)


def training_table(traces: Sequence[Trace]) -> str:
    """A row per training run."""
    lines = [
        f"{'seed':>5}{'R@1 start':>11}{'lowest':>9}{'@ epoch':>9}{'R@1 end':>9}{'NMI end':>9}"
        f"{'fell @ epoch':>14}{'back @ epoch':>14}"
    ]
    for trace in traces:
        recall = [row["test/recall_at_1"] for row in trace.rows]
        epochs = [row["sampling/epoch"] for row in trace.rows]
        low = min(range(len(recall)), key=recall.__getitem__)
        lines.append(
            f"{trace.seed:>5}{recall[0]:>11.3f}{recall[low]:>9.3f}{epochs[low]:>9.1f}"
            f"{recall[-1]:>9.3f}{trace.rows[-1]['test/nmi']:>9.3f}"
            f"{_epoch(trace, 'enter'):>14}{_epoch(trace, 'escape'):>14}"
        )
    return "\n".join([*lines, "", FOOT])


def _epoch(trace: Trace, kind: str) -> str:
    """Epoch of the first event of a kind, "-" where there is none."""
    steps = [event["escape/update"] for event in trace.events if event["escape/kind"] == kind]
    return f"{trace.rows[steps[0]]['sampling/epoch']:.1f}" if steps else "-"
