"""What our tabular environments share: the vector form holds the dynamics, the scalar one views it.

An environment says how its episodes begin (`begin`), what a step does (`advance`), which process it
is (`mdp_at`) and what it looks like (`frame`, `line`). Seeding, autoreset, checked actions and the
places of information are here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_choice, check_int, check_memory
from gw_envs.streams import Seed, Streams, make_generators
from gw_envs.tabular import TabularMDP, ToyText

RENDER_MODES = ("ansi", "rgb_array")
Actions = NDArray[np.int64]
States = NDArray[np.int64]


class WellVectorEnv(VectorEnv[States, Actions, NDArray[Any]], ABC):
    """`num_envs` tabular environments stepped at once.

    All begin and end their episodes together. Autoreset is SAME_STEP: the step that ends an episode
    returns the next one's first observation; the last one stands under `infos["final_obs"]`, what
    the scalar environment puts in `info` under `infos["final_info"]`, each with its mask `_key`.
    `reset(seed=s)` seeds environment i with s + i, and row i equals the scalar environment of that
    seed to the bit.

    Args:
        num_envs: number of environments, >= 1.
        num_states: S, states 0..S-1.
        num_actions: K, actions 0..K-1.
        render_mode: None, "ansi" or "rgb_array".

    Attributes:
        terminates: whether episodes end by termination; else they are truncated.
    """

    metadata = {  # noqa: RUF012 - Gymnasium declares it as a plain dict
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }
    terminates: ClassVar[bool] = False

    def __init__(
        self, num_envs: int, num_states: int, num_actions: int, render_mode: str | None
    ) -> None:
        self.num_envs = check_int("num_envs", num_envs, 1)
        check_memory("num_envs", num_envs, 256.0 * self.num_envs)  # a generator is the most of it
        self.num_states, self.num_actions = num_states, num_actions
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES)
        self.render_mode = render_mode
        self.single_observation_space = gym.spaces.Discrete(num_states)
        self.single_action_space = gym.spaces.Discrete(num_actions)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._streams: Streams | None = None
        self._seeded = False
        self._states = np.zeros(self.num_envs, dtype=np.int64)
        self._last_actions: Actions | None = None
        self._always = np.ones(self.num_envs, dtype=np.bool_)

    @abstractmethod
    def mdp_at(self, clock: int) -> TabularMDP:
        """The Markov decision process frozen at a clock."""

    @abstractmethod
    def draw_from(self, generators: list[np.random.Generator]) -> None:
        """Take random numbers from these generators, one per environment, from now on."""

    @abstractmethod
    def begin(self, options: dict[str, Any] | None = None) -> States:
        """Put every environment at the start of an episode; return its states [num_envs]."""

    @abstractmethod
    def advance(self, actions: Actions) -> tuple[States, Floats, bool, dict[str, NDArray[Any]]]:
        """One step without autoreset: states, rewards, whether the episode ended, information."""

    @abstractmethod
    def frame(self, index: int) -> NDArray[np.uint8]:
        """The picture of one environment, [rows, columns, 3]."""

    @abstractmethod
    def line(self, index: int) -> str:
        """One environment as a line of text."""

    @property
    def clock(self) -> int:
        """The drift clock of the next step; 0 where nothing drifts."""
        return 0

    @property
    def mdp(self) -> TabularMDP:
        """The Markov decision process frozen at the current clock."""
        return self.mdp_at(self.clock)

    @property
    def P(self) -> ToyText:  # noqa: N802 - the name Gymnasium's toy_text environments use
        """`mdp` as {s: {a: [(probability, s', reward, terminated), ...]}}."""
        return self.mdp.P

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """Exact Q [..., S, K] and visitation weight d(s)/(1-discount) [..., S, 1] of a policy.

        Both of the infinite discounted sum in the process frozen at `clock`.
        """
        mdp = self.mdp_at(clock)
        weight = mdp.visitation(policy) / (1 - mdp.discount)
        return mdp.action_values(policy), weight[..., None]

    def seed_streams(self, generators: list[np.random.Generator]) -> None:
        """`draw_from`, remembered, so that an unseeded reset continues these generators."""
        self._seeded = True
        self.draw_from(generators)

    def reseed(self, seed: int) -> None:
        """Fresh random numbers from here on; state and clock stay as they are."""
        self.seed_streams(make_generators(seed, self.num_envs))

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[States, dict[str, Any]]:
        """Begin an episode everywhere; a seed restarts the random numbers, None continues them."""
        if seed is not None or not self._seeded:
            self.seed_streams(make_generators(seed, self.num_envs))
        return self.begin(options), {}

    def step(
        self, actions: Actions
    ) -> tuple[States, Floats, NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Act in every environment; the step that ends an episode begins the next one."""
        states, rewards, ended, info = self.advance(self._checked(np.asarray(actions)))
        info.update({f"_{key}": self._always for key in tuple(info)})
        infos: dict[str, Any] = info
        if ended:
            infos = {"final_obs": states, "final_info": info}
            infos["_final_obs"] = infos["_final_info"] = self._always
            states = self.begin()
        ends = np.full(self.num_envs, ended)
        never = np.zeros_like(ends)
        terminated, truncated = (ends, never) if self.terminates else (never, ends)
        return states, rewards.copy(), terminated, truncated, infos

    def step_one(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """The step of the scalar view: one environment, no autoreset, flat information."""
        states, rewards, ended, info = self.advance(self._checked(np.array([action])))
        flat = {key: column[0].item() for key, column in info.items()}
        terminated, truncated = ended and self.terminates, ended and not self.terminates
        return np.int64(states[0]), float(rewards[0]), terminated, truncated, flat

    def render(self) -> tuple[Any, ...] | None:
        """A frame or line of text per environment, as `render_mode` says."""
        if self.render_mode == "rgb_array":
            return tuple(self.frame(i) for i in range(self.num_envs))
        if self.render_mode == "ansi":
            return tuple(self.line(i) for i in range(self.num_envs))
        gym.logger.warn("render() needs render_mode='ansi' or 'rgb_array', given to gym.make.")
        return None

    def last_action(self, index: int) -> int | None:
        """What environment `index` did last in this episode."""
        return None if self._last_actions is None else int(self._last_actions[index])

    def _checked(self, actions: Actions) -> Actions:
        # Read without sign, a negative action is huge: one pass finds both ends.
        whole = actions.astype(np.int64, copy=False)
        if actions.shape != (self.num_envs,) or whole.view(np.uint64).max() >= self.num_actions:
            raise BadInput(
                f"action={actions!r} must hold one of 0..{self.num_actions - 1} for each of "
                f"{self.num_envs} environments."
            )
        self._last_actions = whole
        return whole


class WellEnv(gym.Env[np.int64, np.int64]):
    """The scalar view: a vector environment of one, without autoreset.

    Its attributes, the ground truth among them (`mdp`, `optimal_actions`, `action_values`), are
    those of `vector_class`.

    Args:
        render_mode: None, "ansi" or "rgb_array".
        **arguments: of `vector_class`.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012
    vector_class: ClassVar[Any]

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        self._vector = self.vector_class(1, render_mode=render_mode, **arguments)
        self.render_mode = render_mode
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space

    def __getattr__(self, name: str) -> Any:
        """What the vector environment knows."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._vector, name)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin an episode; a seed restarts the random numbers. Empty info."""
        fresh = seed is not None or self._np_random is None
        super().reset(seed=seed)
        if fresh:
            self._vector.seed_streams([self.np_random])
        return np.int64(self._vector.begin(options)[0]), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Act; see the class."""
        step: tuple[np.int64, float, bool, bool, dict[str, Any]] = self._vector.step_one(action)
        return step

    def render(self) -> Any:
        """A line of text or an RGB frame, as render_mode says."""
        frames = self._vector.render()
        return None if frames is None else frames[0]
