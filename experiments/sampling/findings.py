"""What the protocol says of each sentence of the paper about ASR's gravity well.

All numbers are of the test classes. Runs of two cells with the same seed start from the same
network, so differences are paired by seed; their intervals are Student's (95 %, n - 1 degrees of
freedom) and assume that the differences of seeds are roughly normal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.metrics import RETRIEVAL_NAMES
from experiments.analysis.estimates import quantile, share, share_difference
from experiments.analysis.finding import Finding
from experiments.analysis.statistics import Estimate, Survival, kaplan_meier
from experiments.sampling.protocol import AGENTS, METRICS
from gw_envs.checks import BadInput, Floats

AROUND_15 = slice(12, 19)  # epochs
LAST = slice(-5, None)


@dataclass(frozen=True)
class Runs:
    """The protocol's curves.

    Attributes:
        curves: (distribution, agent) -> metric -> [seeds, epochs + 1], seeds ascending.
        in_well: (distribution, agent) -> bool [seeds, epochs + 1], judged by test rows.
    """

    curves: dict[tuple[str, str], dict[str, Floats]]
    in_well: dict[tuple[str, str], Floats]

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

    def fell(self, kind: tuple[str, str]) -> Floats:
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

    def came_back(self, kind: tuple[str, str]) -> tuple[int, int]:
        """How many runs came back, and how many fell."""
        survival = self.returns(kind)
        return (0, 0) if survival is None else (survival.runs - survival.censored, survival.runs)


def paired(differences: Floats) -> Estimate:
    """Mean of paired differences with Student's interval; no interval for fewer than two."""
    from scipy import stats

    n = len(differences)
    value = float(np.mean(differences))
    if n < 2:
        return Estimate(value, math.nan, math.nan)
    half = float(stats.t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / math.sqrt(n))
    return Estimate(value, value - half, value + half)


def findings(runs: Runs) -> list[Finding]:
    """Every sentence, in the paper's order, then the controls."""
    ends = [*who_ends_higher(runs), *broad_and_narrow(runs)]
    return [*who_falls(runs), *when(runs), *ends, *controls(runs)]


def who_falls(runs: Runs) -> list[Finding]:
    """All curves fall with normal_high; with normal_low they are flat."""
    high, low = ("normal_high", "ppo"), ("normal_low", "ppo")
    found = [
        Finding(
            f"normal_high, PPO: {RETRIEVAL_NAMES[metric]} is below its start around epoch 15.",
            "mean of epochs 12 to 18 less the start",
            paired(runs.change(high, metric, AROUND_15)),
            (-math.inf, 0.0),
        )
        for metric in METRICS
    ]
    difference = runs.change(low, "recall_at_1", AROUND_15)
    difference = difference - runs.change(high, "recall_at_1", AROUND_15)
    return [
        *found,
        Finding(
            "normal_low, PPO: recall@1 is not below its start around epoch 15.",
            "mean of epochs 12 to 18 less the start",
            paired(runs.change(low, "recall_at_1", AROUND_15)),
            (0.0, math.inf),
        ),
        Finding(
            "normal_low falls less than normal_high around epoch 15 (recall@1, PPO).",
            "change of normal_low less change of normal_high",
            paired(difference),
            (0.0, math.inf),
        ),
        *(
            Finding(
                f"{name}, PPO: recall@1 is below its start around epoch 15 ({reading}).",
                "mean of epochs 12 to 18 less the start",
                paired(runs.change((name, "ppo"), "recall_at_1", AROUND_15)),
                (-math.inf, 0.0),
            )
            for name, reading in (
                ("wide", "high variance of the bins"),
                ("logits_wide", "high variance of the policy's logits"),
            )
        ),
    ]


def when(runs: Runs) -> list[Finding]:
    """The lowest point, and the way back."""
    high = ("normal_high", "ppo")
    back, fell = runs.came_back(high)
    return [
        Finding(
            "normal_high, PPO: the lowest recall@1 comes around epoch 15.",
            "median epoch of the lowest recall@1",
            quantile(runs.lowest_epoch(high), 0.5),
            (10.0, 20.0),
        ),
        Finding(
            "normal_high, PPO: most runs that fell come back to their start.",
            f"share of the {fell} runs that fell",
            share(back, fell),
            (0.5, 1.0),
        ),
    ]


def who_ends_higher(runs: Runs) -> list[Finding]:
    """normal_high above normal_low in all six."""
    return [
        Finding(
            f"normal_high ends above normal_low in {RETRIEVAL_NAMES[metric]} (PPO).",
            "mean of the last five epochs, high less low",
            paired(
                runs.end(("normal_high", "ppo"), metric) - runs.end(("normal_low", "ppo"), metric)
            ),
            (0.0, math.inf),
        )
        for metric in METRICS
    ]


def broad_and_narrow(runs: Runs) -> list[Finding]:
    """Broad sampling confuses at first and wins later."""
    wide, narrow = ("wide", "ppo"), ("normal_low", "ppo")
    early = [runs.change(kind, "recall_at_1", AROUND_15) for kind in (wide, narrow)]
    late = [runs.end(kind, "recall_at_1") for kind in (wide, narrow)]
    return [
        Finding(
            "Around epoch 15 wide bins are behind narrow ones in recall@1 (PPO).",
            "mean of epochs 12 to 18 less the start, wide less normal_low",
            paired(early[0] - early[1]),
            (-math.inf, 0.0),
        ),
        Finding(
            "Wide bins end above narrow ones in recall@1 (PPO).",
            "mean of the last five epochs, wide less normal_low",
            paired(late[0] - late[1]),
            (0.0, math.inf),
        ),
    ]


def controls(runs: Runs) -> list[Finding]:
    """Is it the learning sampler that brings a run back?"""
    found = []
    for agent, name in (("ppo", "PPO"), ("sb3-softmax-pg", "REINFORCE")):
        for control, what in (("frozen", "frozen bins"), ("random", "random actions")):
            ends = [runs.end(("normal_high", a), "recall_at_1") for a in (agent, control)]
            found.append(
                Finding(
                    f"normal_high: {name} ends above {what} in recall@1.",
                    f"mean of the last five epochs, {name} less {what}",
                    paired(ends[0] - ends[1]),
                    (0.0, math.inf),
                )
            )
    back = [runs.came_back(("normal_high", agent)) for agent in ("ppo", "frozen")]
    if all(fell for _, fell in back):
        found.append(
            Finding(
                "normal_high: runs that fell come back more often under PPO than with frozen bins.",
                "share of runs that came back, PPO less frozen",
                share_difference(*back[0], *back[1]),
                (0.0, 1.0),
            )
        )
    return found
