"""WellVecEnv: our native vector environments as an SB3 VecEnv, without a loop over environments."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

import gw_envs  # noqa: F401 - registers the ids
from gw_envs.checks import BadInput, Floats, check_int

Info = dict[str, Any]


class WellVecEnv(VecEnv):
    """`num_envs` copies of one of our environments for any SB3 algorithm.

    All episodes of a vector environment of ours end in the same step, so that one `info` serves
    all environments: infos is a list of references to one dict. Where an episode ends it holds
    `terminal_observation` and `TimeLimit.truncated`. The first environment's holds also `episode`
    (`r`: the mean return of the `num_envs` episodes that ended, `l`, `t`) and `is_success` (the
    share of last actions that were optimal), so that SB3's `rollout/ep_rew_mean` and
    `rollout/success_rate` are the means over all of them. Rewards stay float64.

    Args:
        env_id: id of an environment with a native vector form and SAME_STEP autoreset.
        num_envs: number of copies.
        bootstrap: whether an episode that is cut by its horizon counts as going on (SB3 then adds
            the value of its last state); False makes the horizon a true end.
        **env_kwargs: the environment's arguments.

    Attributes:
        well: the environment's ground truth, at its own clock.
    """

    def __init__(
        self, env_id: str, num_envs: int = 1, *, bootstrap: bool = True, **env_kwargs: Any
    ) -> None:
        check_int("num_envs", num_envs, 1)
        envs = gym.make_vec(
            env_id, num_envs=num_envs, vectorization_mode="vector_entry_point", **env_kwargs
        )
        self.well = cast(Any, envs.unwrapped)
        self.env_id, self.bootstrap = env_id, bootstrap
        self._began = time.monotonic()
        self._actions: Any = None
        self._returns: Floats = np.zeros(num_envs)
        self._length = 0
        super().__init__(num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> Any:
        """Begin an episode everywhere; a seed set by `seed` is used once."""
        seeds = self._seeds if self._seeds[0] is not None else None
        observations, _ = self.well.reset(seed=seeds, options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._length = 0
        return observations

    def step_async(self, actions: Any) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, Floats, Any, list[Info]]:
        """Step every environment; see the class for the infos."""
        observations, rewards, terminated, truncated, infos = self.well.step(self._actions)
        self._returns += rewards
        self._length += 1
        dones = terminated | truncated
        if dones.any() != dones.all():
            raise RuntimeError(f"{self.env_id} ended some episodes alone; use SB3's DummyVecEnv.")
        if not dones[0]:
            return observations, rewards, dones, [{}] * self.num_envs
        shared: Info = {"TimeLimit.truncated": False}
        cut = bool(self.bootstrap and truncated[0] and not terminated[0])
        first = shared | self._episode(infos["final_info"])
        if not cut:
            shared["terminal_observation"] = first["terminal_observation"] = infos["final_obs"][0]
            ended = [shared] * self.num_envs
        else:  # SB3 asks each environment for its last state
            ended = [
                {"TimeLimit.truncated": True, "terminal_observation": last}
                for last in infos["final_obs"]
            ]
            first |= ended[0]
        ended[0] = first
        return observations, rewards, dones, ended

    def _episode(self, final: Info) -> Info:
        """What the episodes that have just ended were like, on average."""
        elapsed = round(time.monotonic() - self._began, 6)
        episode = {"r": float(self._returns.mean()), "l": self._length, "t": elapsed}
        self._returns[:] = 0.0
        self._length = 0
        info: Info = {"episode": episode}
        if "is_success" in final:
            info["is_success"] = float(np.mean(final["is_success"]))
        return info

    def close(self) -> None:
        """Close the environment."""
        self.well.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The environment's attribute, once per index."""
        return [getattr(self.well, attr_name)] * len(self._indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the environment; the copies share it, so for all of them only.

        Raises:
            ValueError: for some of the copies.
        """
        if len(self._indices(indices)) != self.num_envs:
            raise BadInput(f"indices={indices!r}: the copies share {attr_name!r}; use None.")
        setattr(self.well, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the environment, once per index."""
        method = getattr(self.well, method_name)
        return [method(*method_args, **method_kwargs) for _ in self._indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No copy is wrapped."""
        return [False] * len(self._indices(indices))

    def get_images(self) -> Sequence[Any]:
        """A frame per environment where render_mode is "rgb_array"."""
        frames = self.well.render()
        return [None] * self.num_envs if frames is None else frames

    def _indices(self, indices: Any) -> list[int]:
        return list(self._get_indices(indices))
