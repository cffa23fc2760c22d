"""The paper's Theorem 2 as printed: its premise, its inequality and its escape time t0.

As printed: r(t) = (b_1(t) + Delta(s), b_2(t), ..., b_K(t)), b_i(t) <= beta <= b_1(t) + Delta(s) for
some beta and every i and t; then for every eta_t in (0, 1] there are an initial policy and a C > 0
with (pi* - pi_t).r(t) >= 0.9 Delta(s) before t0 = C/(Delta(s) pi_1(a*)).

C must be read as a number fixed beforehand: a C that may depend on the whole instance makes the
statement empty, since every policy inside the well satisfies it for a C below Delta(s) pi_1(a*).
The reading used here is C = 0.45/eta. With it the one-state Theorem 1 is true for every K, every
eta > 0 and every initial policy with pi_1(a*) <= 0.0163 (docs/theory.md, section 4), so whatever
fails under it is the step from constant to drifting rewards. Counting: the paper's pi_t is the
policy after n = t - 1 updates.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, Floats, check_float, check_int, check_numbers, check_share
from gw_envs.theory.clock import quotient

CONSTANT_TIMES_RATE = 0.45


def printed_constant(learning_rate: float) -> float:
    """C = 0.45/eta, the reading of the printed theorems' constant.

    Args:
        learning_rate: eta > 0.

    Raises:
        ValueError: if it is not a positive number.
    """
    return CONSTANT_TIMES_RATE / check_float("learning_rate", learning_rate, 0, open_low=True)


def printed_escape_time(
    optimal_prob: float, reward_gap: float, learning_rate: float, constant: float | None = None
) -> float:
    """t0 = C/(Delta(s) pi_1(a*)), the time before which the printed theorems allow no escape.

    Args:
        optimal_prob: pi_1(a*) in (0, 1).
        reward_gap: Delta(s) in (0, 1].
        learning_rate: eta > 0; used for the default C only.
        constant: C > 0; default `printed_constant(learning_rate)` = 0.45/eta.

    Returns:
        t0 in the paper's counting, t = 1 for the initial policy: the printed claim is about the
        policies after n < t0 - 1 updates.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    x0 = check_share("optimal_prob", optimal_prob)
    gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    default = printed_constant(learning_rate)
    c = default if constant is None else check_float("constant", constant, 0, open_low=True)
    return float(quotient(c, gap, x0))


def ceiling_range(
    rewards_path: ArrayLike, reward_gap: float, optimal_action: int = 0
) -> tuple[float, float]:
    """The betas that satisfy the printed premise: [low, high], none where low > high.

    low = max over t and i of b_i(t), with b_1 = r_* - Delta(s); high = min over t of r_*(t).

    Args:
        rewards_path: r(t), [T, K], or [K] for constant rewards.
        reward_gap: Delta(s) > 0.
        optimal_action: index of a*.

    Returns:
        (low, high).

    Raises:
        ValueError: naming the argument that is out of range.
    """
    path = check_rewards_path("rewards_path", rewards_path)
    best = check_int("optimal_action", optimal_action, 0, path.shape[1] - 1)
    gap = check_float("reward_gap", reward_gap, 0, open_low=True)
    bases = path.copy()
    bases[:, best] -= gap
    return float(bases.max()), float(path[:, best].min())


def check_rewards_path(
    name: str, value: ArrayLike, low: float = -math.inf, high: float = math.inf
) -> Floats:
    """Return rewards [T, K] (or [K], made [1, K]) as float64, T >= 1 and K >= 2.

    Action values of discounted problems are rewards of any size; `low`, `high` bound others.

    Raises:
        ValueError: if the shape is another or an entry is not finite or out of range.
    """
    path = np.atleast_2d(check_numbers(name, value, low, high))
    if path.ndim != 2 or path.shape[0] < 1 or path.shape[1] < 2:
        raise BadInput(f"{name} of shape {path.shape} must be [T, K] with T >= 1 and K >= 2.")
    return path
