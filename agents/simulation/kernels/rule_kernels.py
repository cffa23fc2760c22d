"""The exact rules of `agents.updates`, compiled: one direction function each, for one trajectory.

Each fills `policy` and `out` [K], the direction, from theta [K] and mean rewards [K]; `first` and
`second` are the rule's hyper-parameters, at most two, in the order of its class's fields. The
classes in `agents.updates` are their reference.
Plain float64; a trajectory's bits depend on nothing but itself.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from agents.simulation.kernels.blocks import HALTED
from agents.simulation.kernels.lanes import KERNEL, in_well, source_digest

ENTROPY, LOG_BARRIER, DELIGHTFUL, ESCORT = range(4)
LAWS = {
    "entropy-pg": ENTROPY,
    "log-barrier-pg": LOG_BARRIER,
    "delightful-pg": DELIGHTFUL,
    "escort-pg": ESCORT,
}


@njit(**KERNEL)
def softmax_policy(theta: Any, policy: Any) -> Any:
    """Fill policy = softmax(theta); returns ln sum exp(theta)."""
    top = theta[0]
    for a in range(1, theta.size):
        top = max(top, theta[a])
    total = 0.0
    for a in range(theta.size):
        policy[a] = math.exp(theta[a] - top)
        total += policy[a]
    for a in range(theta.size):
        policy[a] /= total
    return top + math.log(total)


@njit(**KERNEL)
def centre(policy: Any, values: Any) -> Any:
    """Subtract policy.values in two passes, so that a dominant arm's advantage does not cancel."""
    for _ in range(2):
        mean = 0.0
        for a in range(policy.size):
            mean += policy[a] * values[a]
        for a in range(policy.size):
            values[a] -= mean


@njit(**KERNEL)
def entropy_direction(theta: Any, rewards: Any, temperature: Any, policy: Any, out: Any) -> Any:
    """pi (q - pi.q), q = r - temperature ln pi."""
    level = softmax_policy(theta, policy)
    for a in range(theta.size):
        out[a] = rewards[a] - temperature * (theta[a] - level)
    centre(policy, out)
    for a in range(theta.size):
        out[a] *= policy[a]


@njit(**KERNEL)
def log_barrier_direction(theta: Any, rewards: Any, barrier: Any, policy: Any, out: Any) -> Any:
    """pi U + barrier (1/K - pi)."""
    softmax_policy(theta, policy)
    out[:] = rewards
    centre(policy, out)
    for a in range(theta.size):
        out[a] = policy[a] * out[a] + barrier * (1 / theta.size - policy[a])


@njit(**KERNEL)
def delightful_direction(theta: Any, rewards: Any, temperature: Any, policy: Any, out: Any) -> Any:
    """sum_i w_i pi(i) U(i) (e_i - pi), w_i = sigmoid(U(i) (-ln pi(i)) / temperature)."""
    level = softmax_policy(theta, policy)
    out[:] = rewards
    centre(policy, out)
    total = 0.0
    for a in range(theta.size):
        if temperature == 0.0:
            gate = 1.0 if out[a] > 0.0 else 0.0
        else:
            gate = 0.5 * (1 + math.tanh(out[a] * (level - theta[a]) / (2 * temperature)))
        out[a] *= gate * policy[a]
        total += out[a]
    for a in range(theta.size):
        out[a] -= policy[a] * total


@njit(**KERNEL)
def escort_direction(
    theta: Any, rewards: Any, power: Any, scaled: Any, policy: Any, out: Any
) -> Any:
    """p (pi/theta) U, times ||theta||_p^2 if scaled; a row of zeros is uniform and stays."""
    size = 0.0
    for a in range(theta.size):
        size = max(size, abs(theta[a]))
    if size == 0.0:
        policy[:] = 1 / theta.size
        out[:] = 0.0
        return
    total = 0.0
    for a in range(theta.size):
        policy[a] = (abs(theta[a]) / size) ** power
        total += policy[a]
    for a in range(theta.size):
        policy[a] /= total
    out[:] = rewards
    centre(policy, out)
    scale = size * total ** (2 / power) if scaled > 0.0 else 1 / size
    for a in range(theta.size):
        unit = theta[a] / size
        slope = 0.0 if unit == 0.0 else policy[a] / unit
        out[a] *= scale * power * slope


@njit(**KERNEL)
def fill_direction(
    law: Any, theta: Any, rewards: Any, first: Any, second: Any, policy: Any, out: Any
) -> Any:
    """The policy and the direction of the rule numbered `law`."""
    if law == ENTROPY:
        entropy_direction(theta, rewards, first, policy, out)
    elif law == LOG_BARRIER:
        log_barrier_direction(theta, rewards, first, policy, out)
    elif law == DELIGHTFUL:
        delightful_direction(theta, rewards, first, policy, out)
    else:
        escort_direction(theta, rewards, first, second, policy, out)


@njit(**KERNEL)
def run_trajectory(
    row: Any, law: Any, first: Any, second: Any, scratch: Any, problem: Any, record: Any
) -> Any:
    """Policy 0 to the last of `marks`; arm 0 is the best. `scratch` [3, K]."""
    theta, policy, direction = scratch[0], scratch[1], scratch[2]
    start, rewards = problem.theta[row], problem.rewards[row]
    theta[:] = start
    escaped, lowest, resting, mark, n = -1, 1.0, False, 0, 0
    while True:
        if not resting:
            fill_direction(law, theta, rewards, first, second, policy, direction)
            loss = 0.0
            for a in range(1, theta.size):
                loss += policy[a] * (rewards[0] - rewards[a])
            inside = in_well(loss, problem.gaps[row], problem.fraction)
            if policy[0] > problem.escape_prob or not inside:
                escaped = n if escaped < 0 else escaped
                resting = problem.stop
            else:
                lowest = min(lowest, policy[0])
                if lowest < problem.floor:
                    record.flag[0] = HALTED
        while mark < problem.marks.size and (n == problem.marks[mark] or resting):
            if record.history.shape[0] > 0:
                record.history[mark, row] = theta - start
            mark += 1
        if mark == problem.marks.size or (n % 1024 == 0 and record.flag[0] == HALTED):
            break
        for a in range(theta.size):
            theta[a] += problem.learning_rate * direction[a]
        n += 1
    record.moved[row] = theta - start
    record.escape_time[row] = escaped
    record.lowest_prob[row] = lowest


def build(digest: int) -> Any:
    """The compiled entry; `digest` in its closure ties numba's disk cache to the sources."""

    @njit(cache=True, **KERNEL)
    def run_rows(
        begin: Any, end: Any, law: Any, first: Any, second: Any,
        scratch: Any, problem: Any, record: Any,
    ) -> int:  # fmt: skip
        """Run trajectories [begin, end)."""
        for row in range(begin, end):
            run_trajectory(row, law, first, second, scratch, problem, record)
        return digest

    return run_rows


run_rows = build(source_digest(__file__))
