"""SoftmaxWell-v0: one state, K arms, r = (b+Delta, b, ..., b): the smallest gravity well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gw_envs.checks import (
    BadInput,
    Floats,
    check_float,
    check_int,
    check_mean_rewards,
    check_memory,
    check_unused,
    shown,
)
from gw_envs.tabular import TabularMDP
from gw_envs.vector.drawing import bar_frame
from gw_envs.vector.noise import NoiseLaw, RewardNoise
from gw_envs.well_env import Actions, Observation, States, WellEnv, WellVectorEnv


def equal_gap_rewards(
    num_actions: int, base_reward: float, reward_gap: float, optimal_action: int
) -> Floats:
    """r with b + Delta at the optimal action and b elsewhere (paper, equation 2), in [0, 1]^K."""
    k = check_int("num_actions", num_actions, 2)
    check_memory("num_actions", num_actions, 64.0 * k)
    best = check_int("optimal_action", optimal_action, 0, k - 1)
    base = check_float("base_reward", base_reward, 0, 1)
    gap = check_float("reward_gap", reward_gap, 0, 1)
    if gap == 0:
        raise BadInput("reward_gap=0 makes every arm a best arm; it must be above 0.")
    if base + gap > 1 + 1e-12:
        raise BadInput(
            f"reward_gap={gap} on base_reward={base} pays {base + gap:g}; rewards lie in [0, 1]."
        )
    rewards = np.full(k, base)
    rewards[best] = min(1.0, base + gap)
    return rewards


def _check_agreement(rewards: Floats, **others: Any) -> None:
    """Refuse arguments that are set and say another thing than the mean rewards beside them."""
    best, second = np.sort(rewards)[:-3:-1]
    said = {
        "num_actions": rewards.size,
        "reward_gap": float(best - second),
        "optimal_action": int(np.argmax(rewards)),
    }
    for name, value in others.items():
        alike = isinstance(value, (int, float)) and abs(value - said.get(name, np.inf)) < 1e-9
        if not alike:
            reason = f"does not go with mean_rewards={shown(rewards.tolist())}"
            check_unused(reason, {name: value}, SoftmaxWellVectorEnv)


class SoftmaxWellVectorEnv(WellVectorEnv):
    """`num_envs` bandits pulled at once; `SoftmaxWellEnv` documents the environment."""

    terminates = True

    def __init__(
        self,
        num_envs: int = 1,
        *,
        num_actions: int = 6,
        base_reward: float = 0.5,
        reward_gap: float = 0.2,
        optimal_action: int = 0,
        mean_rewards: Sequence[float] | None = None,
        reward_noise: NoiseLaw = "none",
        noise_std: float = 0.0,
        observation: Observation = "state",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        if mean_rewards is None:
            rewards = equal_gap_rewards(num_actions, base_reward, reward_gap, optimal_action)
        else:
            rewards = check_mean_rewards("mean_rewards", mean_rewards)
            _check_agreement(
                rewards,
                num_actions=num_actions,
                base_reward=base_reward,
                reward_gap=reward_gap,
                optimal_action=optimal_action,
            )
        self.mean_rewards = rewards
        self.mean_rewards.setflags(write=False)
        super().__init__(
            num_envs,
            1,
            rewards.size,
            horizon=1,
            observation=observation,
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
        )
        self.discount, self.drift_horizon = 0.0, 0
        self.optimal_action = int(np.argmax(rewards))
        best, second = np.sort(rewards)[:-3:-1]
        if best == second:
            raise BadInput(
                f"mean_rewards={rewards.tolist()} has a tie for the best arm; a well needs one "
                "best arm, so its reward_gap (best minus second best) must be above 0."
            )
        self.reward_gap = float(best - second)
        self.noise = RewardNoise(reward_noise, noise_std)
        self.draws = self.noise.draws
        self._best_column = np.full(self.num_envs, self.optimal_action)

    @property
    def optimal_actions(self) -> NDArray[np.int64]:
        """The best action of each state, [1]."""
        return np.array([self.optimal_action])

    @property
    def reward_gaps(self) -> Floats:
        """Delta of each state, [1]."""
        return np.array([self.reward_gap])

    def action_values(self, policy: Floats, clock: int = 0) -> tuple[Floats, Floats]:
        """Exact Q [..., 1, K] and visitation weight d(s)/(1-discount) [..., 1, 1] of a policy.

        One pull per episode: Q is the mean reward and the weight 1, whatever the policy and clock.
        """
        self.check_table(policy)
        values = np.broadcast_to(self.mean_rewards, policy.shape)
        return values, np.ones((*policy.shape[:-1], 1))

    def mdp_at(self, clock: int) -> TabularMDP:
        """The bandit as a one-state MDP at discount 0, the same at every clock."""
        check_int("clock", clock, 0)
        stay = np.ones((1, self.num_actions, 1))
        return TabularMDP(stay, self.mean_rewards[None], np.ones(1), self.discount)

    def begin(self, options: Mapping[str, Any]) -> States:
        """State 0 everywhere; there are no options."""
        return np.zeros(self.num_envs, dtype=np.int64)

    def advance(self, actions: Actions) -> tuple[States, Floats, dict[str, NDArray[Any]]]:
        """One pull each: states, rewards, information."""
        means = self.mean_rewards[actions]
        numbers = None if self.draws is None else self.drawn()
        info = {
            "mean_reward": means,
            "regret": self.mean_rewards[self.optimal_action] - means,
            "optimal_action": self._best_column.copy(),
            "is_success": actions == self.optimal_action,
        }
        return self.begin({}), self.noise.apply(means, numbers), info

    def frame(self, index: int) -> NDArray[np.uint8]:
        """The arms' mean rewards, the best in blue, the last pull underlined."""
        return bar_frame(self.mean_rewards, self.optimal_action, self.last_action(index))

    def line(self, index: int) -> str:
        """The arms' mean rewards, the last pull and the best marked."""
        last = self.last_action(index)
        arms = (
            f"{'>' if arm == last else ' '}{arm}{'*' if arm == self.optimal_action else ' '}{r:.3f}"
            for arm, r in enumerate(self.mean_rewards)
        )
        return "arms (> pulled, * best): " + " ".join(arms)


class SoftmaxWellEnv(WellEnv):
    """A one-state bandit in which softmax policy gradient gets stuck: the smallest gravity well.

    ## Description
    K arms pay r = (b + Delta, b, ..., b) on average (paper, equation 2). A softmax policy that
    starts near a wrong arm moves by eta * pi(a*) * ... per update, so it needs at least
    [F(0.1) - F(pi_1(a*))] / (2 eta Delta) updates to leave (`gw_envs.theory.escape_lower_bound`).

    ## Action Space
    `Discrete(num_actions)`: the arm to pull.

    ## Observation Space
    `Discrete(1)`: always 0; with `observation="one_hot"` `Box(float32)`, always [1].

    ## Rewards
    A Python float with mean `mean_rewards[action]`. `reward_noise`: "none" pays the mean,
    "bernoulli" pays 1 with that probability and else 0, "gaussian" adds N(0, noise_std^2).

    ## Starting State
    The only state, 0.

    ## Episode End
    `terminated` is true after every pull. `reset` has no options.

    ## Information
    At every step, flat: `mean_reward` (of the arm pulled), `regret` (best mean reward minus it),
    `optimal_action`, `is_success` (the best arm was pulled). `reset` returns none. In the vector
    form these stand under `final_info` (SAME_STEP autoreset, unless `autoreset_mode` says other).

    ## Arguments
    - `num_actions` = 6: K, at least 2.
    - `base_reward` = 0.5: b, in [0, 1].
    - `reward_gap` = 0.2: Delta > 0, b + Delta at most 1.
    - `optimal_action` = 0: the arm that pays b + Delta.
    - `mean_rewards` = None: any K mean rewards in [0, 1] with one best arm, instead of the four.
    - `reward_noise` = "none": the law of a pull's reward around its mean; or "bernoulli",
      "gaussian".
    - `noise_std` = 0.0: standard deviation of gaussian noise, > 0 there and 0 otherwise.
    - `observation` = "state": its number; or "one_hot", a vector, for programs that want a Box.
    - `render_mode` = None: or "ansi", "rgb_array".

    Every argument is checked; a `ValueError` names the argument, its value and what is right.
    Make it by `gym.make("SoftmaxWell-v0", ...)` after `import gw_envs`, or without the import by
    `gym.make("gw_envs:SoftmaxWell-v0", ...)`.

    ## Version History
    - v0: first version.
    """

    vector_class = SoftmaxWellVectorEnv
