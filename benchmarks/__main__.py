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

from benchmarks.harness import Result, load, machine

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
    "rule-kernels": "benchmarks.rule_kernels",
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
    "import": "benchmarks.imports",
    "sweeps": "benchmarks.sweeps",
}
OWN_PAGES = {
    "diagnosis": "diagnosis_benchmark.md",
    "diagnosis-power": "diagnosis_power.md",
    "diagnosis-outside": "diagnosis_outside.md",
}
_INDENT = {"initial_indent": "  ", "subsequent_indent": "  "}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def run_one(name: str) -> tuple[str, str, list[Result]]:
    """Title, load before the run and results of one benchmark, printed as they come."""
    module = importlib.import_module(BENCHMARKS[name])
    before = load()
    print(f"{name}: {module.TITLE} (load {before})", flush=True)
    results = module.run()
    for r in results:
        print(f"  {r.what}: {r.value_text}, target {r.target_text}: {r.verdict}  [{r.detail}]")
    return module.TITLE, before, results


def page(outcomes: dict[str, tuple[str, str, list[Result]]]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m benchmarks all`; one of them alone: `python -m benchmarks NAME`.",
        "Contenders take turns in at least nine rounds; times are CPU time of one core unless the",
        "line says wall; a ratio is the median of the rounds' ratios. Load is the average of the",
        "machine over 1 and 5 minutes before each benchmark.",
        "",
        f"Machine: {machine()}.",
        "",
        "| name | figure | value | target | verdict | absolute | load |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (_, before, results) in outcomes.items():
        for r in results:
            cells = (name, r.what, r.value_text, r.target_text, r.verdict, r.detail, before)
            lines.append(f"| {' | '.join(cells)} |")
    pages = ", ".join(f"[`{name}`]({file})" for name, file in OWN_PAGES.items())
    lines += ["", f"With pages of their own: {pages}.", "", "What each one does:", ""]
    for name, (title, _, _) in outcomes.items():
        note = getattr(importlib.import_module(BENCHMARKS[name]), "NOTE", "")
        lines += [f"- `{name}`: {title}", *textwrap.wrap(note, 98, **_INDENT)]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; the number of missed targets decides the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    wanted = parser.parse_args(arguments).name
    names = [name for name in BENCHMARKS if name not in OWN_PAGES] if wanted == "all" else [wanted]
    outcomes = {name: run_one(name) for name in names}
    if wanted == "all":
        PAGE.write_text(page(outcomes))
        print(f"wrote {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")
    missed = [r for _, _, results in outcomes.values() for r in results if r.met is False]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
