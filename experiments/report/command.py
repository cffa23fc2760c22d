"""`python -m experiments report RESULTS -o report.html`: one page that holds everything it shows.

The page needs no network and no other file. What would not fit is aggregated, and the page says so:
curves of the ten problems that tell most (methods, then escapes), a dozen methods each, and one
table of all runs, paged.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional, arg

from agents import metrics
from experiments.analysis.plateaus import quartiles, suboptimality_on_grid, update_grid
from experiments.analysis.run_table import RunTable, count_problems, in_order, label, read_runs
from experiments.analysis.scaling import axis_name, combinations, scaling_axes, scalings
from experiments.analysis.statistics import Estimate, Survival, log_rank
from experiments.files import check_file, save_text
from experiments.report import figures
from experiments.report.replay import Replay, replay, triangle_runs
from experiments.results import read_results
from gw_envs import __version__
from gw_envs.checks import check_extra

MOST_PROBLEMS = 10
MOST_TRIANGLE_PATHS = 6
TEMPLATE = Path(__file__).with_name("template.html")


@dataclass(frozen=True)
class ReportOptions:
    """What to report on, and where to."""

    results: Positional[Path]
    """Folder with the tables of a run or sweep."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("report.html")
    """File to write."""


def main(arguments: list[str]) -> int:
    """Write the report.

    Raises:
        ValueError: if a table is missing, damaged, of another schema version or without a run.
    """
    import tyro

    options = tyro.cli(
        ReportOptions,
        prog="python -m experiments report",
        description="Write one self-contained page about a folder of results.",
        args=arguments,
    )
    check_file("output", options.output, (".html", ".htm"))
    check_extra("command", "report", "report", "jinja2", "plotly")
    page = make_report(options.results)
    save_text(page, options.output)
    print(f"wrote {options.output} ({len(page.encode()) / 1e6:.1f} MB)")
    return 0


def make_report(folder: Path) -> str:
    """The page about a results folder.

    Raises:
        ValueError: as `main`.
    """
    runs = read_runs(folder)
    trajectories, escapes = (read_results(folder, name) for name in ("trajectories", "escapes"))
    content = {
        "title": Path(folder).resolve().name,
        "facts": facts(runs, escapes),
        "options": option_rows(runs),
        "versions": version_rows(runs),
        "data": {
            "problems": problem_parts(runs, trajectories),
            "scaling": [scaling_part(runs, name) for name in scaling_axes(runs)],
            "triangle": triangle_part(runs),
            "runs": run_columns(runs),
        },
    }
    return render(content)


def render(content: dict[str, Any]) -> str:
    """Fill the template; plotly.js is put in once."""
    import jinja2
    from plotly.offline import get_plotlyjs

    data = json.dumps(content.pop("data"), separators=(",", ":"), allow_nan=False)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    # No text of a run may end the script element that carries it.
    return template.render(**content, data=data.replace("<", "\\u003c"), plotly=get_plotlyjs())


def facts(runs: RunTable, escapes: Any) -> list[tuple[str, str]]:
    """What the folder holds, in a few numbers."""
    statuses = Counter(runs["status"])
    kinds = Counter(escapes[metrics.EVENT_KIND].to_pylist())
    censored = sum(runs[metrics.CENSORED])
    return [
        ("runs", f"{len(runs):,} on {count_problems(runs)}"),
        ("status", ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())),
        ("escaped within the budget", f"{len(runs) - censored:,}"),
        ("censored (still in the well)", f"{censored:,}"),
        ("policy updates made", f"{sum(runs['updates']):,}"),
        ("events", ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common()) or "none"),
    ]


def option_rows(runs: RunTable) -> list[tuple[str, str, bool]]:
    """Every option with its value or values; the last entry says whether it varies."""
    varying = runs.varying()
    rows = []
    for name in sorted(runs.options, key=lambda name: (name not in varying, name)):
        values = sorted(set(runs[name]), key=lambda value: in_order([value]))
        shown = ", ".join("not set" if v is None else str(v) for v in values[:12])
        more = f" and {len(values) - 12:,} more" if len(values) > 12 else ""
        rows.append((name, shown + more, name in varying))
    return rows


def version_rows(runs: RunTable) -> list[tuple[str, str]]:
    """What computed the runs, and what wrote this page."""
    found: dict[str, set[str]] = {}
    for text in set(runs["versions"]):
        for name, number in json.loads(text).items():
            found.setdefault(name, set()).add(number)
    rows = [(name, ", ".join(sorted(numbers))) for name, numbers in found.items()]
    return [*rows, ("this page", f"gravity-wells {__version__}")]


def problem_parts(runs: RunTable, trajectories: Any) -> list[dict[str, Any]]:
    """Per problem: escape curves, plateaus and the table of methods; all of them pooled last."""
    names = runs.problem_options()
    problems = sorted(runs.groups(names).items(), key=lambda item: _least_told(runs, item[1]))
    parts = []
    for key, part in problems[:MOST_PROBLEMS]:
        methods, grid = _methods(runs, part), update_grid(max(part["updates"]))
        bands = {
            name: quartiles(suboptimality_on_grid(trajectories, group["run_id"], grid))
            for name, group in methods.items()
        }
        seen = [name for name, band in bands.items() if np.isfinite(band).any()]
        plateau = figures.plateau_figure(grid, {name: bands[name] for name in seen})
        parts.append(_part(label(names, key), methods) | {"plateau": plateau if seen else None})
    if len(problems) > 1:
        name = f"all {len(problems):,} problems pooled"
        parts.append(_part(name, _methods(runs, runs)) | {"plateau": None})
    return parts


def _least_told(runs: RunTable, part: RunTable) -> tuple[int, int]:
    """Sorts problems with many methods, then many escapes, to the front."""
    escaped = len(part) - sum(part[metrics.CENSORED])
    return -len(part.groups(runs.method_options())), -escaped


def _methods(runs: RunTable, part: RunTable) -> dict[str, RunTable]:
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
    """Name, runs, censored, median with interval, 90% quantile, lower bound, log-rank p."""
    return [
        name,
        f"{curve.runs:,}",
        f"{curve.censored:,}",
        _with_interval(curve.median, curve.last),
        _time(curve.quantile(0.9).value, curve.last),
        f"{bound:,.0f}" if math.isfinite(bound) else "-",
        "-" if other is None else _p_value(runs, other),
    ]


def _p_value(runs: RunTable, other: RunTable) -> str:
    if all(runs[metrics.CENSORED]) and all(other[metrics.CENSORED]):
        return "-"
    return f"{log_rank(*runs.times(), *other.times()).p_value:.2g}"


def _with_interval(estimate: Estimate, last: float) -> str:
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


def run_columns(runs: RunTable) -> list[dict[str, Any]]:
    """The table of all runs by column; a column of few values is stored as codes into them."""
    columns = {
        "run_id": runs["run_id"],
        "escape time": runs[metrics.ESCAPE_TIME],
        "lower bound": figures.short(runs[metrics.LOWER_BOUND]),
        **{name: runs[name] for name in runs.varying()},
        "final sub-optimality": figures.short(_floats(runs[metrics.SUBOPTIMALITY])),
        "final pi(a*)": figures.short(_floats(runs[metrics.OPTIMAL_PROB])),
        **{name: runs[name] for name in ("updates", "status", "seed")},
    }
    return [_pack(name, column) for name, column in columns.items()]


def _floats(column: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in column]


def _pack(name: str, column: list[Any]) -> dict[str, Any]:
    distinct = list(dict.fromkeys(column))
    if 4 * len(distinct) > len(column):
        return {"name": name, "values": column}
    code = {value: i for i, value in enumerate(distinct)}
    return {"name": name, "distinct": distinct, "codes": [code[value] for value in column]}
