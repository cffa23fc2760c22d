"""Drift error of the robust kernel in deep wells, against arithmetic of 150 digits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.harness import Result

TITLE = "K=2, gap 0.5, eta 0.5: relative error of the logit gap's drift over 1e6 updates"
GAP = ETA = 0.5
UPDATES = 1_000_000
DEPTHS = (1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 1e-16, 1e-20, 1e-50, 1e-100)


def true_drift(log_odds: Any, updates: int) -> Any:
    """v_n - v_0 for v <- v + h p(1-p), h = 2 eta Delta, to far more digits than float64.

    The map has A(v_{n+1}) = A(v_n) + 1 with, o = p/(1-p) and f = p(1-p),
    A = (o + 2 ln o - 1/o)/h + ln(f)/2 + h(-5/18 p^3 + 5/12 p^2 - p/6) + h^2 p^2 (2/9 p^4 - 2/3 p^3
    + 35/48 p^2 - 25/72 p + 1/16) + O(h^3 p^2). A(v) - A(v_0) = n is solved by Newton.
    """
    import mpmath as mp

    h = mp.mpf(2) * ETA * GAP

    def clock(v: Any) -> Any:
        odds = mp.exp(v)
        p = odds / (1 + odds)
        series = h * (-5 * p**3 / 18 + 5 * p**2 / 12 - p / 6)
        series += (h * p) ** 2 * (2 * p**4 / 9 - 2 * p**3 / 3 + 35 * p**2 / 48 - 25 * p / 72)
        series += (h * p) ** 2 / 16
        return (odds + 2 * v - 1 / odds) / h + mp.log(p * (1 - p)) / 2 + series

    start, v = clock(log_odds), log_odds
    for _ in range(30):
        p = 1 / (1 + mp.exp(-v))
        change = (updates - (clock(v) - start)) * h * p * (1 - p)
        v += change
        if abs(change) < abs(v - log_odds) * mp.mpf(10) ** -30:
            break
    return v - log_odds


def drift_errors(robust: bool) -> list[float]:
    """Relative drift error at each depth."""
    import mpmath as mp

    from agents.simulation import simulate

    theta = np.array([[np.log(p), np.log1p(-p)] for p in DEPTHS])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        run = simulate(
            [1.0, 1.0 - GAP],
            theta,
            learning_rate=ETA,
            max_updates=UPDATES,
            stop_at_escape=False,
            robust=robust,
            on_precision="warn",
        )
    with mp.workdps(150):
        errors = []
        for start, moved in zip(theta, run.moved, strict=True):
            truth = true_drift(mp.mpf(start[0]) - mp.mpf(start[1]), UPDATES)
            errors.append(float((mp.mpf(moved[0]) - mp.mpf(moved[1])) / truth - 1))
    return errors


def run() -> list[Result]:
    """Worst robust error, and the plain loop's at each depth beside it."""
    robust, plain = drift_errors(True), drift_errors(False)
    worst = max(abs(e) for e in robust)
    pairs = zip(DEPTHS, robust, plain, strict=True)
    detail = "; ".join(f"{p:g}: {a:.1e} (plain {b:.1e})" for p, a, b in pairs)
    what = "worst robust drift error, pi_1 from 1e-6 to 1e-100"
    return [Result(what, worst, 1e-10, unit="", detail=detail, at_most=True)]
