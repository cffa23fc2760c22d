"""The history of a plateau on a logarithmic axis, however many updates it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from agents.simulation.solver import (
    LEVELS,
    MOST_UPDATES,
    EscapeTime,
    check_theta,
    escape_time,
    follow_level,
    well_exit,
)
from gw_envs.checks import Floats, check_int
from gw_envs.theory.wells import WELL_FRACTION

BEYOND_ESCAPE = 10  # by default the history ends a decade after the escape


@dataclass(frozen=True)
class JumpHistory:
    """Policies at N update numbers of one trajectory.

    Attributes:
        updates: n [N], increasing whole numbers as float64 (exact below 2^53); 0 first.
        theta: logits theta_n [N, K].
        log_policy: ln pi_n [N, K], accurate to rounding however small pi is.
        suboptimality: sum_a pi_n(a)(r* - r(a)) [N].
        escape: the escape of this trajectory; its updates T-1 and T are among `updates`.
    """

    updates: Floats
    theta: Floats
    log_policy: Floats
    suboptimality: Floats
    escape: EscapeTime

    @property
    def policy(self) -> Floats:
        """pi_n [N, K]."""
        return np.exp(self.log_policy)


def jump_history(
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    learning_rate: float,
    max_updates: float | None = None,
    points_per_decade: int = 20,
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
    *,
    max_direct_updates: int = 10**8,
) -> JumpHistory:
    """Log-spaced history of exact softmax policy gradient, up to and beyond the escape.

    The trajectory lands on each update number kept, so that its states are those of the updates
    themselves (to about 1e-10 in the logits), not interpolations.

    Args:
        mean_rewards: r [K], K >= 2, in [0, 1], with one best arm; constant in time.
        initial_theta: theta_0 [K].
        learning_rate: eta > 0, constant.
        max_updates: last update kept; default ten times the escape, or where the solver gave up.
        points_per_decade: how many updates are kept per factor of ten.
        escape_fraction: share of the gap that still counts as inside, in (0, 1].
        escape_prob: edge on pi(a*), in (0, 1); replaces `escape_fraction`.
        max_direct_updates: how many updates may be made one by one before giving up.

    Returns:
        JumpHistory.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    exit_ = well_exit(mean_rewards, learning_rate, escape_fraction, escape_prob)
    theta = check_theta(initial_theta, exit_.rewards.size, (1,))
    density = check_int("points_per_decade", points_per_decade, 1)
    escape = escape_time(
        exit_.rewards,
        theta,
        exit_.learning_rate,
        escape_fraction,
        escape_prob,
        max_updates=max_updates,
        max_direct_updates=max_direct_updates,
    )
    end = max(10.0, min(BEYOND_ESCAPE * escape.updates, float(MOST_UPDATES)))
    if escape.censored:
        end = escape.updates
    if max_updates is not None:
        end = float(max_updates)
    updates = log_spaced(end, density, () if escape.censored else (escape.steps - 1, escape.steps))
    _, moved = follow_level(exit_, theta, LEVELS[-2], end, max_direct_updates, updates)
    reached = np.isfinite(moved[:, 0])
    logits = theta + moved[reached]
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    losses = exit_.rewards.max() - exit_.rewards
    return JumpHistory(updates[reached], logits, logs, np.exp(logs) @ losses, escape)


def log_spaced(end: float, points_per_decade: int, extra: tuple[float, ...] = ()) -> Floats:
    """Increasing whole numbers 0, 1, ... end, evenly spaced in the logarithm, with `extra` put in.

    Args:
        end: last number, a whole number >= 0.
        points_per_decade: how many there are per factor of ten, where whole numbers allow.
        extra: further numbers to include if they lie in [0, end].

    Returns:
        float64 [N]; whole numbers, exact below 2^53.
    """
    count = int(np.ceil(np.log10(max(end, 1.0)) * points_per_decade)) + 1
    grid = np.floor(np.minimum(10.0 ** (np.arange(count) / points_per_decade), end))
    return np.unique([0.0, *grid, *(x for x in extra if 0 <= x <= end), end])
