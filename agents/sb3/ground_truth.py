"""What is true in an SB3 model's environment and of its policy, exactly."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from agents.policies import softmax
from agents.sb3.policies import all_states, logits_of
from gw_envs.checks import BadInput, Floats

NEEDED = ("action_values", "optimal_actions", "reward_gaps", "discount", "num_states", "mdp")


def ground_truth(env: VecEnv) -> Any:
    """The environment of ours behind an SB3 VecEnv, with its exact values.

    Raises:
        ValueError: if it is not one of ours.
    """
    inner = env.unwrapped
    well = getattr(inner, "well", None)
    if well is None:
        try:
            well = inner.get_attr("unwrapped")[0]
        except AttributeError:
            well = inner
    missing = [name for name in NEEDED if not hasattr(well, name)]
    if missing:
        raise BadInput(
            f"env={well!r} has no ground truth ({', '.join(missing)}), so escapes from its wells "
            "are not known exactly; agents.diagnosis serves any environment."
        )
    return well


def policy_table(model: BaseAlgorithm) -> Floats:
    """pi(a|s) of the policy that acts, for every state of a Discrete observation space, [S, K].

    For DQN it is the epsilon-greedy policy at the current exploration rate, uniform before
    `learning_starts` steps have been made.
    """
    policy = cast(Any, model.policy)
    with th.no_grad():
        if isinstance(policy, ActorCriticPolicy):
            return softmax(logits_of(policy, all_states(policy)).cpu().numpy())
        values = policy.q_net(all_states(policy)).cpu().numpy()
    learner = cast(Any, model)
    warming_up = learner.num_timesteps < learner.learning_starts
    rate = 1.0 if warming_up else float(learner.exploration_rate)
    greedy = np.eye(values.shape[1])[values.argmax(axis=1)]
    return rate / values.shape[1] + (1 - rate) * greedy
