"""WellVecEnv: our native vector environments as an SB3 VecEnv, without a loop over environments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

import gw_envs  # noqa: F401 - registers the ids
from agents.sb3.row import Row
from gw_envs.checks import BadInput, Floats, check_bool, check_int
from gw_envs.registration import check_env_id

Info = dict[str, Any]


class WellVecEnv(VecEnv):
    """`num_envs` copies of one of our environments for any SB3 algorithm.

    It gives SB3 what `DummyVecEnv` of the scalar environments gives: at every step a dictionary per
    environment, fresh and its own, with what the scalar environment puts in `info`,
    `TimeLimit.truncated` and, where an episode ends, `terminal_observation`. Two things are other.
    Rewards stay float64. And of the episodes that end in a step the first holds `episode` (`r`:
    their mean return, `l`: their mean length, `t`), so that SB3's `rollout/ep_rew_mean` is the mean
    over all of them without a Monitor; `VecMonitor` around it gives each its own.

    Options set by `set_options`, one for all or one per environment, are used by the next `reset`.
    `get_attr`, `set_attr` and `env_method` reach the environments by index (`agents.sb3.row.Row`).

    Args:
        env_id: id of an environment with a native vector form and SAME_STEP autoreset.
        num_envs: number of copies.
        bootstrap: whether an episode that is cut by its horizon counts as going on (SB3 then adds
            the value of its last state); False makes the horizon a true end.
        **env_kwargs: the environment's arguments.

    Attributes:
        well: the environment's ground truth, at its own clock.

    Raises:
        ValueError: for bad arguments, or an environment of another autoreset.
    """

    def __init__(
        self, env_id: str, num_envs: int = 1, *, bootstrap: bool = True, **env_kwargs: Any
    ) -> None:
        check_env_id(env_id)
        check_int("num_envs", num_envs, 1)
        check_bool("bootstrap", bootstrap)
        envs = gym.make_vec(
            env_id, num_envs=num_envs, vectorization_mode="vector_entry_point", **env_kwargs
        )
        self.well = cast(Any, envs.unwrapped)
        mode = envs.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise BadInput(
                f"env_id={env_id!r} with autoreset_mode={getattr(mode, 'value', mode)!r} does not "
                "go with WellVecEnv, which needs SameStep as SB3 does; use SB3's DummyVecEnv."
            )
        self.env_id, self.bootstrap = env_id, bootstrap
        self._began = time.monotonic()
        self._actions: Any = None
        self._returns: Floats = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, dtype=np.int64)
        self._rows = [Row(self, index) for index in range(num_envs)]
        super().__init__(num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin an episode everywhere; seeds and options that were set are used once."""
        if any(self._options):
            for i, options in enumerate(self._options):
                observations = self.reset_row(i, self._seeds[i], options)
        else:
            seeds = self._seeds if self._seeds[0] is not None else None
            observations, _ = self.well.reset(seed=seeds)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos: list[Info] = [{} for _ in range(self.num_envs)]
        self._returns[:], self._lengths[:] = 0.0, 0
        return observations

    def reset_row(self, index: int, seed: int | None, options: Any) -> Any:
        """Begin an episode in one environment; the observations of all."""
        mask = np.arange(self.num_envs) == index
        seeds = None if seed is None else [seed] * self.num_envs
        observations, _ = self.well.reset(
            seed=seeds, options={**(options or {}), "reset_mask": mask}
        )
        self._returns[index], self._lengths[index] = 0.0, 0
        return observations

    def step_async(self, actions: Any) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, Floats, Any, list[Info]]:
        """Step every environment; see the class for the infos."""
        observations, rewards, terminated, truncated, told = self.well.step(self._actions)
        self._returns += rewards
        self._lengths += 1
        dones = terminated | truncated
        cut = truncated & ~terminated if self.bootstrap else np.zeros_like(dones)
        told["TimeLimit.truncated"] = cut
        if not dones.any():
            return observations, rewards, dones, _dictionaries(told)
        last = told.pop("final_info")
        last |= {"TimeLimit.truncated": cut, "terminal_observation": told.pop("final_obs")}
        infos = _dictionaries(last)
        if not dones.all():
            going_on = _dictionaries(told)
            infos = [infos[i] if done else going_on[i] for i, done in enumerate(dones.tolist())]
        self._end_episodes(np.flatnonzero(dones), infos)
        return observations, rewards, dones, infos

    def _end_episodes(self, ended: Any, infos: list[Info]) -> None:
        """Tell the first of the environments whose episode has just ended what they were like."""
        infos[ended[0]]["episode"] = {
            "r": float(self._returns[ended].mean()),
            "l": round(float(self._lengths[ended].mean())),
            "t": round(time.monotonic() - self._began, 6),
        }
        self._returns[ended], self._lengths[ended] = 0.0, 0

    def close(self) -> None:
        """Close the environment."""
        self.well.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of each of these environments."""
        return [getattr(self._rows[i], attr_name) for i in self._indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of these environments.

        Raises:
            ValueError: for some of them, where the attribute is one that the copies share.
        """
        rows = self._indices(indices)
        if not hasattr(self.well, attr_name):
            for i in rows:
                setattr(self._rows[i], attr_name, value)
            return
        if set(rows) != set(range(self.num_envs)):
            raise BadInput(
                f"indices={indices!r}: the copies share {attr_name!r}; use None, or SB3's "
                "DummyVecEnv."
            )
        setattr(self.well, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each of these environments.

        Raises:
            ValueError: for `step`, which they make together.
        """
        rows = [self._rows[i] for i in self._indices(indices)]
        return [getattr(row, method_name)(*method_args, **method_kwargs) for row in rows]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No copy is wrapped."""
        return [False] * len(self._indices(indices))

    def get_images(self) -> Sequence[Any]:
        """A frame per environment where render_mode is "rgb_array"."""
        frames = self.well.render()
        return [None] * self.num_envs if frames is None else frames

    def _indices(self, indices: Any) -> list[int]:
        return list(self._get_indices(indices))


def _dictionaries(columns: Info) -> list[Info]:
    """Information by key as a dictionary per environment, of Python's own numbers."""
    keys = [key for key in columns if key[0] != "_"]
    rows = zip(*[columns[key].tolist() for key in keys], strict=True)
    return [dict(zip(keys, row, strict=False)) for row in rows]
