"""What `PlateauMonitor` adds to the training time of PPO with default settings."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.harness import Contender, Result, per_unit, race

TITLE = "PPO on CartPole-v1, default settings, with and without PlateauMonitor"
STEPS = 4096


def trainer(watched: bool) -> Any:
    """A function that trains a PPO for two rollouts."""
    import torch
    from stable_baselines3 import PPO

    from agents.diagnosis import PlateauMonitor

    torch.set_num_threads(1)

    def run() -> None:
        model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu")
        model.learn(STEPS, callback=PlateauMonitor() if watched else None)

    return run


def run() -> list[Result]:
    """Share of training time, in percent: the median of the rounds' ratios."""
    seconds = race(
        Contender("watched", trainer(True), STEPS), Contender("plain", trainer(False), STEPS)
    )
    pairs = zip(seconds["watched"], seconds["plain"], strict=True)
    share = 100 * (statistics.median(a / b for a, b in pairs) - 1)
    detail = per_unit(seconds, "step", *seconds)
    return [Result("monitor's share of training time", share, 3.0, "%", detail, at_most=True)]
