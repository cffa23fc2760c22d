"""Our exact-gradient kernel against torch eager."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import ETA, bandit, our_run, starts

TITLE = "exact gradients, K=6, B=1024, float64, one core, against torch eager"
ARMS, BATCH, UPDATES, TORCH_UPDATES = 6, 1024, 5000, 300


def torch_run() -> Any:
    """Updates in eager torch without autograd, with the escape test of every policy."""
    import torch

    torch.set_num_threads(1)
    rewards = torch.from_numpy(bandit(ARMS))
    start = torch.from_numpy(starts(BATCH, ARMS))
    edge = float(rewards[0] - 0.9 * (rewards[0] - rewards[1]))

    @torch.no_grad()
    def run() -> Any:
        theta = start.clone()
        escaped = torch.full((BATCH,), -1)
        for n in range(TORCH_UPDATES):
            policy = torch.softmax(theta, dim=1)
            value = policy @ rewards
            escaped[(escaped < 0) & (value > edge)] = n
            theta += ETA * policy * (rewards - value[:, None])
        return theta

    return run


def run() -> list[Result]:
    """Torch / ours."""
    ours = ARMS * BATCH * UPDATES
    seconds = race(
        Contender("robust", our_run(BATCH, UPDATES), ours),
        Contender("torch eager", torch_run(), ARMS * BATCH * TORCH_UPDATES),
    )
    detail = per_unit(seconds, "action-update", *seconds)
    ratio = speedup(seconds, "robust", "torch eager")
    return [Result("robust over torch eager", ratio, 18.0, detail=detail)]
