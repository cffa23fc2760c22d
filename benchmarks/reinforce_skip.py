"""Event skipping against making every update of the same sampled trajectories."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "K=2 REINFORCE, r = (1, 0.5), pi_1 = 1e-4, eta 0.3, 1000 trajectories, one core"
REWARDS, ETA, START, BATCH, BUDGET = (1.0, 0.5), 0.3, 1e-4, 1000, 10**9


def run() -> list[Result]:
    """Direct / events in CPU time, with the two-sample KS p-value of the escape times."""
    from scipy.stats import ks_2samp

    from agents.simulation import sampled_escape_times, simulate

    theta = np.log([START, 1 - START])

    def skip(noise: str, method: str, seed: int) -> np.ndarray:
        times = sampled_escape_times(
            REWARDS, theta, ETA, BATCH, reward_noise=noise, method=method, seed=seed,
            max_updates=BUDGET,
        )  # fmt: skip
        return np.where(times < 0, BUDGET + 1, times)

    def lanes(noise: str) -> object:
        return simulate(
            REWARDS, np.tile(theta, (BATCH, 1)), learning_rate=ETA, max_updates=BUDGET,
            gradient="sampled", reward_noise=noise, seed=1, num_threads=1,
        )  # fmt: skip

    results = []
    for noise in ("none", "bernoulli"):
        seconds = race(
            Contender("events", lambda noise=noise: skip(noise, "events", 1), BATCH),
            Contender("direct", lambda noise=noise: skip(noise, "direct", 2), BATCH),
            Contender("simulate", lambda noise=noise: lanes(noise), BATCH),
        )
        p_value = ks_2samp(skip(noise, "events", 1), skip(noise, "direct", 2)).pvalue
        detail = per_unit(seconds, "trajectory", *seconds)
        ratio, beside = speedup(seconds, "events", "direct"), speedup(seconds, "events", "simulate")
        results += [
            Result(f"rewards {noise}: direct / events", ratio, 100, detail=detail),
            Result(f"rewards {noise}: KS p-value", float(p_value), 0.01, "", "fixed seeds"),
            Result(f"rewards {noise}: simulate / events", beside, detail="lane kernel, one core"),
        ]
    return results
