"""The law of I = integral_0^inf exp(-xi_s) ds for a compound Poisson process with drift.

xi_s = X_1 + ... + X_{N_s} - h s, with N a unit Poisson process and jumps X of a discrete law. With

    psi(j) = E[1 - exp(-j X)] - j h,       psi concave, psi(0) = 0, psi'(0) = E X - h > 0,

E I^n = n!/(psi(1) ... psi(n)) where all these are positive (Carmona, Petit, Yor 1997), and
E I^-n = psi'(0) prod_{j<n} (-psi(-j)/j). P(I > t) falls like t^-kappa, psi(kappa) = 0, kappa > 0,
and has no such tail where no such root is. Proofs: docs/theory.md.

Between jumps t/exp(-xi) follows a known curve, so the first jump gives S(t) = P(I > t) as

    S(t) = exp(-w) S_0 + integral_0^w exp(-(w-u)) E S(t_u e^X) du,      dt_u/du = 1 + h t_u,

which is solved on a grid of ln t with all weights positive: what comes out is a probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, Floats, check_numbers, check_share

CELLS = 3000
CELLS_OF_MANY_JUMPS = 1200  # of laws with more than two jumps, whose equations are dense
CELLS_PER_JUMP = 16  # a coarser grid would add (cells per jump)^-2 / 6 to the variance of a jump
LEAST_CELLS_PER_JUMP = 4
MOST_CELLS = 300_000
LARGEST_LOG = 600.0  # of t in float64; beyond, the tail is its power
NEGLIGIBLE = math.log(1e-13)  # of the probability outside the grid
PARABOLA = 1e-8  # j X below which psi is its slope and curvature, and the rest is rounding
NARROW = 0.02  # coefficient of variation below which the law is lognormal to 1e-4


@dataclass(frozen=True)
class ExponentialFunctional:
    """I for jumps X with their chances and drift h; E X > h.

    Attributes:
        jumps: values of X [A].
        chances: their probabilities [A].
        drift: h.
    """

    jumps: tuple[float, ...]
    chances: tuple[float, ...]
    drift: float

    def exponent(self, j: ArrayLike) -> Any:
        """psi(j) = E[1 - exp(-j X)] - j h, any shape of j."""
        order = np.asarray(j, dtype=np.float64)
        with np.errstate(over="ignore"):
            terms = -np.expm1(-order[..., None] * np.array(self.jumps))
            return terms @ np.array(self.chances) - order * self.drift

    @property
    def slope(self) -> float:
        """psi'(0) = E X - h."""
        return float(np.dot(self.jumps, self.chances)) - self.drift

    @cached_property
    def tail_index(self) -> float:
        """kappa, the positive root of psi; infinite where there is none, 0 for E X <= h."""
        if self.slope <= 0:
            return 0.0
        if self.drift <= 0 and min(self.jumps) >= 0:
            return math.inf
        from scipy.optimize import brentq

        low, jumps = 1.0, np.array(self.jumps)
        while self.exponent(low) <= 0:
            low /= 2
            if low * np.abs(jumps).max() < PARABOLA:
                return 2 * self.slope / float(jumps**2 @ np.array(self.chances))
        high = 2 * low
        while self.exponent(high) > 0:
            low, high = high, 2 * high
        return float(brentq(self.exponent, low, high, xtol=1e-300, rtol=1e-14))

    @property
    def mean(self) -> float:
        """E I = 1/psi(1), infinite for kappa <= 1."""
        return 1 / float(self.exponent(1.0)) if self.tail_index > 1 else math.inf

    @property
    def variation(self) -> float:
        """Standard deviation over mean, sqrt(2 psi(1)/psi(2) - 1); infinite for kappa <= 2."""
        if self.tail_index <= 2:
            return math.inf
        one, two = self.exponent([1.0, 2.0])
        return math.sqrt(max(0.0, float((2 * one - two) / two)))

    def survival(self, t: ArrayLike) -> Any:
        """P(I > t), any shape of t >= 0; absolute error below 1e-4."""
        with np.errstate(divide="ignore"):
            place = np.log(check_numbers("t", t, 0))
        if self.variation < NARROW:
            from scipy.special import ndtr

            middle, width = self._lognormal
            return ndtr((middle - place) / width) if width else 1.0 * (place < middle)
        grid, values = self._grid_law
        inside = np.interp(place, grid, values, left=1.0)
        with np.errstate(under="ignore"):
            beyond = values[-1] * np.exp(-self._tail_slope * np.maximum(place - grid[-1], 0))
        return np.where(place > grid[-1], beyond, inside)

    def quantile(self, q: float) -> float:
        """The t with P(I <= t) = q, 0 < q < 1; infinite beyond float64.

        The relative error is below 1e-3 for .01 <= q <= .99.
        """
        check_share("q", q)
        if self.variation < NARROW:
            from scipy.special import ndtri

            middle, width = self._lognormal
            return math.exp(middle + width * float(ndtri(q)))
        grid, values = self._grid_law
        left = 1 - q
        if left < values[-1]:
            place = grid[-1] + math.log(values[-1] / left) / self._tail_slope
            return math.exp(place) if place < 709 else math.inf
        return math.exp(float(np.interp(-left, -values, grid)))

    @property
    def _tail_slope(self) -> float:
        return self.tail_index if math.isfinite(self.tail_index) else 1e9

    @property
    def _lognormal(self) -> tuple[float, float]:
        """Mean and standard deviation of the normal ln I with the exact mean and variation."""
        variance = math.log1p(self.variation**2)
        return math.log(self.mean) - variance / 2, math.sqrt(variance)

    def _range(self) -> tuple[float, float]:
        """ln t between which all but 1e-13 of the law lies, by Markov's inequality."""
        reach = max(2, min(20_000, int(600 / max(np.abs(self.jumps)))))
        orders = np.arange(1, reach)
        with np.errstate(over="ignore"):
            falling = np.log(-self.exponent(-orders) / orders)
        inverse = math.log(self.slope) + np.concatenate([[0.0], np.cumsum(falling)])
        low = float(np.max((NEGLIGIBLE - inverse) / np.arange(1, reach + 1)))
        high = math.inf
        finite = np.arange(1, min(20_001, max(1, math.ceil(min(self.tail_index, 1e9)))))
        if finite.size:
            moments = np.cumsum(np.log(finite / self.exponent(finite)))
            high = float(np.min((moments - NEGLIGIBLE) / finite))
        else:  # no moment: as far as the tail's own power needs
            high = min(-math.log(self.slope) + 34 / self.tail_index, LARGEST_LOG)
        if self.drift < 0 and min(self.jumps) >= 0:
            high = -math.log(-self.drift)  # I <= 1/|h|: without a jump
        return low, high

    @cached_property
    def _grid_law(self) -> tuple[Floats, Floats]:
        """ln t [N] and P(I > t) [N], falling."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.linalg import spsolve

        low, high = self._range()
        sizes = {abs(x) for x in self.jumps if x}
        typical = math.sqrt(float(np.dot(np.square(self.jumps), self.chances)))
        cells = CELLS if len(self.jumps) <= 2 else CELLS_OF_MANY_JUMPS
        step = min((high - low) / cells, typical / CELLS_PER_JUMP)
        step = max(step, (high - low) / MOST_CELLS)
        if step > typical / LEAST_CELLS_PER_JUMP:
            raise BadInput(
                f"mean_rewards leave a law with tail index {self.tail_index:.2g}, too wide to be "
                "solved; its quantiles need a larger gap or a baseline nearer to the wrong reward."
            )
        if len(sizes) == 1:  # jumps from node to node leave nothing to interpolate
            size = sizes.pop()
            step = size / math.ceil(size / step)
        anchor = -math.log(-self.drift) if self.drift < 0 else high  # where a drift turns: a node
        first = math.floor((low - anchor) / step)
        nodes = np.arange(first, math.ceil((high - anchor) / step - 1e-9) + 1, dtype=np.float64)
        grid: Floats = anchor + step * nodes
        rows, columns, entries, known = self._equations(grid)
        n = grid.size
        matrix = coo_matrix((entries, (rows, columns)), shape=(n, n)).tocsc()
        values: Floats = spsolve(matrix, known, permc_spec="NATURAL")
        return grid, np.minimum.accumulate(np.clip(values, 0.0, 1.0))

    def _equations(self, grid: Floats) -> tuple[Any, Any, Any, Floats]:
        """S_i = decay S_j + here g_i + there g_j, j the neighbour the curve comes from."""
        n, step, t = grid.size, grid[1] - grid[0], np.exp(grid)
        speed = 1 + self.drift * t
        speed[np.abs(speed) < 1e-9] = 0.0
        neighbour = np.arange(n) + np.where(speed < 0, 1, -1)
        edge = (neighbour < 0) | (neighbour >= n)
        source = np.clip(neighbour, 0, n - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = speed / speed[source]
            wait = np.log(ratio) / self.drift if self.drift else t - t[source]
        wait = np.where(edge | (speed == 0) | (speed[source] == 0), np.inf, np.abs(wait))
        if abs(self.drift) > 0:  # no digits lost where h t is small
            small = (np.abs(self.drift * t) < 1e-3) & ~edge
            near = (t - t[source]) / speed[source]
            wait[small] = np.log1p(self.drift * near[small]) / self.drift
        decay, here, there = _first_jump_weights(wait)
        rows, columns = [np.arange(n), np.arange(n)], [np.arange(n), source]
        entries, known = [np.ones(n), -decay], np.zeros(n)
        for origin, weight in ((np.arange(n), here), (source, there)):
            for jump, chance in zip(self.jumps, self.chances, strict=True):
                place = origin + jump / step
                whole = np.floor(place + 1e-9)
                part = np.clip(place - whole, 0.0, 1.0)
                part[part < 1e-6] = 0.0
                for node, share in ((whole, 1 - part), (whole + 1, part)):
                    amount = weight * chance * share
                    known += np.where(node < 0, amount, 0.0)
                    beyond = np.exp(-self._tail_slope * step * np.maximum(node - (n - 1), 0))
                    entries.append(np.where(node < 0, 0.0, -amount * beyond))
                    rows.append(np.arange(n))
                    columns.append(np.clip(node, 0, n - 1).astype(int))
        matrix = np.concatenate(entries)
        rows_, first = np.concatenate(rows), np.concatenate(rows) == 0
        matrix[first] = 0.0  # below the grid nothing has ended: S = 1
        matrix[0], known[0] = 1.0, 1.0
        return rows_, np.concatenate(columns), matrix, known


def _first_jump_weights(wait: Floats) -> tuple[Floats, Floats, Floats]:
    """exp(-d) and the integrals of exp(-u) against a line that is 1 at u = 0, and at u = d."""
    d = np.minimum(wait, 1e300)
    decay = np.exp(-d)
    with np.errstate(invalid="ignore", over="ignore"):
        here = np.where(d < 1e-4, d / 2 - d**2 / 6, 1 - (1 - decay) / np.maximum(d, 1e-9))
    return decay, here, np.maximum(1 - decay - here, 0.0)
