"""The vector form of environments whose step is long: a process for each."""

from __future__ import annotations

import multiprocessing
from functools import partial
from typing import Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from gymnasium.wrappers import TimeLimit

from gw_envs.checks import check_int, check_memory
from gw_envs.vector.protocol import check_autoreset_mode


class WorkerVectorEnv(AsyncVectorEnv):
    """`num_envs` scalar environments stepped at once, each in a process of its own.

    Autoreset is SAME_STEP unless chosen otherwise and `reset(seed=s)` seeds environment i with
    s + i, as in `gw_envs.well_env.WellVectorEnv`; row i equals the scalar environment of that seed
    to the bit. Information is collected as Gymnasium's vector environments do it: `infos[key]`
    [num_envs] with its mask `infos["_" + key]`. Processes are not forked from the caller, whose
    threads would hang them: a script that makes one needs `if __name__ == "__main__":`, as with all
    of Python's multiprocessing. `close()` ends them.

    Args:
        env_class: the scalar environment.
        num_envs: number of environments and processes, >= 1.
        max_episode_steps: steps after which episodes are truncated as well; None: never.
        autoreset_mode: a `gymnasium.vector.AutoresetMode`, or its value ("NextStep", ...).
        **arguments: of `env_class`, the same for each.

    Raises:
        ValueError: for a bad number, and whatever `env_class` refuses, before a process is started.
    """

    def __init__(
        self,
        env_class: type[gym.Env[Any, Any]],
        num_envs: int,
        *,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **arguments: Any,
    ) -> None:
        if max_episode_steps is not None:
            check_int("max_episode_steps", max_episode_steps, 1)
        count = check_int("num_envs", num_envs, 1)
        check_memory("num_envs", num_envs, 5e7 * count)  # a process with torch, and more
        make = partial(_make, env_class, max_episode_steps, arguments)
        methods = multiprocessing.get_all_start_methods()
        super().__init__(
            [make] * count,
            context="forkserver" if "forkserver" in methods else "spawn",
            autoreset_mode=check_autoreset_mode(autoreset_mode),
        )


def _make(
    env_class: type[gym.Env[Any, Any]], max_episode_steps: int | None, arguments: dict[str, Any]
) -> gym.Env[Any, Any]:
    env = env_class(**arguments)
    return env if max_episode_steps is None else TimeLimit(env, max_episode_steps)
