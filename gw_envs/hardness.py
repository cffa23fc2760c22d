"""The ladder of hardness levels that the sampling distribution of ASRWell moves on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import BadInput, Floats, check_float, check_int

ACTION_NAMES = ("harder", "keep", "easier")
MOVES = np.array([1, 0, -1])


def default_best_actions(num_states: int) -> NDArray[np.int64]:
    """Harder below the middle level, keep at it, easier above it, [S]; the middle is S // 2."""
    return 1 + np.sign(np.arange(num_states) - num_states // 2)


def hardness_transitions(num_states: int, move_prob: float) -> Floats:
    """P(s'|s,a) [S, 3, S]: with probability q the level moves by +1, 0 or -1, cut at the ends."""
    levels = np.arange(num_states)
    transitions = np.zeros((num_states, len(MOVES), num_states))
    for action, move in enumerate(MOVES):
        target = np.clip(levels + move, 0, num_states - 1)
        transitions[levels, action, target] += move_prob
        transitions[levels, action, levels] += 1 - move_prob
    return transitions


def check_gaps(value: float | ArrayLike, num_states: int) -> Floats:
    """Delta(s) in (0, 1] [S], from one number or one per state."""
    if np.ndim(value) == 0:
        gap = check_float("reward_gaps", value, 0, 1, open_low=True)
        return np.full(num_states, gap)
    gaps = [
        check_float(f"reward_gaps[{s}]", gap, 0, 1, open_low=True)
        for s, gap in enumerate(np.asarray(value, dtype=object).ravel())
    ]
    if len(gaps) != num_states or np.ndim(value) != 1:
        raise BadInput(
            f"reward_gaps={value!r} must be one number or one for each of the num_states="
            f"{num_states} states."
        )
    return np.array(gaps)


def check_best_actions(value: Sequence[int] | None, num_states: int) -> NDArray[np.int64]:
    """The best action of each state [S]."""
    if value is None:
        return default_best_actions(num_states)
    if np.ndim(value) != 1 or len(value) != num_states:
        raise BadInput(
            f"best_actions={value!r} must name one action (0, 1 or 2) for each of the num_states="
            f"{num_states} states."
        )
    return np.array([check_int(f"best_actions[{s}]", a, 0, 2) for s, a in enumerate(value)])
