"""The arguments of a simulation, checked and brought to the form the kernels take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.baselines import check_baseline
from agents.evaluation import log_spaced
from agents.updates import ExactRule, check_rule, make_rule, rule_options
from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_int,
    check_memory,
    check_numbers,
    check_unused,
)
from gw_envs.theory import best_arm_and_gap
from gw_envs.vector.noise import RewardNoise


@dataclass(frozen=True)
class Bandits:
    """B one-state problems with K arms and where their policies start.

    Attributes:
        theta: initial logits [B, K], of a rule that remembers [B, N], its memory behind them.
        rewards: mean rewards [B, K].
        optimal_action: a* of each problem [B].
        gap: the well's gap of each problem [B].
    """

    theta: Floats
    rewards: Floats
    optimal_action: NDArray[np.int64]
    gap: Floats

    @property
    def given_order(self) -> NDArray[np.int64]:
        """The arms as they are, and the memory, [B, N]."""
        return np.broadcast_to(np.arange(self.theta.shape[1]), self.theta.shape)

    @property
    def best_first(self) -> NDArray[np.int64]:
        """Arms of each problem with the best first, the others in their order, [B, K]."""
        arms = self.given_order
        return np.argsort(np.where(arms == self.optimal_action[:, None], -1, arms), axis=1)


@dataclass(frozen=True)
class Sampling:
    """How rewards are drawn and what is subtracted from them.

    Attributes:
        reward_noise: the law of rewards.
        batch_size: pulls averaged per update.
        baseline: one of BASELINES.
        baseline_value: b of the baseline "constant".
        seed: fixes the random streams; None draws fresh ones.
        first_stream: stream of trajectory 0; trajectory i uses stream first_stream + i.
    """

    reward_noise: RewardNoise = field(default_factory=RewardNoise)
    batch_size: int = 1
    baseline: str = "none"
    baseline_value: float = 0.0
    seed: int | None = None
    first_stream: int = 0


def make_bandits(
    mean_rewards: ArrayLike, initial_theta: ArrayLike, rule: ExactRule | None
) -> Bandits:
    """Check shapes and values; broadcast one problem over many starts and the other way round.

    `rule`, if one is given, decides how many numbers theta has.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    theta = np.array(check_numbers("initial_theta", initial_theta), ndmin=2)
    if theta.ndim != 2 or theta.shape[1] < 2 or theta.shape[0] < 1:
        raise BadInput(f"initial_theta of shape {np.shape(initial_theta)} must be [K] or [B, K].")
    arms = _arms(theta.shape[1], rule)
    rewards = np.array(check_numbers("mean_rewards", mean_rewards, 0, 1), ndmin=2)
    if rewards.ndim != 2 or rewards.shape[1] != arms or rewards.shape[0] < 1:
        raise BadInput(
            f"mean_rewards of shape {np.shape(mean_rewards)} must have {arms} entries in its last "
            "axis, as many as initial_theta, and at most two axes."
        )
    if 1 not in (len(theta), len(rewards)) and len(theta) != len(rewards):
        raise BadInput(
            f"mean_rewards of shape {rewards.shape} and initial_theta of shape {theta.shape} must "
            "have the same number of rows, or one of them a single row."
        )
    batch = max(len(theta), len(rewards))
    rewards = np.ascontiguousarray(np.broadcast_to(rewards, (batch, arms)))
    theta = np.ascontiguousarray(np.broadcast_to(theta, (batch, theta.shape[1])))
    return Bandits(theta, rewards, *best_arm_and_gap(rewards))


def check_options(update: str, options: Mapping[str, Any] | None) -> ExactRule:
    """The exact rule of a name and its options."""
    given = rule_options("update_options", options)
    return make_rule(check_rule("update", update, "exact"), **given)


def parameters(rule: ExactRule | None, num_actions: int) -> int:
    """How many numbers a rule's theta has for one state; None: softmax-pg."""
    if rule is None:
        return num_actions
    return int(rule.theta_from_policy(np.full(num_actions, 1 / num_actions)).shape[-1])


def _arms(size: int, rule: ExactRule | None) -> int:
    """K of a theta of this size."""
    for arms in range(2, size + 1):
        if parameters(rule, arms) == size:
            return arms
    raise BadInput(
        f"initial_theta has {size} numbers a row, which fit no number of arms; they must be what "
        f"theta_from_policy of update={rule.name if rule else 'softmax-pg'!r} gives."
    )


def make_sampling(
    gradient: str,
    reward_noise: str,
    noise_std: float,
    batch_size: int,
    baseline: str,
    baseline_value: float | None,
    seed: int | None,
    first_stream: int,
) -> Sampling | None:
    """Check the arguments of sampled gradients; None for exact ones, which must not give them.

    Raises:
        ValueError: naming the argument, its value and what would be right.
    """
    pulls = check_int("batch_size", batch_size, 1)
    stream = check_int("first_stream", first_stream, 0)
    if seed is not None:
        check_int("seed", seed, 0)
    if check_choice("gradient", gradient, ("exact", "sampled")) == "exact":
        given = {
            "reward_noise": reward_noise,
            "noise_std": noise_std,
            "baseline": baseline,
            "baseline_value": baseline_value,
            "batch_size": pulls,
        }
        plain = {"reward_noise": "none", "noise_std": 0.0, "baseline": "none", "batch_size": 1}
        check_unused("needs gradient='sampled'", given, plain)
        return None
    noise = RewardNoise(reward_noise, noise_std)
    name, number = check_baseline(baseline, baseline_value)
    return Sampling(noise, pulls, name, number, seed, stream)


def history_marks(max_updates: int, points: int | None) -> NDArray[np.int64]:
    """0, max_updates and at most `points` - 2 log-spaced whole numbers between them, ascending.

    Without `points` only the budget itself.
    """
    if points is None:
        return np.array([max_updates], dtype=np.int64)
    check_memory("history", points, 8.0 * check_int("history", points, 2))
    return log_spaced(max_updates, count=points - 1)
