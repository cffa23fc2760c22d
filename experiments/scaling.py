"""How escape times grow along an option: medians with intervals, a fitted slope, theory's line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.run_table import RunTable, label
from experiments.statistics import Estimate, Slope, Survival, log_log_slope
from gw_envs.checks import Floats, check_choice

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
    """

    label: str
    x: Floats
    curves: tuple[Survival, ...]
    theory: Floats

    @property
    def medians(self) -> list[Estimate]:
        """Median escape time at each position; infinite where most runs are censored."""
        return [curve.median for curve in self.curves]

    def slope(self) -> Slope | None:
        """Exponent fitted to the finite medians; None with fewer than three."""
        y = np.array([median.value for median in self.medians])
        known = np.isfinite(y) & (y > 0)
        if known.sum() < 3:
            return None
        return log_log_slope(self.x[known], y[known])


def scaling_axes(runs: RunTable) -> tuple[str, ...]:
    """Varying options with at least three positive numbers: what can be scaled along."""
    return tuple(name for name in runs.varying() if len(_positions(runs[name])) >= 3)


def axis_name(option: str) -> str:
    """What stands below the axis of an option."""
    return INVERSES.get(option, option)


def scalings(runs: RunTable, option: str) -> list[Scaling]:
    """One series per combination of the other options, those with most positions first.

    At most `MOST_SERIES`; a combination seen at one position only is no series.

    Args:
        runs: the table.
        option: one of `scaling_axes(runs)`.

    Raises:
        ValueError: if there is nothing to scale along.
    """
    axes = scaling_axes(runs)
    if not axes:
        raise ValueError(
            "results have no option with three or more positive numbers: there is no axis to "
            "scale along."
        )
    check_choice("option", option, axes)
    others = [name for name in runs.varying() if name != option]
    groups = sorted(runs.groups(others).items(), key=lambda item: -len(_positions(item[1][option])))
    chosen = [(key, group) for key, group in groups if len(_positions(group[option])) > 1]
    chosen = chosen[:MOST_SERIES]
    differ = [i for i in range(len(others)) if len({key[i] for key, _ in chosen}) > 1]
    return [
        _series(label([others[i] for i in differ], [key[i] for i in differ]), group, option)
        for key, group in chosen
    ]


def _series(name: str, runs: RunTable, option: str) -> Scaling:
    parts = {key[0]: part for key, part in runs.groups([option]).items() if _positions(list(key))}
    place = {value: 1 / value if option in INVERSES else float(value) for value in parts}
    ordered = sorted(parts, key=lambda value: place[value])
    return Scaling(
        name,
        np.array([place[value] for value in ordered]),
        tuple(parts[value].survival() for value in ordered),
        np.array([parts[value].median_bound() for value in ordered]),
    )


def _positions(values: Sequence[object]) -> set[float]:
    return {
        float(value)
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    }
