"""The common setting of the policy-gradient benchmarks: K arms, a spread of starts in the well."""

from __future__ import annotations

from typing import Any

import numpy as np

ETA = 0.5


def bandit(arms: int = 6) -> np.ndarray:
    """Mean rewards from 1 down to 0.5, [K]."""
    return np.linspace(1.0, 0.5, arms)


def starts(batch: int, arms: int = 6) -> np.ndarray:
    """theta ~ N(0, 1) with the best arm 8 lower, [B, K], from a fixed seed."""
    theta = np.random.default_rng(0).normal(size=(batch, arms))
    theta[:, 0] -= 8.0
    return theta


def our_run(batch: int, updates: int, arms: int = 6, threads: int = 1, **options: Any) -> Any:
    """A function that makes `updates` updates of `batch` trajectories with `simulate`."""
    from agents.simulation import simulate

    rewards, theta = bandit(arms), starts(batch, arms)
    return lambda: simulate(
        rewards,
        theta,
        learning_rate=ETA,
        max_updates=updates,
        stop_at_escape=False,
        num_threads=threads,
        **options,
    )
