"""When does a rule leave its well? Answered for one state without making every update.

Every exact rule is followed by `engine`, which needs nothing but its map; softmax-pg answers in
milliseconds (`softmax_bandit`). Where a map is far from a flow or the escape is near, updates are
made one by one. Every answer carries an error that was measured: the problem is solved again with
finer settings, or with the parameters moved by their rounding.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agents.simulation import engine
from agents.simulation.answers import EscapeTime, stacked
from agents.simulation.engine import MOST_UPDATES
from agents.simulation.motion import BanditWorld, Motion
from agents.simulation.settings import check_options, parameters
from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_float,
    check_int,
    check_mean_rewards,
    check_numbers,
    check_share,
)
from gw_envs.theory import WELL_FRACTION, best_arm_and_gap, well_edge

METHODS = ("auto", "closed-form", "jump", "direct")


def make_bandit(
    mean_rewards: ArrayLike,
    learning_rate: float,
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
) -> tuple[BanditWorld, float]:
    """Check the arguments that the solver's functions share: the bandit with its edge, and eta.

    With sub-optimality, gains = r - max r and the threshold is -fraction * gap * (1 - 1e-12), the
    edge of `gw_envs.theory.in_well`. With `escape_prob`, gains picks pi(a*) out, or, for an edge
    above 1/2, pi(a*) - 1 as minus the sum of the others, which keeps its digits near 1.
    """
    if callable(mean_rewards) or np.ndim(mean_rewards) > 1:
        raise BadInput(
            "mean_rewards must be one vector of K numbers here: rewards that change with time are "
            "followed in an environment (`agents.jumping_pg.JumpingPG`)."
        )
    rewards = check_mean_rewards("mean_rewards", mean_rewards)
    if callable(learning_rate) or np.ndim(learning_rate) > 0:
        raise BadInput(
            "learning_rate must be one number here: step sizes that change are followed in an "
            "environment (`agents.jumping_pg.JumpingPG`)."
        )
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    a, gap = best_arm_and_gap(rewards)
    fraction = check_float("escape_fraction", escape_fraction, 0, 1, open_low=True)
    if escape_prob is None:
        threshold = -float(well_edge(gap, fraction))
        return BanditWorld(rewards, rewards - rewards[a], threshold, 2.0**-52), eta
    edge = check_share("escape_prob", escape_prob)
    shift = 1.0 if edge > 0.5 else 0.0
    return BanditWorld(rewards, np.eye(rewards.size)[a] - shift, edge - shift), eta


def check_theta(initial_theta: ArrayLike, num_actions: int, ndims: tuple[int, ...]) -> Floats:
    """Return `initial_theta` as finite float64 [..., K] of one of the given dimensions."""
    theta = np.array(check_numbers("initial_theta", initial_theta))
    if theta.ndim not in ndims or theta.shape[-1] != num_actions:
        shape = " or ".join({1: "[K]", 2: "[B, K]"}[n] for n in ndims)
        raise BadInput(
            f"initial_theta has shape {theta.shape}; it must be {shape} with K={num_actions}, "
            "one logit for each mean reward."
        )
    return theta


def solve_escape_time(
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    learning_rate: float,
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
    *,
    max_updates: float | None = None,
    relative_tolerance: float = 1e-9,
    max_direct_updates: int | None = None,
    method: str = "auto",
    update: str = "softmax-pg",
    update_options: Mapping[str, Any] | None = None,
) -> EscapeTime:
    """The number of exact updates of a rule that leave the well.

    T is the smallest n whose policy is no longer in the well (`gw_envs.theory.in_well`:
    sub-optimality >= escape_fraction * gap), or, given `escape_prob`, the smallest n with
    pi_n(a*) > escape_prob.

    Args:
        mean_rewards: r [K], K >= 2, in [0, 1], with one best arm; constant in time.
        initial_theta: the rule's parameters theta_0 [K] (logits, of most; a rule that remembers:
            its memory behind them), or a batch [B, K].
        learning_rate: eta > 0, constant.
        escape_fraction: share of the gap that still counts as inside, in (0, 1].
        escape_prob: edge on pi(a*), in (0, 1); replaces `escape_fraction`.
        max_updates: budget in updates, a whole number up to 1e300 (the default).
        relative_tolerance: finer settings are tried until the relative error is below it; they are
            tried in any case as long as float64 can still decide the exact integer.
        max_direct_updates: how many updates may be made one by one before giving up, default 1e8;
            of other rules than softmax-pg how often the map may be evaluated, default 1e6.
        method: `auto`; `closed-form` (softmax-pg with sub-optimal arms alike in r and theta only);
            `jump`; `direct` (every update is made, as always by rules that are no smooth maps).
        update: name of an exact rule.
        update_options: its hyper-parameters, by field name.

    Returns:
        EscapeTime; scalars for theta_0 [K], arrays [B] for a batch.

    Raises:
        ValueError: naming the argument that is out of range, or that needs an environment
            (`agents.jumping_pg.JumpingPG`).
    """
    bandit, eta = make_bandit(mean_rewards, learning_rate, escape_fraction, escape_prob)
    rule = check_options(update, update_options)
    theta = check_theta(initial_theta, parameters(rule, bandit.rewards.size), (1, 2))
    budget = None
    if max_updates is not None:
        budget = check_int("max_updates", max_updates, 0, MOST_UPDATES)
    rtol = check_float("relative_tolerance", relative_tolerance, 0, 1)
    work = max_direct_updates
    if work is not None:
        work = check_int("max_direct_updates", work, 1)
    check_choice("method", method, METHODS)

    def solve(row: Floats) -> EscapeTime:
        motion = Motion(bandit, rule, row[None], eta)
        limits = engine.make_budget(motion, budget, work, method)
        found = engine.Plateau(motion, limits).escapes(rtol, method)
        return EscapeTime(**{name: value.item() for name, value in vars(found).items()})

    if theta.ndim == 1:
        return solve(theta)
    if rule.name != "softmax-pg":  # numpy gains nothing by threads, and warnings suffer from them
        return stacked(solve(row) for row in theta)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the kernels release the interpreter lock
        return stacked(pool.map(solve, theta))


escape_time = solve_escape_time  # the name of the first release, an alias for another one
