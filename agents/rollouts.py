"""The sampled policy gradient: REINFORCE from real steps of a vector environment."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.baselines import check_baseline, exact_baseline
from agents.updates import Batch, SampledRule, make_sampled_rule
from gw_envs.checks import (
    BadInput,
    Floats,
    check_int,
    check_memory,
)
from gw_envs.registration import make_well
from gw_envs.vector.streams import Streams

RECENT = 100


class Rollouts:
    """Episodes of the policies of R runs, `batch_size` each, and what a rule learns from them.

    estimate = mean over episodes of sum_k discount^k (G_k - b(s_k)) grad ln pi(a_k|s_k), where G_k
    is the discounted return from step k on. It is unbiased for the horizon-H objective; one pull
    (H=1) gives (R - b)(e_A - pi). Every environment draws from its own generator, seeded by its
    run's seed, so that a run's path does not depend on the other runs.

    Args:
        env_id: id of one of our environments.
        env_kwargs: its constructor's arguments.
        seeds: one per run.
        batch_size: episodes per run and update.
        baseline: a name of `agents.baselines.BASELINES`; "average" is the running mean of the
            returns G_0 seen by the run before this update (0 before the first).
        baseline_value: the number of "constant", refused with any other.
        rule: the sampled update rule; default softmax policy gradient.
    """

    def __init__(
        self,
        env_id: str,
        env_kwargs: dict[str, Any],
        seeds: Sequence[int],
        batch_size: int,
        baseline: str,
        baseline_value: float | None,
        rule: SampledRule | None = None,
    ) -> None:
        self.baseline, self.baseline_value = check_baseline(baseline, baseline_value)
        self.rule = make_sampled_rule("softmax-pg") if rule is None else rule
        self.runs, self.batch_size = len(seeds), check_int("batch_size", batch_size, 1)
        self.rule.check_batch_size(self.batch_size)
        check_memory("batch_size", batch_size, 5000.0 * self.runs * self.batch_size)
        # spawn_key 1: actions, 2: environment; 0 is taken by random initial policies.
        actions = _children(seeds, 1, self.batch_size)
        worlds = _children(seeds, 2, self.batch_size)
        self.envs = self.well = make_well(env_id, self.runs * self.batch_size, env_kwargs)
        self.horizon = self.well.horizon
        self.steps_per_update = self.horizon * self.batch_size
        check_memory("horizon", self.horizon, 32.0 * self.runs * self.steps_per_update)
        self._streams = Streams([np.random.default_rng(s) for s in actions])
        self._run = np.repeat(np.arange(self.runs), self.batch_size)
        env_seeds: Any = [int(s.generate_state(1)[0]) for s in worlds]
        self.envs.reset(seed=env_seeds)
        self._dealt = self._deal()
        self._mean_return = np.zeros(self.runs)
        self._episodes = 0
        self._recent: deque[Floats] = deque(maxlen=RECENT)

    def step(self, theta: Floats, policy: Floats, values: Floats, learning_rate: float) -> Floats:
        """The rule's parameters after one update on a new batch.

        Args:
            theta: the parameters of R runs.
            policy: their policies, [R, S, K].
            values: exact Q or mean rewards at the current clock, for exact baselines, [R, S, K].
            learning_rate: eta > 0.
        """
        return self.rule.sampled_step(theta, self.batch(policy, values), learning_rate)

    def gradient(self, policy: Floats, values: Floats) -> Floats:
        """The rule's estimate from a new batch, [R, S, K]; arguments as in `step`."""
        return self.batch(policy, values).mean(self.rule.estimate)

    def batch(self, policy: Floats, values: Floats) -> Batch:
        """Roll every environment out for one episode; arguments as in `step`."""
        states, actions, rewards = self._roll_out(policy)
        returns = rewards.copy()
        for k in range(self.horizon - 2, -1, -1):
            returns[k] += self.well.discount * returns[k + 1]
        if self.baseline == "average":
            baseline = np.broadcast_to(self._mean_return[:, None, None], (*values.shape[:-1], 1))
        elif self.baseline == "optimal":
            baseline = self.rule.optimal_baseline(policy, values)
        else:
            baseline = exact_baseline(self.baseline, policy, values, self.baseline_value)
        self._remember(returns[0])
        return Batch(policy, states, actions, returns, baseline, self.well.discount)

    @property
    def recent_return(self) -> Floats:
        """Mean return of each run's episodes in its last 100 updates, [R]; NaN before the first."""
        if not self._recent:
            return np.full(self.runs, np.nan)
        # A run's returns side by side: the order of a sum must not depend on the number of runs.
        return np.stack(self._recent, axis=1).mean(axis=1)

    def _deal(self) -> NDArray[np.int64] | None:
        """Prompts of the episodes, as many of each, for a rule that learns from groups; or None.

        Drawn at random, prompts would leave most groups incomplete.
        """
        prompts, size = self.well.num_states, self.rule.episodes_together
        if size == 1 or not hasattr(self.well, "initial_probs"):
            return None
        if self.batch_size % (prompts * size):
            raise BadInput(
                f"batch_size={self.batch_size} must be a multiple of {prompts * size}: "
                f"{prompts} prompts times the group of {size} that {self.rule.name} learns from."
            )
        each = np.repeat(np.arange(prompts), self.batch_size // prompts)
        return np.tile(each, self.runs)

    def _roll_out(self, policy: Floats) -> tuple[Any, Any, Floats]:
        """States, actions and rewards of one episode, each [H, R * batch_size]."""
        cumulative = np.cumsum(policy, axis=-1)
        shape = (self.horizon, self.runs * self.batch_size)
        states, actions = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
        rewards = np.empty(shape)
        if self._dealt is not None:
            self.envs.reset(options={"state": self._dealt})
        for k in range(self.horizon):
            states[k] = self.well.states  # whatever the environment shows
            steps = cumulative[self._run, states[k]]
            # Scaled by the last entry, so that a sum rounded to less than 1 leaves no gap.
            draw = self._streams.draw() * steps[:, -1]
            actions[k] = np.sum(steps <= draw[:, None], axis=-1)
            _, rewards[k], _, _, _ = self.envs.step(actions[k])
        return states, actions, rewards

    def _remember(self, returns: Floats) -> None:
        per_run = returns.reshape(self.runs, self.batch_size).sum(axis=1)
        self._recent.append(per_run / self.batch_size)
        self._mean_return = (self._mean_return * self._episodes + per_run) / (
            self._episodes + self.batch_size
        )
        self._episodes += self.batch_size


def _children(seeds: Sequence[int], part: int, count: int) -> list[np.random.SeedSequence]:
    """`count` independent seed sequences per seed, for one part of the run."""
    return [np.random.SeedSequence(s, spawn_key=(part, i)) for s in seeds for i in range(count)]
