"""The environment as the policy meets it: wrappers of training as wrappers of one environment.

`World` stands outside all of them: actions are numbered, observations are copies that stay as they
are, and masks go with them.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.policies.actions import Actions
from agents.diagnosis.policies.observations import Masked, own


class World(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose `step` takes action 0..K-1 of `actions`.

    Args:
        env: with the wrappers of training.
        actions: its actions.
        masked: whether observations come with the mask of its `action_masks`.
    """

    def __init__(self, env: gym.Env[Any, Any], actions: Actions, masked: bool) -> None:
        super().__init__(env)
        self.actions, self.masks = actions, masks_of(env) if masked else None
        self.action_space = gym.spaces.Discrete(actions.count)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """The environment's, with what is seen made its own."""
        observation, info = self.env.reset(**options)
        return self._seen(observation), info

    def step(self, action: int) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One step by action 0..K-1."""
        taken = self.actions.taken(action)
        observation, reward, terminated, truncated, info = self.env.step(taken)
        return self._seen(observation), reward, terminated, truncated, info

    def _seen(self, observation: Any) -> Any:
        seen = own(observation)
        if self.masks is None:
            return seen
        choices = np.array(self.masks(), dtype=bool)
        return Masked(seen, self.actions.joint(choices), choices)


class Normalized(gym.ObservationWrapper[Any, Any, Any]):
    """Observations as Stable-Baselines3's VecNormalize shows them, its statistics left as they are.

    Args:
        env: what is normalised.
        statistics: the VecNormalize.
    """

    def __init__(self, env: gym.Env[Any, Any], statistics: Any) -> None:
        super().__init__(env)
        self.statistics, self.shown = statistics, env.observation_space
        self.observation_space = statistics.observation_space

    def observation(self, observation: Any) -> Any:
        """(o - mean) / std, clipped."""
        return self.statistics.normalize_obs(_as_shown(observation, self.shown))


class Stacked(gym.Wrapper[Any, Any, Any, Any]):
    """The last observations of the episode, as Stable-Baselines3's VecFrameStack shows them.

    Args:
        env: what is stacked.
        count: of observations.
        order: "first", "last" or None, or one for each key: VecFrameStack's `channels_order`.
    """

    def __init__(self, env: gym.Env[Any, Any], count: int, order: Any) -> None:
        from stable_baselines3.common.vec_env.stacked_observations import StackedObservations

        super().__init__(env)
        self.shown: Any = env.observation_space
        self.stack = StackedObservations(1, count, self.shown, order)
        self.observation_space = self.stack.stacked_observation_space

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """The first observation after zeros."""
        observation, info = self.env.reset(**options)
        return own(_only(self.stack.reset(self._one(observation)))), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """The stack with another observation; also at the end of an episode."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        seen, _ = self.stack.update(self._one(observation), np.zeros(1, dtype=bool), [{}])
        return own(_only(seen)), reward, terminated, truncated, info

    def _one(self, observation: Any) -> Any:
        """A batch of this observation alone."""
        shown = _as_shown(observation, self.shown)
        if isinstance(shown, dict):
            return {key: part[None] for key, part in shown.items()}
        return shown[None]


class Part(gym.ObservationWrapper[Any, Any, Any]):
    """One entry of Dict observations, as Stable-Baselines3's VecExtractDictObs shows it."""

    def __init__(self, env: gym.Env[Any, Any], key: str) -> None:
        super().__init__(env)
        space: Any = env.observation_space
        self.key, self.observation_space = key, space[key]

    def observation(self, observation: Any) -> Any:
        """What stands under the key."""
        return observation[self.key]


MEMORYLESS = (World, Normalized, Part)  # nothing of an episode is kept in these


def masks_of(env: gym.Env[Any, Any]) -> Any:
    """The method that returns the masks of the choices; None where there is none."""
    found = env.has_wrapper_attr("action_masks") and env.get_wrapper_attr("action_masks")
    return found if callable(found) else None


def _as_shown(observation: Any, space: gym.Space[Any]) -> Any:
    """Arrays of the space's type, as a VecEnv makes them."""
    if isinstance(observation, dict) and isinstance(space, gym.spaces.Dict):
        return {key: _as_shown(part, space[key]) for key, part in observation.items()}
    return np.asarray(observation, dtype=space.dtype)


def _only(batch: Any) -> Any:
    """The one observation of a batch."""
    return {key: part[0] for key, part in batch.items()} if isinstance(batch, dict) else batch[0]
