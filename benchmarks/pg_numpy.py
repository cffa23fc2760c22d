"""Our exact-gradient kernel against numpy, batched and one trajectory at a time."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import ETA, bandit, our_run, starts

TITLE = "exact gradients, K=6, float64, one core, against batched numpy (B=1024) and a numpy loop"
NOTE = "The loop over one trajectory is the least steady of the three."
ARMS, BATCH, UPDATES = 6, 1024, 5000
BATCHED_UPDATES, LOOP_UPDATES = 300, 4000


def batched() -> np.ndarray:
    """All trajectories at once, [B, K], with the escape test of every policy."""
    rewards, theta = bandit(ARMS), starts(BATCH, ARMS)
    escaped = np.full(BATCH, -1)
    edge = rewards[0] - 0.9 * (rewards[0] - rewards[1])
    for n in range(BATCHED_UPDATES):
        mass = np.exp(theta - theta.max(axis=1, keepdims=True))
        policy = mass / mass.sum(axis=1, keepdims=True)
        value = policy @ rewards
        escaped[(escaped < 0) & (value > edge)] = n
        theta += ETA * policy * (rewards - value[:, None])
    return theta


def loop() -> np.ndarray:
    """One trajectory, as a paper's notebook has it."""
    rewards, theta = bandit(ARMS), starts(1, ARMS)[0]
    edge = rewards[0] - 0.9 * (rewards[0] - rewards[1])
    escaped = -1
    for n in range(LOOP_UPDATES):
        mass = np.exp(theta - theta.max())
        policy = mass / mass.sum()
        value = policy @ rewards
        if escaped < 0 and value > edge:
            escaped = n
        theta += ETA * policy * (rewards - value)
    return theta


def run() -> list[Result]:
    """Numpy / ours."""
    ours = ARMS * BATCH * UPDATES
    seconds = race(
        Contender("robust", our_run(BATCH, UPDATES), ours),
        Contender("batched numpy", batched, ARMS * BATCH * BATCHED_UPDATES),
        Contender("numpy loop", loop, ARMS * LOOP_UPDATES),
    )
    detail = per_unit(seconds, "action-update", *seconds)
    return [
        Result(f"robust over {other}", speedup(seconds, "robust", other), target, detail=detail)
        for other, target in (("batched numpy", 12.0), ("numpy loop", 700.0))
    ]
