"""`python -m experiments report RESULTS -o PAGE.html`: one page that holds everything it shows.

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

from tyro.conf import Positional, arg

from agents import metrics
from experiments.analysis.run_table import RunTable, count_problems, in_order, read_runs
from experiments.analysis.scaling import scaling_axes
from experiments.files import check_file, save_text
from experiments.report.escapes import problem_parts, scaling_part, triangle_part
from experiments.report.figures import short
from experiments.report.training import Training, training_parts
from experiments.results import MORE_TABLES, TABLES, Folders, find_folders, read_all
from gw_envs import __version__
from gw_envs.checks import check_extra

TEMPLATE = Path(__file__).with_name("template.html")


@dataclass(frozen=True)
class ReportOptions:
    """What to report on, and where to."""

    results: Positional[tuple[Path, ...]]
    """Folders with the tables of runs or sweeps, or patterns as 'runs/well-*'."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("runs/report.html")
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


def make_report(names: Folders) -> str:
    """The page about a results folder, or about several.

    Raises:
        ValueError: as `main`.
    """
    folders = find_folders(names)
    runs = read_runs(folders)
    in_wells, training = runs.in_wells(), runs.training()
    tables = {name: read_all(folders, name) for name in TABLES if name != "runs"}
    if len(training):
        tables |= {name: read_all(folders, name) for name in MORE_TABLES}
    content = {
        "title": ", ".join(folder.resolve().name for folder in folders),
        "facts": facts(runs, tables["escapes"]),
        "policies": len(training) < len(runs),
        "options": option_rows(runs),
        "versions": version_rows(runs),
        "data": {
            "problems": problem_parts(in_wells, tables["trajectories"]),
            "training": training_parts(training, tables),
            "scaling": [scaling_part(in_wells, name) for name in scaling_axes(in_wells)],
            "triangle": triangle_part(in_wells),
            "runs": run_columns(runs, tables),
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
    statuses, kinds = Counter(runs["status"]), Counter(escapes[metrics.EVENT_KIND].to_pylist())
    policies, in_wells, training = runs.policies(), runs.in_wells(), runs.training()
    rows = [
        ("runs", f"{len(runs):,} on {count_problems(runs)}"),
        ("status", ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())),
    ]
    if len(policies):
        censored = sum(in_wells[metrics.CENSORED])
        outside = len(policies) - len(in_wells)
        rows += [
            ("began in a well", f"{len(in_wells):,}"),
            ("of these escaped within the budget", f"{len(in_wells) - censored:,}"),
            ("censored (still in the well)", f"{censored:,}"),
            ("began outside (in no curve below)", f"{outside:,}"),
            ("policy updates made", f"{sum(policies['updates']):,}"),
        ]
    if len(training):
        times = training[metrics.ESCAPE_TIME]
        fell = [time for time in times if time != 0]
        back = sum(time is not None for time in fell)
        rows += [
            ("training runs", f"{len(training):,}"),
            ("fell into the well", f"{len(fell):,}; {back:,} came back to their start"),
        ]
    events = ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common()) or "none"
    return [*rows, ("events", events)]


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


def run_columns(runs: RunTable, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """The table of all runs by column; a column of few values is stored as codes into them.

    Lower bounds are rounded down. An escape time is null where the run is censored, 0 where it
    began outside a well and -1 where it is a training run.
    """
    varying = {name: runs[name] for name in runs.varying()}
    columns: dict[str, list[Any]] = {"run_id": runs["run_id"]} | varying
    training = set(runs.training()["run_id"])
    if len(training) < len(runs):
        times = zip(runs["run_id"], runs[metrics.ESCAPE_TIME], strict=True)
        columns = {
            "run_id": runs["run_id"],
            "escape time": [-1 if run_id in training else time for run_id, time in times],
            "lower bound": [_whole(bound) for bound in runs[metrics.LOWER_BOUND]],
            **varying,
            "final sub-optimality": short(_floats(runs[metrics.SUBOPTIMALITY])),
            "final pi(a*)": short(_floats(runs[metrics.OPTIMAL_PROB])),
        }
    if training:
        told = Training.from_tables(runs.training(), tables).columns()
        rows = zip(*(short(values) for values in told.values()), strict=True)
        by_run = dict(zip(runs.training()["run_id"], rows, strict=True))
        nothing = (None,) * len(told)
        for i, name in enumerate(told):
            columns[name] = [by_run.get(run_id, nothing)[i] for run_id in runs["run_id"]]
    columns |= {name: runs[name] for name in ("updates", "status", "seed")}
    return [_pack(name, column) for name, column in columns.items()]


def _whole(bound: float | None) -> int | None:
    """A lower bound rounded down to whole updates; None where it is infinite."""
    return math.floor(bound) if bound is not None and math.isfinite(bound) else None


def _floats(column: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in column]


def _pack(name: str, column: list[Any]) -> dict[str, Any]:
    distinct = list(dict.fromkeys(column))
    if 4 * len(distinct) > len(column):
        return {"name": name, "values": column}
    code = {value: i for i, value in enumerate(distinct)}
    return {"name": name, "distinct": distinct, "codes": [code[value] for value in column]}
