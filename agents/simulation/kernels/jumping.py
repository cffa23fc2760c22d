"""Step jumping: follow softmax policy gradient through a plateau without making every update.

One update is Phi(theta) = theta + phi(theta), phi_a = eta pi_a u_a, u_a = r_a - pi.r. By backward
error analysis (Hairer, Lubich, Wanner, Geometric Numerical Integration, chapter IX, explicit Euler)
the field whose flow over time 1 is Phi begins

    F = phi - 1/2 phi'phi + 1/3 phi'phi'phi + 1/12 phi''(phi, phi) + O(rate^3 phi),

so n updates are the flow of F over time n. It is integrated with the pair of order 8(5,3) of
Dormand and Prince in steps of a whole number H of updates. With vc = v - pi.v,
C = sum pi v u, V = sum pi vc^2 and E = sum pi vc^2 u,

    phi'v      = eta pi (vc u - C),
    phi''(v,v) = eta pi ((vc^2 - V) u - 2 vc C - E),

every term O(K). The rate sum_a |phi_a| bounds phi' up to a factor and so measures how far the map
is from a flow: above `max_rate` the updates are made one by one.

Arithmetic that survives any depth: the state is the offset d = theta - theta_0 in compensated
sums, pi is proportional to w exp(d), and rewards are measured from that of the dominant arm before
pi.r is formed. Otherwise theta would swallow the increments of rare arms, and r_a - pi.r of the
dominant arm would be rounding noise.

Letters: K arms, d offset [K], w weights [K], pi policy [K], H length of a jump in updates, n update
(a whole number kept in float64, in a compensated sum: exact below 2^53, right to rounding beyond,
where single updates are smaller than its spacing).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import DOP853

from agents.simulation.kernels.compiling import compiled

MIN_JUMP = 16.0  # shorter jumps cost more than the updates they replace
FIRST_JUMP = 0.25  # first guess of a jump, in units of 1/rate
WHOLE = 2.0**52  # above it single updates are lost in float64, and jumps may be of any length
RESOLUTION = 2.0**-51  # relative; a crossing is not bisected below it
LONGEST = 1e300

# The tableau as scipy publishes it (source: Hairer, Norsett, Wanner, Solving Ordinary Differential
# Equations I, section II.5). STAGES[i] weighs the slopes before stage i, SOLUTION the twelve slopes
# of the step of order 8, ERROR_5 and ERROR_3 those of the error estimates, which combine to
# |H| e5^2 / sqrt(e5^2 + e3^2 / 100). Copies are contiguous; numba freezes them into the kernels.
STAGES, SOLUTION = DOP853.A[:12, :12].copy(), DOP853.B.copy()
ERROR_5, ERROR_3 = DOP853.E5[:12].copy(), DOP853.E3[:12].copy()

# Rows of the work array [ROWS, K]; one array, since passing many costs more than the arithmetic.
# pi is proportional to W exp(D); LOST: what rounding took off D; TRAVELLED: D put into W.
REWARD, GAIN, W, D, LOST, TRAVELLED, PI, U, PHI, FIRST, TRIAL, POINT, SLOPE = range(13)
ROWS = SLOPE + 12  # the slopes of a jump

# FMA is allowed; reordering is not, it would destroy the compensated sums.
_compiled = compiled(nogil=True, error_model="numpy", fastmath={"contract"})


class Problem(NamedTuple):
    """What is followed: the updates of `rewards` [K], until pi.gains first exceeds threshold."""

    rewards: Any
    eta: float
    gains: Any
    threshold: float


class Limits(NamedTuple):
    """How far and how finely.

    max_updates: where to give up, at most 1e300. max_direct: how many updates may be made one by
    one. max_rate: the rate up to which jumps are allowed. tolerance: local error of a jump, in
    logits.
    """

    max_updates: float
    max_direct: float
    max_rate: float
    tolerance: float


class Arrival(NamedTuple):
    """Where `follow` ended.

    n: the update reached (that of the escape, if it ended the run). crossing: the escape as a real
    number, interpolated within its update; NaN if none. direct: updates made one by one. jumps:
    jumps made. top_rate: the largest rate met, infinite where an update left float64. finished:
    False if that or `max_direct` ended the run.
    """

    n: float
    crossing: float
    direct: float
    jumps: int
    top_rate: float
    finished: bool


@_compiled
def update_direction(work: Any, at: int, eta: float) -> float:
    """Fill PI, U = r - pi.r and PHI = eta pi u at the offset in row `at`; return sum_a |phi_a|."""
    total, largest, shift = 0.0, 0.0, 0.0
    for a in range(work.shape[1]):
        weight = work[W, a] * math.exp(work[at, a])
        work[PI, a] = weight
        total += weight
        if weight > largest:
            largest = weight
            shift = work[REWARD, a]
    mean = 0.0
    for a in range(work.shape[1]):
        mean += work[PI, a] * (work[REWARD, a] - shift)
    scale = 1.0 / total
    mean *= scale
    rate = 0.0
    for a in range(work.shape[1]):
        probability = work[PI, a] * scale
        advantage = (work[REWARD, a] - shift) - mean
        step = eta * probability * advantage
        work[PI, a] = probability
        work[U, a] = advantage
        work[PHI, a] = step
        rate += abs(step)
    return rate


@_compiled
def modified_field(work: Any, eta: float, out: int) -> None:
    """Row `out` = F, from PI, U and PHI as `update_direction` left them."""
    mean_1, C_1 = 0.0, 0.0  # of phi
    for a in range(work.shape[1]):
        mean_1 += work[PI, a] * work[PHI, a]
        C_1 += work[PHI, a] * work[PHI, a]  # eta times pi phi u
    C_1 /= eta
    mean_2, C_2, V, E = 0.0, 0.0, 0.0, 0.0  # mean and C of phi'phi; V and E of phi
    for a in range(work.shape[1]):
        p, u, vc = work[PI, a], work[U, a], work[PHI, a] - mean_1
        step = eta * p * (vc * u - C_1)
        work[FIRST, a] = step
        mean_2 += p * step
        C_2 += p * step * u
        V += p * vc * vc
        E += p * vc * vc * u
    for a in range(work.shape[1]):
        u, first, vc = work[U, a], work[FIRST, a], work[PHI, a] - mean_1
        second = (first - mean_2) * u - C_2
        curvature = (vc * vc - V) * u - 2.0 * vc * C_1 - E
        higher = eta * work[PI, a] * (second / 3.0 + curvature / 12.0)
        work[out, a] = work[PHI, a] - first / 2.0 + higher


@_compiled
def _level(work: Any) -> float:
    """pi.gains, whose rise above a threshold is the escape."""
    level = 0.0
    for a in range(work.shape[1]):
        level += work[PI, a] * work[GAIN, a]
    return level


@_compiled
def _level_slope(work: Any, field: int) -> float:
    """How much pi.gains grows per update along the field in row `field`."""
    mean, slope = 0.0, 0.0
    for a in range(work.shape[1]):
        mean += work[PI, a] * work[field, a]
    for a in range(work.shape[1]):
        slope += work[PI, a] * (work[field, a] - mean) * work[GAIN, a]
    return slope


@_compiled
def add(work: Any, increment: int) -> None:
    """D += row `increment`, in compensated (Kahan) sums; D is put into W once it exceeds 1."""
    largest = 0.0
    for a in range(work.shape[1]):
        d = work[D, a]
        y = work[increment, a] - work[LOST, a]
        t = d + y
        work[LOST, a] = (t - d) - y
        work[D, a] = t
        largest = max(largest, abs(t))
    if largest <= 1.0:
        return
    top = 0.0
    for a in range(work.shape[1]):
        work[TRAVELLED, a] += work[D, a]
        work[W, a] *= math.exp(work[D, a])
        work[D, a] = 0.0
        top = max(top, work[W, a])
    for a in range(work.shape[1]):
        work[W, a] /= top


@_compiled
def jump_increment(work: Any, eta: float, H: float) -> tuple[float, float]:
    """Fill TRIAL = increment of D over H updates; row SLOPE = F(D) is given.

    Returns:
        The error estimate of TRIAL (root mean square over arms) and the largest rate of a stage.
    """
    K = work.shape[1]
    top_rate = 0.0
    for i in range(1, 12):
        for a in range(K):
            step = 0.0
            for j in range(i):
                step += STAGES[i, j] * work[SLOPE + j, a]
            work[POINT, a] = work[D, a] + H * step
        top_rate = max(top_rate, update_direction(work, POINT, eta))
        modified_field(work, eta, SLOPE + i)
    square_5, square_3 = 0.0, 0.0
    for a in range(K):
        step, e5, e3 = 0.0, 0.0, 0.0
        for i in range(12):
            step += SOLUTION[i] * work[SLOPE + i, a]
            e5 += ERROR_5[i] * work[SLOPE + i, a]
            e3 += ERROR_3[i] * work[SLOPE + i, a]
        work[TRIAL, a] = H * step
        square_5 += (H * e5) ** 2
        square_3 += (H * e3) ** 2
    scale = math.sqrt((square_5 + 0.01 * square_3) * K)
    return (square_5 / scale if scale > 0.0 else 0.0), top_rate


@_compiled
def _passes(level: float, slope: float, end: float, end_slope: float, H: float, top: float) -> bool:
    """Whether pi.gains may exceed `top` during a jump: at its end, or at a peak inside it.

    A quantity that rises at the start and falls at the end stays, where it is concave, below the
    crossing of its two tangents.
    """
    if not end <= top:
        return True
    if slope <= 0.0 or end_slope >= 0.0:
        return False
    crossing = (end - level - end_slope * H) / (slope - end_slope)
    return level + slope * crossing > top


@_compiled
def _try_jump(
    work: Any, eta: float, limits: Limits, H: float, top: float, n: float
) -> tuple[float, float]:
    """Fill TRIAL = increment of D over a jump of at most H updates from update n.

    The jump is shortened until its error and its rates are small enough and pi.gains stays below
    `top` (infinite once the escape is behind), the last only as far as float64 resolves n.

    Returns:
        The length of the jump, 0 if there is none worth making, and that of the next to try.
    """
    modified_field(work, eta, SLOPE)
    level, slope = _level(work), _level_slope(work, SLOPE)
    shortest = MIN_JUMP if n < WHOLE else 1.0
    grow = 5.0
    while shortest <= H:
        error, stage_rate = jump_increment(work, eta, H)
        factor = 0.9 * (limits.tolerance / max(error, 1e-30)) ** 0.125
        if not (error <= limits.tolerance and stage_rate <= 1.5 * limits.max_rate):
            grow = 1.0
            H = np.floor(H * (min(0.5, max(0.1, factor)) if error < np.inf else 0.1))
            continue
        if top < np.inf and n * RESOLUTION < H:
            for a in range(work.shape[1]):
                work[POINT, a] = work[D, a] + work[TRIAL, a]
            update_direction(work, POINT, eta)
            modified_field(work, eta, SLOPE + 1)
            if _passes(level, slope, _level(work), _level_slope(work, SLOPE + 1), H, top):
                grow = 1.0
                H = np.floor(H / 2.0)
                continue
        return H, np.floor(H * min(grow, max(0.5, factor)))
    return 0.0, 2.0 * MIN_JUMP


@_compiled
def _record(work: Any, stops: Any, recorded: int, n: float, history: Any) -> int:
    """Write theta_n - theta_0 for the stops reached; return how many are written in all."""
    while recorded < stops.size and stops[recorded] <= n:
        for a in range(work.shape[1]):
            history[recorded, a] = work[TRAVELLED, a] + (work[D, a] - work[LOST, a])
        recorded += 1
    return recorded


@_compiled
def prepare(weights: Any, problem: Problem) -> Any:
    """The work array of a problem at its start; weights [K] proportional to pi_0, largest 1."""
    work = np.zeros((ROWS, weights.size))
    work[REWARD], work[GAIN], work[W] = problem.rewards, problem.gains, weights
    return work


@_compiled
def follow(weights: Any, problem: Problem, limits: Limits, stops: Any, history: Any) -> Arrival:
    """Follow the updates from weights [K] until the escape, or to the last of `stops`.

    Args:
        weights: proportional to the first policy, largest 1.
        problem: what is followed.
        limits: how far and how finely.
        stops: increasing update numbers to land on, float64 [N]; if there are any, the run ends at
            the last of them and not at the escape.
        history: theta_n - theta_0 at the stops, [N, K]; rows not reached are left as they are.
    """
    work, eta, threshold = prepare(weights, problem), problem.eta, problem.threshold
    n, direct, jumps, top_rate, recorded = 0.0, 0.0, 0, 0.0, 0
    crossing, before, moved, H, wait, lost = np.nan, 0.0, 0.0, 0.0, 0.0, 0.0
    while True:
        rate = update_direction(work, D, eta)
        if not rate < np.inf:
            return Arrival(n, crossing, direct, jumps, np.inf, False)
        top_rate = max(top_rate, rate)
        level = _level(work)
        if math.isnan(crossing) and level > threshold:
            over = (level - threshold) / (level - before) if n > 0.0 else 0.0
            crossing = n - moved * over
        before = level
        recorded = _record(work, stops, recorded, n, history)
        ended = crossing >= 0.0 if stops.size == 0 else recorded == stops.size
        if ended or n >= limits.max_updates or direct >= limits.max_direct:
            finished = ended or n >= limits.max_updates
            return Arrival(n, crossing, direct, jumps, top_rate, finished)
        moved = 0.0
        if rate <= limits.max_rate and wait <= 0.0:
            room = (stops[recorded] if recorded < stops.size else limits.max_updates) - n
            if H == 0.0:
                H = np.floor(FIRST_JUMP / max(rate, 1.0 / LONGEST))
            top = threshold if math.isnan(crossing) else np.inf
            moved, H = _try_jump(work, eta, limits, min(H, room), top, n)
            if moved == 0.0:  # updates one by one for a while
                wait = MIN_JUMP
                update_direction(work, D, eta)
        if moved > 0.0:
            jumps += 1
            add(work, TRIAL)
        else:
            moved = 1.0
            direct += 1.0
            wait -= 1.0
            add(work, PHI)
        step = moved - lost  # Kahan: n may be so large that a single update is below its spacing
        lost = ((n + step) - n) - step
        n += step
