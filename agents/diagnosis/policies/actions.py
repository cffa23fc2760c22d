"""The actions of an environment, numbered 0..K-1 inside and named as its `step` takes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from agents.diagnosis.policies.observations import Bools
from gw_envs.checks import BadInput

ActionName = int | tuple[int, ...]  # as `step` takes it, one number or one for each part
ActionNames = Callable[[int], ActionName]
MOST_ACTIONS = 512  # each is probed by itself


@dataclass(frozen=True)
class Actions:
    """K actions, each a choice for every one of D parts; Discrete actions have one part.

    Attributes:
        sizes: number of choices of each part.
        starts: the first choice of each part, as `step` takes it.
        shape: of the array that `step` takes; None where it takes an integer.
        dtype: of that array.
    """

    sizes: tuple[int, ...]
    starts: tuple[int, ...]
    shape: tuple[int, ...] | None = None
    dtype: Any = np.int64

    @staticmethod
    def of(space: gym.Space[Any], *, from_zero: bool = False) -> Actions:
        """The actions of a Discrete, MultiDiscrete or MultiBinary space.

        Args:
            space: the environment's.
            from_zero: whether `step` gets 0..n-1 even where the space starts elsewhere, as
                Stable-Baselines3 hands them over.

        Raises:
            ValueError: for another space, a single action, or more than `MOST_ACTIONS`.
        """
        if isinstance(space, gym.spaces.Discrete):
            found = Actions((int(space.n),), (0 if from_zero else int(space.start),))
        elif isinstance(space, gym.spaces.MultiDiscrete):
            start = np.zeros_like(space.nvec) if from_zero else space.start
            sizes, starts = space.nvec.ravel().tolist(), np.ravel(start).tolist()
            found = Actions(tuple(sizes), tuple(starts), space.shape, space.dtype)
        elif isinstance(space, gym.spaces.MultiBinary):
            size = math.prod(space.shape)
            found = Actions((2,) * size, (0,) * size, space.shape, space.dtype)
        else:
            raise BadInput(
                f"env has action space {space}; only Discrete actions, and MultiDiscrete and "
                "MultiBinary ones with few combinations, can be diagnosed: probing takes single "
                "actions one by one. Discretise the actions with a wrapper."
            )
        if found.count < 2:
            raise BadInput(f"env has action space {space}: one action leaves no choice.")
        if found.count > MOST_ACTIONS:
            raise BadInput(
                f"env has action space {space} of {found.count} actions; each is probed by itself, "
                f"and at most {MOST_ACTIONS} can be."
            )
        return found

    @property
    def count(self) -> int:
        """K."""
        return math.prod(self.sizes)

    def name(self, index: int) -> ActionName:
        """Action `index` in 0..K-1 as `step` takes it: a number, or one for each part."""
        parts = np.unravel_index(index, self.sizes)
        named = tuple(int(p) + first for p, first in zip(parts, self.starts, strict=True))
        return named[0] if self.shape is None else named

    def taken(self, index: int) -> int | NDArray[Any]:
        """What is handed to `step` for action `index`."""
        name = self.name(index)
        return name if isinstance(name, int) else np.array(name, self.dtype).reshape(self.shape)

    def choices(self) -> NDArray[np.int64]:
        """The choice of each part, from 0, for every action [K, D]."""
        return np.stack(np.unravel_index(np.arange(self.count), self.sizes), axis=1)

    def index(self, choices: NDArray[Any]) -> NDArray[np.int64]:
        """The actions [N] of choices of the parts, from 0, [N, D]."""
        parts = np.asarray(choices, dtype=np.int64).reshape(-1, len(self.sizes))
        return np.asarray(np.ravel_multi_index(tuple(parts.T), self.sizes), dtype=np.int64)

    def joint(self, masks: Any) -> Bools:
        """Masks of the choices, part after part [..., sum of sizes], as masks of actions [..., K].

        Raises:
            ValueError: for masks of another length.
        """
        given = np.asarray(masks, dtype=bool)
        if given.ndim == 0 or given.shape[-1] != sum(self.sizes):
            raise BadInput(
                f"action_masks() returned shape {given.shape}; the env's {self.sizes} choices need "
                f"{sum(self.sizes)} entries."
            )
        ends = np.cumsum(self.sizes)[:-1]
        parts = np.split(given, ends, axis=-1)
        picked = [part[..., own] for part, own in zip(parts, self.choices().T, strict=True)]
        return np.asarray(np.logical_and.reduce(picked))
