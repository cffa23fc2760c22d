"""The history of a plateau on a logarithmic axis, however many updates it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agents.evaluation import log_spaced
from agents.simulation import engine
from agents.simulation.answers import EscapeTime
from agents.simulation.motion import Motion
from agents.simulation.rule_runs import log_map
from agents.simulation.settings import check_options, parameters
from agents.simulation.solver import check_theta, make_bandit, solve_escape_time
from gw_envs.checks import Floats, check_int, check_memory
from gw_envs.theory import WELL_FRACTION

BEYOND_ESCAPE = 10  # by default the history ends a decade after the escape


@dataclass(frozen=True)
class JumpHistory:
    """Policies at N update numbers of one trajectory.

    Attributes:
        updates: n [N], increasing whole numbers as float64 (exact below 2^53); 0 first.
        theta: parameters theta_n [N, K], logits of most rules.
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
    max_direct_updates: int | None = None,
    update: str = "softmax-pg",
    update_options: Mapping[str, Any] | None = None,
) -> JumpHistory:
    """Log-spaced history of an exact rule, up to and beyond the escape.

    The states are those of the updates themselves, to about 1e-10 in the parameters.

    Args:
        mean_rewards: r [K], K >= 2, in [0, 1], with one best arm; constant in time.
        initial_theta: the rule's parameters theta_0 [K].
        learning_rate: eta > 0, constant.
        max_updates: last update kept; default ten times the escape, or where the solver gave up.
        points_per_decade: how many updates are kept per factor of ten.
        escape_fraction: share of the gap that still counts as inside, in (0, 1].
        escape_prob: edge on pi(a*), in (0, 1); replaces `escape_fraction`.
        max_direct_updates: as of `solve_escape_time`.
        update: name of an exact rule.
        update_options: its hyper-parameters, by field name.

    Returns:
        JumpHistory; it ends where the work did.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    bandit, eta = make_bandit(mean_rewards, learning_rate, escape_fraction, escape_prob)
    rule = check_options(update, update_options)
    theta = check_theta(initial_theta, parameters(rule, bandit.rewards.size), (1,))
    density = check_int("points_per_decade", points_per_decade, 1)
    check_memory("points_per_decade", density, 8.0 * (theta.size + 1) * density)
    escape = solve_escape_time(
        bandit.rewards,
        theta,
        eta,
        escape_fraction,
        escape_prob,
        max_updates=max_updates,
        max_direct_updates=max_direct_updates,
        update=update,
        update_options=update_options,
    )
    end = max(10.0, min(BEYOND_ESCAPE * escape.updates, float(engine.MOST_UPDATES)))
    if escape.censored:
        end = escape.updates
    if max_updates is not None:
        end = float(max_updates)
    at_escape = () if escape.censored else (escape.steps - 1, escape.steps)
    updates = log_spaced(end, density, extra=at_escape)
    motion = Motion(bandit, rule, theta[None], eta)
    budget = engine.make_budget(motion, int(updates[-1]), max_direct_updates)
    states = engine.Plateau(motion, budget).history(updates)[:, 0]
    reached = np.isfinite(states[:, 0])
    logs = log_map(rule)(states[reached])
    losses = bandit.rewards.max() - bandit.rewards
    return JumpHistory(updates[reached], states[reached], logs, np.exp(logs) @ losses, escape)
