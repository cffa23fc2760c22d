"""Drift error of the kernel and of a numpy loop in deep wells, against 150-digit arithmetic."""

from __future__ import annotations

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


def two_arms(depths: tuple[float, ...]) -> np.ndarray:
    """Logits [D, 2] with pi_1 = depth."""
    x = np.array(depths)
    return np.stack([np.log(x), np.log1p(-x)], axis=1)


def numpy_loop(
    theta: np.ndarray, updates: int, dtype: Any = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """The loop everybody writes: start and end [D, 2] of theta, in the given precision."""
    start = theta.astype(dtype)
    rewards, rate, theta = np.array([1.0, 1.0 - GAP], dtype), dtype(ETA), start.copy()
    for _ in range(updates):
        weights = np.exp(theta - theta.max(axis=1, keepdims=True))
        policy = weights / weights.sum(axis=1, keepdims=True)
        value = (policy * rewards).sum(axis=1, keepdims=True)
        theta += rate * policy * (rewards - value)
    return start.astype(np.float64), theta.astype(np.float64)


def kernel_moves(theta: np.ndarray, updates: int) -> np.ndarray:
    """theta_n - theta_0 [D, 2] of `simulate`."""
    from agents.simulation import simulate

    return simulate(
        [1.0, 1.0 - GAP], theta, learning_rate=ETA, max_updates=updates, stop_at_escape=False
    ).moved


def drift_errors(start: np.ndarray, moved: np.ndarray, updates: int) -> np.ndarray:
    """Relative error [D] of the logit gap's drift, given theta_0 and theta_n - theta_0 [D, 2]."""
    import mpmath as mp

    errors = []
    with mp.workdps(150):
        for begin, change in zip(start, moved, strict=True):
            truth = true_drift(mp.mpf(begin[0]) - mp.mpf(begin[1]), updates)
            errors.append(float((mp.mpf(change[0]) - mp.mpf(change[1])) / truth - 1))
    return np.array(errors)


def run() -> list[Result]:
    """The kernel's worst error, and the numpy loop's at each depth beside it."""
    theta = two_arms(DEPTHS)
    start, end = numpy_loop(theta, UPDATES)
    robust = drift_errors(theta, kernel_moves(theta, UPDATES), UPDATES)
    plain = drift_errors(start, end - start, UPDATES)
    pairs = zip(DEPTHS, robust, plain, strict=True)
    detail = "; ".join(f"{p:g}: {a:.1e} (numpy loop {b:.1e})" for p, a, b in pairs)
    what = "worst robust drift error, pi_1 from 1e-6 to 1e-100"
    worst = float(np.abs(robust).max())
    return [Result(what, worst, 1e-10, unit="", detail=detail, at_most=True)]
