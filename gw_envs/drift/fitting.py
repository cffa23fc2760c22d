"""Which drift law does a measured curve follow? Least squares per family, choice by BIC.

Most laws are linear in their levels once their times are known: b(t) = sum_j c_j phi_j(t; times).
So each family is tried on a grid of times, the levels solved exactly there, and the best few grid
points are polished in all arguments at once. Time is measured in spans (t_max - t_min) and values
in ranges of the curve, so that one grid serves every curve.

BIC = n ln(SSE/n) + k ln(n), with k the number of a law's arguments and errors taken as white. On
curves with correlated errors it favours the richer laws somewhat; `lag1_correlation` says how
correlated they are. Families within TIE of the lowest BIC are tied and the simplest of them wins:
below 2 units the evidence is "not worth more than a bare mention" (Kass and Raftery, Bayes
factors, JASA 1995).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_float,
    check_instance,
    check_numbers,
    shown,
)
from gw_envs.drift.laws import (
    AR1,
    Abrupt,
    Constant,
    DriftLaw,
    Linear,
    Logistic,
    Saturating,
    Seasonal,
    Well,
    logistic,
)

FAMILIES = ("constant", "linear", "saturating", "abrupt", "logistic", "seasonal", "well")
MIN_POINTS = 10
MAX_CHANGES = 3
# Points and polished starts of the grid search; a seasonal law has at most MAX_CYCLES in the span.
GRID_POINTS, POLISHED, MAX_CYCLES = 400, 2, 100
# Residuals below this share of the curve's size count as no residuals: a tie, won by the simpler.
EXACT = 1e-9
TIE = 2.0


@dataclass(frozen=True)
class DriftFit:
    """A drift law fitted to a curve.

    Attributes:
        family: name of the law.
        law: the law with its fitted arguments (`law.to_dict()` lists them); never clipped.
        r2: share of the curve's variance that the law explains.
        residual_sd: sqrt(SSE / (n - k)), in the curve's units.
        lag1_correlation: correlation of neighbouring residuals.
        bic: n ln(SSE/n) + k ln(n); lower is better.
        num_parameters: k.
        bics: BIC of every family that was tried.
    """

    family: str
    law: DriftLaw
    r2: float
    residual_sd: float
    lag1_correlation: float
    bic: float
    num_parameters: int
    bics: dict[str, float]

    @property
    def noisy_law(self) -> AR1:
        """The law with AR(1) noise of the residuals' standard deviation and correlation on top."""
        return AR1(self.law, self.residual_sd, self.lag1_correlation)


@dataclass(frozen=True)
class _Shape:
    """A family b(u) = sum_j c_j phi_j(u; times), u in spans.

    Attributes:
        basis: phi, from u [n] and times [m] to the columns [n] of the levels c.
        grid: values tried for each time.
        bounds: (low, high) of each time.
        positive: how many of the last levels must be >= 0.
        law: the law of levels c in the curve's units and times in spans, given the span.
    """

    basis: Callable[..., list[Floats]]
    grid: tuple[Floats, ...]
    bounds: tuple[tuple[float, float], ...]
    positive: int
    law: Callable[..., DriftLaw]


def _seasonal_law(span: float, mean: float, sine: float, cosine: float, cycles: float) -> Seasonal:
    phase = float(np.arctan2(cosine, sine))
    return Seasonal(mean, float(np.hypot(sine, cosine)), span / cycles, phase)


def _shapes(num_points: int) -> dict[str, _Shape]:
    """The smooth families; how many cycles can be seen depends on the number of points."""
    widths = np.geomspace(0.01, 0.5, 8)
    middles = np.linspace(0, 1, 13)
    cycles = float(np.clip(num_points / 4, 1, MAX_CYCLES))
    one = np.ones_like
    return {
        "constant": _Shape(lambda u: [one(u)], (), (), 0, lambda span, c: Constant(c)),
        "linear": _Shape(
            lambda u: [one(u), u], (), (), 0, lambda span, c, slope: Linear(c, slope / span)
        ),
        "saturating": _Shape(
            lambda u, tau: [one(u), np.exp(-u / tau)],
            (np.geomspace(0.01, 2, 20),),
            ((0.002, 5),),
            0,
            lambda span, end, fall, tau: Saturating(end + fall, end, tau * span),
        ),
        "logistic": _Shape(
            lambda u, middle, width: [one(u), logistic((u - middle) / width)],
            (middles, widths),
            ((0, 1), (0.002, 1)),
            0,
            lambda span, start, rise, middle, width: Logistic(
                start, start + rise, middle * span, width * span
            ),
        ),
        "seasonal": _Shape(
            lambda u, f: [one(u), np.sin(2 * np.pi * f * u), np.cos(2 * np.pi * f * u)],
            (np.arange(1, cycles + 0.1, 0.25),),
            ((1, max(cycles, 1.001)),),
            0,
            _seasonal_law,
        ),
        "well": _Shape(
            lambda u, fall, recovery, width: [
                one(u),
                np.expm1(-u / fall),
                logistic((u - recovery) / width),
            ],
            (np.geomspace(0.01, 1, 8), middles, widths),
            ((0.002, 2), (0, 1), (0.002, 1)),
            2,
            lambda span, start, depth, gain, fall, recovery, width: Well(
                start, depth, fall * span, gain, recovery * span, width * span
            ),
        ),
    }


def fit_drift(
    t: ArrayLike,
    values: ArrayLike,
    *,
    families: Sequence[str] = FAMILIES,
    start: float | None = None,
) -> DriftFit:
    """Fit drift laws to a curve by least squares and return the one that BIC picks.

    Args:
        t: increasing times [n] >= 0, n >= 10, counted from the start of the curve as the laws
            count them (so t[0] is 0 or small beside the span).
        values: the curve [n], any finite numbers.
        families: the laws to try, of FAMILIES. "abrupt" tries 1 to 3 changes, each counted as two
            arguments (a time and a level).
        start: the measured start, if it is to be kept as the `start` of the well law, which is
            weakly identified when the recovery is early; it then counts as no argument.

    Returns:
        The fit with the lowest BIC, or with the fewest arguments among those within TIE of it; the
        BIC of every family stands in `bics`.

    Raises:
        ValueError: naming the argument that is of the wrong length, not finite or unknown.
    """
    times, curve = _check_curve(t, values)
    check_instance("families", families, (list, tuple), "a list of names")
    chosen = [check_choice("families", name, FAMILIES) for name in families]
    if not chosen:
        raise BadInput(f"families={families!r} must name at least one of {', '.join(FAMILIES)}.")
    fixed = None if start is None else check_float("start", start)
    fits = []
    for name in sorted(chosen, key=FAMILIES.index):
        if name == "abrupt":
            law, parameters = _fit_abrupt(times, curve)
        else:
            law, parameters = _fit_smooth(name, times, curve, fixed if name == "well" else None)
        fits.append(_measure(law, parameters, times, curve))
    lowest = min(fit.bic for fit in fits)
    tied = [fit for fit in fits if fit.bic <= lowest + TIE]
    best = min(tied, key=lambda fit: (fit.num_parameters, fit.bic))
    return replace(best, bics={fit.family: fit.bic for fit in fits})


def _check_curve(t: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    times, curve = check_numbers("t", t), check_numbers("values", values)
    if times.ndim != 1 or times.shape != curve.shape or times.size < MIN_POINTS:
        raise BadInput(
            f"t and values of shapes {times.shape} and {curve.shape} must be two vectors of the "
            f"same length, at least {MIN_POINTS}."
        )
    if times[0] < 0 or np.any(np.diff(times) <= 0):
        raise BadInput(f"t={shown(t)} must be finite, at least 0 and increasing.")
    if times[0] > times[-1] - times[0]:
        raise BadInput(
            f"t[0]={times[0]} lies further from 0 than the curve is long; count t from its start."
        )
    return times, curve


def _size(curve: Floats) -> float:
    """The largest absolute value, or 1 for a curve of zeros."""
    return float(np.abs(curve).max()) or 1.0


def _measure(law: DriftLaw, parameters: int, times: Floats, curve: Floats) -> DriftFit:
    """The quality of a law on a curve."""
    n = curve.size
    residuals = curve - law.values(times)
    squares = float(residuals @ residuals)
    total = float(np.sum((curve - curve.mean()) ** 2))
    smallest = n * (EXACT * _size(curve)) ** 2
    exact = squares <= smallest
    return DriftFit(
        family=law.law,
        law=law,
        r2=1 - squares / total if total > smallest else float(exact),
        residual_sd=float(np.sqrt(squares / max(n - parameters, 1))),
        lag1_correlation=0.0 if exact else float(residuals[1:] @ residuals[:-1]) / squares,
        bic=float(n * np.log(max(squares, smallest) / n) + parameters * np.log(n)),
        num_parameters=parameters,
        bics={},
    )


def _fit_smooth(
    name: str, times: Floats, curve: Floats, start: float | None
) -> tuple[DriftLaw, int]:
    """Grid of times with exact levels, the best of them polished; `start` fixes the first level."""
    shape = _shapes(curve.size)[name]
    span = times[-1] - times[0]
    low = float(curve.min()) if start is None else start
    size = max(float(np.ptp(curve)), EXACT * _size(curve))
    skipped = 0 if start is None else 1
    u, y = times / span, (curve - low) / size

    def columns(point: Sequence[float], where: Floats) -> Floats:
        return np.stack(shape.basis(where, *point)[skipped:], axis=1)

    candidates = _grid_search(shape, columns, u, y)
    best = min((_polish(shape, columns, u, y, *item) for item in candidates), key=lambda x: x[0])
    levels, point = best[1], best[2]
    scaled = ([low] if skipped else []) + (levels * size).tolist()
    if not skipped:
        scaled[0] += low
    return shape.law(float(span), *scaled, *point.tolist()), levels.size + point.size


def _grid_search(
    shape: _Shape, columns: Callable[..., Floats], u: Floats, y: Floats
) -> list[tuple[Floats, Floats]]:
    """The (levels, times) of the POLISHED best grid points, on at most GRID_POINTS of the data."""
    stride = -(-u.size // GRID_POINTS)
    u, y = u[::stride], y[::stride]
    points = np.array(list(itertools.product(*shape.grid)))
    basis = np.stack([columns(point, u) for point in points])
    gram = np.einsum("gni,gnj->gij", basis, basis)
    # A trace of ridge keeps columns that coincide on the data solvable; polishing removes it.
    gram += 1e-10 * u.size * np.eye(gram.shape[-1])
    levels = np.linalg.solve(gram, np.einsum("gni,n->gi", basis, y)[..., None])[..., 0]
    if shape.positive:
        np.maximum(levels[:, -shape.positive :], 0, out=levels[:, -shape.positive :])
    squares = np.sum((np.einsum("gni,gi->gn", basis, levels) - y) ** 2, axis=1)
    order = np.argsort(squares, kind="stable")[:POLISHED]
    return [(levels[i], points[i]) for i in order]


def _polish(
    shape: _Shape,
    columns: Callable[..., Floats],
    u: Floats,
    y: Floats,
    levels: Floats,
    point: Floats,
) -> tuple[float, Floats, Floats]:
    """Least squares in levels and times together; (SSE, levels, times)."""
    from scipy.optimize import least_squares

    m = levels.size
    low = np.full(m, -np.inf)
    low[m - shape.positive :] = 0
    bounds = np.array(shape.bounds, dtype=np.float64).reshape(-1, 2)
    lower, upper = np.append(low, bounds[:, 0]), np.append(np.full(m, np.inf), bounds[:, 1])
    guess = np.append(levels, point)
    # least_squares asks for a start strictly inside the bounds.
    inside = 1e-6 * np.maximum(1, np.abs(guess))
    guess = np.clip(guess, lower + inside, upper - inside)
    result = least_squares(
        lambda x: columns(x[m:], u) @ x[:m] - y, guess, bounds=(lower, upper), x_scale="jac"
    )
    return 2 * float(result.cost), result.x[:m], result.x[m:]


def _fit_abrupt(times: Floats, curve: Floats) -> tuple[DriftLaw, int]:
    """Piecewise constant with 1 to MAX_CHANGES changes, as many as BIC pays for.

    Changes are added one at a time where they lower the squared error most, and all are then
    placed anew in turn until none moves.
    """
    n, best = curve.size, None
    changes: list[int] = []
    for _ in range(MAX_CHANGES):
        changes = sorted([*changes, _best_split(curve, changes)])
        for _ in range(2 * MAX_CHANGES):
            before = list(changes)
            for old in before:
                others = [change for change in changes if change != old]
                changes = sorted([*others, _best_split(curve, others)])
            if changes == before:
                break
        pieces = np.split(curve, changes)
        law = Abrupt(tuple(times[changes].tolist()), tuple(float(p.mean()) for p in pieces))
        fit = _measure(law, 2 * len(changes) + 1, times, curve)
        if best is None or fit.bic < best.bic - TIE:
            best = fit
        if len(changes) + 2 > n // 3:
            break
    assert best is not None
    return best.law, best.num_parameters


def _best_split(curve: Floats, changes: list[int]) -> int:
    """The index of the new change that lowers the squared error of the segments most."""
    best_gain, best_index = -np.inf, 1
    edges = [0, *changes, curve.size]
    for first, last in itertools.pairwise(edges):
        piece = curve[first:last] - curve[first:last].mean()
        if piece.size < 2:
            continue
        sizes = np.arange(1, piece.size)
        # Splitting a centred segment of m into i and m-i gains S_i^2 (1/i + 1/(m-i)).
        gains = np.cumsum(piece)[:-1] ** 2 * (1 / sizes + 1 / (piece.size - sizes))
        index = int(np.argmax(gains))
        if gains[index] > best_gain:
            best_gain, best_index = float(gains[index]), first + index + 1
    return best_index
