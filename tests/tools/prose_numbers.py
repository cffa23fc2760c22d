"""Numbers in prose that a command makes, held against what the command has stored.

A number of a benchmark or a claim carries a comment that the reader does not see, behind it or
behind its unit: `about 1 ms<!-- deep-well: T = 3e15: time -->`. In front of the first colon stands
the benchmark or the claim; behind it the figure's name on docs/benchmarks.md, the name of a
contender in the column "measured" there, or the name of a claim's finding. A number must be the
stored one rounded to the digits it has; after "about" it may be off by 15 %.

`python -m tests.tools.prose_numbers` lists what does not agree and what lacks its comment, by page.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks.__main__ import BENCHMARKS, OWN_PAGES, ROWS
from benchmarks.stored import load_rows
from experiments.claims import CLAIMS

DOCS = Path(__file__).parents[2] / "docs"
# Written by the code as a whole, and held by tests of their own.
GENERATED = ("benchmarks.md", "claims.md", "commands.md", "environments.md", *OWN_PAGES.values())
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "second": 1.0, "seconds": 1.0}
ABOUT = 0.15
NUMBER = r"(?<![\w.,^-])(?P<about>about )?(?P<number>\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)"
UNIT = r"(?P<unit>\s?(?:%|ns|us|ms|s|seconds?|GiB|MB|GB|x|times|-fold)(?![\w/*]))?"
MARKED = re.compile(rf"{NUMBER}{UNIT}<!--\s(?P<source>[\w-]+):\s(?P<key>[^>]+?)\s-->")
PLAIN = re.compile(rf"{NUMBER}{UNIT}(?!\w)")
FENCED, INLINE = re.compile(r"^```.*?^```$", re.M | re.S), re.compile(r"`[^`\n]*`")
FAST = re.compile(r" (?:as fast|faster|as long)")
MEASURING = {*BENCHMARKS, *CLAIMS} - set(OWN_PAGES)
COMMAND = re.compile(r"python -m (?:benchmarks|experiments claims) ([a-z][\w-]+)")


@dataclass(frozen=True)
class Marked:
    """A number with its comment.

    Attributes:
        text: as it stands on the page, with unit and comment.
        said: its value in the unit of the page.
        stored: the command's value in that unit; None where nothing of that name is stored.
        tolerance: how far the two may be apart.
    """

    text: str
    said: float
    stored: float | None
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the page says what the command has stored."""
        return self.stored is not None and abs(self.said - self.stored) <= self.tolerance


def stored_number(source: str, key: str) -> tuple[float, str] | None:
    """Value and unit of a benchmark's figure or contender, or of a claim's finding."""
    if source in CLAIMS:
        path = DOCS / "figures" / "claims" / f"{source}.json"
        findings = json.loads(path.read_text())["findings"]
        return next(((float(f["value"]), "") for f in findings if f["name"] == key), None)
    rows = [row.result for row in load_rows(ROWS) if row.name == source]
    for row in rows:
        if row.what == key and row.value is not None:
            return float(row.value), row.unit
    contender = re.compile(rf"(?:^|[,;] |wall ){re.escape(key)} ([\d.e+-]+) (ns|us|ms|s)/")
    found = next((m for row in rows if (m := contender.search(row.detail))), None)
    return (float(found[1]), found[2]) if found else None


def marked_numbers(page: str) -> list[Marked]:
    """The numbers of a page that have a comment."""
    return [_marked(match) for match in MARKED.finditer(page)]


def _marked(match: re.Match[str]) -> Marked:
    number, unit = Decimal(match["number"].replace(",", "")), (match["unit"] or "").strip()
    found, stored = stored_number(match["source"], " ".join(match["key"].split())), None
    if found:
        value, its = found
        scale = SECONDS[its] / SECONDS[unit] if its in SECONDS and unit in SECONDS else 1.0
        scale *= 100 if unit == "%" and its != "%" else 1
        stored = value * scale
    digits = 0.5 * 10.0 ** int(number.as_tuple().exponent)
    rough = ABOUT * abs(stored or 0) if match["about"] else 0.0
    return Marked(match[0], float(number), stored, max(digits * (1 + 1e-9), rough))


def unmarked_numbers(page: str) -> list[str]:
    """Numbers that look measured and have no comment.

    They are those in nanoseconds, microseconds or milliseconds and those that say how many times
    as fast something is, wherever they stand; those with any unit in a paragraph, list item or
    table row that names the command which measured it; and all in a table that follows one.
    """
    found, measures = [], False
    for block in re.split(r"\n\s*\n|\n(?=[-|] )", FENCED.sub("", page)):
        named = any(name in MEASURING for name in COMMAND.findall(block))
        in_table = block.startswith("| ")
        measures = named or (measures and in_table)
        text = " ".join(INLINE.sub("", MARKED.sub("", block)).split())
        for match in PLAIN.finditer(text):
            unit = (match["unit"] or "").strip()
            fast = unit in ("x", "times") and FAST.match(text, match.end())
            if unit in ("ns", "us", "ms") or fast or (named and unit) or (measures and in_table):
                found.append(text[max(0, match.start() - 30) : match.end() + 20])
    return found


def pages() -> list[Path]:
    """The pages that are written by hand."""
    return [path for path in sorted(DOCS.glob("*.md")) if path.name not in GENERATED]


if __name__ == "__main__":
    for path in pages():
        page = path.read_text()
        for number in marked_numbers(page):
            if not number.agrees:
                print(f"{path.name}: {number.text} but stored is {number.stored}")
        for text in unmarked_numbers(page):
            print(f"{path.name}: no comment: ...{text}...")
