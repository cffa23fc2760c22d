"""What would each action have paid? Training runs forked under every action, from one state.

The paper's second theorem takes rewards r_k(s, t) = b_k(t) + Delta(s) [k = best action of s] as
given and leaves measuring them to future work. A run of ASRSampling-v0 can be stopped at any clock
t and continued under each of its three tilt actions (`get_state`, `set_state`), several times with
other draws (`reseed`); the n-th repeats of the actions share their draws (common random numbers),
so that their differences are paired.

The state s is the level of hardness that the bins have reached when the fork is made: how many of
the given edges their mean distance lies below, 0 (far, easy) ... S - 1 (near, hard). So that runs
visit several levels at every clock, they are steered by a sticky random action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_float, check_int
from gw_envs.hardness import ACTION_NAMES

NUM_ACTIONS = len(ACTION_NAMES)
Integers = NDArray[np.int64]


class Forkable(Protocol):
    """What forking needs of an environment; ASRSampling-v0 (unwrapped) has it."""

    action_mode: str
    reward_mode: str
    total_steps: int

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a run."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take an action; `info` has `mean_bin_distance` and `failure`."""

    def get_state(self) -> dict[str, Any]:
        """Everything that decides how the run goes on."""

    def set_state(self, state: dict[str, Any]) -> Any:
        """Go back to it."""

    def reseed(self, seed: int) -> None:
        """Give the rest of the run draws of its own."""


@dataclass(frozen=True)
class ForkSettings:
    """How runs are forked.

    Attributes:
        spacing: steps between two clocks at which a run is forked, from clock 0 on.
        repeats: continuations per action, >= 2.
        hold: steps that a forked action is held for; rewards are kept for every lag 1..hold.
        stay_prob: probability that the steering action stays what it was, else it is drawn anew.
    """

    spacing: int = 8
    repeats: int = 4
    hold: int = 4
    stay_prob: float = 0.95

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ValueError: naming the one that is out of range.
        """
        check_int("spacing", self.spacing, 1)
        check_int("repeats", self.repeats, 2)
        check_int("hold", self.hold, 1)
        check_float("stay_prob", self.stay_prob, 0, 1)


@dataclass(frozen=True)
class Forks:
    """Forked states and what followed, J states of one or several runs.

    Attributes:
        seeds: run of each state [J].
        clocks: steps the run had made [J].
        distances: mean distance of the bins there [J].
        later_distances: the same after each lag under each action [J, 3, hold].
        scores: rewards [J, repeats, 3, hold], by repeat, action and lag.
    """

    seeds: Integers
    clocks: Integers
    distances: Floats
    later_distances: Floats
    scores: Floats

    @classmethod
    def join(cls, parts: Sequence[Forks]) -> Forks:
        """The states of several runs together."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def check_forkable(env: Forkable, settings: ForkSettings) -> None:
    """Refuse an environment whose rewards are not those of the theorem, or too short a run.

    Raises:
        ValueError: naming the setting and what is right.
    """
    if env.action_mode != "tilt":
        raise BadInput(f"action_mode={env.action_mode!r} has too many actions to fork; use 'tilt'.")
    if env.reward_mode != "level":
        raise BadInput(f"reward_mode={env.reward_mode!r} must be 'level', the r(t) of the theorem.")
    if settings.hold > env.total_steps:
        raise BadInput(
            f"hold={settings.hold} must be at most the {env.total_steps} steps of a run."
        )


def fork_run(env: Forkable, seed: int, settings: ForkSettings | None = None) -> Forks:
    """One training run, forked under every action at every `spacing` steps.

    Forks leave the run itself as it would have been without them, to the bit.

    Args:
        env: an ASRSampling-v0 environment with action_mode="tilt" and reward_mode="level".
        seed: fixes run, steering and the draws of the forks.
        settings: how it is forked.

    Raises:
        ValueError: for an environment that cannot be forked, or a run that fails (its loss is not
            finite, its embedding collapses), naming seed and clock.
    """
    settings = settings or ForkSettings()
    check_forkable(env, settings)
    root = check_int("seed", seed, 0)
    steering = np.random.default_rng(np.random.SeedSequence(root, spawn_key=(0,)))
    _, info = env.reset(seed=root)
    action = int(steering.integers(NUM_ACTIONS))
    last = env.total_steps - settings.hold
    clocks, distances, later, scores = [], [], [], []
    for clock in range(last + 1):
        if clock % settings.spacing == 0:
            clocks.append(clock)
            distances.append(info["mean_bin_distance"])
            moved, paid = _fork(env, root, clock, settings)
            later.append(moved)
            scores.append(paid)
        if steering.random() >= settings.stay_prob:
            action = int(steering.integers(NUM_ACTIONS))
        if clock < last:
            info = _advance(env, action, root, clock)[1]
    return Forks(
        np.full(len(clocks), root, dtype=np.int64),
        np.array(clocks, dtype=np.int64),
        np.array(distances, dtype=np.float64),
        np.array(later, dtype=np.float64),
        np.array(scores, dtype=np.float64),
    )


def _fork(env: Forkable, seed: int, clock: int, settings: ForkSettings) -> tuple[Floats, Floats]:
    """Mean distances [3, hold] and rewards [repeats, 3, hold] under every action from here."""
    state = env.get_state()
    moved = np.empty((NUM_ACTIONS, settings.hold))
    paid = np.empty((settings.repeats, NUM_ACTIONS, settings.hold))
    for repeat in range(settings.repeats):
        draws = np.random.SeedSequence(seed, spawn_key=(1, clock, repeat)).generate_state(1)
        for action in range(NUM_ACTIONS):
            env.set_state(state)
            env.reseed(int(draws[0]))
            for lag in range(settings.hold):
                paid[repeat, action, lag], info = _advance(env, action, seed, clock + lag)
                moved[action, lag] = info["mean_bin_distance"]
    env.set_state(state)
    return moved, paid


def _advance(env: Forkable, action: int, seed: int, clock: int) -> tuple[float, dict[str, Any]]:
    _, reward, terminated, _, info = env.step(action)
    if terminated:
        raise BadInput(
            f"the run of seed={seed} failed at clock {clock + 1} ({info.get('failure', '')}); "
            "lower its learning_rate or leave this seed out."
        )
    return reward, info
