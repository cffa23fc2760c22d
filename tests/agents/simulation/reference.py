"""What `simulate` computes, in plain numpy: slow, readable, the oracle of the kernels' tests.

It shares with the kernels the checked arguments, the numbers drawn by counter and the definition of
the well, and nothing of their arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.baselines import exact_baseline
from agents.policies import softmax
from agents.simulation.kernels.counters import (
    ACTION,
    NOISE,
    NOISE_ANGLE,
    SLOTS,
    stream_key,
    stream_state,
    uniform,
)
from agents.simulation.settings import (
    Bandits,
    Sampling,
    history_marks,
    make_bandits,
    make_sampling,
)
from agents.simulation.trajectories import History, Trajectories
from agents.updates import advantages
from gw_envs.checks import Floats
from gw_envs.theory import WELL_FRACTION, in_well


@dataclass
class State:
    """Logits as start + moved - lost, with the addition to `moved` compensated."""

    start: Floats
    moved: Floats
    lost: Floats

    @property
    def theta(self) -> Floats:
        """The logits [B, K]."""
        return self.start + (self.moved - self.lost)

    def add(self, change: Floats) -> None:
        """Kahan's addition."""
        rounded = change - self.lost
        total = self.moved + rounded
        self.lost = (total - self.moved) - rounded
        self.moved = total


def _outside(loss, gap, fraction, optimal_prob, escape_prob):
    return ~in_well(loss, gap, fraction) if escape_prob is None else optimal_prob > escape_prob


def simulate_reference(
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    *,
    learning_rate: float,
    max_updates: int,
    gradient: str = "exact",
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
    stop_at_escape: bool = True,
    history: int | None = None,
    baseline: str = "none",
    baseline_value: float | None = None,
    reward_noise: str = "none",
    noise_std: float = 0.0,
    batch_size: int = 1,
    seed: int | None = None,
    first_stream: int = 0,
) -> Trajectories:
    """As `simulate` for softmax-pg; see there for every argument."""
    bandits = make_bandits(mean_rewards, initial_theta, None)
    sampling = make_sampling(
        gradient, reward_noise, noise_std, batch_size, baseline, baseline_value, seed, first_stream
    )
    draws = None if sampling is None else Draws(bandits, sampling)
    start, rewards = bandits.theta, bandits.rewards
    state = State(start, np.zeros_like(start), np.zeros_like(start))
    rows, best = np.arange(len(start)), bandits.optimal_action
    marks, saved = history_marks(max_updates, history), []
    escape_time = np.full(len(start), -1)
    lowest, resting = np.ones(len(start)), np.zeros(len(start), dtype=bool)
    for n in range(max_updates + 1):
        policy = softmax(state.theta)
        optimal_prob = policy[rows, best]
        loss = np.sum(policy * (rewards[rows, best, None] - rewards), axis=1)
        outside = _outside(loss, bandits.gap, escape_fraction, optimal_prob, escape_prob)
        escape_time[(escape_time < 0) & outside] = n
        resting |= outside & stop_at_escape
        lowest = np.where(resting, lowest, np.minimum(lowest, optimal_prob))
        if n in marks:
            saved.append(state.theta)
        if n == max_updates:
            break
        if draws is not None:
            direction = draws.direction(n, policy, rewards)
        else:
            direction = policy * advantages(policy, rewards)
        rate = np.where(resting, 0.0, learning_rate)
        state.add(rate[:, None] * direction)
    past = None if history is None else History(marks, np.stack(saved))
    return Trajectories(escape_time, state.theta, state.moved - state.lost, lowest, past)


class Draws:
    """The sampled gradients of all trajectories, one random stream each."""

    def __init__(self, bandits: Bandits, sampling: Sampling) -> None:
        self.order, self.gap, self.sampling = bandits.best_first, bandits.gap, sampling
        batch, self.arms = bandits.theta.shape
        streams = np.arange(batch, dtype=np.uint64) + np.uint64(sampling.first_stream)
        self.state = stream_state(stream_key(sampling.seed), streams)
        self.received = np.zeros(batch)

    def direction(self, n: int, policy: Floats, rewards: Floats) -> Floats:
        """The mean of (R - b)(e_A - pi) over the pulls of update n+1, [B, K]."""
        base = self._baseline(n, policy, rewards)
        total = np.zeros_like(policy)
        for pull in range(self.sampling.batch_size):
            # An array: the wrap-around of 64 bits is silent for arrays only.
            slot = np.array([(n * self.sampling.batch_size + pull) * SLOTS], dtype=np.uint64)
            arm = self._draw_arm(policy, slot)
            paid = self._reward(np.take_along_axis(rewards, arm[:, None], axis=1)[:, 0], slot)
            self.received += paid
            score = np.eye(self.arms)[arm] - policy
            # 1 - pi(A) as the sum of the others: it does not cancel where A is nearly sure.
            others = np.where(np.eye(self.arms, dtype=bool)[arm], 0.0, policy).sum(axis=1)
            np.put_along_axis(score, arm[:, None], others[:, None], axis=1)
            total += (paid - base)[:, None] * score
        return total / self.sampling.batch_size

    def _draw_arm(self, policy: Floats, slot: NDArray[np.uint64]) -> NDArray[np.intp]:
        """A ~ pi by inversion; arms in the order best first."""
        ordered = np.take_along_axis(policy, self.order, axis=1)
        left = uniform(self.state, slot + np.uint64(ACTION))
        place = np.zeros(len(policy), dtype=np.intp)
        for a in range(1, self.arms):
            left = left - ordered[:, a - 1]
            place[left >= 0] = a
        return np.take_along_axis(self.order, place[:, None], axis=1)[:, 0]

    def _reward(self, means: Floats, slot: NDArray[np.uint64]) -> Floats:
        """Rewards of the noise law with the given means."""
        law = self.sampling.reward_noise
        if law.law == "none":
            return law.apply(means, None)
        numbers = uniform(self.state, slot + np.uint64(NOISE))
        if law.law == "gaussian":  # Box and Muller
            angle = 2 * np.pi * uniform(self.state, slot + np.uint64(NOISE_ANGLE))
            numbers = np.sqrt(-2 * np.log(numbers)) * np.cos(angle)
        return law.apply(means, numbers)

    def _baseline(self, n: int, policy: Floats, rewards: Floats) -> Floats:
        """b of each trajectory for update n+1, [B]."""
        name = self.sampling.baseline
        if name == "average":
            return self.received / max(n * self.sampling.batch_size, 1)
        if name == "oracle":
            return rewards[np.arange(len(rewards)), self.order[:, 0]] - self.gap / 2
        return exact_baseline(name, policy, rewards, self.sampling.baseline_value)[:, 0]
