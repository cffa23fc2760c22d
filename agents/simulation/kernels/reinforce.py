"""Sampled-gradient trajectories (REINFORCE): theta += eta (R - b)(e_A - pi), in lanes.

Each update makes `batch_size` pulls with A ~ pi by inversion (arms best first), rewards by the
noise law, and averages (R - b)(e_A - pi). Let C(a) be the sum of R - b over pulls of arm a and C
that over all pulls; then theta(a) += eta [C(a)(1 - pi(a)) - (C - C(a)) pi(a)] / batch_size, where
1 - pi(a) of the likeliest arm is summed from the others, so that nothing cancels in a deep well.
Addition is compensated as in the exact kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from agents.baselines import BASELINES
from agents.simulation.kernels import direct
from agents.simulation.kernels.blocks import (
    CREDIT,
    LIKELIEST,
    MASS,
    RECEIVED,
    REWARD,
    TRAJECTORY,
    WELL_GAP,
    add_compensated,
)
from agents.simulation.kernels.counters import (
    ACTION,
    NOISE,
    NOISE_ANGLE,
    SLOTS,
    stream_state,
    uniform,
)
from agents.simulation.kernels.lanes import (
    INLINE,
    KERNEL,
    LANES,
    hot_function,
    lane_array,
    lane_cos_turns,
    lane_log,
)
from gw_envs.vector.noise import NOISE_LAWS

BERNOULLI, GAUSSIAN = NOISE_LAWS.index("bernoulli"), NOISE_LAWS.index("gaussian")
VALUE, AVERAGE, OPTIMAL, CONSTANT, ORACLE = (
    BASELINES.index(name) for name in ("value", "average", "optimal", "constant", "oracle")
)


@njit(**INLINE)
def weigh_rest(block: Any, rest: Any, likeliest: Any) -> Any:
    """The sum of MASS over all arms but the likeliest."""
    for lane in range(LANES):
        rest[lane] = 0.0
    for a in range(block.shape[0]):
        for lane in range(LANES):
            rest[lane] += 0.0 if likeliest[lane] == a else block[a, MASS + lane]


@njit(**INLINE)
def optimal_baseline(block: Any, total: Any, rest: Any, likeliest: Any, base: Any) -> Any:
    """b = sum_a pi(a) w(a) r(a) / sum_a pi(a) w(a), w(a) = |e_a - pi|^2; see agents/baselines.py.

    w(a) = (1 - pi(a))^2 + sum_{c != a} pi(c)^2 with 1 - pi of the likeliest arm from the others.
    """
    arms = block.shape[0]
    for lane in range(LANES):
        squares, others = 0.0, 0.0
        for a in range(arms):
            square = block[a, MASS + lane] ** 2
            squares += square
            others += 0.0 if likeliest[lane] == a else square
        above, below = 0.0, 0.0
        for a in range(arms):
            mass = block[a, MASS + lane]
            if likeliest[lane] == a:
                weight = mass * (rest[lane] ** 2 + others)
            else:
                weight = mass * ((total[lane] - mass) ** 2 + (squares - mass**2))
            above += weight * block[a, REWARD + lane]
            below += weight
        base[lane] = above / below if below > 0.0 else block[likeliest[lane], REWARD + lane]


@njit(**INLINE)
def set_baseline(
    block: Any, numbers: Any, problem: Any, n: Any, base: Any, mean: Any, total: Any, rest: Any,
    likeliest: Any,
) -> Any:  # fmt: skip
    """Write the baseline of update n+1 to `base`."""
    kind = problem.baseline
    if kind == OPTIMAL:
        optimal_baseline(block, total, rest, likeliest, base)
        return
    pulls = np.float64(max(n * problem.batch_size, 1))
    for lane in range(LANES):
        base[lane] = problem.baseline_value
        if kind == AVERAGE:
            base[lane] = numbers[RECEIVED + lane] / pulls
        elif kind == ORACLE:
            base[lane] = block[0, REWARD + lane] - 0.5 * numbers[WELL_GAP + lane]
        elif kind == VALUE:
            base[lane] = block[likeliest[lane], REWARD + lane] + mean[lane]


@njit(**INLINE)
def draw(block: Any, total: Any, state: Any, slot: Any, target: Any, arm: Any, paid: Any) -> Any:
    """Draw each lane's arm and the mean reward it pays."""
    for lane in range(LANES):
        target[lane] = uniform(np.uint64(state[lane]), slot + np.uint64(ACTION)) * total[lane]
        arm[lane] = 0
        paid[lane] = block[0, REWARD + lane]
    # `target` less the mass so far: once it is negative the arm is found. Two arms a pass: storing
    # the lanes' numbers is what a pass waits for.
    arms = block.shape[0]
    for a in range(1, arms - 1, 2):
        for lane in range(LANES):
            first = target[lane] - block[a - 1, MASS + lane]
            second = first - block[a, MASS + lane]
            further, beyond = first >= 0.0, second >= 0.0
            found = a if further else arm[lane]
            pays = block[a, REWARD + lane] if further else paid[lane]
            target[lane] = second
            arm[lane] = a + 1 if beyond else found
            paid[lane] = block[a + 1, REWARD + lane] if beyond else pays
    for a in range(arms - (arms - 1) % 2, arms):
        for lane in range(LANES):
            further = target[lane] >= block[a - 1, MASS + lane]
            arm[lane] = a if further else arm[lane]
            paid[lane] = block[a, REWARD + lane] if further else paid[lane]


@njit(**INLINE)
def add_noise(paid: Any, state: Any, slot: Any, problem: Any) -> Any:
    """Turn mean rewards into rewards; Gaussian ones by Box and Muller."""
    if problem.noise == BERNOULLI:
        for lane in range(LANES):
            drawn = uniform(np.uint64(state[lane]), slot + np.uint64(NOISE))
            paid[lane] = 1.0 if drawn < paid[lane] else 0.0
    elif problem.noise == GAUSSIAN:
        for lane in range(LANES):
            radius = np.sqrt(
                -2.0 * lane_log(uniform(np.uint64(state[lane]), slot + np.uint64(NOISE)))
            )
            angle = lane_cos_turns(uniform(np.uint64(state[lane]), slot + np.uint64(NOISE_ANGLE)))
            paid[lane] += problem.noise_std * radius * angle


@njit(**INLINE)
def add_credit(
    block: Any, numbers: Any, arm: Any, paid: Any, base: Any, credit: Any, single: Any
) -> Any:
    """Add R - b to the sum over all pulls and, unless it is the only one, to the pulled arm."""
    for lane in range(LANES):
        numbers[RECEIVED + lane] += paid[lane]
        paid[lane] -= base[lane]
        credit[lane] += paid[lane]
    if single:
        return
    for a in range(block.shape[0]):
        for lane in range(LANES):
            block[a, CREDIT + lane] += paid[lane] if arm[lane] == a else 0.0


@njit(**INLINE)
def step(block: Any, scale: Any, total: Any, rest: Any, credit: Any, likeliest: Any) -> Any:
    """One update; scale = eta / (sum MASS * batch_size)."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            mass = block[a, MASS + lane]
            own = block[a, CREDIT + lane]
            others = rest[lane] if likeliest[lane] == a else total[lane] - mass
            change = own * others - (credit[lane] - own) * mass
            add_compensated(block, a, lane, scale[lane] * change)
            block[a, CREDIT + lane] = 0.0


@njit(**INLINE)
def step_one(
    block: Any, scale: Any, total: Any, rest: Any, credit: Any, likeliest: Any, arm: Any
) -> Any:
    """`step` after a single pull: all credit belongs to its arm."""
    for a in range(block.shape[0]):
        for lane in range(LANES):
            mass = block[a, MASS + lane]
            others = rest[lane] if likeliest[lane] == a else total[lane] - mass
            change = credit[lane] * (others if arm[lane] == a else -mass)
            add_compensated(block, a, lane, scale[lane] * change)


@njit(**KERNEL)
def make_updates(block: Any, numbers: Any, counts: Any, problem: Any, n: Any, end: Any) -> Any:
    """Updates n+1 .. end of every lane; with n == end, only the escape test on policy n."""
    hot_function()
    total, mean, rest = lane_array(block), lane_array(block), lane_array(block)
    scale, target = lane_array(block), lane_array(block)
    base, paid, credit = lane_array(block), lane_array(block), lane_array(block)
    likeliest, arm, state = lane_array(counts), lane_array(counts), lane_array(counts)
    for lane in range(LANES):
        likeliest[lane] = counts[LIKELIEST + lane]
        stream = np.uint64(problem.first_stream + counts[TRAJECTORY + lane])
        state[lane] = np.int64(stream_state(problem.key, stream))
    only_test, share = n == end, 1.0 / problem.batch_size
    while True:
        direct.weigh_arms(block, total, mean)
        direct.watch(block, numbers, counts, problem, n, total, mean, scale)
        if only_test:
            break
        weigh_rest(block, rest, likeliest)
        set_baseline(block, numbers, problem, n, base, mean, total, rest, likeliest)
        for lane in range(LANES):
            scale[lane] *= share
            credit[lane] = 0.0
        for pull in range(problem.batch_size):
            slot = np.uint64(n * problem.batch_size + pull) * np.uint64(SLOTS)
            draw(block, total, state, slot, target, arm, paid)
            add_noise(paid, state, slot, problem)
            add_credit(block, numbers, arm, paid, base, credit, problem.batch_size == 1)
        if problem.batch_size == 1:
            step_one(block, scale, total, rest, credit, likeliest, arm)
        else:
            step(block, scale, total, rest, credit, likeliest)
        n += 1
        if n == end:
            break
