"""docs/claims.md: the table of verdicts and a section per claim, from the stored findings.

A claim that has been run leaves `figures/claims/NAME.json` and `NAME.png` in the output folder; the
page is made of whatever is there, so that running one claim again renews its part alone.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from experiments.analysis.finding import Finding
from experiments.analysis.statistics import Estimate
from experiments.claims import CLAIMS, claim_class
from experiments.claims.claim import Claim
from experiments.files import save_text
from gw_envs.checks import BadInput

FIGURES = Path("figures") / "claims"

HEAD = """\
# The paper, claim by claim

Sentences of "Demystify the gravity well" (and one of ours), each as a program that can be run,
with a verdict that follows from a number. This page is written by

    python -m experiments claims --output docs

from a fresh installation; `python -m experiments claims NAME` runs one claim and
`python -m experiments claims NAME --help` lists its settings, all of which can be changed.
Everything is exact or seeded: the same settings give the same numbers.

**How a verdict comes about.** Every statement is true exactly if its number lies in a region that
is named beforehand. It *holds* if the number's whole 95 % interval lies there, it *fails* if none
of it does, and it is *undecided* in between. "exact" marks numbers without sampling error: counts
of updates, closed forms, the worst of a list. A universal statement that holds here has withstood
the attempts to break it; its proof, where there is one, is in [theory.md](theory.md).

| | verdict | statement | number | 95 % interval | figure |
|---|---|---|---|---|---|
"""


def store(output: Path, claim: Claim[Any], findings: list[Finding]) -> None:
    """Write a claim's settings and findings as JSON, whole or not at all."""
    rows = [
        {
            "statement": f.statement,
            "measure": f.measure,
            "verdict": f.verdict,
            "value": _number(f.estimate.value),
            "interval": [_number(f.estimate.low), _number(f.estimate.high)],
            "true_in": [_number(end) for end in f.true_in],
        }
        for f in findings
    ]
    text = json.dumps({"settings": claim.settings, "findings": rows}, indent=1) + "\n"
    save_text(text, output / FIGURES / f"{claim.name}.json")


def load(output: Path, name: str) -> tuple[dict[str, Any], list[Finding]]:
    """The stored settings and findings of a claim.

    Raises:
        ValueError: if there are none, or the file is damaged.
    """
    path = output / FIGURES / f"{name}.json"
    try:
        stored = json.loads(path.read_text())
        findings = [
            Finding(
                row["statement"],
                row["measure"],
                Estimate(float(row["value"]), *(float(end) for end in row["interval"])),
                (float(row["true_in"][0]), float(row["true_in"][1])),
            )
            for row in stored["findings"]
        ]
        return stored["settings"], findings
    except FileNotFoundError:
        raise BadInput(f"output={str(output)!r} has no {FIGURES / name}.json.") from None
    except (ValueError, KeyError, TypeError, IndexError):
        raise BadInput(f"{str(path)!r} is damaged; run the claim again.") from None


def write_page(output: Path) -> Path:
    """Write `claims.md` from every claim stored in the output folder; return its path."""
    text = render(output)
    path = output / "claims.md"
    save_text(text, path)
    return path


def render(output: Path) -> str:
    """The page as Markdown."""
    table, sections = [], []
    for number, name in enumerate(CLAIMS, 1):
        if (output / FIGURES / f"{name}.json").exists():
            settings, findings = load(output, name)
            table += _rows(number, name, findings)
            sections.append(_section(number, claim_class(name), settings, findings))
    return HEAD + "\n".join(table) + "\n" + "".join(sections)


def _rows(number: int, name: str, findings: list[Finding]) -> list[str]:
    return [
        f"| {number}.{i} | **{f.verdict}** | {_cell(f.statement)} | {f.estimate.value:.4g} | "
        f"{interval_text(f.estimate)} | [{name}](#{name}) |"
        for i, f in enumerate(findings, 1)
    ]


def _section(
    number: int, claim: type[Claim[Any]], settings: dict[str, Any], findings: list[Finding]
) -> str:
    name = claim.name
    quotes = "\n>\n".join(f'> "{quote.text}" ({quote.place})' for quote in claim.quotes)
    shown = ", ".join(f"`{key}={_setting(value)}`" for key, value in settings.items())
    rows = "\n".join(
        f"| {number}.{i} | {_cell(f.measure)} | {_region(f.true_in)} |"
        for i, f in enumerate(findings, 1)
    )
    return f"""
<a id="{name}"></a>

## {number}. {claim.title}

{quotes}

{claim.explanation()}

![{claim.title}]({FIGURES.as_posix()}/{name}.png)

| | its number is | the statement is true for |
|---|---|---|
{rows}

`python -m experiments claims {name}`, with {shown}.
"""


def interval_text(estimate: Estimate) -> str:
    """The interval of an estimate, or that it has none."""
    if estimate.low == estimate.high == estimate.value:
        return "exact"
    return f"[{estimate.low:.4g}, {estimate.high:.4g}]"


def _region(region: tuple[float, float]) -> str:
    low, high = region
    if low == high:
        return f"{low:g}"
    if math.isinf(high):
        return f"at least {low:g}"
    if math.isinf(low):
        return f"at most {high:g}"
    return f"{low:g} to {high:g}"


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "(" + ", ".join(_setting(item) for item in value) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _number(value: float) -> float | str:
    """JSON has no infinity and no NaN: they are written as words that float() reads."""
    return float(value) if math.isfinite(value) else str(float(value))
