"""When does softmax policy gradient leave its well? Answered without making every update.

Three engines, chosen for each problem: the closed form of `gw_envs.theory` where the sub-optimal
arms are alike, step jumping (`kernels.jumping`) elsewhere, and single updates where the
map is far from a flow or the escape is near. Every answer carries an error that was measured: the
problem is solved again with finer settings, or with the parameters moved by their rounding.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs import theory
from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_float,
    check_int,
    check_mean_rewards,
)
from gw_envs.theory import WELL_FRACTION, best_arm_and_gap, well_edge

METHODS = ("auto", "closed-form", "jump", "direct")
MOST_UPDATES = int(1e300)
NO_FLOW_RATE = 1.0  # an update that moves the logits this much is no small step of a flow

# (rate up to which jumps are made, local error of a jump in logits), from coarse to fine.
LEVELS = ((1e-2, 1e-8), (2e-3, 1e-9), (5e-4, 1e-12), (2e-4, 1e-13))
NEVER_JUMP = (-1.0, 0.0)
JUMP_ROUNDING = 2e-14  # relative error left by float64, measured against the closed form
CLOSED_FORM_ROUNDING = 1e-15  # of pi(a*) and of the gap, as float64 gives them
SHARP_EDGE = 1e-6  # relative error of 1 - edge up to which the closed form is of use


@dataclass(frozen=True)
class EscapeTime:
    """The escape of one problem (Python scalars) or of a batch (arrays [B]).

    Attributes:
        steps: T, the smallest n whose policy is outside the well, a whole number as float64; 0 for
            a start outside it; NaN where censored.
        is_exact: relative_error * steps < 0.5, so that int(steps) is the count itself.
        relative_error: estimated error of `steps` divided by it; NaN where censored.
        method: `closed-form`, `jump` (some updates were jumped over) or `direct` (all were made);
            ` (no flow)` is added where the learning rate is so large that an update somewhere
            moved the logits by more than 1: the map is no flow there, and true updates were made.
        censored: no escape within `max_updates`, or within `max_direct_updates` of work.
        updates: the last update followed: `steps`, or where a censored run was given up.
    """

    steps: Any
    is_exact: Any
    relative_error: Any
    method: Any
    censored: Any
    updates: Any


@dataclass(frozen=True)
class WellExit:
    """One bandit and the edge of its well: the escape is the first n with pi_n.gains > threshold.

    With sub-optimality, gains = r - max r and the threshold is -fraction * gap * (1 - 1e-12), the
    edge of `gw_envs.theory.in_well`. With `escape_prob`, gains picks pi(a*) out, or, for an edge
    above 1/2, pi(a*) - 1 as minus the sum of the others, which keeps its digits near 1.
    """

    rewards: Floats
    learning_rate: float
    gap: float
    optimal_action: int
    gains: Floats
    threshold: float
    escape_prob: float  # the edge as a probability, where the sub-optimal arms are alike ...
    edge_error: float  # ... and how far rounding may have moved it


def well_exit(
    mean_rewards: ArrayLike,
    learning_rate: float,
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
) -> WellExit:
    """Check the arguments that the solver's functions share; see `solve_escape_time`."""
    if callable(mean_rewards) or np.ndim(mean_rewards) > 1:
        raise BadInput(
            "mean_rewards must be one vector of K numbers here: rewards that change with time "
            "leave no constant field to jump along; use agents.simulation.simulate for them."
        )
    rewards = check_mean_rewards("mean_rewards", mean_rewards)
    if callable(learning_rate) or np.ndim(learning_rate) > 0:
        raise BadInput(
            "learning_rate must be one number here: a schedule leaves no constant field to jump "
            "along; use agents.simulation.simulate for it."
        )
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    a, gap = best_arm_and_gap(rewards)
    fraction = check_float("escape_fraction", escape_fraction, 0, 1, open_low=True)
    if escape_prob is None:
        losses, edge = rewards - rewards[a], theory.escape_threshold(fraction)
        return WellExit(rewards, eta, gap, a, losses, -well_edge(gap, fraction), edge, 2.0**-53)
    edge = check_float("escape_prob", escape_prob, 0, 1, open_low=True, open_high=True)
    shift = 1.0 if edge > 0.5 else 0.0
    gains = np.eye(rewards.size)[a] - shift
    return WellExit(rewards, eta, gap, a, gains, edge - shift, edge, 0.0)


def check_theta(initial_theta: ArrayLike, num_actions: int, ndims: tuple[int, ...]) -> Floats:
    """Return `initial_theta` as finite float64 [..., K] of one of the given dimensions."""
    theta = np.array(initial_theta, dtype=np.float64)
    if theta.ndim not in ndims or theta.shape[-1] != num_actions:
        shape = " or ".join({1: "[K]", 2: "[B, K]"}[n] for n in ndims)
        raise BadInput(
            f"initial_theta has shape {theta.shape}; it must be {shape} with K={num_actions}, "
            "one logit for each mean reward."
        )
    if not np.all(np.isfinite(theta)):
        raise BadInput(f"initial_theta={theta.tolist()} must be finite.")
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
    max_direct_updates: int = 10**8,
    method: str = "auto",
) -> EscapeTime:
    """The number of exact softmax policy-gradient updates that leave the well.

    theta <- theta + eta pi (r - pi.r) from theta_0; T is the smallest n whose policy is no longer
    in the well (`gw_envs.theory.in_well`: sub-optimality >= escape_fraction * gap), or, given
    `escape_prob`, the smallest n with pi_n(a*) > escape_prob.

    Args:
        mean_rewards: r [K], K >= 2, in [0, 1], with one best arm; constant in time.
        initial_theta: theta_0 [K], or a batch [B, K].
        learning_rate: eta > 0, constant.
        escape_fraction: share of the gap that still counts as inside, in (0, 1].
        escape_prob: edge on pi(a*), in (0, 1); replaces `escape_fraction`.
        max_updates: budget in updates, a whole number up to 1e300 (the default).
        relative_tolerance: finer settings are tried until the relative error is below it; they are
            tried in any case as long as float64 can still decide the exact integer.
        max_direct_updates: how many updates may be made one by one before giving up.
        method: `auto`; `closed-form` (sub-optimal arms alike in r and theta only); `jump`;
            `direct` (every update is made).

    Returns:
        EscapeTime; scalars for theta_0 [K], arrays [B] for a batch.

    Raises:
        ValueError: naming the argument that is out of range, or that needs
            `agents.simulation.simulate`.
    """
    exit_ = well_exit(mean_rewards, learning_rate, escape_fraction, escape_prob)
    theta = check_theta(initial_theta, exit_.rewards.size, (1, 2))
    budget = MOST_UPDATES
    if max_updates is not None:
        budget = check_int("max_updates", max_updates, 0, MOST_UPDATES)
    rtol = check_float("relative_tolerance", relative_tolerance, 0, 1)
    work = check_int("max_direct_updates", max_direct_updates, 1)
    check_choice("method", method, METHODS)

    def solve(row: Floats) -> EscapeTime:
        return _solve(exit_, row, budget, rtol, work, method)

    if theta.ndim == 1:
        return solve(theta)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the kernels release the interpreter lock
        rows = list(pool.map(solve, theta))
    kinds = {"is_exact": bool, "censored": bool, "method": str}
    return EscapeTime(
        **{
            name: np.array([getattr(row, name) for row in rows], dtype=kinds.get(name, np.float64))
            for name in EscapeTime.__dataclass_fields__
        }
    )


escape_time = solve_escape_time  # the name of the first release, an alias for another one


def _solve(
    exit_: WellExit, theta: Floats, budget: int, rtol: float, work: int, method: str
) -> EscapeTime:
    """One problem by the engine that fits it."""
    x0 = _symmetric_start(exit_, theta)
    if method == "closed-form" and x0 is None:
        raise BadInput(
            "method='closed-form' needs sub-optimal arms of equal mean reward and equal logit, "
            "pi(a*) above 1e-300 and escape_fraction above 1e-9; use method='auto' or 'jump'."
        )
    if x0 is not None and method in ("auto", "closed-form"):
        return _closed_form(exit_, x0, budget)
    return _follow_finer(exit_, theta, budget, rtol, work, method)


def _symmetric_start(exit_: WellExit, theta: Floats) -> float | None:
    """pi_0(a*) if the sub-optimal arms are alike in r and theta and both ends fit float64."""
    a = exit_.optimal_action
    if exit_.edge_error > SHARP_EDGE * (1 - exit_.escape_prob):
        return None
    others = np.delete(theta, a)
    if np.ptp(others) > 0 or np.ptp(np.delete(exit_.rewards, a)) > 0:
        return None
    difference, rest = subtract(others[:1], theta[a])
    if difference[0] > 690 - math.log(others.size):
        return None
    x0 = 1.0 / (1.0 + others.size * math.exp(difference[0]) * (1.0 + rest[0]))
    return x0 if x0 < 1 else None


def subtract(x: Floats, y: Floats | float) -> tuple[Floats, Floats]:
    """x - y as a rounded difference and what rounding took (Knuth's two-sum)."""
    difference = x - y
    part = difference - x
    return difference, (x - (difference - part)) - (y + part)


def _closed_form(exit_: WellExit, x0: float, budget: int) -> EscapeTime:
    """`theory.equal_gap_escape_time`, and again from both ends of the rounding of pi_0(a*).

    Rounding of the edge counts too, by dn/dp = 1/(h p^2 (1-p)^2), h = eta Delta K/(K-1).
    """
    starts = x0 * np.array([1.0, 1.0 - CLOSED_FORM_ROUNDING, 1.0 + CLOSED_FORM_ROUNDING])
    starts = np.minimum(starts, np.nextafter(1.0, 0.0))
    count, late, early = (
        int(n)
        for n in theory.equal_gap_escape_time(
            starts, exit_.gap, exit_.learning_rate, exit_.rewards.size, exit_.escape_prob
        )
    )
    if count > budget:
        return _censored("closed-form", float(budget))
    k, edge = exit_.rewards.size, exit_.escape_prob
    at_edge = exit_.edge_error / (edge * (1 - edge)) ** 2
    moved = late - early + at_edge / (exit_.learning_rate * exit_.gap) * (k - 1) / k
    error = max(moved / count, CLOSED_FORM_ROUNDING) if count else 0.0
    return _escaped("closed-form", float(count), error)


def _follow_finer(
    exit_: WellExit, theta: Floats, budget: int, rtol: float, work: int, method: str
) -> EscapeTime:
    """Follow the updates at finer and finer settings until two answers agree.

    The error estimate is the distance between the last two crossings as real numbers. Where a whole
    number lies within that distance of the last one, the count could be off by one and the
    estimate says so.
    """
    previous, error = math.nan, 0.0
    end = min(budget * (1 + 1e-6) + 2.0, float(MOST_UPDATES))  # so that all levels see the escape
    for level in LEVELS if method != "direct" else (NEVER_JUMP,):
        outcome = follow_level(exit_, theta, level, end, work)
        n, crossing = outcome.n, outcome.crossing
        name = ("jump" if outcome.jumps else "direct") + (
            " (no flow)" if outcome.top_rate > NO_FLOW_RATE else ""
        )
        if math.isnan(crossing):
            return _censored(name, min(n, float(budget)))
        change = abs(crossing - previous) if outcome.jumps else 0.0
        previous = crossing
        if math.isnan(change):
            continue  # the first level has nothing to be compared with
        error = max(change, JUMP_ROUNDING * n)
        if n > 0 and abs(crossing - round(crossing)) <= error:
            error = max(error, 1.0)
        if error < 0.5 or (error <= rtol * n and JUMP_ROUNDING * n > 0.5):
            break
    if n > budget:
        return _censored(name, float(budget))
    return _escaped(name, n, error / max(n, 1.0))


def follow_level(
    exit_: WellExit,
    theta: Floats,
    level: tuple[float, float],
    max_updates: float,
    max_direct: float,
    stops: Floats | None = None,
) -> Any:
    """Run `jumping.follow` from theta [K] at one level of accuracy.

    Args:
        exit_: the bandit and its edge.
        theta: theta_0 [K].
        level: an entry of LEVELS, or NEVER_JUMP.
        max_updates: where to give up.
        max_direct: how many updates may be made one by one.
        stops: update numbers at which to keep the state; then the run ends at the last of them.

    Returns:
        `jumping.Arrival`; with stops, a pair of it and theta_n - theta_0 at the stops [N, K] (NaN
        where not reached).
    """
    from agents.simulation.kernels import jumping

    difference, rest = subtract(theta, theta.max())
    weights = np.exp(difference) * (1.0 + rest)
    problem = jumping.Problem(exit_.rewards, exit_.learning_rate, exit_.gains, exit_.threshold)
    limits = jumping.Limits(float(max_updates), float(max_direct), *level)
    grid = np.empty(0) if stops is None else stops
    history = np.full((grid.size, theta.size), np.nan)
    outcome = jumping.follow(weights, problem, limits, grid, history)
    return outcome if stops is None else (outcome, history)


def _escaped(method: str, n: float, relative_error: float) -> EscapeTime:
    return EscapeTime(n, relative_error * n < 0.5, relative_error, method, False, n)


def _censored(method: str, n: float) -> EscapeTime:
    return EscapeTime(math.nan, False, math.nan, method, True, n)
