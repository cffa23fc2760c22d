"""How ratios are measured here: interleaved rounds, CPU time, medians.

Contenders take turns within a round, so that a busy neighbour slows all of them; a ratio is the
median over rounds of the ratio within a round. CPU time does not count the time a process waits.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

ROUNDS = 9
Clock = Callable[[], float]


@dataclass(frozen=True)
class Result:
    """One measured figure beside its target.

    Attributes:
        what: the figure, in words.
        value: its value.
        target: the value it should reach; None for a figure that is only reported.
        unit: unit of `value`, "x" for ratios.
        detail: both absolute figures, or why there is no value.
        at_most: whether the target is an upper limit.
    """

    what: str
    value: float | None
    target: float | None = None
    unit: str = "x"
    detail: str = ""
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is nothing to compare."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def verdict(self) -> str:
        """`met`, in a word."""
        if self.value is None:
            return "not measured"
        return {True: "pass", False: "SHORTFALL", None: "reported"}[self.met]

    @property
    def target_text(self) -> str:
        """The target with its direction."""
        if self.target is None:
            return "-"
        return f"{'<=' if self.at_most else '>='} {self.target:g} {self.unit}".strip()

    @property
    def value_text(self) -> str:
        """The value with its unit."""
        return "-" if self.value is None else f"{self.value:.3g} {self.unit}".strip()


@dataclass(frozen=True)
class Contender:
    """A piece of work to time.

    Attributes:
        name: what stands in tables.
        run: does the work once.
        units: how many units of work one call does.
    """

    name: str
    run: Callable[[], object]
    units: float = 1.0


def race(
    *contenders: Contender, rounds: int = ROUNDS, clock: Clock = time.process_time
) -> dict[str, list[float]]:
    """Seconds per unit of work of each contender in each round, after one call to warm up."""
    for contender in contenders:
        contender.run()
    seconds: dict[str, list[float]] = {c.name: [] for c in contenders}
    for _ in range(rounds):
        for contender in contenders:
            start = clock()
            contender.run()
            seconds[contender.name].append((clock() - start) / contender.units)
    return seconds


def speedup(seconds: dict[str, list[float]], ours: str, other: str) -> float:
    """How many times faster `ours` is than `other`: the median of the rounds' ratios."""
    pairs = zip(seconds[ours], seconds[other], strict=True)
    return statistics.median(theirs / mine for mine, theirs in pairs)


def per_unit(seconds: dict[str, list[float]], unit: str, *names: str) -> str:
    """The median time per unit of each contender, in a fitting unit of time."""
    return ", ".join(f"{n} {_duration(statistics.median(seconds[n]))}/{unit}" for n in names)


def _duration(seconds: float) -> str:
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {name}"
    return f"{seconds / 1e-9:.3g} ns"


def peak_memory(work: str) -> float | None:
    """GiB that a fresh process holds at most while it does `work`, Python code; None without /proc.

    It is the high-water mark of that process' own memory: `getrusage` would go on from what its
    parent held.
    """
    if not os.path.exists("/proc/self/status"):
        return None
    code = f"{work}\nprint(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 2**20


def load() -> str:
    """The machine's load averages over 1 and 5 minutes."""
    one, five, _ = os.getloadavg()
    return f"{one:.2f} {five:.2f}"


def machine() -> str:
    """Processor, cores and the versions that matter."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    versions = []
    for package in ("numpy", "numba", "torch", "jax"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    python = f"Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {python}, {', '.join(versions)}"


def table(results: Iterable[Result]) -> list[str]:
    """The lines of a Markdown table of figures."""
    lines = ["| figure | value | target | verdict | of |", "|---|---|---|---|---|"]
    for r in results:
        cells = (r.what, r.value_text, r.target_text, r.verdict, r.detail)
        lines.append(f"| {' | '.join(cells)} |")
    return lines
