"""The rows of docs/benchmarks.md as they are kept between runs: docs/figures/benchmarks.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from benchmarks.harness import Result, machine


@dataclass(frozen=True)
class Row:
    """A figure of a benchmark, and when and where it was measured.

    Attributes:
        name: the benchmark.
        result: the figure; of one name no two are called alike.
        measured: the day, as 2026-11-25.
        load: of the machine before the benchmark.
        machine: processor, cores and versions.
    """

    name: str
    result: Result
    measured: str
    load: str
    machine: str


def save_rows(rows: Sequence[Row], path: Path) -> None:
    """Write rows as JSON, one a line."""
    lines = ",\n".join(json.dumps(asdict(row)) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def load_rows(path: Path) -> list[Row]:
    """What `save_rows` has written."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Row(**(row | {"result": Result(**row["result"])})) for row in rows]


def renewed(
    stored: Sequence[Row], outcomes: Mapping[str, tuple[str, list[Result]]], order: Sequence[str]
) -> list[Row]:
    """The rows after some benchmarks have run.

    A figure that was not measured now keeps its last row, if it was measured then; so do the other
    figures of a benchmark that did not come to them.

    Args:
        stored: the rows so far.
        outcomes: benchmark -> load before it, and its results.
        order: names of the benchmarks, in the order of the page.
    """
    rows: dict[str, list[Row]] = {}
    for name in order:
        old = [row for row in stored if row.name == name]
        if name not in outcomes:
            rows[name] = old
            continue
        load, results = outcomes[name]
        last = {row.result.what: row for row in old if row.result.value is not None}
        fresh = [Row(name, r, date.today().isoformat(), load, machine()) for r in results]
        kept = [
            last.pop(row.result.what, row) if row.result.value is None else row for row in fresh
        ]
        seen = {row.result.what for row in fresh}
        cut_short = any(result.value is None for result in results)
        kept += [row for what, row in last.items() if cut_short and what not in seen]
        rows[name] = kept
    return [row for name in order for row in rows[name]]
