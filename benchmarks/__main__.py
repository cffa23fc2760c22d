"""`python -m benchmarks NAME` runs one benchmark, `all` those of speed and writes their page.

What `diagnose` gets right takes longer than all of these, and has pages of its own. The exit status
is 1 if a figure misses its target.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import textwrap
from pathlib import Path

from benchmarks.harness import Result, load
from benchmarks.stored import Row, load_rows, renewed, save_rows

# Name: module with `TITLE` (one line), `run() -> list[Result]` and, where figures need a word,
# `NOTE`.
BENCHMARKS = {
    "escape-exact": "benchmarks.escape_exact",
    "escape-speed": "benchmarks.escape_speed",
    "deep-well": "benchmarks.deep_well",
    "engine": "benchmarks.engine",
    "pg-limit": "benchmarks.pg_limit",
    "pg-numpy": "benchmarks.pg_numpy",
    "pg-torch": "benchmarks.pg_torch",
    "pg-jax": "benchmarks.pg_jax",
    "pg-threads": "benchmarks.pg_threads",
    "precision": "benchmarks.precision",
    "agent": "benchmarks.agent",
    "reinforce": "benchmarks.reinforce",
    "reinforce-skip": "benchmarks.reinforce_skip",
    "env-vec": "benchmarks.env_vec",
    "report": "benchmarks.report_page",
    "sb3-adapter": "benchmarks.sb3_adapter",
    "escape-callback": "benchmarks.escape_callback",
    "asr-sampling": "benchmarks.asr_sampling",
    "plateau-monitor": "benchmarks.plateau_monitor",
    "diagnosis": "benchmarks.diagnosis",
    "diagnosis-power": "benchmarks.diagnosis.power",
    "diagnosis-outside": "benchmarks.diagnosis.outside",
    "groups": "benchmarks.groups",
    "import": "benchmarks.imports",
    "sweeps": "benchmarks.sweeps",
}
OWN_PAGES = {
    "diagnosis": "diagnosis_benchmark.md",
    "diagnosis-power": "diagnosis_power.md",
    "diagnosis-outside": "diagnosis_outside.md",
    "groups": "verifiers.md",
}
_INDENT = {"initial_indent": "  ", "subsequent_indent": "  "}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
ROWS = PAGE.parent / "figures" / "benchmarks.json"
HEAD = (
    "# Benchmarks",
    "",
    "Written by `python -m benchmarks all`; one of them alone: `python -m benchmarks NAME`, with",
    "`--write` its rows here are renewed. Contenders take turns in at least nine rounds; times are",
    "CPU time of one core unless the line says wall; a ratio is the median of the rounds' ratios.",
    "Load is the average of the machine over 1 and 5 minutes before each benchmark. What could not",
    "be measured, a contender not being installed, keeps its last row with the day it is of.",
)


def run_one(name: str) -> tuple[str, list[Result]]:
    """Load before the run and results of one benchmark, printed as they come."""
    module = importlib.import_module(BENCHMARKS[name])
    before = load()
    print(f"{name}: {module.TITLE} (load {before})", flush=True)
    results = module.run()
    for r in results:
        print(f"  {r.what}: {r.value_text}, target {r.target_text}: {r.verdict}  [{r.detail}]")
    return before, results


def page(rows: list[Row]) -> str:
    """docs/benchmarks.md of the stored rows."""
    lines = [*HEAD, ""]
    last = {row.machine: row.measured for row in rows}
    lines += [f"Machine{f' ({day})' if len(last) > 1 else ''}: {m}." for m, day in last.items()]
    lines += [
        "",
        "| name | figure | value | target | verdict | measured | on | load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        r = row.result
        cells = (row.name, r.what, r.value_text, r.target_text, r.verdict, r.detail)
        lines.append(f"| {' | '.join((*cells, row.measured, row.load))} |")
    pages = ", ".join(f"[`{name}`]({file})" for name, file in OWN_PAGES.items())
    lines += ["", f"With pages of their own: {pages}.", "", "What each one does:", ""]
    for name in dict.fromkeys(row.name for row in rows):
        module = importlib.import_module(BENCHMARKS[name])
        note = getattr(module, "NOTE", "")
        lines += [f"- `{name}`: {module.TITLE}", *textwrap.wrap(note, 98, **_INDENT)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; the number of missed targets decides the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument(
        "--write", action="store_true", help="renew the benchmark's rows on the page; all does"
    )
    options = parser.parse_args(arguments)
    wanted = options.name
    if options.write and wanted in OWN_PAGES:
        parser.error(f"{wanted} has a page of its own, docs/{OWN_PAGES[wanted]}")
    names = [name for name in BENCHMARKS if name not in OWN_PAGES] if wanted == "all" else [wanted]
    outcomes = {name: run_one(name) for name in names}
    if wanted == "all" or options.write:
        stored = load_rows(ROWS) if ROWS.exists() else []
        rows = renewed(stored, outcomes, list(BENCHMARKS))
        save_rows(rows, ROWS)
        PAGE.write_text(page(rows))
        print(f"wrote {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")
    missed = [r for _, results in outcomes.values() for r in results if r.met is False]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
