"""The native vector environment against Gymnasium's SyncVectorEnv of the same environment."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "SoftmaxWell-v0, Bernoulli rewards, 1024 environments: native vector against SyncVectorEnv"
ENVS, NATIVE_STEPS, SYNC_STEPS = 1024, 2000, 10


def stepper(mode: str, steps: int) -> Any:
    """A function that makes `steps` vector steps with prepared actions."""
    import gymnasium as gym

    import gw_envs  # noqa: F401 - registers the ids

    options = {"reward_noise": "bernoulli"}
    envs = gym.make_vec("SoftmaxWell-v0", num_envs=ENVS, vectorization_mode=mode, **options)
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 6, size=(64, ENVS))

    def run() -> None:
        for n in range(steps):
            envs.step(actions[n % 64])

    return run


def run() -> list[Result]:
    """SyncVectorEnv / native, per environment step."""
    seconds = race(
        Contender("native", stepper("vector_entry_point", NATIVE_STEPS), ENVS * NATIVE_STEPS),
        Contender("SyncVectorEnv", stepper("sync", SYNC_STEPS), ENVS * SYNC_STEPS),
    )
    detail = per_unit(seconds, "step", *seconds)
    ratio = speedup(seconds, "native", "SyncVectorEnv")
    return [Result("native over SyncVectorEnv", ratio, 200.0, detail=detail)]
