"""K numbers that a policy gives for an observation, read as probabilities or as logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gw_envs.checks import BadInput, Floats

ROUNDING = 1e-5  # probabilities in float32 sum to one within this


@dataclass
class Logits:
    """Marks a function of an observation, or a torch module, whose outputs are logits.

    Attributes:
        function: what is asked.
    """

    function: Any

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        if not callable(self.function):
            raise BadInput(f"function={self.function!r} must be a function or a torch module.")


@dataclass
class Reading:
    """How rows of K numbers are read, the same for all of them once it is known.

    Attributes:
        kind: "probabilities", "logits", or "" as long as no row has told: numbers >= 0 that sum to
            one are probabilities; a number below 0 or above 1 makes logits; others are refused.
    """

    kind: str = ""

    def row(self, answer: Any, num_actions: int) -> Floats:
        """Probabilities [K] of one answer.

        Raises:
            ValueError: for another shape, NaN, or numbers that are neither or contradict earlier
                ones.
        """
        row = np.asarray(answer, dtype=np.float64)
        if row.shape not in ((num_actions,), (1, num_actions)):
            raise BadInput(
                f"policy returned {short(answer)}; it must return {num_actions} probabilities that "
                "sum to 1, or logits."
            )
        row = row.reshape(num_actions)
        if np.isnan(row).any() or not np.isfinite(row.max()):
            raise BadInput(f"policy returned {short(answer)}; its outputs are not finite.")
        sums = bool((row >= 0).all() and abs(row.sum() - 1) <= ROUNDING)
        if not self.kind:
            self.kind = "probabilities" if sums else "logits" if _is_no_share(row) else ""
        if self.kind == "logits":
            row = np.exp(row - row.max())
        elif not sums:
            raise BadInput(
                f"policy returned {short(answer)}; that sums to {row.sum():.6g}, not to 1 as "
                "probabilities do. If they are logits, mark them: "
                "agents.diagnosis.Logits(policy)."
            )
        return np.asarray(row / row.sum())


def _is_no_share(row: Floats) -> bool:
    return bool((row < 0).any() or (row > 1).any())


def short(answer: Any) -> str:
    """What a policy returned, in at most a line."""
    text = " ".join(repr(answer).split())
    return text if len(text) <= 80 else text[:77] + "..."
