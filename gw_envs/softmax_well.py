"""SoftmaxWell-v0: one state, K arms, r = (b+Delta, b, ..., b): the smallest gravity well."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import (
    Floats,
    check_choice,
    check_float,
    check_int,
    check_mean_rewards,
)
from gw_envs.drawing import bar_frame
from gw_envs.rewards import RewardNoise
from gw_envs.streams import Seed, Streams, make_generators
from gw_envs.tabular import TabularMDP

RENDER_MODES = ("ansi", "rgb_array")


def equal_gap_rewards(
    num_actions: int, base_reward: float, reward_gap: float, optimal_action: int
) -> Floats:
    """r with b + Delta at the optimal action and b elsewhere (paper, equation 2), in [0, 1]^K."""
    k = check_int("num_actions", num_actions, 2)
    best = check_int("optimal_action", optimal_action, 0, k - 1)
    base = check_float("base_reward", base_reward, 0, 1)
    gap = check_float("reward_gap", reward_gap, 0, 1)
    if gap == 0:
        raise ValueError("reward_gap=0 makes every arm a best arm; it must be above 0.")
    if base + gap > 1 + 1e-12:
        raise ValueError(
            f"reward_gap={gap} on base_reward={base} pays {base + gap:g}; rewards lie in [0, 1]."
        )
    rewards = np.full(k, base)
    rewards[best] = min(1.0, base + gap)
    return rewards


class SoftmaxWellVectorEnv(VectorEnv[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]):
    """`num_envs` bandits pulled at once; `SoftmaxWellEnv` documents the environment.

    Autoreset is SAME_STEP: each step ends an episode and returns the next one's observation. What
    the scalar environment puts in `info` stands under `infos["final_info"]`, the last observation
    under `infos["final_obs"]`, each with its mask `_key`. `reset(seed=s)` seeds environment i with
    s + i, and row i equals the scalar environment of that seed to the bit.
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
        num_actions: int = 6,
        base_reward: float = 0.5,
        reward_gap: float = 0.2,
        optimal_action: int = 0,
        mean_rewards: ArrayLike | None = None,
        reward_noise: str = "none",
        noise_std: float = 0.0,
        render_mode: str | None = None,
    ) -> None:
        self.num_envs = check_int("num_envs", num_envs, 1)
        if mean_rewards is None:
            rewards = equal_gap_rewards(num_actions, base_reward, reward_gap, optimal_action)
        else:
            rewards = check_mean_rewards("mean_rewards", mean_rewards)
        self.mean_rewards = rewards
        self.mean_rewards.setflags(write=False)
        self.num_actions, self.num_states = rewards.size, 1
        self.discount, self.horizon, self.drift_horizon = 0.0, 1, 0
        self.optimal_action = int(np.argmax(rewards))
        best, second = np.sort(rewards)[:-3:-1]
        if best == second:
            raise ValueError(
                f"mean_rewards={rewards.tolist()} has a tie for the best arm; a well needs one "
                "best arm, so its reward_gap (best minus second best) must be above 0."
            )
        self.reward_gap = float(best - second)
        self.noise = RewardNoise(reward_noise, noise_std)
        if render_mode is not None:
            check_choice("render_mode", render_mode, RENDER_MODES)
        self.render_mode = render_mode
        self.single_observation_space = gym.spaces.Discrete(1)
        self.single_action_space = gym.spaces.Discrete(self.num_actions)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._streams: Streams | None = None
        self._last_actions: NDArray[np.int64] | None = None
        self._observation = np.zeros(self.num_envs, dtype=np.int64)
        self._always = np.ones(self.num_envs, dtype=np.bool_)
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
        values = np.broadcast_to(self.mean_rewards, policy.shape)
        return values, np.ones((*policy.shape[:-1], 1))

    def mdp_at(self, clock: int) -> TabularMDP:
        """The bandit as a one-state MDP at discount 0, the same at every clock."""
        stay = np.ones((1, self.num_actions, 1))
        return TabularMDP(stay, self.mean_rewards[None], np.ones(1), self.discount)

    @property
    def mdp(self) -> TabularMDP:
        """The bandit as a one-state MDP."""
        return self.mdp_at(0)

    def seed_streams(self, generators: list[np.random.Generator]) -> None:
        """Draw reward noise from these generators, one per environment, from now on."""
        if self.noise.draws is not None:
            self._streams = Streams(generators, self.noise.draws)

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int64], dict[str, Any]]:
        """Begin; a seed restarts the noise, None continues it. Observations are all 0."""
        if seed is not None or self._streams is None:
            self.seed_streams(make_generators(seed, self.num_envs))
        return self._observation.copy(), {}

    def pull(self, actions: NDArray[np.int64]) -> tuple[Floats, dict[str, NDArray[Any]]]:
        """Rewards [num_envs] and info arrays of one pull each: the dynamics, without autoreset."""
        if actions.min() < 0 or actions.max() >= self.num_actions:
            raise ValueError(f"action={actions!r} must lie in 0..{self.num_actions - 1}.")
        means = self.mean_rewards[actions]
        numbers = None if self._streams is None else self._streams.draw()
        self._last_actions = actions
        return self.noise.apply(means, numbers), {
            "mean_reward": means,
            "regret": self.mean_rewards[self.optimal_action] - means,
            "optimal_action": self._best_column,
            "is_success": actions == self.optimal_action,
        }

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats, NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Pull an arm in every environment; every episode ends and the next one begins."""
        rewards, info = self.pull(np.asarray(actions))
        infos: dict[str, Any] = {"final_obs": self._observation.copy(), "final_info": info}
        info.update({f"_{key}": self._always for key in tuple(info)})
        infos["_final_obs"] = infos["_final_info"] = self._always
        ended = self._always.copy()
        return self._observation.copy(), rewards, ended, np.zeros_like(ended), infos

    def render(self) -> tuple[Any, ...] | None:
        """A frame or line of text per environment: mean rewards, the best arm, the last pull."""
        last = [None] * self.num_envs if self._last_actions is None else self._last_actions.tolist()
        if self.render_mode == "rgb_array":
            return tuple(bar_frame(self.mean_rewards, self.optimal_action, a) for a in last)
        if self.render_mode == "ansi":
            return tuple(self._line(a) for a in last)
        gym.logger.warn("render() needs render_mode='ansi' or 'rgb_array', given to gym.make.")
        return None

    def _line(self, last: int | None) -> str:
        arms = (
            f"{'>' if arm == last else ' '}{arm}{'*' if arm == self.optimal_action else ' '}{r:.3f}"
            for arm, r in enumerate(self.mean_rewards)
        )
        return "arms (> pulled, * best): " + " ".join(arms)


class SoftmaxWellEnv(gym.Env[np.int64, np.int64]):
    """A one-state bandit in which softmax policy gradient gets stuck: the smallest gravity well.

    ## Description
    K arms pay r = (b + Delta, b, ..., b) on average (paper, equation 2). A softmax policy that
    starts near a wrong arm moves by eta * pi(a*) * ... per update, so it needs at least
    [F(0.1) - F(pi_1(a*))] / (2 eta Delta) updates to leave (`gw_envs.theory.escape_lower_bound`).

    ## Action Space
    `Discrete(num_actions)`: the arm to pull.

    ## Observation Space
    `Discrete(1)`: always 0.

    ## Rewards
    A Python float with mean `mean_rewards[action]`. `reward_noise`: "none" pays the mean,
    "bernoulli" pays 1 with that probability and else 0, "gaussian" adds N(0, noise_std^2).

    ## Starting State
    The only state, 0.

    ## Episode End
    `terminated` is true after every pull.

    ## Information
    At every step, flat: `mean_reward` (of the arm pulled), `regret` (best mean reward minus it),
    `optimal_action`, `is_success` (the best arm was pulled). `reset` returns none. In the vector
    form these stand under `final_info` (SAME_STEP autoreset).

    ## Arguments
    - `num_actions` = 6: K, at least 2.
    - `base_reward` = 0.5: b, in [0, 1].
    - `reward_gap` = 0.2: Delta > 0, b + Delta at most 1.
    - `optimal_action` = 0: the arm that pays b + Delta.
    - `mean_rewards` = None: any K mean rewards in [0, 1] with one best arm, instead of the four.
    - `reward_noise` = "none": or "bernoulli", "gaussian" with `noise_std` > 0.
    - `render_mode` = None: or "ansi", "rgb_array".

    Every argument is checked; a `ValueError` names the argument, its value and what is right.
    Make it by `gym.make("SoftmaxWell-v0", ...)` after `import gw_envs`, or without the import by
    `gym.make("gw_envs:SoftmaxWell-v0", ...)`.

    ## Version History
    - v0: first version.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        self._vector = SoftmaxWellVectorEnv(1, render_mode=render_mode, **arguments)
        self.render_mode = render_mode
        self.observation_space = self._vector.single_observation_space
        self.action_space = self._vector.single_action_space

    def __getattr__(self, name: str) -> Any:
        """Ground truth (mean_rewards, reward_gap, optimal_action, action_values, ...)."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._vector, name)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin an episode; a seed restarts the noise. Observation 0, empty info."""
        fresh = seed is not None or self._np_random is None
        super().reset(seed=seed)
        if fresh:
            self._vector.seed_streams([self.np_random])
        return np.int64(0), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Pull an arm; see the class."""
        rewards, info = self._vector.pull(np.array([action], dtype=np.int64))
        flat = {key: column[0].item() for key, column in info.items()}
        return np.int64(0), float(rewards[0]), True, False, flat

    def render(self) -> Any:
        """A line of text or an RGB frame of the arms and the last pull, as render_mode says."""
        frames = self._vector.render()
        return None if frames is None else frames[0]
