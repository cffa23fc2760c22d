"""Escapes and histories of any exact rule, each with the error that two settings show."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from agents.simulation.answers import EscapeTime, Seen, settled, stacked
from agents.simulation.flow import Follower, Level, Path
from agents.simulation.motion import Motion
from gw_envs.checks import BadInput, Floats

MOST_UPDATES = int(1e300)
LEVELS = (Level(4, 1e-8), Level(5, 1e-10), Level(5, 1e-12))
DIRECT = Level(0, 0.0)
ROUNDING = 5e-14  # relative error left by float64, measured against the closed form
WORK = 10**6  # evaluations of the map that are made unless told otherwise: about a minute
LONGEST = 86_400.0  # seconds of updates one by one that are begun at all


@dataclass(frozen=True)
class Budget:
    """How far a motion is followed, and with how much work.

    Attributes:
        updates: the last update that counts.
        work: evaluations of the map.
        levels: the settings, from coarse to fine.
    """

    updates: float
    work: int
    levels: tuple[Level, ...]


def make_budget(
    motion: Motion, updates: int | None = None, work: int | None = None, method: str = "auto"
) -> Budget:
    """The settings of a motion, checked before any work is done.

    Args:
        motion: what is followed.
        updates: the last update; None: as far as it takes, where updates are made one by one as far
            as `work` allows.
        work: evaluations of the map; None: `WORK`, or more where a stated `updates` needs more.
        method: "direct" makes every update.

    Raises:
        ValueError: if the updates that must be made one by one would take more than a day.
    """
    end = float(MOST_UPDATES if updates is None else min(updates, MOST_UPDATES))
    rough = math.inf if method == "direct" else motion.rough_until
    one_by_one = min(end, rough)
    if work is None:
        work = WORK
        if one_by_one > WORK and (updates is not None or rough < math.inf):
            seconds = one_by_one * _seconds(motion)
            if seconds > LONGEST:
                raise BadInput(
                    f"max_updates={end:.6g}: update={motion.rule.name!r} has to make {one_by_one:.6g} "
                    f"of them one by one here, which would take about {seconds / 86_400:.3g} days; "
                    f"the most that a day allows is {LONGEST / seconds * one_by_one:.2g}."
                )
            work += int(one_by_one)
    return Budget(end, work, (DIRECT,) if rough == math.inf else LEVELS)


def cut(budget: Budget, updates: float) -> Budget:
    """The budget with at most this last update."""
    return replace(budget, updates=min(budget.updates, float(updates)))


def _seconds(motion: Motion) -> float:
    """Of one update."""
    moved, begin = np.zeros(motion.size), time.perf_counter()
    for n in range(20):
        motion.increment(moved, float(n))
        motion.beyond(moved, float(n))
    return (time.perf_counter() - begin) / 20


def follow(
    motion: Motion, level: Level, end: float, work: int, stops: Floats | tuple[float, ...] = ()
) -> Path:
    """Follow a motion at one level; see `flow.Follower`."""
    rough = motion.rough_until
    still = max(motion.still_from, 0.0)
    follower = Follower(
        motion, motion.size, level, end, work, rough, still, motion.world.kinks, tuple(stops)
    )
    return follower.run()


def escapes(motion: Motion, budget: Budget, tolerance: float = 1e-9) -> EscapeTime:
    """When each state leaves its well, arrays [S]; each state by itself where none sees another.

    Where the work ends before all have, those that have are known and the others censored.
    """
    end = min(budget.updates * (1 + 1e-6) + 2.0, float(MOST_UPDATES))  # all levels see the escape
    rows = []
    for part in motion.parts():

        @cache
        def path(level: int, part: Motion = part) -> Path:
            return follow(part, budget.levels[level], end, budget.work)

        for edge in range(path(0).crossings.size):

            def look(level: int, edge: int = edge, path: object = path) -> Seen:
                seen: Path = path(level)  # type: ignore[operator]
                crossing = float(seen.crossings[edge])
                n = seen.update if math.isnan(crossing) else float(seen.counts[edge])
                jumped = seen.jumps > 0
                return Seen(n, crossing, jumped, "jump" if jumped else "direct")

            levels = len(budget.levels)
            rows.append(settled(look, levels, ROUNDING, budget.updates, tolerance))
    return stacked(rows)


def history(motion: Motion, stops: Floats, budget: Budget) -> Floats:
    """theta at these updates, ascending, the last the end: [N, S, K]; NaN where not reached."""
    level = budget.levels[-2:][0]
    end = float(stops[-1])
    theta = np.full((len(stops), *motion.start.shape), np.nan)
    for part in motion.parts():
        moved = follow(part, level, end, budget.work, stops).history
        if part.alone is None:
            theta = motion.start + moved.reshape(theta.shape)
        else:
            theta[:, part.alone] = motion.start[part.alone] + moved
    return theta
