"""Answers where nobody can iterate: against the closed form, and with their error estimate."""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race

TITLE = "pi_1 = 1e-12 against the closed form; K=6, r = 1 to 0.5, a plateau of 3e15 updates"


def run() -> list[Result]:
    """Relative differences, error estimates and the time of one call."""
    from agents.simulation import solve_escape_time

    two = np.log([1e-12, 1 - 1e-12])
    closed = solve_escape_time([1, 0.5], two, 0.2)
    jumped = solve_escape_time([1, 0.5], two, 0.2, method="jump")
    rewards, start = np.linspace(1, 0.5, 6), 2.8e-4
    theta = np.log([start] + [(1 - start) / 5] * 5)
    deep = solve_escape_time(rewards, theta, 0.5)
    finest = solve_escape_time(rewards, theta, 0.5, relative_tolerance=0)
    seconds = race(
        Contender("jump 1e-12", lambda: solve_escape_time([1, 0.5], two, 0.2, method="jump")),
        Contender("closed form", lambda: solve_escape_time([1, 0.5], two, 0.2)),
        Contender("jump 3e15", lambda: solve_escape_time(rewards, theta, 0.5)),
    )
    times = per_unit(seconds, "call", *seconds)
    miss = abs(jumped.steps - closed.steps)
    values = f"closed form {closed.steps:.0f}, jump {jumped.steps:.0f}"
    far = f"T = {deep.steps:.9g}; from the finest settings {abs(deep.steps / finest.steps - 1):.1e}"
    call = {name: 1e3 * statistics.median(rounds) for name, rounds in seconds.items()}
    return [
        Result("pi_1 = 1e-12: jump minus closed form", miss, 0, "updates", values, at_most=True),
        Result("pi_1 = 1e-12: time", call["jump 1e-12"], 5, "ms", times, at_most=True),
        Result("T = 3e15: relative error", deep.relative_error, 1e-9, "", far, at_most=True),
        Result("T = 3e15: time", call["jump 3e15"], 5, "ms", times, at_most=True),
    ]
