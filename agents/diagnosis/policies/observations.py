"""What an environment shows: kept as it was, put in batches, and told in a few characters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput

Bools = NDArray[np.bool_]
MOST_NUMBERS = 8  # an observation of more is told by its shape


class Masked(NamedTuple):
    """An observation together with the actions that may be taken there.

    A mask is a function of the environment's state, and what a masked policy sees: two places with
    one observation and two masks are two situations.

    Attributes:
        observation: what the environment shows.
        allowed: bool [K].
        choices: the mask as the environment gives it, for the choices of each part of an action,
            part after part [sum of sizes].
    """

    observation: Any
    allowed: Bools
    choices: Bools


def allowed_actions(observation: Any, num_actions: int) -> Bools:
    """Which actions may be taken [K]: the mask of a `Masked`, else all."""
    if isinstance(observation, Masked):
        return observation.allowed
    return np.ones(num_actions, dtype=bool)


def allowed_at(observations: Sequence[Any], num_actions: int) -> Bools:
    """Which actions may be taken at each of N observations [N, K].

    Raises:
        ValueError: where a mask allows none.
    """
    rows = [allowed_actions(seen, num_actions) for seen in observations]
    for seen, row in zip(observations, rows, strict=True):
        if not row.any():
            raise BadInput(
                f"action_masks() allows no action at {state_text(bare(seen))}; where no action is "
                "left the episode must end."
            )
    return np.array(rows)


def bare(observation: Any) -> Any:
    """The observation without its mask."""
    return observation.observation if isinstance(observation, Masked) else observation


def own(observation: Any) -> Any:
    """A copy that stays as it is when the environment writes into its arrays again."""
    if isinstance(observation, np.ndarray):
        return observation.copy()
    if isinstance(observation, dict):
        return {key: own(value) for key, value in observation.items()}
    if type(observation) is tuple:
        return tuple(map(own, observation))
    if isinstance(observation, int | float | str | np.generic):
        return observation
    return copy.deepcopy(observation)


def stack(observations: Sequence[Any]) -> Any:
    """A batch [N, ...] of observations; dictionaries and tuples part by part."""
    first = observations[0]
    if isinstance(first, dict):
        return {key: stack([seen[key] for seen in observations]) for key in first}
    if isinstance(first, tuple):
        return tuple(map(stack, zip(*observations, strict=True)))
    return np.stack([np.asarray(seen) for seen in observations])


def state_text(observation: object) -> str:
    """An observation in a few characters; the parts of a dictionary by their keys."""
    if isinstance(observation, Masked):
        allowed = int(observation.allowed.sum())
        actions = f"{allowed} of {observation.allowed.size} actions allowed"
        return f"{state_text(observation.observation)} ({actions})"
    if isinstance(observation, dict):
        parts = (f"{key}: {state_text(part)}" for key, part in observation.items())
        return "{" + ", ".join(parts) + "}"
    if type(observation) is tuple:
        return "(" + ", ".join(map(state_text, observation)) + ")"
    if isinstance(observation, str):
        return repr(observation)
    values = np.asarray(observation)
    if values.dtype.kind not in "biuf" or values.size > MOST_NUMBERS:
        return f"observation of shape {values.shape}"
    if values.ndim == 0:
        return str(values.item())
    return "[" + " ".join(f"{v:.3g}" for v in values.ravel().tolist()) + "]"
