"""One training run of ASRSampling-v0 on the letters: its time, where it goes, its memory."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
import numpy as np

import gw_envs  # noqa: F401 - registers the ids
from benchmarks.harness import Result, peak_memory

TITLE = "ASRSampling-v0, letters, 60 epochs (160 steps), bins frozen, one core"


class Stopwatch:
    """CPU time spent in some methods of an object."""

    def __init__(self, watched: Any, names: tuple[str, ...]) -> None:
        self.seconds = dict.fromkeys(names, 0.0)
        for name in names:
            setattr(watched, name, self._timed(name, getattr(watched, name)))

    def _timed(self, name: str, method: Any) -> Any:
        def run(*arguments: Any) -> Any:
            began = time.process_time()
            result = method(*arguments)
            self.seconds[name] += time.process_time() - began
            return result

        return run


def train() -> tuple[float, dict[str, float]]:
    """CPU time of a whole run, and of it what some methods took."""
    env: Any = gym.make("ASRSampling-v0", multipliers=(0.5, 1.0, 2.0)).unwrapped
    keep = np.ones(29, dtype=np.int64)
    env.reset(seed=0)
    watch = Stopwatch(env.run, ("_train", "_evaluate"))
    began = time.process_time()
    for _ in range(env.total_steps):
        env.step(keep)
    return time.process_time() - began, watch.seconds


def run() -> list[Result]:
    """Time of a run; share of a step in training and in evaluating the embedding; memory."""
    total, seconds = train()
    training, evaluating = (seconds[name] / total for name in ("_train", "_evaluate"))
    detail = (
        f"training {training:.0%}, evaluating (recall, k-means) {evaluating:.0%}, "
        f"the environment itself {1 - training - evaluating:.1%}"
    )
    memory = peak_memory("from benchmarks.asr_sampling import train; train()")
    return [
        Result("CPU time of a run", total, 30, "s", detail=detail, at_most=True),
        Result("share of a step in the learner", training + evaluating, 0.9, "", detail=detail),
        Result("peak memory of the process", memory, 1.5, "GiB", at_most=True,
               detail="a process that does nothing else, torch included"),
    ]  # fmt: skip
