"""The theory's lower bound on the escape time for a start in one of our environments."""

from __future__ import annotations

from typing import Any

import numpy as np

from gw_envs.checks import Floats
from gw_envs.theory import mdp_escape_bound, reward_escape_bound, well_escape_updates


def escape_lower_bounds(well: Any, policy: Floats, learning_rate: float) -> Floats:
    """Updates before which exact softmax policy gradient cannot leave each state's well.

    One state: `reward_escape_bound`. Several states at discount 0: `well_escape_updates` along the
    drift, with the step eta d(s). Discount > 0: `mdp_escape_bound`, which promises pi(a*|s) <= 0.1;
    the state stays in its well as long as a* keeps the largest Q(s, .).

    Args:
        well: one of our environments (its ground truth).
        policy: initial probabilities [S, K].
        learning_rate: eta > 0, constant.

    Returns:
        L [S]: the guarantee is T >= floor(L) + 1; 0 where nothing is guaranteed, inf where the
        state can never be left.
    """
    states, best = range(well.num_states), well.optimal_actions
    policy = np.minimum(policy, np.nextafter(1.0, 0.0))  # float64 makes 1 of 1 - 1e-17
    values, weight = well.action_values(policy, 0)
    if well.num_states == 1 and well.discount == 0 and well.drift_horizon == 0:
        return np.array([reward_escape_bound(policy[0], values[0], learning_rate)])
    if well.discount > 0:
        return np.array(
            [mdp_escape_bound(policy[s], learning_rate, well.discount, best[s]) for s in states]
        )
    path = reward_path(well)
    bounds = np.zeros(well.num_states)
    for s in states:
        gaps = path[:, s, best[s], None] - np.delete(path[:, s], best[s], axis=-1)
        rate = learning_rate * float(weight[s, 0])
        bounds[s] = well_escape_updates(policy[s], gaps, rate, well.reward_gaps[s], best[s])
    return bounds


def reward_path(well: Any) -> Floats:
    """Mean rewards [T, S, K] at clock 0 .. `drift_horizon` of one of our environments.

    At discount 0 they are the action values: neither Q nor d depends on the policy, so that the
    whole path is known beforehand.
    """
    anything = np.full((well.num_states, well.num_actions), 1 / well.num_actions)
    return np.stack([well.action_values(anything, t)[0] for t in range(well.drift_horizon + 1)])
