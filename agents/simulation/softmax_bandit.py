"""softmax-pg in one state: the engine's one special case, answered in milliseconds.

With sub-optimal arms alike there is a closed form (`gw_envs.theory`); elsewhere compiled code
integrates the engine's field, written out for this rule (`kernels.jumping`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from agents.simulation.answers import EscapeTime, censored, escaped
from agents.simulation.flow import Path
from agents.simulation.motion import BanditWorld, Motion
from gw_envs import theory
from gw_envs.checks import BadInput, Floats
from gw_envs.theory import best_arm_and_gap

NO_FLOW_RATE = 1.0  # an update that moves the logits this much is no small step of a flow
MOST_DIRECT = 10**8  # updates that are made one by one unless told otherwise
JUMP_ROUNDING = 2e-14  # relative error left by float64, measured against the closed form
CLOSED_FORM_ROUNDING = 1e-15  # of pi(a*) and of the gap, as float64 gives them
SHARP_EDGE = 1e-6  # relative error of 1 - edge up to which the closed form is of use


@dataclass(frozen=True)
class Jumps:
    """How finely the compiled code jumps.

    Attributes:
        max_rate: move of the logits in an update up to which jumps are made.
        tolerance: local error of a jump, in logits.
    """

    max_rate: float
    tolerance: float


LEVELS = (Jumps(1e-2, 1e-8), Jumps(2e-3, 1e-9), Jumps(5e-4, 1e-12), Jumps(2e-4, 1e-13))
NEVER = Jumps(-1.0, 0.0)


def is_compiled(motion: Motion) -> bool:
    """Whether a motion is softmax-pg in one state with one step size."""
    by_name = motion.rule.name == "softmax-pg" and isinstance(motion.rate, float)
    return by_name and isinstance(motion.world, BanditWorld)


def subtract(x: Floats, y: Floats | float) -> tuple[Floats, Floats]:
    """x - y as a rounded difference and what rounding took (Knuth's two-sum)."""
    difference = x - y
    part = difference - x
    return difference, (x - (difference - part)) - (y + part)


def weights(theta: Floats) -> Floats:
    """exp(theta - max theta) along the last axis, to rounding."""
    difference, rest = subtract(theta, theta.max(axis=-1, keepdims=True))
    return np.asarray(np.exp(difference) * (1.0 + rest))


def follow(motion: Motion, level: Jumps, end: float, work: float, stops: Floats) -> Path:
    """As `engine.follow`, compiled. `moved` is not kept.

    Raises:
        ValueError: where an update leaves float64.
    """
    from agents.simulation.kernels import jumping

    world, theta, rate = motion.world, motion.start[0], motion.rate
    assert isinstance(world, BanditWorld) and isinstance(rate, float)
    problem = jumping.Problem(world.rewards, rate, world.gains, world.threshold)
    limits = jumping.Limits(float(end), float(work), level.max_rate, level.tolerance)
    history = np.full((stops.size, theta.size), np.nan)
    seen = jumping.follow(weights(theta), problem, limits, stops, history)
    if seen.top_rate == math.inf:
        raise BadInput(f"learning_rate={rate!r} is too large: update {seen.n:g} leaves float64.")
    crossings = np.array([seen.crossing])
    counts = np.ceil(crossings) if stops.size else np.where(np.isnan(crossings), np.nan, seen.n)
    note = " (no flow)" if seen.top_rate > NO_FLOW_RATE else ""
    lost = np.full(theta.size, np.nan)
    return Path(
        seen.n, crossings, counts, history, lost, int(seen.direct), seen.jumps, seen.finished, note
    )


def closed_form(motion: Motion, budget: float) -> EscapeTime | None:
    """`theory.equal_gap_escape_time`, and again from both ends of the rounding of pi_0(a*).

    Rounding of the edge counts too, by dn/dp = 1/(h p^2 (1-p)^2), h = eta Delta K/(K-1).

    Returns:
        None where the sub-optimal arms are not alike in r and theta, pi_0(a*) is below 1e-300 or
        the edge is not sharp.
    """
    if not is_compiled(motion):
        return None
    world, theta, rate = motion.world, motion.start[0], motion.rate
    assert isinstance(world, BanditWorld) and isinstance(rate, float)
    best, gap = best_arm_and_gap(world.rewards)
    others, edge, k = np.delete(theta, best), world.edge, theta.size
    if np.ptp(others) > 0 or np.ptp(np.delete(world.rewards, best)) > 0:
        return None
    difference, rest = subtract(others[:1], theta[best])
    if SHARP_EDGE * (1 - edge) < world.edge_error or difference[0] > 690 - math.log(k - 1):
        return None
    x0 = 1.0 / (1.0 + (k - 1) * math.exp(difference[0]) * (1.0 + rest[0]))
    if x0 == 1:
        return None
    starts = x0 * np.array([1.0, 1.0 - CLOSED_FORM_ROUNDING, 1.0 + CLOSED_FORM_ROUNDING])
    starts = np.minimum(starts, np.nextafter(1.0, 0.0))
    count, late, early = (int(n) for n in theory.equal_gap_escape_time(starts, gap, rate, k, edge))
    if count > budget:
        return censored("closed-form", float(budget))
    at_edge = world.edge_error / (edge * (1 - edge)) ** 2
    moved = late - early + at_edge / (rate * gap) * (k - 1) / k
    error = max(moved / count, CLOSED_FORM_ROUNDING) if count else 0.0
    return escaped("closed-form", float(count), error)
