"""Escapes and histories of any exact rule, each with the error that two settings show."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from agents.simulation import softmax_bandit
from agents.simulation.answers import EscapeTime, Seen, censored, settled, stacked
from agents.simulation.flow import Follower, Level, Path
from agents.simulation.motion import Motion
from agents.simulation.softmax_bandit import Jumps
from gw_envs.checks import BadInput, Floats

MOST_UPDATES = int(1e300)
LEVELS = (Level(4, 1e-8), Level(5, 1e-10), Level(5, 1e-11))
DIRECT = Level(0, 0.0)
GLANCE, GLANCE_WORK = Level(3, 1e-5), 15_000
ROUNDING = 5e-14  # relative error left by float64, measured against the closed form
WORK = 10**6  # evaluations of the map that are made unless told otherwise: about a minute
KEPT = 2 * 10**6  # numbers of updates made one by one that are kept for the history
LONGEST = 86_400.0  # seconds of updates one by one that are begun at all


@dataclass(frozen=True)
class Budget:
    """How far a motion is followed, and with how much work.

    Attributes:
        updates: the last update that counts.
        work: evaluations of the map.
        levels: the settings, from coarse to fine.
        rounding: relative error left by float64.
    """

    updates: float
    work: int
    levels: tuple[Level, ...] | tuple[Jumps, ...]
    rounding: float = ROUNDING


def make_budget(
    motion: Motion, updates: int | None = None, work: int | None = None, method: str = "auto"
) -> Budget:
    """The settings of a motion, checked before any work is done.

    Args:
        motion: what is followed.
        updates: the last update; None: as far as it takes, where updates are made one by one as far
            as `work` allows.
        work: evaluations of the map (of compiled motions: updates made one by one); None: `WORK`,
            or more where a stated `updates` needs more.
        method: "direct" makes every update.

    Raises:
        ValueError: if the updates that must be made one by one would take more than a day.
    """
    end = float(MOST_UPDATES if updates is None else min(updates, MOST_UPDATES))
    if softmax_bandit.is_compiled(motion):
        levels = (softmax_bandit.NEVER,) if method == "direct" else softmax_bandit.LEVELS
        most = softmax_bandit.MOST_DIRECT if work is None else work
        return Budget(end, most, levels, softmax_bandit.JUMP_ROUNDING)
    rough = math.inf if method == "direct" else motion.rough_until
    one_by_one = min(end, rough)
    if work is None:
        work = WORK
        if one_by_one > WORK and (updates is not None or rough < math.inf):
            seconds = one_by_one * _seconds(motion)
            if seconds > LONGEST:
                raise BadInput(
                    f"max_updates={end:.6g}: update={motion.rule.name!r} has to make "
                    f"{one_by_one:.6g} of them one by one here, which would take about "
                    f"{seconds / 86_400:.3g} days; "
                    f"the most that a day allows is {LONGEST / seconds * one_by_one:.2g}."
                )
            work += int(one_by_one)
    return Budget(end, work, (DIRECT,) if rough == math.inf else LEVELS)


def cut(budget: Budget, updates: float) -> Budget:
    """The budget with at most this last update."""
    return replace(budget, updates=min(budget.updates, float(updates)))


def _seconds(motion: Motion) -> float:
    """Of one update."""
    begin = time.perf_counter()
    for n in range(20):
        moved = np.zeros(motion.size)  # a new one: the policy at an array is kept
        motion.increment(moved, float(n))
        motion.beyond(moved, float(n))
    return (time.perf_counter() - begin) / 20


def follow(
    motion: Motion, level: Level | Jumps, end: float, work: int, stops: ArrayLike = ()
) -> Path:
    """Follow a motion at one level for `end` updates; see `flow.Follower`."""
    if isinstance(level, Jumps):
        return softmax_bandit.follow(motion, level, end, work, np.asarray(stops, np.float64))
    origin = motion.origin
    kinks = [kink - origin for kink in motion.world.kinks]
    still = max(motion.still_from - origin, 0.0)
    return Follower(motion, motion.size, level, end, work, still, kinks, np.asarray(stops)).run()


def glance(motion: Motion, end: float = MOST_UPDATES, work: int = GLANCE_WORK) -> Floats:
    """The escapes [S] to about five digits; NaN where not reached.

    For laws over many decades, where no count is claimed; of a rule that is a smooth map.
    """
    return follow(motion, GLANCE, float(end), work).counts


class Plateau:
    """A motion through its plateaus: when each state leaves its well, and what was seen on the way.

    Args:
        motion: what is followed.
        budget: how far.
    """

    def __init__(self, motion: Motion, budget: Budget) -> None:
        self._motion, self._budget = motion, budget
        # All settings see an escape at the last update.
        self._end = float(math.floor(min(budget.updates * (1 + 1e-6) + 2.0, float(MOST_UPDATES))))
        self._is_short = motion.rough_until * motion.size <= KEPT

    @cached_property
    def _every(self) -> Path:
        """All updates that cannot be jumped over, where they are few enough to be kept."""
        until = min(self._motion.rough_until, self._end)
        return follow(self._motion, DIRECT, until, self._budget.work, np.arange(until + 1))

    def _begin(self, until: float, stops: Floats) -> tuple[Path, Motion]:
        """The path of these updates, made one by one, and the motion from where they end."""
        motion = self._motion
        path = (
            self._every
            if self._is_short
            else follow(motion, DIRECT, min(motion.rough_until, until), self._budget.work, stops)
        )
        start, origin = motion.table(path.moved), motion.origin + path.update
        return path, replace(motion, start=start, origin=origin)

    def escapes(self, tolerance: float = 1e-9, method: str = "auto") -> EscapeTime:
        """When each state leaves its well, arrays [S]; each by itself where none sees another.

        Where the work ends before all have escaped, those that have are known and the others
        censored.

        Args:
            tolerance: relative error that will do where float64 cannot decide the integer.
            method: "auto" takes the closed form where there is one, "closed-form" nothing else.

        Raises:
            ValueError: if a closed form is asked for where there is none.
        """
        if method in ("auto", "closed-form"):
            known = softmax_bandit.closed_form(self._motion, self._budget.updates)
            if known is not None:
                return stacked([known])
            if method == "closed-form":
                raise BadInput(
                    "method='closed-form' needs update='softmax-pg', sub-optimal arms of equal "
                    "mean reward and equal logit, pi(a*) above 1e-300 and escape_fraction above "
                    "1e-9; use method='auto' or 'jump'."
                )
        path, after = self._begin(self._end, np.empty(0))
        budget = self._budget
        answers = [
            _answer(Seen(float(n), float(at), False, "direct"), budget, path.update)
            for n, at in zip(path.counts, path.crossings, strict=True)
        ]
        waiting = np.flatnonzero(np.isnan(path.crossings))
        if waiting.size and self._motion.rough_until <= path.update < self._end:
            for part in after.parts():
                watched = [part.alone] if part.alone is not None else list(range(len(answers)))
                wanted = [state for state in watched if state in waiting]
                if wanted:
                    ways = _Ways(part, budget, self._end)
                    for state in wanted:
                        answers[state] = ways.escape(watched.index(state), tolerance)
        return stacked(answers)

    def history(self, stops: Floats) -> Floats:
        """theta [N, S, K] at these updates of the budget, ascending; NaN where not reached."""
        motion = self._motion
        early = stops[stops <= motion.rough_until]
        path, after = self._begin(stops[-1], early)
        moved = path.history[early.astype(np.int64)] if self._is_short else path.history
        theta = np.full((len(stops), *motion.start.shape), np.nan)
        theta[: len(early)] = motion.start + moved.reshape(-1, *motion.start.shape)
        later = np.arange(len(early), len(stops))
        if motion.rough_until > path.update or not later.size:
            return theta
        level, rest = self._budget.levels[-2:][0], stops[later] - after.origin
        for part in after.parts():
            moved = follow(part, level, rest[-1], self._budget.work, rest).history
            if part.alone is None:
                theta[later] = after.start + moved.reshape(-1, *motion.start.shape)
            else:
                theta[later, part.alone] = after.start[part.alone] + moved
        return theta


def _answer(seen: Seen, budget: Budget, reached: float) -> EscapeTime:
    """The answer of updates that were all made."""
    if math.isnan(seen.crossing):
        return censored(seen.method, min(reached, budget.updates))
    return settled(lambda level: seen, 1, ROUNDING, budget.updates, 0.0)


class _Ways:
    """The paths of one motion at each setting, followed when first asked for."""

    def __init__(self, motion: Motion, budget: Budget, end: float) -> None:
        self._motion, self._budget, self._end = motion, budget, end
        self._paths: dict[int, Path] = {}

    def escape(self, edge: int, tolerance: float) -> EscapeTime:
        """The escape of one of its edges."""
        budget = self._budget
        return settled(
            lambda level: self._look(level, edge), len(budget.levels), budget.rounding,
            budget.updates, tolerance, self._motion.world.depends_on_policy,
        )  # fmt: skip

    def _look(self, level: int, edge: int) -> Seen:
        origin, budget = self._motion.origin, self._budget
        if level not in self._paths:
            self._paths[level] = follow(
                self._motion, budget.levels[level], self._end - origin, budget.work
            )
        path = self._paths[level]
        n = path.update if np.isnan(path.crossings[edge]) else path.counts[edge]
        method = ("jump" if path.jumps else "direct") + path.note
        return Seen(origin + float(n), origin + path.crossings[edge], path.jumps > 0, method)
