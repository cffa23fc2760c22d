"""ChainWell-v0: a chain of states in which every gradient vanishes (Agarwal et al., JMLR 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gw_envs.checks import Floats, check_choice, check_int, check_memory
from gw_envs.tabular import TabularMDP
from gw_envs.theory.line_walk import line_walk
from gw_envs.vector.drawing import bar_frame
from gw_envs.well_env import Actions, Observation, States, WellEnv, WellVectorEnv

ChainStart = Literal["first", "uniform"]
NUM_ACTIONS = 4
FORWARD = 0


def chain_mdp(chain_length: int, start: ChainStart = "first") -> TabularMDP:
    """The chain as arrays; `ChainWellEnv` describes it.

    Args:
        chain_length: H >= 1; there are H + 2 states and the discount is H/(H+1).
        start: "first" (mu = s_0) or "uniform" (mu uniform over states).
    """
    h = check_int("chain_length", chain_length, 1)
    check_choice("start", start, get_args(ChainStart))
    check_memory("chain_length", chain_length, 8.0 * (h + 2) * NUM_ACTIONS * (h + 2))
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


class ChainWellVectorEnv(WellVectorEnv):
    """`num_envs` chains walked at once; `ChainWellEnv` documents the environment."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        chain_length: int = 10,
        start: ChainStart = "first",
        horizon: int | None = None,
        observation: Observation = "state",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        self._chain = chain_mdp(chain_length, start)
        super().__init__(
            num_envs,
            self._chain.num_states,
            NUM_ACTIONS,
            horizon=10 * (self._chain.num_states - 1) if horizon is None else horizon,
            observation=observation,
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
        )
        self.discount, self.drift_horizon = self._chain.discount, 0
        self.start = start
        self.draws = "uniform" if start == "uniform" else None

    def mdp_at(self, clock: int) -> TabularMDP:
        """The chain, the same at every clock."""
        check_int("clock", clock, 0)
        return self._chain

    @property
    def optimal_actions(self) -> NDArray[np.int64]:
        """The best action of each state, [S]: forward."""
        return np.full(self.num_states, FORWARD)

    @property
    def reward_gaps(self) -> Floats:
        """Q*(s, forward) - Q*(s, back), [S]: what a step back costs the optimal policy."""
        best = np.eye(NUM_ACTIONS)[self.optimal_actions]
        values = self._chain.action_values(best)
        return np.asarray(values[:, FORWARD] - values[:, FORWARD + 1])

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """Exact Q [..., S, K] and visitation weight d(s)/(1-discount) [..., S, 1] of a policy.

        Both of the infinite discounted sum; nothing drifts, so the clock does not matter.
        """
        self.check_table(policy)
        values, visits = line_walk(policy[..., FORWARD], self._chain.initial, self.discount)
        onward = np.concatenate([values[..., 1:], values[..., -1:]], axis=-1)
        back = np.concatenate([values[..., :1], values[..., :-1]], axis=-1)
        moves = np.stack([onward] + [back] * (NUM_ACTIONS - 1), axis=-1)
        return self._chain.rewards + self.discount * moves, visits[..., None]

    def values_under(self, policy: Floats, rewards: Floats) -> tuple[Floats, Floats]:
        """`action_values`: the rewards never change, and small values keep their precision."""
        return self.action_values(policy)

    def begin(self, options: Mapping[str, Any]) -> States:
        """The first state, or any; there are no options."""
        if self.draws is None:
            return np.zeros(self.num_envs, dtype=np.int64)
        return (self.drawn() * self.num_states).astype(np.int64)

    def advance(self, actions: Actions) -> tuple[States, Floats, dict[str, NDArray[Any]]]:
        """One step of the dynamics: states, rewards, information."""
        rewards = self._chain.rewards[self.states, actions]
        move = np.where(actions == FORWARD, 1, -1)
        states = np.clip(self.states + move, 0, self.num_states - 1)
        info = {
            "optimal_action": np.full(self.num_envs, FORWARD),
            "is_success": states == self.num_states - 1,
        }
        return states, rewards, info

    def frame(self, index: int) -> NDArray[np.uint8]:
        """The chain as rising bars: the walker underlined, what pays in blue."""
        heights = np.linspace(0.1, 1.0, self.num_states)
        return bar_frame(heights, self.num_states - 1, int(self.states[index]))

    def line(self, index: int) -> str:
        """The chain as dots: the walker and what pays."""
        here = self.states[index]
        cells = ["o" if state == here else "." for state in range(self.num_states)]
        return f"chain (o here, $ pays): {''.join(cells)}$"


class ChainWellEnv(WellEnv):
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
    (`gw_envs.theory.line_walk`); those of `mdp`, a general solver, are rounding below about 1e-14.

    ## Action Space
    `Discrete(4)`: 0 right; 1, 2, 3 left.

    ## Observation Space
    `Discrete(H + 2)`: the state; with `observation="one_hot"` `Box(float32)`, [H + 2], 1 there.

    ## Rewards
    1 for action 0 in s_{H+1}, else 0; no noise.

    ## Starting State
    s_0, or with `start="uniform"` any state, equally likely. `reset` has no options.

    ## Episode End
    `truncated` after `horizon` steps; never terminated. Exact values are those of the infinite
    discounted sum.

    ## Information
    At every step: `optimal_action` (0) and `is_success` (the walker stands on s_{H+1}). `reset`
    returns none. In the vector form the last step's stand under `final_info` (SAME_STEP autoreset,
    unless `autoreset_mode` says other).

    ## Arguments
    - `chain_length` = 10: H >= 1.
    - `start` = "first": where episodes begin, s_0; or "uniform", anywhere.
    - `horizon` = None: steps per episode; None is 10 (H + 1), ten times 1/(1-discount).
    - `observation` = "state": its number; or "one_hot", a vector, for programs that want a Box.
    - `render_mode` = None: or "ansi", "rgb_array".

    Every argument is checked; a `ValueError` names the argument, its value and what is right.

    ## Version History
    - v0: first version.
    """

    vector_class = ChainWellVectorEnv
