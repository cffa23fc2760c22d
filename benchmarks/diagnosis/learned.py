"""Models that Stable-Baselines3 trains within its wrappers, in worlds that are tables.

What such a model does at an observation is asked of the model itself, in the form in which its
VecEnv showed that observation: nothing here uses `agents.diagnosis`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from benchmarks.diagnosis.worlds import Model
from gw_envs.checks import Floats

LESSON = {"n_steps": 256, "batch_size": 64, "learning_rate": 0.01, "seed": 0, "device": "cpu"}
LESSON_STEPS = 2048
FAR, APART = 1000.0, 10.0  # observations are far from 0 and far apart, unless normalised


class Shown(gym.ObservationWrapper[Any, Any, Any]):
    """Shows the number n as the array [first + apart * n]."""

    def __init__(self, env: gym.Env[Any, Any], first: float, apart: float) -> None:
        super().__init__(env)
        self.first, self.apart = first, apart
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)

    def observation(self, observation: int) -> Any:
        """The array."""
        return np.array([self.first + self.apart * observation], np.float32)


class Parts(gym.ActionWrapper[Any, Any, Any]):
    """Takes an action in several parts, the last of which counts fastest."""

    def __init__(self, env: gym.Env[Any, Any], sizes: tuple[int, ...]) -> None:
        super().__init__(env)
        self.sizes, self.action_space = sizes, gym.spaces.MultiDiscrete(list(sizes))

    def action(self, action: Any) -> int:
        """Its number."""
        return int(np.ravel_multi_index(tuple(action), self.sizes))


class Masking(gym.Wrapper[Any, Any, Any, Any]):
    """Allows some actions of each state [S, K] of a `TableWorld`."""

    def __init__(self, env: gym.Env[Any, Any], allowed: Any) -> None:
        super().__init__(env)
        self.allowed = allowed

    def action_masks(self) -> Any:
        """Those that are allowed now."""
        inner: Any = self.unwrapped
        return self.allowed[inner.state]


def restricted(model: Model, policy: Floats, allowed: Any) -> tuple[Model, Floats]:
    """The table and policy of a world with masks: where an action is masked, the policy acts.

    Args:
        model: all of whose states are seen.
        policy: pi [S, K] over all actions.
        allowed: masks [S, K].
    """
    pi = np.where(allowed, policy, 0.0)
    pi /= pi.sum(axis=1, keepdims=True)
    rewards = np.where(allowed, model.rewards, (pi * model.rewards).sum(axis=1)[:, None])
    mixed = np.einsum("sa,sat->st", pi, model.chances)
    chances = np.where(allowed[:, :, None], model.chances, mixed[:, None])
    return Model(chances, rewards, model.start, model.seen), pi


def stacked(model: Model) -> Model:
    """The table of a world of which the last two observations are seen, the older one first.

    A state is (what was seen before, state); seen is before * (O + 1) + now, where an observation
    counts from 1 and 0 stands for nothing before.
    """
    states, count = model.rewards.shape
    shown = int(model.seen.max()) + 1
    size = (shown + 1) * states
    chances = np.zeros((size, count, size))
    for before in range(shown + 1):
        for state in range(states):
            first = (model.seen[state] + 1) * states
            chances[before * states + state, :, first : first + states] = model.chances[state]
    rewards = np.tile(model.rewards, (shown + 1, 1))
    start = np.concatenate([model.start, np.zeros(shown * states)])
    before = np.repeat(np.arange(shown + 1), states)
    return Model(chances, rewards, start, before * (shown + 1) + np.tile(model.seen + 1, shown + 1))


def learn(
    make: Callable[[], gym.Env[Any, Any]], wrap: Callable[[Any], Any], discount: float
) -> Any:
    """A PPO that has learned in a VecEnv, which it holds; MaskablePPO where there are masks."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    torch.set_num_threads(1)  # small networks: threads only cost
    kind: Any = PPO
    if make().has_wrapper_attr("action_masks"):
        from sb3_contrib import MaskablePPO

        kind = MaskablePPO
    model = kind("MlpPolicy", wrap(DummyVecEnv([make])), gamma=discount, **LESSON)
    model.learn(LESSON_STEPS)
    return model


def policy_of(model: Any, observations: Any) -> Floats:
    """pi [N, K] at observations as the model sees them, all actions allowed.

    Parts of an action are independent of each other.
    """
    import torch

    with torch.no_grad():
        found = model.policy.get_distribution(torch.as_tensor(observations)).distribution
    parts = found if isinstance(found, list) else [found]
    pi = parts[0].probs.double().numpy()
    for part in parts[1:]:
        pi = (pi[:, :, None] * part.probs.double().numpy()[:, None]).reshape(len(pi), -1)
    return np.asarray(pi / pi.sum(axis=1, keepdims=True))


def numbers_of(observations: Any) -> Callable[[str], int]:
    """Tells the number of an observation [N, D] from its text, three digits of each part."""
    known = {_text(row): number for number, row in enumerate(np.asarray(observations).tolist())}
    return known.__getitem__


def _text(row: Sequence[float]) -> str:
    return "[" + " ".join(f"{value:.3g}" for value in row) + "]"
