"""The protocol's runs as curves, and what is read off them: falls, lowest points, ways back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.analysis.statistics import Survival, kaplan_meier
from experiments.sampling.protocol import AGENTS, METRICS
from gw_envs.checks import BadInput, Floats

Flags = NDArray[np.bool_]
LAST = slice(-5, None)


@dataclass(frozen=True)
class Runs:
    """The protocol's curves.

    Attributes:
        curves: (distribution, agent) -> metric -> [seeds, epochs + 1], seeds ascending.
        in_well: (distribution, agent) -> bool [seeds, epochs + 1], judged by test rows.
    """

    curves: dict[tuple[str, str], dict[str, Floats]]
    in_well: dict[tuple[str, str], Flags]

    @classmethod
    def from_table(cls, table: Any) -> Runs:
        """From a table of `protocol.stored_results`.

        Raises:
            ValueError: if a run is not as long as the others.
        """
        columns = {name: np.asarray(table[name]) for name in ("seed", "epoch")}
        columns |= {name: np.asarray(table[name], dtype=np.float64) for name in METRICS}
        columns["in_well"] = np.asarray(table["test_in_well"])
        kinds = list(
            zip(table["distribution"].to_pylist(), table["agent"].to_pylist(), strict=True)
        )
        curves, in_well = {}, {}
        for kind in dict.fromkeys(kinds):
            rows = np.array([k == kind for k in kinds])
            order = np.lexsort((columns["epoch"][rows], columns["seed"][rows]))
            seeds = len(np.unique(columns["seed"][rows]))
            if rows.sum() % seeds:
                raise BadInput(f"runs of {kind} differ in length; one of them ended early.")
            own = {name: columns[name][rows][order].reshape(seeds, -1) for name in columns}
            curves[kind] = {name: own[name] for name in METRICS}
            in_well[kind] = own["in_well"]
        return cls(curves, in_well)

    def by_distribution(self, names: Sequence[str]) -> dict[str, dict[str, dict[str, Floats]]]:
        """Curves as distribution -> agent -> metric, of the distributions that there are."""
        return {
            name: {a: self.curves[name, a] for a in AGENTS if (name, a) in self.curves}
            for name in names
            if any((name, a) in self.curves for a in AGENTS)
        }

    def change(self, kind: tuple[str, str], metric: str, epochs: slice) -> Floats:
        """Mean over epochs less the start, [seeds]."""
        values = self.curves[kind][metric]
        return np.asarray(values[:, epochs].mean(axis=1) - values[:, 0])

    def end(self, kind: tuple[str, str], metric: str) -> Floats:
        """Mean over the last five epochs, [seeds]."""
        return np.asarray(self.curves[kind][metric][:, LAST].mean(axis=1))

    def lowest_epoch(self, kind: tuple[str, str]) -> Floats:
        """Epoch at which recall@1 is lowest, [seeds]."""
        return self.curves[kind]["recall_at_1"].argmin(axis=1).astype(np.float64)

    def fell(self, kind: tuple[str, str]) -> Flags:
        """Whether the run was in the well at the end of some epoch, [seeds]."""
        return np.asarray(self.in_well[kind].any(axis=1))

    def returns(self, kind: tuple[str, str]) -> Survival | None:
        """Epochs from falling until back at the start's level, of the runs that fell."""
        times, censored = [], []
        for inside in self.in_well[kind]:
            if inside.any():
                after = inside[int(inside.argmax()) :]
                back = not after.all()
                times.append(int(after.argmin()) if back else len(after))
                censored.append(not back)
        return kaplan_meier(times, censored) if times else None

    def back(self, kind: tuple[str, str]) -> Flags:
        """Whether the run fell and came back to its start later, [seeds]."""
        inside = self.in_well[kind]
        fallen = np.maximum.accumulate(inside, axis=1)
        return np.asarray((fallen & ~inside).any(axis=1))

    def came_back(self, kind: tuple[str, str]) -> tuple[int, int]:
        """How many runs came back, and how many fell."""
        return int(self.back(kind).sum()), int(self.fell(kind).sum())
