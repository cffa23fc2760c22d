"""docs/claims.md: sentences, a section per claim, all statements, from the stored findings.

A claim that has been run leaves `figures/claims/NAME.json` and `NAME.png` in the output folder; the
page is made of whatever is there, so that running one claim again renews its part alone.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from pathlib import Path
from typing import Any

from experiments.analysis.finding import SAMPLING, TALLY, Finding
from experiments.analysis.statistics import Estimate
from experiments.claims import CLAIMS, claim_class, sentences
from experiments.claims.claim import Claim
from experiments.files import save_text
from gw_envs.checks import BadInput

FIGURES = Path("figures") / "claims"

HEAD = """\
# The paper, claim by claim

What the sentences of "Demystify the gravity well" come to. This page is written by

    python -m experiments claims --output docs

from a fresh installation; `python -m experiments claims NAME` runs one claim and
`python -m experiments claims NAME --help` lists its settings, all of which can be changed.
Everything is exact or seeded: the same settings give the same numbers.

## Sentence by sentence

A sentence's verdict follows from those of its statements by the rule in its row: *every* one must
hold, or *some* one where the sentence leaves its reading open or says "may". The number is that of
the statement in the last column, which decides: it has the verdict that the sentence has.

| sentence | verdict | number | decided by |
|---|---|---|---|
"""

AFTER_SENTENCES = """
**How a verdict comes about.** Every statement is true exactly if its number lies in a region that
is named beforehand. It *holds* if the number's whole interval lies there, it *fails* if none of it
does, and it is *undecided* in between. The sampled intervals of one section hold together with 95
%: those of the mean differences of paired runs by max-T over sign flips (all of them for ten seeds,
4,096 drawn ones for more), the others by equal parts of the 5 %. A p-value that is adjusted
stepwise can be below .05 where the interval, adjusted in one step, still has 0 in it: such a
statement stays undecided. "exact" marks numbers without any error: counts of updates, closed forms,
the worst of a list. "curvature" marks an interval that is not of sampling: the 95 % interval of a
line through exact numbers which do not quite lie on one. "bracket" marks the two tried values
between which the number lies, "tally" a count of numbers whose own intervals say how many it is at
least and at most. A universal statement that holds here has withstood the attempts to break it; its
proof, where there is one, is in [theory.md](theory.md).
"""

STATEMENTS = """
| | verdict | statement | number | interval | section |
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
            "name": f.name,
            "interval_of": f.interval,
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
                row["name"],
                row["interval_of"],
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
    """The page as Markdown: sentences, sections with what decides them, the long table."""
    deciding, rows, sections = [], [], []
    for number, name in enumerate(CLAIMS, 1):
        if (output / FIGURES / f"{name}.json").exists():
            settings, findings = load(output, name)
            stated = _rows(number, name, findings)
            deciding += [row for row, f in zip(stated, findings, strict=True) if f.name]
            rows += stated
            sections.append(_section(number, claim_class(name), settings, findings))
    table = [
        f"| {_cell(text)} ({place}) | **{verdict}** | {number} | {why} |"
        for text, place, verdict, number, why in sentence_rows(output)
    ]
    tally = sentences.tally(by_name(output))
    return "\n".join(
        [
            HEAD + "\n".join(table),
            f"\n{tally}",
            AFTER_SENTENCES,
            "## The statements that decide",
            STATEMENTS + "\n".join(deciding),
            "".join(sections),
            "## All statements",
            STATEMENTS + "\n".join(rows) + "\n",
        ]
    )


def by_name(output: Path) -> dict[tuple[str, str], Finding]:
    """The stored findings that have a name, by claim and name."""
    return {
        (claim, finding.name): finding
        for claim in CLAIMS
        if (output / FIGURES / f"{claim}.json").exists()
        for finding in load(output, claim)[1]
        if finding.name
    }


def sentence_rows(output: Path) -> list[tuple[str, str, str, str, str]]:
    """Text, place, verdict, number and reason of each sentence whose claims are stored."""
    findings, rows = by_name(output), []
    places = {
        (claim, finding.name): f"{number}.{i}"
        for number, claim in enumerate(CLAIMS, 1)
        if (output / FIGURES / f"{claim}.json").exists()
        for i, finding in enumerate(load(output, claim)[1], 1)
    }
    for sentence in sentences.told(findings):
        name, decider = sentence.decider(findings)
        number = f"{decider.estimate.value:.4g} {interval_text(decider)}"
        others = [places[sentence.claim, other] for other in sentence.findings]
        rule = f" ({sentence.rule.__name__} of {', '.join(others)})" if len(others) > 1 else ""
        place = f"[{places[sentence.claim, name]}](#{sentence.claim})"
        reason = f"{place} {_cell(decider.statement)}{rule}"
        rows.append((sentence.text, sentence.place, sentence.verdict(findings), number, reason))
    return rows


def print_sentences(output: Path) -> None:
    """The sentences with verdict, number and reason, and the tally, for a terminal."""
    rows = sentence_rows(output)
    for text, place, verdict, number, reason in rows:
        print(f"{verdict:<10}{place}: {textwrap.shorten(text, 90, placeholder=' ...')}")
        said = re.sub(r"\[([\d.]+)\]\(#[\w-]+\)", r"\1", reason)
        for line in textwrap.wrap(f"{number}: {said}", 98):
            print(f"{'':<12}{line}")
    print(f"\n{sentences.tally(by_name(output))}")


def _rows(number: int, name: str, findings: list[Finding]) -> list[str]:
    return [
        f"| {number}.{i} | **{f.verdict}** | {_cell(f.statement)} | {f.estimate.value:.4g} | "
        f"{interval_text(f)} | [{name}](#{name}) |"
        for i, f in enumerate(findings, 1)
    ]


def _section(
    number: int, claim: type[Claim[Any]], settings: dict[str, Any], findings: list[Finding]
) -> str:
    name = claim.name
    quotes = "\n>\n".join(f'> "{quote.text}" ({quote.place})' for quote in claim.quotes)
    shown = ", ".join(f"`{key}={_setting(value)}`" for key, value in settings.items())
    settings_text = f", with {shown}" if shown else ""
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

`python -m experiments claims {name}`{settings_text}.
"""


def interval_text(finding: Finding) -> str:
    """The interval of a finding's number and what it is of, or that it has none."""
    estimate = finding.estimate
    if estimate.low == estimate.high == estimate.value and finding.interval != TALLY:
        return "exact"
    kind = "" if finding.interval == SAMPLING else f" {finding.interval}"
    return f"[{estimate.low:.4g}, {estimate.high:.4g}]{kind}"


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
