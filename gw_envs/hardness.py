"""The ladder of hardness levels that the sampling distribution of ASRWell moves on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import (
    BadInput,
    Floats,
    check_instance,
    check_int,
    check_memory,
    check_numbers,
    shown,
)
from gw_envs.vector.drawing import bar_frame

ACTION_NAMES = ("harder", "keep", "easier")
MOVES = np.array([1, 0, -1])


def default_best_actions(num_states: int) -> NDArray[np.int64]:
    """Harder below the middle level, keep at it, easier above it, [S]; the middle is S // 2."""
    return 1 + np.sign(np.arange(num_states) - num_states // 2)


def hardness_transitions(num_states: int, move_prob: float) -> Floats:
    """P(s'|s,a) [S, 3, S]: with probability q the level moves by +1, 0 or -1, cut at the ends."""
    check_memory("num_states", num_states, 8.0 * num_states * len(MOVES) * num_states)
    levels = np.arange(num_states)
    transitions = np.zeros((num_states, len(MOVES), num_states))
    for action, move in enumerate(MOVES):
        target = np.clip(levels + move, 0, num_states - 1)
        transitions[levels, action, target] += move_prob
        transitions[levels, action, levels] += 1 - move_prob
    return transitions


def check_gaps(value: float | ArrayLike, num_states: int) -> Floats:
    """Delta(s) in (0, 1] [S], from one number or one per state."""
    gaps = check_numbers("reward_gaps", value, 0, 1, open_low=True)
    if gaps.shape not in ((), (num_states,)):
        raise BadInput(
            f"reward_gaps={shown(value)} must be one number or one for each of the num_states="
            f"{num_states} states."
        )
    return np.full(num_states, gaps)


def check_best_actions(value: Sequence[int] | None, num_states: int) -> NDArray[np.int64]:
    """The best action of each state [S]."""
    if value is None:
        return default_best_actions(num_states)
    check_instance("best_actions", value, (list, tuple, np.ndarray), "a list of actions")
    if len(value) != num_states:
        raise BadInput(
            f"best_actions={shown(value)} must name one action (0, 1 or 2) for each of the "
            f"num_states={num_states} states."
        )
    return np.array([check_int(f"best_actions[{s}]", a, 0, 2) for s, a in enumerate(value)])


def check_for_each(
    name: str, value: Any, num_envs: int, maximum: int | None, what: str
) -> NDArray[np.int64]:
    """An option of `reset` for each environment, in [0, maximum], [num_envs]; `what` it is."""
    values = [value] * num_envs if np.ndim(value) == 0 else list(value)
    if len(values) != num_envs:
        raise BadInput(
            f"options[{name!r}]={value!r} must be one {what} or one for each of the num_envs="
            f"{num_envs} environments."
        )
    return np.array([check_int(f"options[{name!r}]", one, 0, maximum) for one in values])


def ladder_frame(num_states: int, level: int) -> NDArray[np.uint8]:
    """The levels as rising bars, the current one underlined, [80, 240, 3]."""
    return bar_frame(np.linspace(0.2, 1.0, num_states), -1, level, size=(80, 240))


def ladder_line(num_states: int, level: int) -> str:
    """The levels as dots, easy first, the current one an o."""
    return "".join("o" if state == level else "." for state in range(num_states))


def action_line(rewards: Floats, best: int, last: int | None) -> str:
    """What the actions pay [3], `>` before the last one, `*` behind the best one's name."""
    return " ".join(
        f"{'>' if k == last else ' '}{name}{'*' if k == best else ' '}{reward:.3f}"
        for k, (name, reward) in enumerate(zip(ACTION_NAMES, rewards, strict=True))
    )
