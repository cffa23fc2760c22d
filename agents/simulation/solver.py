"""When does a rule leave its well? Answered for one state without making every update.

softmax-pg has two ways of its own, which answer in a millisecond: the closed form of
`gw_envs.theory` where the sub-optimal arms are alike, compiled step jumping (`kernels.jumping`)
elsewhere. Every other exact rule is followed by `engine`, which needs nothing but its map. Where a
map is far from a flow or the escape is near, updates are made one by one. Every answer carries an
error that was measured: the problem is solved again with finer settings, or with the parameters
moved by their rounding.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agents.simulation import engine
from agents.simulation.answers import EscapeTime, Seen, censored, escaped, settled, stacked
from agents.simulation.engine import MOST_UPDATES
from agents.simulation.motion import BanditWorld, Motion
from agents.simulation.settings import check_options, parameters
from agents.updates import ExactRule
from gw_envs import theory
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
NO_FLOW_RATE = 1.0  # an update that moves the logits this much is no small step of a flow

# (rate up to which jumps are made, local error of a jump in logits), from coarse to fine.
LEVELS = ((1e-2, 1e-8), (2e-3, 1e-9), (5e-4, 1e-12), (2e-4, 1e-13))
NEVER_JUMP = (-1.0, 0.0)
MOST_DIRECT = 10**8
JUMP_ROUNDING = 2e-14  # relative error left by float64, measured against the closed form
CLOSED_FORM_ROUNDING = 1e-15  # of pi(a*) and of the gap, as float64 gives them
SHARP_EDGE = 1e-6  # relative error of 1 - edge up to which the closed form is of use


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
    edge = check_share("escape_prob", escape_prob)
    shift = 1.0 if edge > 0.5 else 0.0
    gains = np.eye(rewards.size)[a] - shift
    return WellExit(rewards, eta, gap, a, gains, edge - shift, edge, 0.0)


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
        ValueError: naming the argument that is out of range, or that needs
            `agents.simulation.simulate`.
    """
    exit_ = well_exit(mean_rewards, learning_rate, escape_fraction, escape_prob)
    given = check_options(update, update_options)
    rule = None if update == "softmax-pg" else given
    theta = check_theta(initial_theta, parameters(rule, exit_.rewards.size), (1, 2))
    budget = None
    if max_updates is not None:
        budget = check_int("max_updates", max_updates, 0, MOST_UPDATES)
    rtol = check_float("relative_tolerance", relative_tolerance, 0, 1)
    work = max_direct_updates
    if work is not None:
        work = check_int("max_direct_updates", work, 1)
    check_choice("method", method, METHODS)

    def solve(row: Floats) -> EscapeTime:
        if rule is not None:
            return _follow_rule(exit_, rule, row, budget, rtol, work, method)
        most = MOST_UPDATES if budget is None else budget
        return _solve(exit_, row, most, rtol, work or MOST_DIRECT, method)

    if theta.ndim == 1:
        return solve(theta)
    if rule is not None:
        return stacked(solve(row) for row in theta)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the kernels release the interpreter lock
        return stacked(pool.map(solve, theta))


def bandit_motion(exit_: WellExit, rule: ExactRule, theta: Floats) -> Motion:
    """A rule in a bandit, from theta [K], as the engine takes it."""
    world = BanditWorld(exit_.rewards, exit_.gains, exit_.threshold)
    return Motion(world, rule, theta[None], exit_.learning_rate)


def _follow_rule(
    exit_: WellExit,
    rule: ExactRule,
    theta: Floats,
    budget: int | None,
    rtol: float,
    work: int | None,
    method: str,
) -> EscapeTime:
    """One problem of another rule than softmax-pg."""
    if method == "closed-form":
        raise BadInput(f"method='closed-form' is softmax-pg's; update={rule.name!r} has none.")
    motion = bandit_motion(exit_, rule, theta)
    limits = engine.make_budget(motion, budget, work, method)
    found = engine.Plateau(motion, limits).escapes(rtol)
    return EscapeTime(**{name: value.item() for name, value in vars(found).items()})


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
        return censored("closed-form", float(budget))
    k, edge = exit_.rewards.size, exit_.escape_prob
    at_edge = exit_.edge_error / (edge * (1 - edge)) ** 2
    moved = late - early + at_edge / (exit_.learning_rate * exit_.gap) * (k - 1) / k
    error = max(moved / count, CLOSED_FORM_ROUNDING) if count else 0.0
    return escaped("closed-form", float(count), error)


def _follow_finer(
    exit_: WellExit, theta: Floats, budget: int, rtol: float, work: int, method: str
) -> EscapeTime:
    """Follow the updates at finer and finer settings until two answers agree."""
    end = min(budget * (1 + 1e-6) + 2.0, float(MOST_UPDATES))  # so that all levels see the escape
    levels = LEVELS if method != "direct" else (NEVER_JUMP,)

    def look(level: int) -> Seen:
        outcome = follow_level(exit_, theta, levels[level], end, work)
        if outcome.top_rate == math.inf:
            raise BadInput(
                f"learning_rate={exit_.learning_rate!r} is too large: update {outcome.n:g} "
                "leaves float64."
            )
        name = ("jump" if outcome.jumps else "direct") + (
            " (no flow)" if outcome.top_rate > NO_FLOW_RATE else ""
        )
        return Seen(outcome.n, outcome.crossing, outcome.jumps > 0, name)

    return settled(look, len(levels), JUMP_ROUNDING, budget, rtol)


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
