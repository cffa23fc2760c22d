"""Step jumping: follow softmax policy gradient through a plateau without making every update.

One update is Phi(theta) = theta + phi(theta), phi_a = eta pi_a u_a, u_a = r_a - pi.r. By backward
error analysis (Hairer, Lubich, Wanner, Geometric Numerical Integration, chapter IX, explicit Euler)
the field whose flow over time 1 is Phi begins

    F = phi - 1/2 phi'phi + 1/3 phi'phi'phi + 1/12 phi''(phi, phi) + O(rate^3 phi),

so n updates are the flow of F over time n. It is integrated with the pair of order 8(5,3) of
`agents.simulation.dop853` in steps of a whole number H of updates. With vc = v - pi.v,
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
(a whole number kept in float64; exact below 2^53).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from agents.simulation.dop853 import ERROR_3, ERROR_5, SOLUTION, STAGES

MIN_JUMP = 16.0  # shorter jumps cost more than the updates they replace
FIRST_JUMP = 0.25  # first guess of a jump, in units of 1/rate
WHOLE = 2.0**52  # above it single updates are lost in float64, and jumps may be of any length
RESOLUTION = 2.0**-51  # relative; a crossing is not bisected below it
LONGEST = 1e300

# FMA is allowed; reordering is not, it would destroy the compensated sums.
_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


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


class Outcome(NamedTuple):
    """Where `follow` ended.

    n: the update reached (that of the escape, if it ended the run). crossing: the escape as a real
    number, interpolated within its update; NaN if none. direct: updates made one by one. jumps:
    jumps made. top_rate: the largest rate met. finished: False if `max_direct` ended the run.
    """

    n: float
    crossing: float
    direct: float
    jumps: int
    top_rate: float
    finished: bool


class _State(NamedTuple):
    """pi is proportional to w exp(d); lost: what rounding took off d; travelled: d put into w."""

    w: Any
    d: Any
    lost: Any
    travelled: Any


class _Scratch(NamedTuple):
    """Buffers [K], and the slopes [12, K] of a jump."""

    pi: Any
    u: Any
    phi: Any
    first: Any
    trial: Any
    slopes: Any


@_compiled
def update_direction(w: Any, d: Any, problem: Problem, scratch: _Scratch) -> float:
    """Fill pi, u = r - pi.r and phi = eta pi u at offset d; return the rate sum_a |phi_a|."""
    pi, u, phi, rewards, eta = scratch.pi, scratch.u, scratch.phi, problem.rewards, problem.eta
    total, largest, shift = 0.0, 0.0, 0.0
    for a in range(w.size):
        weight = w[a] * math.exp(d[a])
        pi[a] = weight
        total += weight
        if weight > largest:
            largest = weight
            shift = rewards[a]
    mean = 0.0
    for a in range(w.size):
        mean += pi[a] * (rewards[a] - shift)
    scale = 1.0 / total
    mean *= scale
    rate = 0.0
    for a in range(w.size):
        probability = pi[a] * scale
        advantage = (rewards[a] - shift) - mean
        step = eta * probability * advantage
        pi[a], u[a], phi[a] = probability, advantage, step
        rate += abs(step)
    return rate


@_compiled
def modified_field(eta: float, scratch: _Scratch, out: Any) -> None:
    """out = F, from pi, u and phi as `update_direction` left them."""
    pi, u, phi, first = scratch.pi, scratch.u, scratch.phi, scratch.first
    mean_1, C_1 = 0.0, 0.0  # of phi
    for a in range(pi.size):
        mean_1 += pi[a] * phi[a]
        C_1 += phi[a] * phi[a]  # eta times pi phi u
    C_1 /= eta
    mean_2, C_2, V, E = 0.0, 0.0, 0.0, 0.0  # mean and C of phi'phi; V and E of phi
    for a in range(pi.size):
        p, advantage, vc = pi[a], u[a], phi[a] - mean_1
        step = eta * p * (vc * advantage - C_1)
        first[a] = step
        mean_2 += p * step
        C_2 += p * step * advantage
        V += p * vc * vc
        E += p * vc * vc * advantage
    for a in range(pi.size):
        advantage, vc = u[a], phi[a] - mean_1
        second = (first[a] - mean_2) * advantage - C_2
        curvature = (vc * vc - V) * advantage - 2.0 * vc * C_1 - E
        out[a] = phi[a] - first[a] / 2.0 + eta * pi[a] * (second / 3.0 + curvature / 12.0)


@_compiled
def _level_and_slope(pi: Any, gains: Any, field: Any) -> tuple[float, float]:
    """pi.gains, whose rise above a threshold is the escape, and its growth per update."""
    level, mean, slope = 0.0, 0.0, 0.0
    for a in range(pi.size):
        level += pi[a] * gains[a]
        mean += pi[a] * field[a]
    for a in range(pi.size):
        slope += pi[a] * (field[a] - mean) * gains[a]
    return level, slope


@_compiled
def _add(state: _State, increment: Any) -> None:
    """d += increment with compensated (Kahan) sums; move d into the weights once it exceeds 1."""
    d, lost = state.d, state.lost
    largest = 0.0
    for a in range(d.size):
        y = increment[a] - lost[a]
        t = d[a] + y
        lost[a] = (t - d[a]) - y
        d[a] = t
        largest = max(largest, abs(t))
    if largest <= 1.0:
        return
    top = 0.0
    for a in range(d.size):
        state.travelled[a] += d[a]
        state.w[a] *= math.exp(d[a])
        d[a] = 0.0
        top = max(top, state.w[a])
    for a in range(d.size):
        state.w[a] /= top


@_compiled
def _jump(w: Any, d: Any, problem: Problem, scratch: _Scratch, H: float) -> tuple[float, float]:
    """Fill trial = increment of d over H updates; slopes[0] = F(d) is given.

    Returns:
        The error estimate of trial (root mean square over arms) and the largest rate of a stage.
    """
    trial, slopes, K = scratch.trial, scratch.slopes, d.size
    top_rate = 0.0
    for i in range(1, 12):
        for a in range(K):
            step = 0.0
            for j in range(i):
                step += STAGES[i, j] * slopes[j, a]
            trial[a] = d[a] + H * step
        top_rate = max(top_rate, update_direction(w, trial, problem, scratch))
        modified_field(problem.eta, scratch, slopes[i])
    square_5, square_3 = 0.0, 0.0
    for a in range(K):
        step, e5, e3 = 0.0, 0.0, 0.0
        for i in range(12):
            step += SOLUTION[i] * slopes[i, a]
            e5 += ERROR_5[i] * slopes[i, a]
            e3 += ERROR_3[i] * slopes[i, a]
        trial[a] = H * step
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
    state: _State,
    problem: Problem,
    limits: Limits,
    scratch: _Scratch,
    H: float,
    top: float,
    n: float,
) -> tuple[float, float]:
    """Fill trial = increment of d over a jump of at most H updates from update n.

    The jump is shortened until its error and its rates are small enough and pi.gains stays below
    `top` (infinite once the escape is behind), the last only as far as float64 resolves n.

    Returns:
        The length of the jump, 0 if there is none worth making, and that of the next to try.
    """
    w, d, slopes, gains = state.w, state.d, scratch.slopes, problem.gains
    modified_field(problem.eta, scratch, slopes[0])
    level, slope = _level_and_slope(scratch.pi, gains, slopes[0])
    shortest = MIN_JUMP if n < WHOLE else 1.0
    grow = 5.0
    while shortest <= H:
        error, stage_rate = _jump(w, d, problem, scratch, H)
        factor = 0.9 * (limits.tolerance / max(error, 1e-30)) ** 0.125
        if not (error <= limits.tolerance and stage_rate <= 1.5 * limits.max_rate):
            grow = 1.0
            H = np.floor(H * (min(0.5, max(0.1, factor)) if error < np.inf else 0.1))
            continue
        if top < np.inf and n * RESOLUTION < H:
            for a in range(d.size):
                slopes[1, a] = d[a] + scratch.trial[a]
            update_direction(w, slopes[1], problem, scratch)
            modified_field(problem.eta, scratch, slopes[2])
            end, end_slope = _level_and_slope(scratch.pi, gains, slopes[2])
            if _passes(level, slope, end, end_slope, H, top):
                grow = 1.0
                H = np.floor(H / 2.0)
                continue
        return H, np.floor(H * min(grow, max(0.5, factor)))
    return 0.0, 2.0 * MIN_JUMP


@_compiled
def _record(state: _State, stops: Any, recorded: int, n: float, history: Any) -> int:
    """Write theta_n - theta_0 for the stops reached; return how many are written in all."""
    while recorded < stops.size and stops[recorded] <= n:
        for a in range(state.d.size):
            history[recorded, a] = state.travelled[a] + (state.d[a] - state.lost[a])
        recorded += 1
    return recorded


@_compiled
def follow(w: Any, problem: Problem, limits: Limits, stops: Any, history: Any) -> Outcome:
    """Follow the updates from weights w until the escape, or to the last of `stops`.

    Args:
        w: weights [K], proportional to the first policy, largest 1; overwritten.
        problem: what is followed.
        limits: how far and how finely.
        stops: increasing update numbers to land on, float64 [N]; if there are any, the run ends at
            the last of them and not at the escape.
        history: theta_n - theta_0 at the stops, [N, K]; rows not reached are left as they are.
    """
    d, lost, travelled, pi, u, phi, first, trial = np.zeros((8, w.size))
    state = _State(w, d, lost, travelled)
    scratch = _Scratch(pi, u, phi, first, trial, np.zeros((12, w.size)))
    n, direct, jumps, top_rate, recorded = 0.0, 0.0, 0, 0.0, 0
    crossing, before, moved, H, wait = np.nan, 0.0, 0.0, 0.0, 0.0
    while True:
        rate = update_direction(w, d, problem, scratch)
        top_rate = max(top_rate, rate)
        level, _ = _level_and_slope(pi, problem.gains, phi)
        if math.isnan(crossing) and level > problem.threshold:
            over = (level - problem.threshold) / (level - before) if n > 0.0 else 0.0
            crossing = n - moved * over
        before = level
        recorded = _record(state, stops, recorded, n, history)
        ended = crossing >= 0.0 if stops.size == 0 else recorded == stops.size
        if ended or n >= limits.max_updates or direct >= limits.max_direct:
            finished = ended or n >= limits.max_updates
            return Outcome(n, crossing, direct, jumps, top_rate, finished)
        moved = 0.0
        if rate <= limits.max_rate and wait <= 0.0:
            room = (stops[recorded] if recorded < stops.size else limits.max_updates) - n
            if H == 0.0:
                H = np.floor(FIRST_JUMP / max(rate, 1.0 / LONGEST))
            top = problem.threshold if math.isnan(crossing) else np.inf
            moved, H = _try_jump(state, problem, limits, scratch, min(H, room), top, n)
        if moved > 0.0:
            jumps += 1
            _add(state, trial)
        else:
            if wait <= 0.0 and rate <= limits.max_rate:
                wait = MIN_JUMP
                update_direction(w, d, problem, scratch)
            moved = 1.0
            direct += 1.0
            wait -= 1.0
            _add(state, phi)
        n += moved
