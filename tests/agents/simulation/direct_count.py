"""The tests' own truth: every update made, theta kept as an offset in compensated sums."""

import numpy as np
from numba import njit


@njit(cache=True)
def count_updates(rewards, theta, eta, gains, threshold, limit):
    """Smallest n <= limit with pi_n.gains > threshold, or -1; pi_n is that of plain iteration."""
    size = theta.size
    weights = np.exp(theta - theta.max())
    offset, lost = np.zeros(size), np.zeros(size)
    pi = np.empty(size)
    for n in range(limit + 1):
        total = 0.0
        for a in range(size):
            pi[a] = weights[a] * np.exp(offset[a])
            total += pi[a]
        mean, level = 0.0, 0.0
        for a in range(size):
            pi[a] /= total
            mean += pi[a] * rewards[a]
            level += pi[a] * gains[a]
        rest = 0.0  # what rounding left in r - mean, averaged; sum pi (r - mean) is 0 exactly
        for a in range(size):
            rest += pi[a] * (rewards[a] - mean)
        if level > threshold:
            return n
        for a in range(size):
            change = eta * pi[a] * ((rewards[a] - mean) - rest) - lost[a]
            total = offset[a] + change
            lost[a] = (total - offset[a]) - change
            offset[a] = total
    return -1


def direct_escape(mean_rewards, theta, eta, fraction=0.9, prob=None, limit=10**9):
    """T by `count_updates`; the edge of the well as in `gw_envs.theory.in_well`."""
    rewards, theta = np.asarray(mean_rewards, float), np.asarray(theta, float)
    gap = np.subtract(*np.sort(rewards)[[-1, -2]])
    if prob is None:
        gains, threshold = rewards - rewards.max(), -fraction * gap * (1 - 1e-12)
    else:
        gains, threshold = np.eye(rewards.size)[rewards.argmax()], prob
    return count_updates(rewards, theta, float(eta), gains, threshold, limit)


def random_problem(rng):
    """(mean rewards [K], theta_0 [K], eta), K in 2..10, eta in [0.01, 1], gap at least 0.02."""
    while True:
        size = int(rng.integers(2, 11))
        rewards = rng.uniform(0, 1, size)
        if np.subtract(*np.sort(rewards)[[-1, -2]]) > 0.02:
            break
    theta = rng.normal(0, 1.5, size)
    theta[rewards.argmax()] -= rng.uniform(0, 9)
    return rewards, theta, float(10 ** rng.uniform(-2, 0))
