"""How escape times grow along an option: medians with intervals, a fitted slope, theory's line.

A slope is fitted where the theory claims a power law, and nowhere else: for the exact softmax
gradient at a constant step size, in one state whose other arms pay the same, times grow as the
inverse of pi(a*), Delta and eta (theory.md; a lower and an upper bound of that order). Its interval
tells how far medians lie from one line: of exact gradients that is curvature, not chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.analysis.run_table import RunTable, in_order, label
from experiments.analysis.statistics import Estimate, Slope, Survival, log_log_slope
from gw_envs.checks import BadInput, Floats, check_choice

# Options along which the theory has times grow as the inverse, with the name of that axis.
INVERSES = {
    "optimal_prob": "1 / pi(a*) at the start",
    "reward_gap": "1 / Delta (1/reward)",
    "learning_rate": "1 / eta",
}
MOST_SERIES = 6  # more lines than colours would not be told apart


@dataclass(frozen=True)
class Scaling:
    """Escape times of one method and problem along one axis.

    Attributes:
        label: what tells it from the others.
        x: positions on the axis, ascending, positive, [M].
        curves: the Kaplan-Meier curve at each, [M].
        theory: what the theory gives at each, in updates, NaN where nothing, [M].
        has_law: whether the theory claims a power law along this axis.
    """

    label: str
    x: Floats
    curves: tuple[Survival, ...]
    theory: Floats
    has_law: bool = False

    @property
    def medians(self) -> list[Estimate]:
        """Median escape time at each position; infinite where most runs are censored."""
        return [curve.median for curve in self.curves]

    def slope(self) -> Slope | None:
        """Exponent fitted to the finite medians; None without a law or with fewer than three."""
        y = np.array([median.value for median in self.medians])
        known = np.isfinite(y) & (y > 0)
        if not self.has_law or known.sum() < 3:
            return None
        return log_log_slope(self.x[known], y[known])

    @property
    def caption(self) -> str:
        """The label with the fitted exponent."""
        slope = self.slope()
        if slope is None:
            return self.label
        return f"{self.label}: slope {slope.slope:.2f} [{slope.low:.2f}, {slope.high:.2f}]"


def scaling_axes(runs: RunTable) -> tuple[str, ...]:
    """Varying options with at least three positive numbers: what can be scaled along."""
    return tuple(name for name in runs.varying() if len(_positions(runs[name])) >= 3)


def has_law(runs: RunTable, option: str) -> bool:
    """Whether the theory claims that these runs' escape times are a power law along an option."""
    needed: dict[str, set[Any]] = {
        "env_id": {"SoftmaxWell-v0"},
        "agent": {"softmax-pg", "sb3-softmax-pg"},
        "gradient": {"exact"},
        "update": {"softmax-pg"},
        "policy": {"tabular", None},
        "mean_rewards": {None},
        "learning_rate_power": {0, None},
    }
    kept = (set(runs.columns.get(name, [None])) <= values for name, values in needed.items())
    return option in INVERSES and all(kept)


def axis_name(option: str) -> str:
    """What stands below the axis of an option."""
    return INVERSES.get(option, option)


def combinations(runs: RunTable, option: str) -> list[tuple[tuple[Any, ...], RunTable]]:
    """Runs of each combination of the other options that is seen along most of the axis.

    Most of it: at least half as many positions as the combination with most of them, and two.

    Args:
        runs: the table.
        option: one of `scaling_axes(runs)`.

    Raises:
        ValueError: if there is nothing to scale along.
    """
    axes = scaling_axes(runs)
    if not axes:
        raise BadInput(
            "results have no option with three or more positive numbers: there is no axis to "
            "scale along."
        )
    check_choice("option", option, axes)
    groups = runs.groups(_others(runs, option))
    counts = {key: len(_positions(group[option])) for key, group in groups.items()}
    enough = max(2.0, max(counts.values()) / 2)
    seen = [(key, group) for key, group in groups.items() if counts[key] >= enough]
    return sorted(seen, key=lambda item: in_order(item[0]))


def scalings(runs: RunTable, option: str) -> list[Scaling]:
    """A series for each of at most `MOST_SERIES` combinations, evenly chosen from all of them.

    Raises:
        ValueError: as `combinations`.
    """
    found, others = combinations(runs, option), _others(runs, option)
    at = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_SERIES)).astype(int))
    chosen = [found[i] for i in at]
    differ = [i for i in range(len(others)) if len({key[i] for key, _ in chosen}) > 1]
    return [
        _series(label([others[i] for i in differ], [key[i] for i in differ]), group, option)
        for key, group in chosen
    ]


def _others(runs: RunTable, option: str) -> list[str]:
    return [name for name in runs.varying() if name != option]


def _series(name: str, runs: RunTable, option: str) -> Scaling:
    parts = {key[0]: part for key, part in runs.groups([option]).items() if _positions(list(key))}
    place = {value: 1 / value if option in INVERSES else float(value) for value in parts}
    ordered = sorted(parts, key=lambda value: place[value])
    return Scaling(
        name,
        np.array([place[value] for value in ordered]),
        tuple(parts[value].survival() for value in ordered),
        np.array([parts[value].median_bound() for value in ordered]),
        has_law(runs, option),
    )


def _positions(values: Sequence[object]) -> set[float]:
    return {
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    }
