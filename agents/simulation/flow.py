"""Follow the iterates of any smooth map through any number of updates.

An update is a map y -> Phi(y) = y + phi(y) of the parameters. Its n-th iterate is the flow, over
time n, of the field F with exp(F) = Phi as operators, F = log(1 + D) y for the forward difference
D g = g o Phi - g. The series of the logarithm gives it from the map itself, whatever the rule:

    F = sum_k (-1)^(k+1)/k D^k y,   D y = phi(y),   D^2 y = phi(Phi(y)) - phi(y), ...

Each D^k is formed from increments, so that nothing cancels against y. Where the terms fall fast
enough the flow is integrated by the pair of order 8(5,3) of scipy in steps of any length; elsewhere
the updates are made one by one. The clock of drift and schedules is n itself: D then compares the
map at clock n+1 with that at n.

Sources: the field is the modified equation of backward error analysis (Hairer, Lubich, Wanner,
Geometric Numerical Integration, chapter IX), got by differences as in stroboscopic averaging
(Calvo, Chartier, Murua, Sanz-Serna, Found. Comput. Math. 2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gw_envs.checks import Floats

WHOLE = 2.0**52  # above it float64 loses single updates
SHORTEST = 4.0  # jumps below this many times their own price are made update by update
BLOCK = 32  # updates made one by one before the next look for a flow
LONGEST_BLOCK = 4096
INSIDE = (0.25, 0.5, 0.75)  # of a jump, where an edge that is crossed and re-crossed is looked for
LANDING = 2.0  # updates before a crossing at which the true updates begin
STEP_TAKEN = 64  # true updates made at most to find a crossing


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
        order: terms of the series, each one evaluation of the map.
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
        direct: updates made one by one.
        jumps: jumps made.
        finished: whether every edge was crossed or the end reached.
        history: offsets at the stops [len(stops), N]; NaN where not reached.
    """

    update: float
    crossings: Floats
    counts: Floats
    history: Floats
    direct: int = 0
    jumps: int = 0
    finished: bool = False


@dataclass
class Follower:
    """One path at one level of accuracy.

    Args:
        dynamics: what is followed.
        size: N, the number of parameters.
        level: how finely.
        end: the last update, >= 0.
        max_direct: how many updates may be made one by one.
        kinks: updates at which the map is not smooth in n, ascending; jumps end there.
        stops: updates whose offsets are kept, ascending; if there are any, the path goes to `end`
            and not only to the last crossing.
    """

    dynamics: Dynamics
    size: int
    level: Level
    end: float
    max_direct: int
    kinks: Sequence[float] = ()
    stops: Sequence[float] = ()
    _roughness: float = field(default=0.0, init=False)

    def run(self) -> Path:
        """Follow the path from its start."""
        self._moved, self._lost = np.zeros(self.size), np.zeros(self.size)
        beyond = self.dynamics.beyond(self._moved, 0.0)
        crossed = np.where(beyond > 0, 0.0, np.nan)
        history = np.full((len(self.stops), self.size), np.nan)
        self.path = Path(0.0, crossed, crossed.copy(), history)
        self._beyond = beyond
        self._keep_at(0.0, self._moved)
        block = BLOCK
        while not self._ended():
            if self._jump_on():
                block = BLOCK
            elif not self._ended():
                if self.path.direct >= self.max_direct:
                    return self.path
                self._update(block)
                block = min(2 * block, LONGEST_BLOCK)
        self.path.finished = True
        return self.path

    def _ended(self) -> bool:
        if self.path.update >= self.end:
            return True
        return not len(self.stops) and not np.isnan(self.path.crossings).any()

    def field(self, n: float, moved: Floats) -> Floats:
        """F [N]; sets `_roughness`, the estimated first term left out over the largest entry."""
        order = self.level.order
        increments = np.empty((order, self.size))
        position = moved
        for k in range(order):
            increments[k] = self.dynamics.increment(position, n + k)
            position = position + increments[k]
        total, terms = increments[0].copy(), increments
        largest = np.abs(total).max()
        for k in range(2, order + 1):
            terms = terms[1:] - terms[:-1]
            total += (-1) ** (k + 1) / k * terms[0]
        last = np.abs(terms[0]).max() / order
        ratio = last / largest if largest > 0 else 0.0
        self._roughness = ratio ** (order / (order - 1)) if math.isfinite(ratio) else math.inf
        return total

    def _jump_on(self) -> bool:
        """Integrate the flow as far as it is smooth; whether the path moved."""
        from scipy.integrate import DOP853

        start = self.path.update
        end = min((k for k in self.kinks if k > start), default=self.end)
        price = SHORTEST * 12 * self.level.order
        if min(end, self.end) - start < price:
            return False
        self.field(start, self._moved)
        if self._roughness > self.level.tolerance:
            return False
        # The series looks order - 1 updates ahead, which must not be beyond a kink.
        end = min(end - self.level.order if end < self.end else end, self.end)
        tolerance = self.level.tolerance
        solver = DOP853(
            self.field, start, self._moved, end, rtol=tolerance, atol=tolerance, first_step=price
        )
        moved = False
        while solver.status == "running":
            before, beyond = solver.t, self._beyond
            solver.step()
            if solver.status == "failed" or self._roughness > tolerance:
                break
            self.path.jumps += 1
            dense = solver.dense_output()
            self._take(before, beyond, solver.t, solver.y, dense)
            moved = True
            if self._ended():
                break
            if solver.t - before < price and solver.t < end:
                break
        if moved:
            self._land()
        return moved

    def _take(self, before: float, beyond: Floats, n: float, moved: Floats, dense: Any) -> None:
        """Accept a jump: note what was crossed in it and the stops inside it."""
        now = self.dynamics.beyond(moved, n)
        inside = [before + share * (n - before) for share in INSIDE]
        marks = [before, *inside, n]
        values = [beyond, *(self.dynamics.beyond(dense(t), t) for t in inside), now]
        for edge in np.flatnonzero(np.isnan(self.path.crossings)):
            for left, right, value in zip(marks, marks[1:], values[1:], strict=False):
                if value[edge] > 0:
                    self._cross(int(edge), left, right, before, dense)
                    break
        for index, stop in enumerate(self.stops):
            if before < stop <= n:
                self.path.history[index] = dense(stop)
        self._anchor = (before, dense(before))
        self.path.update, self._moved, self._beyond = n, moved.copy(), now
        self._lost[:] = 0.0

    def _cross(self, edge: int, left: float, right: float, start: float, dense: Any) -> None:
        """The crossing of an edge between two points of a jump, found again by true updates."""
        from scipy.optimize import brentq

        def beyond(n: float) -> float:
            return float(self.dynamics.beyond(dense(n), n)[edge])

        at = left if beyond(left) > 0 else brentq(beyond, left, right, xtol=1e-9, rtol=1e-15)
        count = math.ceil(at)
        if at < WHOLE:
            near = max(math.ceil(start), math.floor(at - LANDING))
            moved, n, previous = dense(near), float(near), math.nan
            for _ in range(STEP_TAKEN):
                values = self.dynamics.beyond(moved, n)
                if values[edge] > 0:
                    if not math.isnan(previous):
                        count = int(n)
                        at = n - float(values[edge] / (values[edge] - previous))
                    break
                previous, moved, n = float(values[edge]), moved + self.dynamics.increment(moved, n), n + 1
        self.path.crossings[edge], self.path.counts[edge] = at, count

    def _land(self) -> None:
        """Come down on a whole number, where updates can be made one by one."""
        n = self.path.update
        if n >= WHOLE or n == math.floor(n) or self._ended():
            return
        from scipy.integrate import DOP853

        begin, moved = n, self._moved
        solver = DOP853(
            self.field,
            begin,
            moved,
            float(math.ceil(n)),
            rtol=self.level.tolerance,
            atol=self.level.tolerance,
        )
        while solver.status == "running":
            solver.step()
        if solver.status == "finished":
            self._moved, self.path.update = solver.y.copy(), float(math.ceil(n))
            self._beyond = self.dynamics.beyond(self._moved, self.path.update)
            self._note_crossings(begin, self.path.update)

    def _note_crossings(self, before: float, n: float) -> None:
        fresh = np.isnan(self.path.crossings) & (self._beyond > 0)
        self.path.crossings[fresh], self.path.counts[fresh] = (before + n) / 2, math.ceil(n)

    def _update(self, block: int) -> None:
        """Make some updates one by one, in compensated (Kahan) sums."""
        n, moved, lost = self.path.update, self._moved.copy(), self._lost
        before = self._beyond
        for _ in range(int(min(block, self.end - n, self.max_direct - self.path.direct))):
            step = self.dynamics.increment(moved, n) - lost
            total = moved + step
            lost = (total - moved) - step
            moved, n = total, n + 1
            beyond = self.dynamics.beyond(moved, n)
            fresh = np.isnan(self.path.crossings) & (beyond > 0)
            if fresh.any():
                over = beyond[fresh] / (beyond[fresh] - before[fresh])
                self.path.crossings[fresh], self.path.counts[fresh] = n - over, n
            before = beyond
            self._keep_at(n, moved)
            self.path.direct += 1
            if fresh.any() and not len(self.stops) and not np.isnan(self.path.crossings).any():
                break
        self.path.update, self._moved, self._lost, self._beyond = n, moved, lost, before

    def _keep_at(self, n: float, moved: Floats) -> None:
        for index in np.flatnonzero(np.asarray(self.stops) == n):
            self.path.history[index] = moved
