"""What compiling the exact rules brings: the kernels of `simulate` against batched numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.policies import softmax
from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import bandit, starts

TITLE = "exact rules, K=6, B=256, float64, one core: compiled kernel against batched numpy"
ARMS, BATCH, UPDATES, NUMPY_UPDATES = 6, 256, 1000, 200
# Learning rates at which each rule is stable; the work per update does not depend on them.
RATES = {"entropy-pg": 0.5, "log-barrier-pg": 0.5, "delightful-pg": 0.5, "escort-pg": 0.02}


def contenders(name: str, rate: float) -> tuple[Contender, Contender]:
    """The kernel of one rule, and its class on the same batch, asked after each update too."""
    from agents.simulation import simulate
    from agents.updates import make_rule

    rule, rewards, policy = make_rule(name), bandit(ARMS), softmax(starts(BATCH, ARMS))
    common: dict[str, Any] = {"learning_rate": rate, "stop_at_escape": False}
    theta = rule.theta_from_policy(policy)

    def kernel() -> object:
        return simulate(rewards, theta, name, max_updates=UPDATES, num_threads=1, **common)

    values, losses = np.broadcast_to(rewards, policy.shape), np.max(rewards) - rewards

    def numpy() -> object:
        moved = theta
        for _ in range(NUMPY_UPDATES):
            moved = rule.step(moved, values, rate)
            rule.policy(moved) @ losses
        return moved

    work = ARMS * BATCH
    return (
        Contender(f"{name} kernel", kernel, work * UPDATES),
        Contender(f"{name} numpy", numpy, work * NUMPY_UPDATES),
    )


def run() -> list[Result]:
    """Numpy / kernel, rule by rule."""
    results = []
    for name, rate in RATES.items():
        seconds = race(*contenders(name, rate))
        ratio = speedup(seconds, f"{name} kernel", f"{name} numpy")
        detail = per_unit(seconds, "action-update", *seconds)
        results.append(Result(f"{name}: kernel over batched numpy", ratio, detail=detail))
    return results
