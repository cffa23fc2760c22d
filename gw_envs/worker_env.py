"""The vector form of environments whose step is long: a process for each."""

from __future__ import annotations

import multiprocessing
from functools import partial
from typing import Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from gw_envs.checks import check_int


class WorkerVectorEnv(AsyncVectorEnv):
    """`num_envs` scalar environments stepped at once, each in a process of its own.

    Autoreset is SAME_STEP and `reset(seed=s)` seeds environment i with s + i, as in
    `gw_envs.well_env.WellVectorEnv`; row i equals the scalar environment of that seed to the bit.
    Information is collected as Gymnasium's vector environments do it: `infos[key]` [num_envs] with
    its mask `infos["_" + key]`. Processes are not forked from the caller, whose threads would hang
    them: a script that makes one needs `if __name__ == "__main__":`, as with all of Python's
    multiprocessing. `close()` ends them.

    Args:
        env_class: the scalar environment.
        num_envs: number of environments and processes, >= 1.
        **arguments: of `env_class`, the same for each.

    Raises:
        ValueError: for a bad number, and whatever `env_class` refuses, before a process is started.
    """

    def __init__(self, env_class: type[gym.Env[Any, Any]], num_envs: int, **arguments: Any) -> None:
        make = partial(env_class, **arguments)
        methods = multiprocessing.get_all_start_methods()
        super().__init__(
            [make] * check_int("num_envs", num_envs, 1),
            context="forkserver" if "forkserver" in methods else "spawn",
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
