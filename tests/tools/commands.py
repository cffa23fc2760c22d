"""Command lines and Python code of README.md and docs/: `python -m tests.tools.commands` runs all.

Found are the lines of shell blocks, indented lines and inline code that begin with a program of
ours, and the Python blocks, those of a page as one program. What each took stands in a table,
tests/docs/commands.tsv; the suite runs those that are short. This command runs every one, in a copy
of the checkout, and writes the table anew; it ends with 1 if one failed.
"""

import argparse
import ast
import contextlib
import ctypes
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "tests" / "docs" / "commands.tsv"
HEAD = "seconds\tpage\tcommand\twhy the suite does not run it\n"
SHORT = 5.5
"""CPU seconds; what takes longer is not run by the suite. Blocks of a page may take twice this."""
LONG = f"longer than {SHORT:g} s"
UNMEASURED = "not yet measured"

PROGRAM = r"(?:python|make|source|bash|pip|tensorboard|gravity-wells|\.venv/bin/\w+|wandb) "
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.M | re.S)
INLINE = re.compile(rf"`({PROGRAM}[^`]+)`")
NUMBER = re.compile(r"(?<![\w.,+-])(?:\d{1,3}(?:,\d{3})+|\d{3,})(?![\w.])")
LEFT_OUT = (".git", ".venv", "runs", "build", "wandb", "results", "models", ".hypothesis")
# What a reader would have.
FILES = {"my_run.yaml": "optimal_prob: 0.05\nnum_seeds: 2\n"}
# The value of every bare expression is printed, as at Python's prompt.
DRIVER = "import sys; from tests.tools.commands import as_at_the_prompt as run; run(sys.argv[1])"


@dataclass(frozen=True)
class Line:
    """A command line, or all Python blocks of a page (`blocks of PAGE`).

    Attributes:
        command: without its comment, in single spaces.
        page: the first one that has it, relative to the checkout.
        numbers: of three digits or more that its comments say, without commas.
    """

    command: str
    page: str
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """CPU seconds (`-`: never run; `?`: not yet; `>90`: stopped), why not in the suite."""

    seconds: str
    page: str
    command: str
    why: str

    @property
    def short(self) -> bool:
        """Whether the suite runs it."""
        return not self.why


def numbers(text: str) -> tuple[str, ...]:
    """Whole numbers of three digits or more."""
    return tuple(found.replace(",", "") for found in NUMBER.findall(text))


def blocks(page: Path) -> list[str]:
    """The Python blocks of a page."""
    return [body for _, kind, body in FENCE.findall(page.read_text()) if kind == "python"]


def pages() -> list[Path]:
    """README.md and docs/*.md."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def lines_of(page: Path) -> Iterator[Line]:
    """Those of a page: its blocks of code, then the rest in order, inline ones last."""
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    if code := blocks(page):
        said = (numbers(comment) for comment in re.findall(r"# (.*)$", "\n".join(code), re.M))
        yield Line(f"blocks of {name}", name, sum(said, ()))
    written = []
    for _, kind, body in FENCE.findall(text):
        if kind in ("", "bash", "sh", "console"):
            joined = re.sub(r"\\\n\s*", "", body).splitlines()
            written += [x for x in joined if kind or re.match(PROGRAM, x)]
    rest = re.sub(r"\\\n\s*", "", FENCE.sub("", text))
    written += re.findall(rf"^    ({PROGRAM}.*)$", rest, re.M)
    for line in written:
        command, _, comment = line.removeprefix("$ ").partition(" #")
        if command.strip() and not command.startswith("#"):
            yield Line(" ".join(command.split()), name, numbers(comment))
    for line in INLINE.findall(rest):
        yield Line(" ".join(line.split()), name)


def found() -> dict[str, Line]:
    """Command -> line, over all pages; what several say of it together."""
    lines: dict[str, Line] = {}
    for page in pages():
        for line in lines_of(page):
            one = lines.setdefault(line.command, line)
            if one is not line:
                lines[line.command] = replace(one, numbers=one.numbers + line.numbers)
    return lines


def table() -> dict[str, Row]:
    """The rows that are stored, by command."""
    rows = [Row(*row.split("\t")) for row in TABLE.read_text().splitlines()[1:]]
    return {row.command: row for row in rows}


def short(command: str, seconds: float) -> bool:
    """Whether a command that takes `seconds` may be one of the suite."""
    return seconds <= SHORT * (2 if command.startswith("blocks of ") else 1)


def measured(row: Row, seconds: float, wrong: str) -> Row:
    """The row after a run; one that failed stays, one that was stopped says when."""
    long = "" if short(row.command, seconds) else LONG
    stopped = wrong == "timeout" and long and not row.seconds[0].isdigit()
    if wrong and not stopped:
        return row
    why = long if row.why in ("", LONG, UNMEASURED) else row.why
    return replace(row, seconds=f">{seconds:.0f}" if stopped else f"{seconds:.1f}", why=why)


def write(rows: dict[str, Row]) -> None:
    """Store the rows of commands that the pages have, in their order."""
    kept = [rows[command] for command in found() if command in rows]
    body = ("\t".join((row.seconds, row.page, row.command, row.why)) for row in kept)
    TABLE.write_text(HEAD + "\n".join(body) + "\n")


def as_at_the_prompt(name: str) -> None:
    """Run the blocks of a page as one program."""
    names = {"__name__": "__page__"}
    for block in blocks(ROOT / name):
        for node in ast.parse(block).body:
            kind, tree = ("single", ast.Interactive([node]))
            exec(compile(tree, name, kind), names)


def checkout(folder: Path) -> Path:
    """A copy of this one in `folder`, with the environment of this Python as its `.venv`."""
    copy = folder / "checkout"
    caches = shutil.ignore_patterns("__pycache__", ".*_cache")

    def left_out(place: str, names: list[str]) -> set[str]:
        return caches(place, names) | (set(LEFT_OUT) if Path(place) == ROOT else set())

    shutil.copytree(ROOT, copy, ignore=left_out)
    (copy / ".venv").symlink_to(sys.prefix)
    for name, text in FILES.items():
        (copy / name).write_text(text)
    return copy


def cpu_seconds() -> float:
    """What ended processes took of a core: unlike the clock, the same when others work too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def adopt_orphans() -> None:
    """Make processes whose parent ends first, such as a pool's, children of this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def wait_for_orphans(seconds: float = 2) -> None:
    """Let those that were adopted end, so that `cpu_seconds` has them."""
    begin = time.monotonic()
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < begin + seconds:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)


def run(line: Line, copy: Path, limit: float) -> tuple[str, str]:
    """Run a line in a copy: what it printed, and what is wrong with it ("" if nothing)."""
    script = line.command
    if page := re.fullmatch("blocks of (.*)", script):
        script = f"python -c '{DRIVER}' {page[1]}"
    env = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": str(copy),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }
    begin = time.monotonic()
    words = ["timeout", str(limit), "bash", "-c", script]
    done = subprocess.run(words, cwd=copy, env=env, capture_output=True, text=True)
    said, waited = done.stdout + done.stderr, time.monotonic() - begin
    missing = [n for n in line.numbers if n not in said.replace(",", "").replace("_", "")]
    wrong = f"code {done.returncode}: {said[-2000:]}" if done.returncode else ""
    if done.returncode == 124 and waited >= limit:
        wrong = "timeout"
    elif not wrong and missing:
        wrong = f"the page says {', '.join(missing)}, it printed: {said[-2000:]}"
    return said, wrong


def main() -> int:
    """Run the lines that were asked for and write their rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only commands that have one of these in them")
    parser.add_argument("--sync", action="store_true", help="run none: add and drop rows")
    parser.add_argument("--limit", type=float, default=3600, help="seconds of the clock for each")
    parser.add_argument("--log", type=Path, help="file that gets what they print")
    options = parser.parse_args()
    rows, failed = table() if TABLE.exists() else {}, 0
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        copy = checkout(Path(folder))
        for command, line in found().items():
            row = rows.get(command, Row("?", line.page, command, UNMEASURED))
            asked = any(word in command for word in options.words) or not options.words
            if row.seconds != "-" and asked and not options.sync:
                used = cpu_seconds()
                said, wrong = run(line, copy, options.limit)
                wait_for_orphans()
                row = measured(row, cpu_seconds() - used, wrong)
                failed += wrong not in ("", "timeout")
                print(f"{row.seconds:>8} s  {command}", f"\n    {wrong}" * bool(wrong), flush=True)
                if options.log:
                    with options.log.open("a") as log:
                        log.write(f"=== {command}\n{said}\n")
            rows[command] = replace(row, page=line.page)
            write(rows)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
