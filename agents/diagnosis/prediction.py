"""When softmax policy gradient would take an action: the paper's C/(Delta pi) as an instrument.

With logits theta(s, .) per state and the exact gradient, d theta(s,b) = eta N pi(b|s) A(s,b), where
N = d(s)/(1-discount) is the expected discounted number of visits to s in an episode. Since
d ln pi(a) = d theta(a) - sum_b pi(b) d theta(b),

    d ln pi(a|s)/dn = eta N [pi(a|s) A(s,a) - sum_b pi(b|s)^2 A(s,b)].

While the other states stand still, Q(s, .) is constant, and A(s,b) = Q(s,b) - sum_c pi(c|s) Q(s,c),
so this is a one-state bandit with rewards Q(s, .) and rate eta N, whose clock
`agents.simulation.solve_escape_time` reads to its end without making every update. For two
actions, or equal advantages of the others, that clock is [F(x_e) - F(x)]/(c eta N Delta) with the
master function F (`gw_envs.theory.flow_integral`), about 1/(c eta N Delta pi(a|s)) deep in a well.
"""

from __future__ import annotations

import math

import numpy as np

from gw_envs.checks import BadInput, Floats

TAKEN = 0.1  # an action taken more often than this is no longer rare: the edge of a well
MOST_DIRECT_UPDATES = 10**6


def complete_advantages(policy: Floats, advantages: Floats) -> Floats:
    """Advantages [K] with NaN at the one action not probed, from sum_a pi(a) A(a) = 0.

    Args:
        policy: pi(.|s) [K].
        advantages: A(s, .) [K], NaN where not known.

    Returns:
        The completed vector; all NaN if more than one is unknown.
    """
    unknown = np.isnan(advantages)
    if not unknown.any():
        return advantages
    if unknown.sum() > 1 or policy[unknown][0] == 0:
        return np.full_like(advantages, np.nan)
    full = advantages.copy()
    known = ~unknown
    full[unknown] = -(policy[known] @ advantages[known]) / policy[unknown][0]
    return full


def updates_to_take(
    policy: Floats, advantages: Floats, action: int, visits: float, learning_rate: float
) -> float | None:
    """Updates of exact softmax policy gradient until pi(action|s) > 0.1, other states held.

    Args:
        policy: pi(.|s) [K].
        advantages: A(s, .) [K], in units of return.
        action: the action to be taken.
        visits: N, expected discounted visits to the state per episode, >= 0.
        learning_rate: eta > 0.

    Returns:
        The count, 0 if it is taken already, inf if its probability or the visits are zero; None
        where it is not predicted: an advantage is unknown, the action is not the best of its
        state, or the map is no flow (steps of the logits above one) and too long to iterate or
        beyond float64.
    """
    from agents.simulation import solve_escape_time

    if policy[action] > TAKEN:
        return 0.0
    best = advantages[action]
    if not np.isfinite(advantages).all() or (advantages >= best).sum() > 1:
        return None
    if policy[action] == 0 or visits == 0:
        return math.inf
    span = float(np.ptp(advantages))
    rewards = (advantages - advantages.min()) / span
    theta = np.log(np.maximum(policy, 1e-300))
    try:
        found = solve_escape_time(
            rewards,
            theta,
            learning_rate * visits * span,
            escape_prob=TAKEN,
            relative_tolerance=1e-3,
            max_direct_updates=MOST_DIRECT_UPDATES,
        )
    except BadInput:  # an update leaves float64: visits and returns are large
        return None
    return None if found.censored else float(found.steps)


def updates_range(
    policy: Floats,
    advantages: Floats,
    action: int,
    interval: tuple[float, float],
    visits: float,
    learning_rate: float,
) -> tuple[float, float]:
    """`updates_to_take` with the action's advantage at the ends of its interval, ascending.

    Where the lower end leaves the action no better than another one, the later end is infinite.
    """
    ends = []
    for value in interval[::-1]:
        changed = advantages.copy()
        changed[action] = value
        count = updates_to_take(policy, changed, action, visits, learning_rate)
        ends.append(math.inf if count is None else count)
    return (ends[0], ends[1])
