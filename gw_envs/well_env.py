"""What our tabular environments share: the vector form holds the dynamics, the scalar one views it.

An environment says where its episodes begin (`begin`), what a step does (`advance`), which process
it is (`mdp_at`) and what it looks like (`frame`, `line`). Seeding, episodes that end together or
apart, autoreset, observations, checked actions and the places of information are here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_choice, check_int, check_memory, shown
from gw_envs.ground_truth import GroundTruth
from gw_envs.vector.actions import whole_numbers
from gw_envs.vector.protocol import check_autoreset_mode, check_options, masked, split_mask
from gw_envs.vector.streams import ALL, Rows, Seed, Streams, make_generators

RENDER_MODES = ("ansi", "rgb_array")
Observation = Literal["state", "one_hot"]
Actions = NDArray[np.int64]
States = NDArray[np.int64]
Mask = NDArray[np.bool_]
Step = tuple[NDArray[Any], Floats, Mask, Mask, dict[str, Any]]


class WellVectorEnv(GroundTruth, VectorEnv[NDArray[Any], Actions, NDArray[Any]]):
    """`num_envs` tabular environments stepped at once.

    `reset(seed=s)` seeds environment i with s + i, and row i equals the scalar environment of that
    seed to the bit. `reset(options={"reset_mask": mask})`, mask bool [num_envs], begins an episode
    only where the mask is true, as Gymnasium's `SyncVectorEnv` does.

    Autoreset is SAME_STEP unless chosen otherwise: the step that ends an episode returns the next
    one's first observation; the last one stands under `infos["final_obs"]`, what the scalar
    environment puts in `info` under `infos["final_info"]`, each with its mask `_key`. It is the
    default since no step is lost to a reset: every action is one of the agent's, n steps are n
    transitions, and of a bandit, whose every pull ends an episode, NEXT_STEP throws every second
    action away. NEXT_STEP (the step after the end ignores its action and begins an episode) and
    DISABLED (`reset` with a mask begins it) are for Gymnasium's vector wrappers that ask for them.

    Args:
        num_envs: number of environments, >= 1.
        num_states: S, states 0..S-1.
        num_actions: K, actions 0..K-1.
        horizon: steps per episode, >= 1.
        observation: "state", the number of the state, or "one_hot", float32 [S], 1 at the state.
        max_episode_steps: steps after which episodes are truncated as well, as
            `gymnasium.wrappers.TimeLimit` does; None: never.
        autoreset_mode: a `gymnasium.vector.AutoresetMode`, or its value ("NextStep", ...).
        render_mode: None, "ansi" or "rgb_array".

    Attributes:
        terminates: whether the horizon ends episodes by termination; else they are truncated.
        draws: the random numbers that `drawn` gives: "uniform" on [0, 1), "normal", or None.
        reset_options: names of the options that `begin` understands.
        states: the present state of each environment, [num_envs].
        steps: steps of each environment since it was seeded, [num_envs].
    """

    metadata = {  # noqa: RUF012 - Gymnasium declares it as a plain dict
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }
    terminates: ClassVar[bool] = False
    draws: str | None = None
    reset_options: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        num_envs: int,
        num_states: int,
        num_actions: int,
        *,
        horizon: int,
        observation: Observation = "state",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        self.num_envs = check_int("num_envs", num_envs, 1)
        check_memory("num_envs", num_envs, 256.0 * self.num_envs)  # a generator is the most of it
        self.num_states, self.num_actions = num_states, num_actions
        self.horizon = whole = check_int("horizon", horizon, 1)
        if max_episode_steps is not None:
            self.horizon = min(whole, check_int("max_episode_steps", max_episode_steps, 1))
        # As TimeLimit has it, an episode that terminates in its last allowed step is cut as well.
        limited = max_episode_steps is not None and max_episode_steps <= whole
        self._ends = (self.terminates and self.horizon == whole, not self.terminates or limited)
        self.observation = check_choice("observation", observation, get_args(Observation))
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        self.metadata = self.metadata | {"autoreset_mode": self.autoreset_mode}
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES)
        self.render_mode = render_mode
        self.single_observation_space = (
            gym.spaces.Discrete(num_states)
            if observation == "state"
            else gym.spaces.Box(0.0, 1.0, (num_states,), np.float32)
        )
        self.single_action_space = gym.spaces.Discrete(num_actions)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._shown: Floats | None = None  # what each state looks like, if not like its number
        if observation == "one_hot":
            self._shown = np.eye(num_states, dtype=np.float32)
        self._numbers = np.array([*np.arange(num_states), None], dtype=object)[:-1]
        self._streams: Streams | None = None
        self._seeded = np.zeros(self.num_envs, dtype=np.bool_)
        self._waiting = np.zeros(self.num_envs, dtype=np.bool_)  # ended, and not begun again
        self._acting: Rows = ALL
        self.states = np.zeros(self.num_envs, dtype=np.int64)
        self.steps = np.zeros(self.num_envs, dtype=np.int64)
        self._ends_at = np.full(self.num_envs, self.horizon)  # the episode, in `steps`
        self._last_actions: Actions = np.full(self.num_envs, -1)

    @abstractmethod
    def begin(self, options: Mapping[str, Any]) -> States:
        """The state in which each environment begins an episode now, [num_envs]."""

    @abstractmethod
    def advance(self, actions: Actions) -> tuple[States, Floats, dict[str, NDArray[Any]]]:
        """A step from `states`: the next states, rewards and information, each [num_envs]."""

    @abstractmethod
    def frame(self, index: int) -> NDArray[np.uint8]:
        """The picture of one environment, [rows, columns, 3]."""

    @abstractmethod
    def line(self, index: int) -> str:
        """One environment as a line of text."""

    def check_table(self, policy: Any) -> None:
        """Refuse what is no array of policies [..., S, K]; its numbers are not looked at.

        Raises:
            ValueError: naming the policy and the shape that would be right.
        """
        shape = (self.num_states, self.num_actions)
        if not isinstance(policy, np.ndarray) or policy.shape[-2:] != shape:
            raise BadInput(
                f"policy={shown(policy)} must be an array of probabilities [..., S, K] with "
                f"[S, K] = {list(shape)}."
            )

    def drawn(self) -> Floats:
        """The next random number of each environment that begins or acts now, [num_envs]."""
        if self._streams is None:
            raise gym.error.ResetNeeded("Call reset() before the first step().")
        return self._streams.draw(self._acting)

    def seed_streams(self, generators: list[np.random.Generator], rows: Rows = ALL) -> None:
        """Take random numbers from these generators, one per environment, from now on."""
        self._seeded[rows] = True
        if self.draws is None:
            return
        if self._streams is None or isinstance(rows, slice):
            self._streams = Streams(generators, self.draws)
        else:
            self._streams.replace(rows, generators)

    def reseed(self, seed: int | Sequence[int], rows: Rows = ALL) -> None:
        """Fresh random numbers from here on; state and clock stay as they are."""
        self.seed_streams(make_generators(seed, self.num_envs), rows)

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin an episode everywhere, or where the option `reset_mask` says; see the class.

        A seed restarts the random numbers and the clock, None continues them.
        """
        rows, others = split_mask(options, self.num_envs)
        wanted = check_options(others, self.reset_options)
        if seed is not None or not self._seeded.all():
            generators = make_generators(seed, self.num_envs)
            seeds = seed if isinstance(seed, Sequence) else [seed] * self.num_envs
            given = np.array([one is not None for one in seeds])
            fresh = ~self._seeded
            fresh[rows] |= given[rows]
            self.seed_streams(generators, ALL if fresh.all() else fresh)
            self.steps[fresh] = 0
        self.start_episodes(rows, wanted)
        return self._observed(), {}

    def start_episodes(self, rows: Rows, options: Mapping[str, Any]) -> None:
        """Begin an episode in these environments."""
        self._acting = rows
        self.states[rows] = self.begin(options)[rows]
        self._ends_at[rows] = self.steps[rows] + self.horizon
        self._waiting[rows] = False

    def step(self, actions: Actions) -> Step:
        """Act in every environment; see the class for what the end of an episode does."""
        actions, mode = self._checked(actions), self.autoreset_mode
        if mode is not AutoresetMode.SAME_STEP and self._waiting.any():
            if mode is AutoresetMode.DISABLED:
                raise gym.error.ResetNeeded(
                    f"Episodes have ended in {np.flatnonzero(self._waiting).tolist()}: with "
                    "autoreset_mode DISABLED, reset(options={'reset_mask': mask}) begins the next."
                )
            return self._step_after(actions, self._waiting)
        rewards, ended, info = self._act(actions, ALL)
        ends = self._both_ends(ended)
        count = np.count_nonzero(ended)
        if count == 0 or mode is not AutoresetMode.SAME_STEP:
            self._waiting = ended
            return self._observed(), rewards.copy(), *ends, masked(info, ALL, self.num_envs)
        rows = ALL if count == self.num_envs else ended
        infos = {} if rows is ALL else masked(info, ~ended, self.num_envs)
        infos |= {"final_obs": self._last_seen(rows), "_final_obs": ended}
        infos |= {"final_info": masked(info, rows, self.num_envs), "_final_info": ended.copy()}
        self.start_episodes(rows, {})
        return self._observed(), rewards.copy(), *ends, infos

    def _step_after(self, actions: Actions, waiting: Mask) -> Step:
        """The NEXT_STEP step in which some environments begin an episode and the others act."""
        rewards, ended, infos = np.zeros(self.num_envs), np.zeros_like(waiting), {}
        acting = ~waiting
        if acting.any():
            rewards, ended, info = self._act(actions, acting)
            infos = masked(info, acting, self.num_envs)
        ends = self._both_ends(ended)
        self.start_episodes(waiting if acting.any() else ALL, {})
        self._waiting = ended
        return self._observed(), rewards, *ends, infos

    def _act(self, actions: Actions, rows: Rows) -> tuple[Floats, Mask, dict[str, NDArray[Any]]]:
        """One step of these environments: rewards, whether their episodes ended, information."""
        self._acting = rows
        states, rewards, info = self.advance(actions)
        if isinstance(rows, slice):
            self.states, self._last_actions = states, actions
            self.steps += 1
            return rewards, self.steps >= self._ends_at, info
        self.states = np.where(rows, states, self.states)
        self._last_actions = np.where(rows, actions, self._last_actions)
        self.steps += rows
        return np.where(rows, rewards, 0.0), rows & (self.steps >= self._ends_at), info

    def _both_ends(self, ended: Mask) -> tuple[Mask, Mask]:
        """Terminated and truncated, of the episodes that ended now."""
        never = np.zeros(self.num_envs, dtype=np.bool_)
        terminate, truncate = self._ends
        return ended.copy() if terminate else never, ended.copy() if truncate else never

    def step_one(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """The step of the scalar view: one environment, no autoreset, flat information."""
        plain = isinstance(action, int | np.integer)
        actions = self._checked(np.array([action]) if plain else [action])
        rewards, ended, info = self._act(actions, ALL)
        flat = {key: column[0].item() for key, column in info.items()}
        end = bool(ended[0])
        terminated, truncated = end and self._ends[0], end and self._ends[1]
        return self.observed_one(), float(rewards[0]), terminated, truncated, flat

    def observed_one(self) -> Any:
        """What the scalar view observes."""
        state = self.states[0]
        return state if self._shown is None else self._shown[state].copy()

    def _observed(self) -> NDArray[Any]:
        return self.states.copy() if self._shown is None else self._shown[self.states]

    def _last_seen(self, rows: Rows) -> NDArray[Any]:
        """Observations at the end of episodes; objects, as Gymnasium's wrappers write others in."""
        if self._shown is None and rows is ALL:
            return self._numbers[self.states]
        seen, observed = np.full(self.num_envs, None, dtype=object), self._observed()
        for i in np.arange(self.num_envs)[rows]:
            seen[i] = observed[i]
        return seen

    def _forget_actions(self) -> None:
        """No last action in the environments that begin now."""
        actions = self._last_actions.copy()
        actions[self._acting] = -1
        self._last_actions = actions

    def render(self) -> tuple[Any, ...] | None:
        """A frame or line of text per environment, as `render_mode` says."""
        if self.render_mode == "rgb_array":
            return tuple(self.frame(i) for i in range(self.num_envs))
        if self.render_mode == "ansi":
            return tuple(self.line(i) for i in range(self.num_envs))
        gym.logger.warn("render() needs render_mode='ansi' or 'rgb_array', given to gym.make.")
        return None

    def last_action(self, index: int) -> int | None:
        """What environment `index` did last, if it has acted."""
        action = int(self._last_actions[index])
        return None if action < 0 else action

    def _checked(self, actions: Any) -> Actions:
        # Read without sign, a negative action is huge: one pass finds both ends.
        whole = whole_numbers(actions)
        if (
            whole is None
            or whole.shape != (self.num_envs,)
            or whole.view(np.uint64).max() >= self.num_actions
        ):
            raise BadInput(
                f"action={shown(actions)} must hold one of 0..{self.num_actions - 1} for each of "
                f"{self.num_envs} environments."
            )
        return whole


class WellEnv(gym.Env[Any, np.int64]):
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
        if "autoreset_mode" in arguments:
            raise BadInput(
                f"autoreset_mode={arguments['autoreset_mode']!r} is of the vector form; the scalar "
                "environment never begins an episode by itself."
            )
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
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; a seed restarts the random numbers and the clock. Empty info."""
        fresh = seed is not None or self._np_random is None
        wanted = check_options(options, self._vector.reset_options)
        super().reset(seed=None if seed is None else check_int("seed", seed, 0))
        if fresh:
            self._vector.seed_streams([self.np_random])
            self._vector.steps[:] = 0
        self._vector.start_episodes(ALL, wanted)
        return self._vector.observed_one(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act; see the class."""
        step: tuple[Any, float, bool, bool, dict[str, Any]] = self._vector.step_one(action)
        return step

    def render(self) -> Any:
        """A line of text or an RGB frame, as render_mode says."""
        frames = self._vector.render()
        return None if frames is None else frames[0]
