"""Seeded random drifting bandits and their exact policy-gradient paths, for the bounds' tests."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass
class Sweep:
    """N instances of K arms over T updates; a* is arm 0."""

    rewards: np.ndarray  # [T, N, K]
    rates: np.ndarray  # [T, N]
    policies: np.ndarray  # [N, K], initial
    probs: np.ndarray  # [T, N], pi_n(a*)
    shortfalls: np.ndarray  # [T, N], sub-optimality of policy n under r(n)

    @cached_property
    def gaps(self):
        return self.rewards[:, :, :1] - self.rewards[:, :, 1:]

    @cached_property
    def clock(self):
        """sum_{t<n} eta_t max_i G_i(t)_+, [T, N], 0 at n = 0."""
        speed = self.rates * np.maximum(self.gaps.max(axis=2), 0)
        return np.concatenate([np.zeros((1, speed.shape[1])), np.cumsum(speed, axis=0)[:-1]])


def first_true(flags):
    """First row index of True per column, -1 where there is none."""
    return np.where(flags.any(axis=0), flags.argmax(axis=0), -1)


def random_rewards(rng, updates, instances, k):
    """A third each: sinusoids, blocks that reorder the arms, and equal sub-optimal rewards."""
    t = np.arange(updates)[:, None, None]
    period = rng.uniform(20, 2000, (1, instances, k))
    phase = rng.uniform(0, 2 * np.pi, (1, instances, k))
    level = rng.uniform(0.1, 0.6, (1, instances, k))
    rewards = level + rng.uniform(0, 0.3, (1, instances, k)) * np.sin(
        2 * np.pi * t / period + phase
    )
    rewards[:, :, 0] += rng.uniform(0.1, 0.6, instances)
    kind = np.arange(instances) % 3
    blocks = np.arange(updates) // 50
    drawn = rng.uniform(0, 0.7, (blocks[-1] + 1, instances, k))
    rewards[:, kind == 1, 1:] = drawn[blocks][:, kind == 1, 1:]
    rewards[:, kind == 2, 1:] = rewards[:, kind == 2, 1:2]
    return np.clip(rewards, 0, 1)


def run_sweep(seed, k, instances, updates):
    """Draw instances and make their updates one by one."""
    rng = np.random.default_rng([seed, k])
    rewards = random_rewards(rng, updates, instances, k)
    x0 = 10 ** rng.uniform(-2.7, -1.3, instances)
    spread = rng.choice([0.5, 5.0, 1e6], (instances, 1))  # the last is uniform over the rest
    rest = rng.gamma(spread, size=(instances, k - 1)) + 1e-12
    rest *= ((1 - x0) / rest.sum(axis=1))[:, None]
    policies = np.column_stack([x0, rest])
    rates = rng.uniform(0.2, 2, instances) * np.ones((updates, 1))
    jagged = rng.random(instances) < 0.3
    rates[:, jagged] *= rng.uniform(0, 2, (updates, jagged.sum()))
    theta = np.log(policies)
    probs, shortfalls = np.empty((updates, instances)), np.empty((updates, instances))
    for n in range(updates):
        pi = np.exp(theta - theta.max(axis=1, keepdims=True))
        pi /= pi.sum(axis=1, keepdims=True)
        mean = np.sum(pi * rewards[n], axis=1)
        probs[n], shortfalls[n] = pi[:, 0], rewards[n, :, 0] - mean
        theta = theta + rates[n][:, None] * pi * (rewards[n] - mean[:, None])
    return Sweep(rewards, rates, policies, probs, shortfalls)
