"""Does the solver return the integer that making every update returns?"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.harness import Result

TITLE = "200 seeded random problems, K 2 to 10, T 1e3 to 1e8, against compensated direct iteration"
PROBLEMS, SMALLEST, LARGEST, SEED = 200, 1e3, 1e8, 2024


def random_problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean rewards [K] with a gap of at least 0.02, theta_0 [K], and eta in [0.01, 1]."""
    while True:
        arms = int(rng.integers(2, 11))
        rewards = rng.uniform(0, 1, arms)
        if np.subtract(*np.sort(rewards)[[-1, -2]]) >= 0.02:
            break
    theta = rng.normal(0, 1.5, arms)
    theta[rewards.argmax()] -= rng.uniform(0, 9)
    return rewards, theta, float(10 ** rng.uniform(-2, 0))


def run() -> list[Result]:
    """Share of exact integers, the largest miss, and whether `is_exact` was ever wrong."""
    from agents.simulation import solve_escape_time

    rng = np.random.default_rng(SEED)
    problems, found = [], []
    while len(problems) < PROBLEMS:
        problem = random_problem(rng)
        answer = solve_escape_time(*problem, max_updates=LARGEST)
        if not answer.censored and answer.steps >= SMALLEST:
            problems.append(problem)
            found.append(answer)

    def count(problem: tuple[np.ndarray, np.ndarray, float]) -> float:
        answer = solve_escape_time(*problem, method="direct", max_direct_updates=int(2 * LARGEST))
        return float(answer.steps)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        truth = np.array(list(pool.map(count, problems)))
    misses = np.abs(np.array([answer.steps for answer in found]) - truth)
    claimed = np.array([answer.is_exact for answer in found])
    total = f"{truth.sum():.3g} updates made one by one, largest T {truth.max():.3g}"
    worst = f"largest relative error {(misses / truth).max():.1e}"
    return [
        Result("share of exact integers", float(np.mean(misses == 0)), 0.99, "", total),
        Result("largest miss", float(misses.max()), 1, "updates", worst, at_most=True),
        Result(
            "answers wrongly called exact",
            float(np.sum(claimed & (misses > 0))),
            0,
            "",
            f"{claimed.sum()} of {PROBLEMS} called exact",
            at_most=True,
        ),
    ]
