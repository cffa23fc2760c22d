"""FrozenLake policies a little short of the optimum, with the exact advantage of every probe.

Unlike a bandit's, whose branches share their luck with what they are compared with, these returns
are 0 or 1 at random on both sides of a difference: a fair trial of what the limits promise.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis import Diagnosis
from benchmarks.diagnosis.cases import DISCOUNT, Case, optimal_values, spread
from gw_envs.checks import Floats

LAKE = "FrozenLake-v1"
POLICIES = 45
MAX_STEPS = 150_000
# Episodes are long enough for the time limit not to matter to the exact values.
ENV_KWARGS = {"max_episode_steps": 1000}


def lake_cases() -> Iterator[Case]:
    """Some states do another thing than the best, every third policy in none.

    From no advantage at all, over those not worth seeing, to a clear one.
    """
    values = optimal_values(LAKE)[0]
    order = values.argsort(axis=1)
    for number in range(POLICIES):
        rng = np.random.default_rng(number)
        slips = rng.random(len(values)) < (0.4 if number % 3 else 0.0)
        ranks = np.where(slips, rng.integers(2, 5, len(values)), 1)
        chosen = order[np.arange(len(values)), -ranks]
        prob = rng.uniform(0.92, 0.99)
        policy = np.array([spread(int(action), 4, prob) for action in chosen])
        yield Case(
            f"{LAKE}, {int(slips.sum())} states off the optimum, {number}",
            "well",
            LAKE,
            policy,
            ENV_KWARGS,
            discount=DISCOUNT,
            max_steps=MAX_STEPS,
            num_states=3,
            advantage=lambda found, policy=policy: largest_advantage(policy, found),
        )


def largest_advantage(policy: Floats, found: Diagnosis) -> float:
    """The largest exact advantage among the probes that a diagnosis made, at least 0."""
    return max([0.0, *(advantage(policy, int(p.state), p.action, p.hold) for p in found.probes)])


def advantage(policy: Floats, state: int, action: int, hold: int) -> float:
    """What holding an action from a state on, then following pi [S, K], is worth over pi."""
    chances, rewards = model()
    value = policy_value(policy, chances, rewards)
    ahead = value
    for _ in range(hold):  # from the last forced step back to the first
        ahead = rewards[:, action] + DISCOUNT * chances[:, action] @ ahead
    return float(ahead[state] - value[state])


def policy_value(policy: Floats, chances: Floats, rewards: Floats) -> Floats:
    """V [S] of a policy, from (1 - discount P_pi) V = r_pi."""
    moves = np.einsum("sa,sat->st", policy, chances)
    return np.asarray(
        np.linalg.solve(np.eye(len(moves)) - DISCOUNT * moves, (policy * rewards).sum(axis=1))
    )


@functools.cache
def model() -> tuple[Floats, Floats]:
    """Chances [S, K, S] of going on in a state, and mean rewards [S, K]."""
    env: Any = gym.make(LAKE).unwrapped
    table = env.P
    states, count = len(table), len(table[0])
    chances, rewards = np.zeros((states, count, states)), np.zeros((states, count))
    for s in range(states):
        for a in range(count):
            for chance, after, reward, ends in table[s][a]:
                rewards[s, a] += chance * reward
                chances[s, a, after] += chance * (not ends)
    return chances, rewards
