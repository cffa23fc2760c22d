"""Follow the iterates of any smooth map through any number of updates.

An update is a map y -> Phi(y) = y + phi(y) of the parameters. Its n-th iterate is the flow, over
time n, of the field F with exp(F) = Phi as operators, F = log(1 + D) y for the forward difference
D g = g o Phi - g. The series of the logarithm gives it from the map itself, whatever the rule:

    F = sum_k (-1)^(k+1)/k D^k y,   D y = phi(y),   D^2 y = phi(Phi(y)) - phi(y), ...

Each D^k is formed from increments, so that nothing cancels against y. Where the terms fall fast
enough the flow is integrated by scipy's pair of order 8(5,3) in steps of any length, and by its
implicit Radau method where the flow is stiff; elsewhere the updates are made one by one. The clock
of drift and schedules is n itself: D then compares the map at clock n+1 with that at n.

Sources: the field is the modified equation of backward error analysis (Hairer, Lubich, Wanner,
Geometric Numerical Integration, chapter IX), got by differences as in stroboscopic averaging
(Calvo, Chartier, Murua, Sanz-Serna, Found. Comput. Math. 2011).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gw_envs.checks import BadInput, Floats

WHOLE = 2.0**52  # above it float64 loses single updates, and counts are values with an error
BLOCK, LONGEST_BLOCK = 32, 4096  # updates made one by one before the next look for a flow
INSIDE = (0.25, 0.5, 0.75)  # of a jump, where an edge that is crossed and re-crossed is looked for
NEAR = 4.0  # it is looked for if a jump brought the edge nearer by a share of 1/NEAR
LANDING = 2.0  # updates before a crossing at which the true updates begin
STEP_TAKEN = 64  # true updates made at most to find a crossing
STIFF = 120  # jumps of the explicit method in one stretch before the implicit one takes over
PROBE = 1e-5  # step of the Jacobian's differences, relative to the offset
QUIET = 1e-8  # moves by less than this an update do not make a map without a clock rough
NEGLIGIBLE = 1e-3  # a term that is smaller than this share of the tolerance is not looked for
LISTEN = 16  # jumps after which the rounding of the map is estimated anew, by moving ...
NUDGE, SAFETY = 1e-15, 4.0  # ... the parameters so little, and taken to be so many times larger
SHORTEST = 2.0  # jumps below this many times their own price are made update by update


class Dynamics(Protocol):
    """What is followed, in offsets from the start."""

    def increment(self, moved: Floats, update: float) -> Floats:
        """phi [N], what the update after number `update` (a real number in a jump) adds."""
        ...

    def beyond(self, moved: Floats, update: float) -> Floats:
        """How far each watched quantity is beyond its edge [M], <= 0 before it is crossed."""
        ...


@dataclass(frozen=True)
class Level:
    """How finely a path is followed.

    Attributes:
        order: terms of the series, each one evaluation of the map; 0: every update is made.
        tolerance: local error of a jump, in units of the parameters, and of the series, relative.
    """

    order: int
    tolerance: float


@dataclass
class Path:
    """How far a path was followed, and what was crossed.

    Attributes:
        update: the last update reached.
        crossings: of each edge [M] as a real number, interpolated within its update; 0 where it was
            crossed at the start, NaN where it was not.
        counts: the updates of the crossings, whole numbers [M]; NaN where there was none.
        history: offsets at the stops [len(stops), N]; NaN where not reached.
        moved: the offset reached [N].
        evaluations: of the map.
        jumps: jumps made.
        finished: whether every edge was crossed or the end reached.
        note: what to say of the method.
    """

    update: float
    crossings: Floats
    counts: Floats
    history: Floats
    moved: Floats
    evaluations: int = 0
    jumps: int = 0
    finished: bool = False
    note: str = ""


class _Dense:
    """The dense output of a step, made when it is first asked for: it costs evaluations."""

    def __init__(self, solver: Any) -> None:
        self._solver = solver
        self._output: Any = None

    def __call__(self, n: float) -> Floats:
        if self._output is None:
            self._output = self._solver.dense_output()
        return np.asarray(self._output(n))


@dataclass
class Follower:
    """One path at one level of accuracy.

    Args:
        dynamics: what is followed.
        size: N, the number of parameters.
        level: how finely.
        end: the last update, >= 0.
        max_evaluations: how often the map may be evaluated before giving up.
        still_from: updates from which the map no longer depends on the clock.
        kinks: whole numbers of updates at which the map is not smooth in n; jumps end there.
        stops: updates whose offsets are kept, ascending; if there are any, the path goes to `end`
            and not only to the last crossing.
    """

    dynamics: Dynamics
    size: int
    level: Level
    end: float
    max_evaluations: int
    still_from: float = 0.0
    kinks: Sequence[float] = ()
    stops: Any = ()
    _roughness: float = field(default=0.0, init=False)
    _noise: float = field(default=0.0, init=False)
    _stiff: bool = field(default=False, init=False)

    def run(self) -> Path:
        """Follow the path from its start."""
        self.end = float(math.floor(self.end))  # a part of an update would never be made
        self._moved, self._lost = np.zeros(self.size), np.zeros(self.size)
        self._beyond = self.dynamics.beyond(self._moved, 0.0)
        crossed = np.where(self._beyond > 0, 0.0, np.nan)
        history = np.full((len(self.stops), self.size), np.nan)
        self.path = path = Path(0.0, crossed, crossed.copy(), history, self._moved)
        self._keep(0.0, _constant(self._moved), -1.0)
        block = BLOCK
        while not self._ended() and path.evaluations < self.max_evaluations:
            if self._jump_on():
                block = BLOCK
            elif not self._ended() and path.evaluations < self.max_evaluations:
                self._update(block)
                block = min(2 * block, LONGEST_BLOCK)
        path.finished, path.moved = self._ended(), self._moved
        return path

    def _ended(self) -> bool:
        if self.path.update >= self.end:
            return True
        return not len(self.stops) and not np.isnan(self.path.crossings).any()

    def field(self, time: float, moved: Floats) -> Floats:
        """F [N], `time` updates after the stretch began, of as many terms as matter.

        Sets `_roughness`, the estimated first term left out over the largest entry.
        """
        position, n = moved, self._begin + time
        total, largest = np.zeros(self.size), 0.0
        differences: list[Floats] = []
        for k in range(self.level.order):
            try:
                increment = self.dynamics.increment(position, n + k)
            except BadInput:  # a trial that overshot; a true update says so if it is met
                self._roughness = math.inf
                return np.full(self.size, np.nan)
            self.path.evaluations += 1
            position = position + increment
            row = [increment]
            for difference in differences:  # of the same points but the last
                row.append(row[-1] - difference)
            differences = row
            total += row[-1] * ((-1) ** k / (k + 1))
            size = float(np.maximum.reduce(np.abs(row[-1])))
            if k == 0:
                # What is left of a fast motion is rounding, no roughness.
                largest = size + (QUIET if n >= self.still_from else 0.0)
                continue
            ratio = size / (k + 1) / largest if largest > 0 else 0.0
            self._roughness = ratio ** ((k + 1) / k) if math.isfinite(ratio) else math.inf
            if size <= self._noise * 2**k:
                self._roughness = 0.0
            if self._roughness < NEGLIGIBLE * self.level.tolerance:
                break
        return total

    def _solver(self, method: Any, time: float, moved: Floats, end: float, first: float) -> Any:
        tolerance = self.level.tolerance
        options: dict[str, Any] = {
            "rtol": tolerance,
            "atol": tolerance,
            "first_step": min(first, end - time),
        }
        if method.__name__ == "Radau":
            options["jac"] = self._jacobian
        return method(self.field, time, moved, end, **options)

    def _jacobian(self, time: float, moved: Floats) -> Floats:
        """dF/dy [N, N] by central differences; steps fit for offsets, which may be 0."""
        step = PROBE * (1 + np.abs(moved).max())
        columns = [
            (self.field(time, moved + shift) - self.field(time, moved - shift)) / (2 * step)
            for shift in step * np.eye(self.size)
        ]
        return np.stack(columns, axis=1)

    def _jump_on(self) -> bool:
        """Integrate the flow as far as it is smooth; whether the path moved."""
        order, tolerance = self.level.order, self.level.tolerance
        self._begin = begin = self.path.update  # time runs from here: n may be large
        kink = min((k for k in self.kinks if k > begin), default=math.inf)
        # The series looks order - 1 updates ahead, which must not be beyond a kink.
        end = min(kink - order, self.end) - begin
        price = SHORTEST * 12 * order
        if order == 0 or end < price:
            return False
        self._listen(self._moved, begin)
        self.field(0.0, self._moved)
        if self._roughness > tolerance:
            return False
        from scipy.integrate import DOP853, Radau

        method = Radau if self._stiff else DOP853
        solver, jumps = self._solver(method, 0.0, self._moved, end, 2 * price), 0
        wanted = solver.h_abs
        while solver.status == "running" and self.path.evaluations < self.max_evaluations:
            before, offset = solver.t, solver.y.copy()
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # of a singular matrix, say, at a point of rest
                solver.step()
            if solver.status == "failed" or self._roughness > tolerance:
                break
            if not np.all(np.isfinite(solver.y)):
                break
            jumps += 1
            self.path.jumps += 1
            inside = self._again(Radau, before, offset) if self._stiff else _Dense(solver)
            self._take(before, solver.t, solver.y, inside)
            if jumps % LISTEN == 0:
                self._listen(solver.y, begin + solver.t)
            wanted = self._pace(solver, wanted)
            if self._ended():
                return True
            short = solver.t - before < price and solver.t < end
            ending = self._roughness > NEGLIGIBLE * tolerance  # about to be smooth no longer
            if not self._stiff and ((short and not ending) or jumps >= STIFF):
                self._stiff, method = True, Radau  # smooth and yet slow
                solver = self._solver(method, solver.t, solver.y, end, 2 * price)
            elif short:
                self._stiff = False
                break
        if jumps:
            self._land(method)
        else:
            self._stiff = False
        return jumps > 0

    def _pace(self, solver: Any, wanted: float) -> float:
        """Set the next jump's length and tolerance; the length before, which was `wanted`, anew."""
        if not self._stiff:
            # Jumps that shrink go on shrinking: none is tried that would be too long.
            wanted, solver.h_abs = solver.h_abs, solver.h_abs * min(1.0, solver.h_abs / wanted)
        # What rounding adds in a jump cannot be made smaller by shorter ones.
        solver.atol = max(self.level.tolerance, self._noise * solver.h_abs)
        return wanted

    def _listen(self, moved: Floats, n: float) -> None:
        """Estimate by how much rounding may change an increment."""
        self.path.evaluations += 2
        nudged = moved + NUDGE * np.cos(np.arange(self.size))
        change = self.dynamics.increment(nudged, n) - self.dynamics.increment(moved, n)
        self._noise = SAFETY * float(np.abs(change).max())

    def _again(self, method: Any, start: float, offset: Floats) -> Callable[[float], Floats]:
        """The flow from a point at any time soon after: what an implicit jump has for inside."""

        def at(time: float) -> Floats:
            if time <= start:
                return offset
            solver = self._solver(method, start, offset, time, time - start)
            while solver.status == "running":
                solver.step()
            return np.asarray(solver.y)

        return at

    def _take(self, before: float, time: float, moved: Floats, inside: Any) -> None:
        """Accept a jump: note what was crossed in it and the stops inside it."""
        begin = self._begin
        now = self.dynamics.beyond(moved, begin + time)
        waiting = np.flatnonzero(np.isnan(self.path.crossings))
        near = NEAR * np.abs(now - self._beyond)[waiting] > -now[waiting]
        if waiting.size and near.any():
            marks = [before, *(before + share * (time - before) for share in INSIDE), time]
            values = [self.dynamics.beyond(inside(t), begin + t) for t in marks[1:-1]] + [now]
            for edge in waiting:
                for left, right, value in zip(marks, marks[1:], values, strict=False):
                    if value[edge] > 0:
                        self._cross(int(edge), left, right, before, inside)
                        break
        n = self.end if begin + time > self.end - 0.5 else begin + time
        self._keep(n, lambda stop: inside(min(stop - begin, time)), begin + before)
        self.path.update, self._moved, self._beyond = n, moved.copy(), now
        self._lost = np.zeros(self.size)

    def _cross(self, edge: int, left: float, right: float, start: float, inside: Any) -> None:
        """The crossing of an edge between two times of a jump, found again by true updates."""
        from scipy.optimize import brentq

        begin = self._begin

        def beyond(time: float) -> float:
            return float(self.dynamics.beyond(inside(time), begin + time)[edge])

        time = left if beyond(left) > 0 else brentq(beyond, left, right, xtol=1e-3, rtol=1e-15)
        at = begin + time
        count = float(math.ceil(at))
        if at < WHOLE:
            n = float(max(math.ceil(begin + start), math.floor(at - LANDING)))
            moved, previous = inside(n - begin), math.nan
            for _ in range(STEP_TAKEN):
                value = float(self.dynamics.beyond(moved, n)[edge])
                if value > 0:
                    if not math.isnan(previous):
                        count, at = n, n - value / (value - previous)
                    break
                previous, moved, n = value, moved + self.dynamics.increment(moved, n), n + 1
        self.path.crossings[edge], self.path.counts[edge] = at, count

    def _land(self, method: Any) -> None:
        """Go on to a whole number, where updates can be made one by one."""
        n, time = self.path.update, self.path.update - self._begin
        if n < min(math.ceil(n), WHOLE):
            whole = math.ceil(n) - self._begin
            inside = self._again(method, time, self._moved)
            self._take(time, whole, inside(whole), inside)

    def _update(self, block: int) -> None:
        """Make some updates one by one, in compensated (Kahan) sums."""
        path, moved, lost, before = self.path, self._moved, self._lost, self._beyond
        start = n = path.update
        most = int(min(block, self.end - start, self.max_evaluations - path.evaluations))
        for made in range(most):
            step = self.dynamics.increment(moved, n) - lost
            total = moved + step
            lost = (total - moved) - step
            moved, n = total, start + (made + 1)
            beyond = self.dynamics.beyond(moved, n)
            path.evaluations += 1
            fresh = np.isnan(path.crossings) & (beyond > 0)
            if fresh.any():
                over = beyond[fresh] / (beyond[fresh] - before[fresh])
                path.crossings[fresh], path.counts[fresh] = n - over, n
            before = beyond
            if len(self.stops):
                self._keep(n, _constant(moved), n - 0.5)
            elif not np.isnan(path.crossings).any():
                break
        path.update, self._moved, self._lost, self._beyond = n, moved, lost, before

    def _keep(self, n: float, inside: Callable[[float], Floats], before: float) -> None:
        """Keep the offsets of the stops in (before, n]."""
        stops = np.asarray(self.stops)
        for index in range(*np.searchsorted(stops, [before, n], side="right")):
            self.path.history[index] = inside(stops[index])


def _constant(value: Floats) -> Callable[[float], Floats]:
    return lambda n: value
