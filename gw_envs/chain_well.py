"""ChainWell-v0: a chain of states in which every gradient vanishes (Agarwal et al., JMLR 2021)."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from gw_envs.checks import Floats, check_choice, check_int
from gw_envs.drawing import bar_frame
from gw_envs.line_walk import line_walk
from gw_envs.streams import Seed, Streams, make_generators
from gw_envs.tabular import TabularMDP

RENDER_MODES = ("ansi", "rgb_array")
STARTS = ("first", "uniform")
NUM_ACTIONS = 4
FORWARD = 0


def chain_mdp(chain_length: int, start: str = "first") -> TabularMDP:
    """The chain as arrays; `ChainWellEnv` describes it.

    Args:
        chain_length: H >= 1; there are H + 2 states and the discount is H/(H+1).
        start: "first" (mu = s_0) or "uniform" (mu uniform over states).
    """
    h = check_int("chain_length", chain_length, 1)
    check_choice("start", start, STARTS)
    last = h + 1
    transitions = np.zeros((h + 2, NUM_ACTIONS, h + 2))
    for state in range(h + 2):
        transitions[state, :, max(state - 1, 0)] = 1.0
        transitions[state, FORWARD] = 0.0
        transitions[state, FORWARD, min(state + 1, last)] = 1.0
    rewards = np.zeros((h + 2, NUM_ACTIONS))
    rewards[last, FORWARD] = 1.0
    initial = np.full(h + 2, 1 / (h + 2)) if start == "uniform" else np.eye(h + 2)[0]
    return TabularMDP(transitions, rewards, initial, h / (h + 1))


class ChainWellVectorEnv(VectorEnv[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]):
    """`num_envs` chains walked at once; `ChainWellEnv` documents the environment.

    All begin and end their episodes together. Autoreset is SAME_STEP: the step that truncates
    returns the next episode's first observation, and the last one stands under
    `infos["final_obs"]`, its information under `infos["final_info"]`. `reset(seed=s)` seeds
    environment i with s + i, and row i equals the scalar environment of that seed to the bit.
    """

    metadata = {  # noqa: RUF012 - Gymnasium declares it as a plain dict
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        chain_length: int = 10,
        start: str = "first",
        horizon: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.num_envs = check_int("num_envs", num_envs, 1)
        self.mdp = chain_mdp(chain_length, start)
        self.num_states, self.num_actions = self.mdp.num_states, NUM_ACTIONS
        self.discount, self.drift_horizon = self.mdp.discount, 0
        self.start = start
        default = 10 * (self.num_states - 1)
        self.horizon = default if horizon is None else check_int("horizon", horizon, 1)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES)
        self.render_mode = render_mode
        self.single_observation_space = gym.spaces.Discrete(self.num_states)
        self.single_action_space = gym.spaces.Discrete(NUM_ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._streams: Streams | None = None
        self._states = np.zeros(self.num_envs, dtype=np.int64)
        self._elapsed = 0
        self._always = np.ones(self.num_envs, dtype=np.bool_)

    def mdp_at(self, clock: int) -> TabularMDP:
        """The chain, the same at every clock."""
        return self.mdp

    @property
    def optimal_actions(self) -> NDArray[np.int64]:
        """The best action of each state, [S]: forward."""
        return np.full(self.num_states, FORWARD)

    @property
    def reward_gaps(self) -> Floats:
        """Q*(s, forward) - Q*(s, back), [S]: what a step back costs the optimal policy."""
        best = np.eye(NUM_ACTIONS)[self.optimal_actions]
        values = self.mdp.action_values(best)
        return np.asarray(values[:, FORWARD] - values[:, FORWARD + 1])

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """Exact Q [..., S, K] and visitation weight d(s)/(1-discount) [..., S, 1] of a policy.

        Both of the infinite discounted sum; nothing drifts, so the clock does not matter.
        """
        values, visits = line_walk(policy[..., FORWARD], self.mdp.initial, self.discount)
        onward = np.concatenate([values[..., 1:], values[..., -1:]], axis=-1)
        back = np.concatenate([values[..., :1], values[..., :-1]], axis=-1)
        moves = np.stack([onward] + [back] * (NUM_ACTIONS - 1), axis=-1)
        return self.mdp.rewards + self.discount * moves, visits[..., None]

    def seed_streams(self, generators: list[np.random.Generator]) -> None:
        """Draw random starts from these generators, one per environment, from now on."""
        if self.start == "uniform":
            self._streams = Streams(generators)

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int64], dict[str, Any]]:
        """Begin an episode everywhere; a seed restarts the random starts, None continues them."""
        if seed is not None or self._streams is None:
            self.seed_streams(make_generators(seed, self.num_envs))
        return self.begin(), {}

    def begin(self) -> NDArray[np.int64]:
        """Put every chain at the start of an episode; return its first states [num_envs]."""
        self._elapsed = 0
        self._states = np.zeros(self.num_envs, dtype=np.int64)
        if self._streams is not None:
            self._states = (self._streams.draw() * self.num_states).astype(np.int64)
        return self._states.copy()

    def advance(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats, bool, dict[str, NDArray[Any]]]:
        """One step of the dynamics, without autoreset: states, rewards, cut or not, information."""
        if actions.min() < 0 or actions.max() >= NUM_ACTIONS:
            raise ValueError(f"action={actions!r} must lie in 0..{NUM_ACTIONS - 1}.")
        rewards = self.mdp.rewards[self._states, actions]
        move = np.where(actions == FORWARD, 1, -1)
        self._states = np.clip(self._states + move, 0, self.num_states - 1)
        self._elapsed += 1
        info = {
            "optimal_action": np.full(self.num_envs, FORWARD),
            "is_success": self._states == self.num_states - 1,
        }
        return self._states.copy(), rewards, self._elapsed >= self.horizon, info

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats, NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Move in every chain; the step that ends an episode begins the next one."""
        states, rewards, cut, info = self.advance(np.asarray(actions))
        info.update({f"_{key}": self._always for key in tuple(info)})
        infos: dict[str, Any] = info
        if cut:
            infos = {"final_obs": states, "final_info": info}
            infos["_final_obs"] = infos["_final_info"] = self._always
            states = self.begin()
        ended = np.full(self.num_envs, cut)
        return states, rewards, np.zeros_like(ended), ended, infos

    def render(self) -> tuple[Any, ...] | None:
        """A frame or line of text per environment: the chain, where the walker is, what pays."""
        if self.render_mode == "rgb_array":
            heights = np.linspace(0.1, 1.0, self.num_states)
            return tuple(bar_frame(heights, self.num_states - 1, s) for s in self._states.tolist())
        if self.render_mode == "ansi":
            return tuple(self._line(s) for s in self._states.tolist())
        gym.logger.warn("render() needs render_mode='ansi' or 'rgb_array', given to gym.make.")
        return None

    def _line(self, here: int) -> str:
        cells = ["o" if state == here else "." for state in range(self.num_states)]
        return f"chain (o here, $ pays): {''.join(cells)}$"


class ChainWellEnv(gym.Env[np.int64, np.int64]):
    """A chain that must be walked to its end to be paid: gradients vanish with its length.

    ## Description
    States s_0, ..., s_{H+1}; discount H/(H+1). In every state action 0 moves right and actions 1, 2
    and 3 move left; moving left of s_0 stays at s_0, moving right of s_{H+1} stays at s_{H+1} and
    is the only thing that pays. The best policy moves right everywhere, with
    V*(s_0) = (H+1) (H/(H+1))^{H+1}. A policy with pi(right) < 1/4 in every state reaches the end
    with probability of order 3^-H, so that all derivatives of V(s_0) by the probabilities up to
    order H/(40 ln 2H) - 1 are at most (1/3)^{H/4} in norm, while it misses at least
    (H+1)/8 - (H+1)^2/3^H of the value (Agarwal, Kakade, Lee and Mahajan, JMLR 2021). The uniform
    policy, 1/4, is the edge of that. Exact values keep their relative precision at any length
    (`gw_envs.line_walk`); those of `mdp`, a general solver, are rounding below about 1e-14.

    ## Action Space
    `Discrete(4)`: 0 right; 1, 2, 3 left.

    ## Observation Space
    `Discrete(H + 2)`: the state.

    ## Rewards
    1 for action 0 in s_{H+1}, else 0; no noise.

    ## Starting State
    s_0, or with `start="uniform"` any state, equally likely.

    ## Episode End
    `truncated` after `horizon` steps; never terminated. Exact values are those of the infinite
    discounted sum.

    ## Information
    At every step: `optimal_action` (0) and `is_success` (the walker stands on s_{H+1}). `reset`
    returns none. In the vector form the last step's stand under `final_info` (SAME_STEP autoreset).

    ## Arguments
    - `chain_length` = 10: H >= 1.
    - `start` = "first": or "uniform".
    - `horizon` = None: steps per episode; None is 10 (H + 1), ten times 1/(1-discount).
    - `render_mode` = None: or "ansi", "rgb_array".

    Every argument is checked; a `ValueError` names the argument, its value and what is right.

    ## Version History
    - v0: first version.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        self._vector = ChainWellVectorEnv(1, render_mode=render_mode, **arguments)
        self.render_mode = render_mode
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space

    def __getattr__(self, name: str) -> Any:
        """Ground truth (mdp, optimal_actions, reward_gaps, action_values, ...)."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._vector, name)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin an episode; a seed restarts the random starts. Empty info."""
        fresh = seed is not None or self._np_random is None
        super().reset(seed=seed)
        if fresh:
            self._vector.seed_streams([self.np_random])
        return np.int64(self._vector.begin()[0]), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Move; see the class."""
        chosen = np.array([action], dtype=np.int64)
        states, rewards, cut, info = self._vector.advance(chosen)
        flat = {key: column[0].item() for key, column in info.items()}
        return np.int64(states[0]), float(rewards[0]), False, cut, flat

    def render(self) -> Any:
        """A line of text or an RGB frame of the chain, as render_mode says."""
        frames = self._vector.render()
        return None if frames is None else frames[0]
