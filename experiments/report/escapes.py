"""What the page shows of policies in wells: escape by method, plateaus, scaling, the triangle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from agents import metrics
from experiments.analysis.plateaus import last_seen, quartiles, update_grid
from experiments.analysis.run_table import RunTable, label
from experiments.analysis.scaling import axis_name, combinations, scalings
from experiments.analysis.statistics import Estimate, Survival, log_rank
from experiments.report import figures
from experiments.report.replay import Replay, replay, triangle_runs

MOST_PROBLEMS = 10
MOST_TRIANGLE_PATHS = 6


def problem_parts(runs: RunTable, trajectories: Any) -> list[dict[str, Any]]:
    """Per problem: escape curves, plateaus and the table of methods; all of them pooled last.

    Args:
        runs: those that began in a well.
        trajectories: the table of that name.
    """
    names = runs.problem_options()
    problems = sorted(runs.groups(names).items(), key=lambda item: _least_told(runs, item[1]))
    parts = []
    for key, part in problems[:MOST_PROBLEMS] if len(runs) else []:
        methods, grid = methods_of(runs, part), update_grid(max(part["updates"]))
        bands = {
            name: quartiles(last_seen(trajectories, group["run_id"], grid))
            for name, group in methods.items()
        }
        seen = {name: band for name, band in bands.items() if np.isfinite(band).any()}
        plateau = figures.plateau_figure(grid, seen) if seen else None
        parts.append(_part(label(names, key), methods) | {"plateau": plateau})
    if len(problems) > 1:
        name = f"all {len(problems):,} problems pooled"
        parts.append(_part(name, methods_of(runs, runs)) | {"plateau": None})
    return parts


def _least_told(runs: RunTable, part: RunTable) -> tuple[int, int]:
    """Sorts problems with many methods, then many escapes, to the front."""
    escaped = len(part) - sum(part[metrics.CENSORED])
    return -len(part.groups(runs.method_options())), -escaped


def methods_of(runs: RunTable, part: RunTable) -> dict[str, RunTable]:
    """The methods among some of the runs by name, as many as a figure has curves."""
    names = runs.method_options()
    groups = list(part.groups(names).items())[: figures.MOST_CURVES]
    return {label(names, key): group for key, group in groups}


def _part(name: str, methods: dict[str, RunTable]) -> dict[str, Any]:
    curves = {method: group.survival() for method, group in methods.items()}
    bounds = {method: group.common_bound() for method, group in methods.items()}
    first = next(iter(methods.values()))
    rows = [
        _method_row(
            method, group, curves[method], bounds[method], None if group is first else first
        )
        for method, group in methods.items()
    ]
    return {"name": name, "escape": figures.escape_figure(curves, bounds), "methods": rows}


def _method_row(
    name: str, runs: RunTable, curve: Survival, bound: float, other: RunTable | None
) -> list[str]:
    """Name, runs, censored, median with interval, 90% quantile, lower bound, log-rank p.

    The bound is rounded down: no exact run leaves before the next whole number of updates.
    """
    return [
        name,
        f"{curve.runs:,}",
        f"{curve.censored:,}",
        _with_interval(curve.median, curve.last),
        _time(curve.quantile(0.9).value, curve.last),
        f"{math.floor(bound):,}" if math.isfinite(bound) else "-",
        "-" if other is None else _p_value(runs, other),
    ]


def _p_value(runs: RunTable, other: RunTable) -> str:
    """Of the log-rank test; "-" where a group is no sample, or nobody of either escaped."""
    if not (runs.by_chance and other.by_chance):
        return "-"
    if all(runs[metrics.CENSORED]) and all(other[metrics.CENSORED]):
        return "-"
    return f"{log_rank(*runs.times(), *other.times()).p_value:.2g}"


def _with_interval(estimate: Estimate, last: float) -> str:
    if estimate.low == estimate.high:
        return _time(estimate.value, last)
    ends = f"{_time(estimate.low, last)} to {_time(estimate.high, last)}"
    return f"{_time(estimate.value, last)} ({ends})"


def _time(value: float, last: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else f"over {last:,.0f}"


def scaling_part(runs: RunTable, option: str) -> dict[str, Any]:
    """One axis: a few combinations of the other options, and out of how many."""
    series, total = scalings(runs, option), len(combinations(runs, option))
    shown = "" if total == len(series) else f" ({len(series)} of {total:,} combinations)"
    return {"name": axis_name(option) + shown, **figures.scaling_figure(option, series)}


def triangle_part(runs: RunTable) -> dict[str, Any] | None:
    """Paths of three-armed policies, each run made again from its seed; None without any."""
    from experiments.options.progress import progress

    chosen = triangle_runs(runs, MOST_TRIANGLE_PATHS)
    if not chosen:
        return None
    names = runs.method_options()
    paths: dict[str, Replay] = {}
    for run in progress(chosen, desc="trajectories"):
        method = label(names, [run[name] for name in names])
        paths[f"{method}, run {run['run_id']}"] = replay(run)
    problem = label(runs.problem_options(), [chosen[0][name] for name in runs.problem_options()])
    return {"name": problem, **figures.ternary_figure(paths)}
