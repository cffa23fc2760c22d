"""Random drifting bandits that meet the premise of the paper's Theorem 2, and their exact runs.

r(t) = (b_1(t) + Delta, b_2(t), ..., b_K(t)) with b_i(t) <= beta <= b_1(t) + Delta at every t, so
b_1 stays in [beta - Delta, beta] and every other b_i in [0, beta]. a* is action 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policies import softmax
from agents.updates import make_rule
from gw_envs.checks import Floats
from gw_envs.theory import WELL_FRACTION, escape_threshold, in_well
from gw_envs.theory.wells import WELL_TOLERANCE

Integers = NDArray[np.int64]
KINDS = ("waves", "blocks", "equal")


@dataclass(frozen=True)
class Instances:
    """N bandits of K arms over T updates.

    Attributes:
        rewards: r(t), [T, N, K].
        policies: initial probabilities [N, K].
        reward_gaps: Delta [N].
        learning_rates: eta [N].
        equal: whether all sub-optimal rewards are the same at every t, [N].
    """

    rewards: Floats
    policies: Floats
    reward_gaps: Floats
    learning_rates: Floats
    equal: np.ndarray

    @property
    def frozen(self) -> Instances:
        """The same bandits with their first rewards held."""
        rewards = np.broadcast_to(self.rewards[:1], self.rewards.shape)
        return Instances(rewards, self.policies, self.reward_gaps, self.learning_rates, self.equal)


@dataclass(frozen=True)
class Passage:
    """What exact softmax policy gradient did in N instances; updates, -1 where it did not happen.

    Attributes:
        starts_in_well: whether the first policy is in the glossary's well [N].
        escape: first update outside the well [N], 0 for a start outside.
        leave_prob: first update with pi(a*) > 0.1, [N].
        reentry: first update back in the well after the escape [N].
    """

    starts_in_well: np.ndarray
    escape: np.ndarray
    leave_prob: np.ndarray
    reentry: np.ndarray


def draw_instances(
    rng: np.random.Generator, instances: int, num_actions: int, updates: int
) -> Instances:
    """Draw instances: a third each of waves, blocks that reorder the arms, and equal others."""
    k, n = num_actions, instances
    t = np.arange(updates)[:, None, None]
    kind = np.arange(n) % len(KINDS)
    phase = 2 * np.pi * (t / rng.uniform(50, 3000, (1, n, k)) + rng.uniform(0, 1, (1, n, k)))
    unit = rng.uniform(0.2, 1, (1, n, k)) * (0.5 + 0.5 * np.sin(phase))  # in [0, 1]
    length = 200
    drawn = rng.uniform(0, 1, (updates // length + 1, n, k))
    blocks = drawn[np.arange(updates) // length]
    unit[:, kind == 1, 1:] = blocks[:, kind == 1, 1:]
    unit[:, kind == 2, 1:] = unit[:, kind == 2, 1:2]
    beta, gap = rng.uniform(0.3, 0.7, n), rng.uniform(0.05, 0.3, n)
    rewards = beta[:, None] * unit
    rewards[:, :, 0] = beta - gap * unit[:, :, 0] + gap
    x0 = 10 ** rng.uniform(-2.3, -1.3, n)
    spread = rng.choice([0.5, 5.0, np.inf], n)
    rest = np.where(
        np.isinf(spread)[:, None],
        1.0,
        rng.gamma(np.where(np.isinf(spread), 1.0, spread)[:, None], size=(n, k - 1)) + 1e-9,
    )
    rest *= ((1 - x0) / rest.sum(axis=1))[:, None]
    return Instances(rewards, np.column_stack([x0, rest]), gap, rng.uniform(0.2, 1.0, n), kind == 2)


def follow(instances: Instances) -> Passage:
    """Make every update of every instance and note what happens first.

    Raises:
        FloatingPointError: if pi(a*) falls where plain float64 is no longer trusted (1e-10).
    """
    rule = make_rule("softmax-pg")
    theta, rates = np.log(instances.policies), instances.learning_rates[:, None]
    n = len(theta)
    escape, leave, reentry = (np.full(n, -1) for _ in range(3))
    inside_first = np.zeros(n, dtype=bool)
    for update, rewards in enumerate(instances.rewards):
        policy = softmax(theta)
        if policy[:, 0].min() < 1e-10:
            raise FloatingPointError("pi(a*) fell below 1e-10; use the step-jumping solver.")
        shortfall = rewards[:, 0] - np.sum(policy * rewards, axis=1)
        inside = np.asarray(in_well(shortfall, instances.reward_gaps))
        if update == 0:
            inside_first = inside
        escape[(escape < 0) & ~inside] = update
        reentry[(reentry < 0) & (escape >= 0) & (update > escape) & inside] = update
        leave[(leave < 0) & (policy[:, 0] > escape_threshold())] = update
        theta = rule.step(theta, rewards, rates)
    return Passage(inside_first, escape, leave, reentry)


def join_passages(parts: list[Passage]) -> Passage:
    """The passages of several batches as one."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Passage(*(np.concatenate(column) for column in columns))


def first_escapes(
    cycle: Floats, policies: Floats, learning_rate: float, reward_gap: float, max_updates: int
) -> Integers:
    """First update outside the well under rewards that repeat, [N]; -1 within the budget.

    Plain float64 in compiled code: pi(a*) must stay above about 1e-10.

    Args:
        cycle: rewards [P, K], repeated for ever; a* is action 0.
        policies: initial probabilities [N, K].
        learning_rate: eta > 0.
        reward_gap: Delta > 0.
        max_updates: budget of each.
    """
    edge = WELL_FRACTION * reward_gap * (1 - WELL_TOLERANCE)
    loop = _compiled()
    return np.array([loop(cycle, np.log(p), learning_rate, edge, max_updates) for p in policies])


@cache
def _compiled() -> Any:
    from agents.simulation.kernels.compiling import compiled

    return compiled()(_cycle)


def _cycle(cycle: Floats, theta: Floats, eta: float, edge: float, updates: int) -> int:
    """Softmax policy gradient until sub-optimality < edge; the updates made, or -1."""
    for n in range(updates + 1):
        rewards = cycle[n % len(cycle)]
        policy = np.exp(theta - theta.max())
        policy /= policy.sum()
        value = (policy * rewards).sum()
        if rewards[0] - value < edge:
            return n
        theta = theta + eta * policy * (rewards - value)
    return -1
