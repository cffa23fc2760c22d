"""`diagnose` in worlds that others made, with exact truth: writes docs/diagnosis_outside.md.

About ten minutes on two cores: it says so before it begins.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks.diagnosis.outside_cases import World, twins, worlds
from benchmarks.harness import Result, table
from experiments.files import write_atomically

TITLE = "verdicts of `diagnose` in the worlds of others, against exact solutions"
PAGE = Path(__file__).parents[2] / "docs" / "diagnosis_outside.md"
SEEDS = (0, 1000)
STABLE_SEEDS = range(10)
TWINS = 300
PROCESSES = 2
BETTER = ("well", "learning", "frozen")
NO_MORE = 1e-9  # an advantage that is float noise of the exact solution


@dataclass(frozen=True)
class Row:
    """What a diagnosis said, and what is true.

    Attributes:
        name: of the world and policy.
        kind: of world.
        seed: of the diagnosis.
        verdict: that was given.
        claimed: exact advantage of the best route, where there is one.
        best: the largest exact one of all probes.
        visible: `smallest_visible`.
        rare: whether the best hangs on an event rarer than the diagnosis says it would have seen.
        missed: limits that miss their exact advantage.
        steps: that were made.
        seconds: wall clock.
    """

    name: str
    kind: str
    seed: int
    verdict: str
    claimed: float | None
    best: float
    visible: float
    rare: bool
    missed: int
    steps: int
    seconds: float

    @property
    def is_false(self) -> bool:
        """Whether it calls better what is not."""
        return self.verdict in BETTER and (self.claimed or 0.0) <= NO_MORE

    @property
    def is_beyond(self) -> bool:
        """Whether it says that nothing is better, and a probe is by more than it states."""
        above = self.best > self.visible + NO_MORE and not self.rare
        return self.verdict in ("no_better_action", "no_signal") and above

    @property
    def truth(self) -> str:
        """Whether any probe is better."""
        return "a probe is better" if self.best > NO_MORE else "no probe is better"


def run() -> list[Result]:
    """False wells, statements beyond their power, family-wise errors and stability."""
    print("  about 10 minutes on two quiet cores", flush=True)
    began = time.monotonic()
    names = list(_worlds())
    stable = [name for name, world in _worlds().items() if world.is_certain]
    # spawned: torch, which the models were trained by, need not survive a fork
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(row_of, *zip(*itertools.product(names, SEEDS), strict=True)))
        again = list(pool.map(row_of, *zip(*itertools.product(stable, STABLE_SEEDS), strict=True)))
        equal = list(pool.map(twin_row, range(TWINS), chunksize=10))
    for row in rows:
        print(f"  {row.name}, seed {row.seed}: {row.verdict}{mark(row)}", flush=True)
    seconds = time.monotonic() - began
    results = [*figures(rows, again, equal), Result("time", seconds, None, "s", "wall clock")]
    text = page(rows, results)
    write_atomically(PAGE, lambda path: path.write_text(text))
    return results


@functools.cache
def _worlds() -> dict[str, World]:
    return {world.name: world for world in worlds()}


def row_of(name: str, seed: int) -> Row:
    """Diagnose one world."""
    return judged(_worlds()[name], seed)


def twin_row(number: int) -> Row:
    """Diagnose one world whose alternatives are exactly as good."""
    return judged(twins(number), number)


def judged(world: World, seed: int) -> Row:
    """The diagnosis beside the truth."""
    found = world.diagnose(seed)
    exact = {
        (p.state, p.action, p.hold): world.advantage(p.state, p.action, p.hold)
        for p in found.probes
    }
    truths = [exact[p.state, p.action, p.hold] for p in found.probes]
    pairs = list(zip(found.probes, truths, strict=True))
    noise = NO_MORE * max(1.0, *map(abs, truths))
    missed = sum(not p.low - noise <= truth <= p.high + noise for p, truth in pairs)
    best = found.routes[0] if found.routes else None
    return Row(
        name=world.name,
        kind=world.kind,
        seed=seed,
        verdict=found.verdict,
        claimed=None if best is None else exact[best.state, best.action, best.hold],
        best=max(truths),
        visible=found.smallest_visible,
        rare=world.rarest < found.rarest_event,
        missed=missed,
        steps=found.steps,
        seconds=found.seconds,
    )


def mark(row: Row) -> str:
    """What is wrong with a row, in a word."""
    if row.is_false:
        return "  <- FALSE"
    return "  <- BEYOND ITS POWER" if row.is_beyond else ""


def figures(rows: Sequence[Row], again: Sequence[Row], equal: Sequence[Row]) -> list[Result]:
    """What the benchmark must show."""
    count = len({row.name for row in rows})
    fine = [row for row in rows if row.best <= NO_MORE]
    silent = [row for row in rows if row.verdict in ("no_better_action", "no_signal")]
    able = [row for row in rows if row.best > NO_MORE]
    by_name = {name: list(group) for name, group in _grouped(again)}
    stable = [len({row.verdict for row in group}) == 1 for group in by_name.values()]
    return [
        Result("worlds and policies", count, 40, "", f"{len(rows)} diagnoses"),
        share("false better where no probe is", fine, lambda r: r.verdict in BETTER),
        share("false better of all that were called so", _called(rows), lambda r: r.is_false),
        share("no better action beyond its power", silent, lambda r: r.is_beyond),
        share("diagnoses with a limit that misses", rows, lambda r: r.missed > 0 and not r.rare),
        share("best alternative exactly as good: called better", equal, lambda r: r.is_false),
        share("the same: a limit misses", equal, lambda r: r.missed > 0),
        Result(
            "found where a probe is better",
            100 * len(_called(able)) / len(able),
            None,
            "%",
            f"{len(_called(able))} of {len(able)}",
        ),
        Result(
            "the same verdict over ten seeds",
            100 * sum(stable) / len(stable),
            95,
            "%",
            f"{sum(stable)} of {len(stable)} worlds with much budget",
        ),
    ]


def _called(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.verdict in BETTER]


def _grouped(rows: Iterable[Row]) -> Iterable[tuple[str, Iterable[Row]]]:
    return itertools.groupby(sorted(rows, key=lambda r: r.name), key=lambda r: r.name)


def share(what: str, rows: Sequence[Row], wrong: Callable[[Row], bool]) -> Result:
    """How many of the rows are wrong; at most 5 % may be."""
    count = sum(map(wrong, rows))
    value = 100 * count / len(rows) if rows else None
    return Result(what, value, 5, "%", f"{count} of {len(rows)}", at_most=True)


def page(rows: Sequence[Row], results: Sequence[Result]) -> str:
    """docs/diagnosis_outside.md."""
    lines = [
        "# The diagnosis in the worlds of others",
        "",
        "Written by `python -m benchmarks diagnosis-outside`: Gymnasium's toy_text games, worlds",
        "of the literature, with generators of their own, hidden states, heavy tails, rare",
        "events, rescaled and shifted rewards; models trained in VecNormalize, VecFrameStack, with",
        "masks and actions in parts (`learned.py`). Each is a table of chances and rewards",
        "(`benchmarks/diagnosis/worlds.py`, `blackjack.py`); what a probe is truly worth",
        "follows from linear solves on it, over all hidden states behind an observation, and",
        "shares nothing with the diagnosis. Budgets: `benchmarks/diagnosis/outside_cases.py`.",
        "",
        "- *False better*: `well`, `learning` or `frozen` for an action that is not better.",
        "- *Beyond its power*: `no_better_action` or `no_signal`, and a probe is better by more",
        "  than `smallest_visible`. Not counted: what hangs on events rarer than is said.",
        "- *Limits*: all of a diagnosis hold together with confidence .95, but for such events.",
        f"- *Exactly as good*: {TWINS} diagnoses of worlds in which actions have twins, coins of",
        "  equal chances, and a T-maze whose goal is hidden: nothing is better, by exact solution.",
        "",
        *table(results),
        "",
        "| truth \\ verdict | " + " | ".join(_verdicts(rows)) + " |",
        "|---|" + "---|" * len(_verdicts(rows)),
    ]
    counts = Counter((row.truth, row.verdict) for row in rows)
    for truth in sorted({row.truth for row in rows}):
        cells = [str(counts[truth, verdict] or "") for verdict in _verdicts(rows)]
        lines.append(f"| {truth} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Every world, with the verdicts at seeds {SEEDS[0]} and {SEEDS[1]}:",
        "",
        "| kind | world and policy | largest exact advantage | verdicts | steps | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in _grouped(rows):
        mine = list(group)
        best = ", ".join(dict.fromkeys(f"{row.best:.3g}" for row in mine))
        said = ", ".join(dict.fromkeys(row.verdict + mark(row) for row in mine))
        steps, seconds = max(row.steps for row in mine), max(row.seconds for row in mine)
        lines.append(f"| {mine[0].kind} | {name} | {best} | {said} | {steps:,} | {seconds:.1f} |")
    return "\n".join(lines) + "\n"


def _verdicts(rows: Sequence[Row]) -> list[str]:
    from agents.diagnosis.verdicts import VERDICTS

    return [verdict for verdict in VERDICTS if any(row.verdict == verdict for row in rows)]
