"""One training run of ASRSampling-v0 on the letters: its time, where it goes, its memory."""

from __future__ import annotations

import resource
import time
from typing import Any

import gymnasium as gym
import numpy as np

import gw_envs  # noqa: F401 - registers the ids
from benchmarks.harness import Result

TITLE = "ASRSampling-v0, letters, 60 epochs (160 steps), bins frozen, one core"


class Stopwatch:
    """CPU time spent in some methods of an environment."""

    def __init__(self, env: Any, names: tuple[str, ...]) -> None:
        self.seconds = dict.fromkeys(names, 0.0)
        for name in names:
            setattr(env, name, self._timed(name, getattr(env, name)))

    def _timed(self, name: str, method: Any) -> Any:
        def run(*arguments: Any) -> Any:
            began = time.process_time()
            result = method(*arguments)
            self.seconds[name] += time.process_time() - began
            return result

        return run


def run() -> list[Result]:
    """Time of a run; share of a step in training and in evaluating the embedding; memory."""
    env: Any = gym.make("ASRSampling-v0", multipliers=(0.5, 1.0, 2.0)).unwrapped
    keep = np.ones(29, dtype=np.int64)
    env.reset(seed=0)
    watch = Stopwatch(env, ("_train", "_evaluate"))
    began = time.process_time()
    for _ in range(env.total_steps):
        env.step(keep)
    total = time.process_time() - began
    training, evaluating = (watch.seconds[name] for name in ("_train", "_evaluate"))
    detail = (
        f"training {training / total:.0%}, evaluating (recall, k-means) {evaluating / total:.0%}, "
        f"the environment itself {1 - (training + evaluating) / total:.1%}"
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        Result("CPU time of a run", total, 30, "s", detail=detail, at_most=True),
        Result("share of a step in the learner", (training + evaluating) / total, 0.9, "",
               detail=detail),
        Result("peak memory of the process", memory, 1.5, "GiB", detail="torch included",
               at_most=True),
    ]  # fmt: skip
