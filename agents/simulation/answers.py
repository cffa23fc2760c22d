"""The answer to "when is the well left?", and when two answers are one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

FALL = 4.0  # of the distance between answers, from one setting to the next, where they converge
HOPELESS = 0.01  # of the count: a distance that shows rounding amplified, at any setting


@dataclass(frozen=True)
class EscapeTime:
    """The escape of one problem (Python scalars) or of several (arrays: a batch [B], states [S]).

    Attributes:
        steps: T, the smallest n whose policy is outside the well, a whole number as float64; 0 for
            a start outside it; NaN where censored.
        is_exact: relative_error * steps < 0.5, so that int(steps) is the count itself.
        relative_error: estimated error of `steps` divided by it; NaN where censored.
        method: `closed-form`, `jump` (some updates were jumped over) or `direct` (all were made);
            ` (no flow)` is added where the learning rate is so large that an update somewhere
            moved the logits by more than 1: the map is no flow there, and true updates were made.
        censored: no escape within `max_updates`, or within `max_direct_updates` of work.
        updates: the last update followed: `steps`, or where a censored run was given up.
    """

    steps: Any
    is_exact: Any
    relative_error: Any
    method: Any
    censored: Any
    updates: Any


class Seen(NamedTuple):
    """What one setting of the engine saw of one escape.

    n: the update of the escape, or the last one followed. crossing: it as a real number, NaN where
    there was none. jumped: whether updates were jumped over. method: the name of what was done.
    """

    n: float
    crossing: float
    jumped: bool
    method: str


def escaped(method: str, n: float, relative_error: float) -> EscapeTime:
    """An escape at n."""
    return EscapeTime(n, relative_error * n < 0.5, relative_error, method, False, n)


def censored(method: str, n: float) -> EscapeTime:
    """No escape; followed to n."""
    return EscapeTime(math.nan, False, math.nan, method, True, n)


def stacked(rows: Iterable[EscapeTime]) -> EscapeTime:
    """Several answers as one of arrays."""
    kinds = {"is_exact": bool, "censored": bool, "method": str}
    every = list(rows)
    return EscapeTime(
        **{
            name: np.array([getattr(row, name) for row in every], dtype=kinds.get(name, np.float64))
            for name in EscapeTime.__dataclass_fields__
        }
    )


def settled(
    look: Callable[[int], Seen],
    levels: int,
    rounding: float,
    budget: float,
    tolerance: float,
    is_noisy: bool = False,
) -> EscapeTime:
    """Look at finer and finer settings until two answers agree.

    The error is the distance between the last two crossings as real numbers, at least `rounding` of
    the count; where the distances do not fall, the answers are noise, and it is twice the largest.
    Noise may also fall by chance: where there may be some, only distances below half an update are
    taken for more, and one above HOPELESS of the count ends the search. Where a whole number lies
    within the error of the last crossing, the count could be off by one and the error says so.

    Args:
        look: what the setting of this number sees, from coarse to fine.
        levels: how many settings there are.
        rounding: relative error that float64 leaves.
        budget: last update that counts.
        tolerance: relative error that will do where float64 cannot decide the integer.
        is_noisy: whether rounding may be amplified on the way.
    """
    previous, n, error = math.nan, 0.0, 0.0
    changes: list[float] = []
    for level in range(levels):
        now = look(level)
        n = now.n
        if math.isnan(now.crossing):
            return censored(now.method, min(n, budget))
        change = abs(now.crossing - previous) if now.jumped else 0.0
        previous = now.crossing
        if math.isnan(change):
            continue  # the first level has nothing to be compared with
        converges = not changes or change < changes[-1] / FALL
        converges &= change < 0.5 or not is_noisy
        changes.append(change)
        error = max(change if converges else 2 * max(changes), rounding * n)
        if n > 0 and abs(now.crossing - round(now.crossing)) <= error:
            error = max(error, 1.0)
        decided = error <= tolerance * n and rounding * n > 0.5
        if error < 0.5 or decided or (is_noisy and change > HOPELESS * n):
            break
    if n > budget:
        return censored(now.method, budget)
    return escaped(now.method, n, error / max(n, 1.0))
