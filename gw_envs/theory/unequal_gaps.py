"""Unequal rewards: the constant of the escape time, which grows like x0^-(K-1).

One state, exact gradient, r_1 > r_2 > r_i for i >= 3 (arm 1 is a*), p the first policy, x0 = p_1.
The others collapse onto arm 2 while the sum of all logits is conserved, so pi(a*) falls before it
rises. With D = r_1 - r_2, d_i = r_2 - r_i (proof: docs/theory.md, section 11), as x0 -> 0

    T = 1/(K (K-1) eta kappa),    kappa = D^(K-1) x0^(K-1) / (p_2 prod_{i>=3} d_i p_i),

and the lowest pi(a*) on the way is (K/2)^K (2/(K-2))^(K-2) kappa/D, for K = 2 x0 itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, check_float, check_mean_rewards
from gw_envs.theory.bounds import check_one_policy

LARGEST_RATIO = 0.1


@dataclass(frozen=True)
class EscapeLaw:
    """The law of small starts for unequal rewards, exact gradient.

    Attributes:
        exponent: alpha in T ~ x0^-alpha, K - 1.
        log_escape_time: ln T, T in updates.
        log_lowest_prob: ln of the lowest pi(a*) on the way.
        ratio: max_i D x0/(d_i p_i), small where the law holds; its relative error is of this order
            times K, or of order x0 ln(1/x0).
    """

    exponent: int
    log_escape_time: float
    log_lowest_prob: float
    ratio: float

    @property
    def escape_time(self) -> float:
        """T in updates; infinite beyond float64."""
        return math.exp(self.log_escape_time) if self.log_escape_time < 709 else math.inf

    @property
    def lowest_optimal_prob(self) -> float:
        """The lowest pi(a*) on the way; 0 below float64."""
        return math.exp(self.log_lowest_prob)


def escape_law(policy: ArrayLike, mean_rewards: ArrayLike, learning_rate: float) -> EscapeLaw:
    """The escape time for unequal rewards in closed form, as pi_1(a*) -> 0.

    Args:
        policy: initial probabilities [K].
        mean_rewards: r [K] in [0, 1]: a best arm, one second best, others below.
        learning_rate: eta > 0, constant.

    Returns:
        The law; within about K * ratio of the exact count.

    Raises:
        ValueError: naming the argument; for ties of the best or second best arm, which follow other
            laws; and where `ratio` is above .1, too large a start for the law.
    """
    pi, r = check_one_policy(policy), check_mean_rewards("mean_rewards", mean_rewards)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    if r.shape != pi.shape:
        raise BadInput(f"mean_rewards of shape {r.shape} must match policy's {pi.shape}.")
    k, order = r.size, np.argsort(-r, kind="stable")
    r, pi = r[order], pi[order]
    if r[0] == r[1] or (k > 2 and r[1] == r[2]):
        raise BadInput(
            f"mean_rewards={r.tolist()} has a tie of its best or second best arm, where another "
            "law holds (equal_gap_escape_time if all wrong arms pay alike)."
        )
    gap, start = float(r[0] - r[1]), float(pi[0])
    below = np.log(r[1] - r[2:]) + np.log(pi[2:])  # logarithms: products may leave float64
    log_push = math.log(gap) + math.log(start)
    ratio = math.exp(min(log_push - float(below.min()), 0.0)) if k > 2 else start
    if ratio > LARGEST_RATIO:
        raise BadInput(
            f"policy starts with pi(a*)={start:g}, too much for the law of small starts: its ratio "
            f"{ratio:.2g} must be at most {LARGEST_RATIO}."
        )
    log_kappa = (k - 1) * log_push - math.log(pi[1]) - float(np.sum(below))
    fall = math.log(start)
    if k > 2:
        fall = k * math.log(k / 2) - (k - 2) * math.log((k - 2) / 2) + log_kappa - math.log(gap)
    return EscapeLaw(k - 1, -math.log(k * (k - 1)) - math.log(eta) - log_kappa, fall, ratio)
