"""ASRWell-v0: the multi-state well, a tabular model of adaptive sampling whose rewards drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gw_envs import hardness
from gw_envs.checks import Floats, check_float, check_int
from gw_envs.drift import Well
from gw_envs.drift.rewards import DriftingRewards, Premise
from gw_envs.tabular import TabularMDP
from gw_envs.vector.drawing import bar_frame
from gw_envs.well_env import Actions, Observation, States, WellEnv, WellVectorEnv

DEFAULT_DRIFT = Well(
    start=0.6, depth=0.1, fall_time=300, gain=0.15, recovery=3000, recovery_width=400
)


class ASRWellVectorEnv(WellVectorEnv):
    """`num_envs` ASR wells stepped at once; `ASRWellEnv` documents the environment.

    Each has a clock of its own; they run together unless a reset with a mask has parted them. The
    options `state` and `clock` of `reset` may be one number for all or one per environment.
    """

    action_names = hardness.ACTION_NAMES
    draws = "uniform"
    reset_options = ("clock", "state")

    def __init__(
        self,
        num_envs: int = 1,
        *,
        num_states: int = 3,
        reward_gaps: float | Sequence[float] = 0.2,
        drift: Any = DEFAULT_DRIFT,
        move_prob: float = 0.9,
        discount: float = 0.0,
        horizon: int = 10,
        best_actions: Sequence[int] | None = None,
        ceiling: float | None = None,
        steps_per_tick: int = 1,
        drift_horizon: int = 10_000,
        drift_seed: int = 0,
        premise: Premise = "require",
        observation: Observation = "state",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(
            num_envs,
            check_int("num_states", num_states, 1),
            len(hardness.MOVES),
            horizon=horizon,
            observation=observation,
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
        )
        self.reward_gaps = hardness.check_gaps(reward_gaps, self.num_states)
        self.optimal_actions = hardness.check_best_actions(best_actions, self.num_states)
        self.move_prob = check_float("move_prob", move_prob, 0, 1)
        self.discount = check_float("discount", discount, 0, 1, open_high=True)
        self._transitions = hardness.hardness_transitions(self.num_states, self.move_prob)
        self.steps_per_tick = check_int("steps_per_tick", steps_per_tick, 1)
        self.rewards = DriftingRewards(
            drift,
            self.reward_gaps,
            self.optimal_actions,
            self.num_actions,
            drift_horizon,
            drift_seed,
        )
        self.rewards.check_premise(premise, ceiling)
        self.drift_horizon = self.rewards.horizon
        self._initial = np.full(self.num_states, 1 / self.num_states)

    def clock_of(self, index: int) -> int:
        """The drift clock t of an environment's next step: own steps // steps_per_tick."""
        return int(self.steps[index]) // self.steps_per_tick

    def base_rewards(self, clock: int) -> Floats:
        """b_k [3] at a clock."""
        return self.rewards.base(clock)

    def mean_rewards_at(self, clock: int) -> Floats:
        """r_k(s) [S, 3] at a clock."""
        return self.rewards.at(clock)

    def rewards_between(self, clock: float) -> Floats:
        """r_k(s) [S, 3] at a clock, a tick or between two; unchecked."""
        return self.rewards.between(clock)

    @property
    def drift_end(self) -> int:
        """The tick from which rewards are constant."""
        return self.rewards.end

    @property
    def drift_kinks(self) -> tuple[int, ...] | None:
        """Ticks around which rewards are not smooth in the clock; None where a law is noise."""
        return self.rewards.kinks

    def mdp_at(self, clock: int) -> TabularMDP:
        """The Markov decision process frozen at a clock; starts are uniform over the levels."""
        return TabularMDP(self._transitions, self.rewards.at(clock), self._initial, self.discount)

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """As every well's; at discount 0 Q is the mean reward and the weight 1/S, whatever pi."""
        self.check_table(policy)
        if self.discount == 0:
            values = np.broadcast_to(self.rewards.at(clock), policy.shape)
            return values, np.full((*policy.shape[:-1], 1), 1 / self.num_states)
        return super().action_values(policy, clock)

    def begin(self, options: Mapping[str, Any]) -> States:
        """The level that is drawn, or that `options["state"]` names; sets the clock if asked to."""
        wanted = {
            name: hardness.check_for_each(name, options[name], self.num_envs, most, what)
            for name, most, what in (
                ("clock", None, "tick"),
                ("state", self.num_states - 1, "level"),
            )
            if name in options
        }
        self._forget_actions()
        # Drawn even if it is not used, so that the stream runs alike with and without options.
        starts = (self.drawn() * self.num_states).astype(np.int64)
        if "clock" in wanted:
            self.steps[self._acting] = wanted["clock"][self._acting] * self.steps_per_tick
        return wanted.get("state", starts)

    def advance(self, actions: Actions) -> tuple[States, Floats, dict[str, NDArray[Any]]]:
        """One step of the dynamics: states, rewards, information."""
        states, clocks = self.states, self.steps // self.steps_per_tick
        means = self._means(states, clocks)
        rewards = means[np.arange(self.num_envs), actions]
        moves = np.where(self.drawn() < self.move_prob, hardness.MOVES[actions], 0)
        info = {
            "mean_reward": rewards,
            "regret": means.max(axis=1) - rewards,
            "optimal_action": self.optimal_actions[states],
            "current_best_action": means.argmax(axis=1),
            "is_success": actions == self.optimal_actions[states],
            "clock": clocks,
            "state": states,
            "hardness": states / max(1, self.num_states - 1),
        }
        return np.clip(states + moves, 0, self.num_states - 1), rewards, info

    def _means(self, states: States, clocks: NDArray[np.int64]) -> Floats:
        """What the actions pay in each environment, at its own clock, [num_envs, 3]."""
        first = int(clocks[0])
        if (clocks == first).all():
            return self.rewards.at(first)[states]
        return np.stack([self.rewards.at(int(t))[s] for t, s in zip(clocks, states, strict=True)])

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Above, the ladder of levels, the current one underlined; below, the rewards there.

        The best action is blue, the last one underlined.
        """
        ladder = hardness.ladder_frame(self.num_states, int(self.states[index]))
        return np.concatenate([ladder, bar_frame(*self._paid(index))])

    def line(self, index: int) -> str:
        """The clock, the level and what the actions pay there."""
        ladder = hardness.ladder_line(self.num_states, int(self.states[index]))
        actions = hardness.action_line(*self._paid(index))
        return f"t={self.clock_of(index)} easy {ladder} hard (> last, * best): {actions}"

    def _paid(self, index: int) -> tuple[Floats, int, int | None]:
        """What the actions pay at the level now, the best one and the last one."""
        state = int(self.states[index])
        best = int(self.optimal_actions[state])
        return self.rewards.at(self.clock_of(index))[state], best, self.last_action(index)


class ASRWellEnv(WellEnv):
    """Adaptive sampling in miniature: a few states, three actions, rewards that drift meanwhile.

    ## Description
    While an embedding network trains, a controller shifts the distribution its negatives are drawn
    from (adaptive sampling, ASR). Here that distribution is a level of hardness, 0 (easy) to S - 1
    (hard), and what an action is worth moves with the training clock t, as validation scores do:

        r_k(s, t) = b_k(t) + Delta(s) [k = best action of s]

    (paper, Theorem 2; its b_1 is the base of the best action of state s). The softmax policy of
    every state has a well of its own, Delta(s) is its gap, and `gw_envs.theory` bounds the updates
    it takes to leave it. Where drift makes another action pay more, sub-optimality against
    `best_actions[s]` is negative and the state is not in its well.

    The theorem's premise is b_i(t) <= beta <= b_1(t) + Delta(s) for every action i and clock t up
    to `drift_horizon`. Without a `ceiling` it is checked whether each state has some constant beta
    that will do; with one, whether that beta does in every state.

    ## Action Space
    `Discrete(3)`: 0 harder, 1 keep, 2 easier. With probability `move_prob` the level moves by +1,
    0 or -1 (it stays within 0..S-1), else it stays.

    ## Observation Space
    `Discrete(num_states)`: the level of hardness; with `observation="one_hot"` `Box(float32)`,
    [num_states], 1 at the level.

    ## Rewards
    The Python float r_k(s, t) in [0, 1], fixed by level, action and clock: what is random is the
    drift's noise (fixed by `drift_seed`, the same in every episode) and the moves.

    ## Starting State
    Any level, equally likely; `reset(options={"state": s})` names one.

    ## Episode End
    `truncated` after `horizon` steps; never terminated. The clock, t = own steps //
    `steps_per_tick`, runs on through the next episodes: `reset(seed=...)` restarts it, `reset()`
    does not, `reset(options={"clock": t})` sets it.

    ## Information
    At every step, flat: `mean_reward` (paid), `regret` (the largest mean reward at this level and
    clock, minus it), `optimal_action` (best_actions of the level), `current_best_action` (the one
    that pays most now), `is_success` (the optimal action was taken), `clock`, `state` and
    `hardness` (the level, and level/(S-1)) when the action was taken. `reset` returns none. In the
    vector form the last step's stand under `final_info` (SAME_STEP autoreset, unless
    `autoreset_mode` says other).

    ## Arguments
    - `num_states` = 3: S >= 1, levels of hardness.
    - `reward_gaps` = 0.2: Delta(s) > 0, one number or one per state.
    - `drift` = DEFAULT_DRIFT: a fall and a recovery; one law for all three actions, or a list of
      three (harder, keep, easier). A law is a number, a dict such as {law: linear, start: 0.2,
      slope: 0.001, clip: [0, 0.6]} or an object of `gw_envs.drift`; all must stay in [0, 1].
    - `move_prob` = 0.9: q in [0, 1], the probability that an action moves the level.
    - `discount` = 0.0: of rewards to come, in [0, 1).
    - `horizon` = 10: steps per episode (Gymnasium's checker refuses 1, all else works with it).
      Exact values are those of the infinite discounted sum.
    - `best_actions` = None: the best action of each state, 0 harder, 1 keep, 2 easier; None is
      harder below level S // 2, keep at it, easier above it.
    - `ceiling` = None: beta of the premise, in [0, 1]; None is any that will do.
    - `steps_per_tick` = 1: own steps per tick of the clock.
    - `drift_horizon` = 10000: ticks over which the laws run and are checked; then they hold still.
    - `drift_seed` = 0: fixes the noise of the laws. One law shared by the actions has one noise.
    - `premise` = "require": an error where the premise fails; "warn" or "ignore" go on.
    - `observation` = "state": its number; or "one_hot", a vector, for programs that want a Box.
    - `render_mode` = None: or "ansi", "rgb_array".

    Every argument is checked; a `ValueError` names the argument, its value and what is right.
    `mdp`, `mdp_at(t)` and `P` give the arrays of the process frozen at a clock.

    ## Version History
    - v0: first version.
    """

    vector_class = ASRWellVectorEnv
