"""PPO, A2C, DQN and TRPO on our environments, with settings that make sense there."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.policies import initial_table
from agents.precision import lowest_trusted
from agents.sb3.ground_truth import ground_truth
from agents.sb3.policies import TabularSoftmaxPolicy, set_logits
from gw_envs.checks import BadInput, check_choice

BASELINE_AGENTS = ("ppo", "a2c", "dqn", "trpo")


def make_baseline(name: str, env: Any, *, seed: int | None = 0, **settings: Any) -> BaseAlgorithm:
    """An SB3 algorithm on a VecEnv of one of our environments.

    `gamma` is the environment's own discount (0 where an episode is one pull), networks are SB3's
    (two layers of 64 for policy and for values, Adam; A2C: RMSprop), and PPO's and TRPO's batch is
    the whole rollout: on environments this cheap, small batches cost time and bring nothing. All
    else is as SB3 has it, unless told otherwise.

    Args:
        name: one of `BASELINE_AGENTS`; "trpo" needs the extra `contrib`.
        env: a VecEnv, e.g. `WellVecEnv`.
        seed: SB3's seed.
        **settings: arguments of the algorithm's class, which win; `policy` is "MlpPolicy" unless
            given.

    Raises:
        ValueError: for an unknown name, an environment that is not ours, or "trpo" without
            sb3-contrib.
    """
    check_choice("agent", name, BASELINE_AGENTS)
    gamma = ground_truth(env).discount
    own: dict[str, Any] = {"policy": "MlpPolicy", "gamma": gamma, "seed": seed, "device": "cpu"}
    if name == "dqn":
        own |= {"buffer_size": 10_000, "learning_starts": 1_000, "train_freq": 1}
        own |= {"target_update_interval": 500, "learning_rate": 1e-3}
    elif name in ("ppo", "trpo"):
        own["n_steps"] = 16
    own |= settings
    if name in ("ppo", "trpo"):
        own.setdefault("batch_size", own["n_steps"] * env.num_envs)
    return cast(BaseAlgorithm, _algorithm(name)(env=env, **own))


def _algorithm(name: str) -> Any:
    if name != "trpo":
        return {"ppo": PPO, "a2c": A2C, "dqn": DQN}[name]
    try:
        from sb3_contrib import TRPO
    except ImportError:
        raise BadInput(
            "agent='trpo' is part of sb3-contrib: pip install 'gravity-wells[contrib]'."
        ) from None
    return TRPO


def start_from(
    model: BaseAlgorithm,
    initial_policy: str,
    *,
    optimal_prob: float | None = None,
    corner_action: int | None = None,
    sigma: float = 1.0,
    seed: int = 0,
) -> None:
    """Start an on-policy model of ours from a named policy, exactly, in every state.

    A network's last layer is moved as little as possible (`agents.sb3.policies.set_logits`); a
    table is set. The start says where the policy is, not how it moves on: with Adam, clipping and
    normalised advantages a network leaves a corner by other laws than the theory's.

    Args:
        model: an actor-critic SB3 model on one of our environments.
        initial_policy: as in `agents.policies.initial_theta`, like the rest.
        optimal_prob: pi(a*) of `corner` and `uniform_suboptimal`.
        corner_action: the arm of `corner`.
        sigma: of `normal`.
        seed: of `normal`.

    Raises:
        ValueError: for a bad start, one that float32 cannot hold, or a model without logits (DQN).
    """
    policy: Any = model.policy
    if not hasattr(policy, "action_net"):
        raise BadInput(
            f"initial_policy={initial_policy!r} does not go with {type(model).__name__}, whose "
            "policy has no logits."
        )
    well = ground_truth(cast(Any, model.get_env()))
    theta = initial_table(
        initial_policy,
        well.optimal_actions,
        well.num_actions,
        optimal_prob=optimal_prob,
        corner_action=corner_action,
        sigma=sigma,
        seed=seed,
    )
    if isinstance(policy, TabularSoftmaxPolicy):
        policy.set_theta(theta)
        return
    if optimal_prob is not None and optimal_prob < lowest_trusted("float32", robust=False):
        raise BadInput(
            f"optimal_prob={optimal_prob} is too deep for a network in float32, which is trusted "
            "down to 1e-5; use the tabular policy."
        )
    set_logits(policy, np.arange(well.num_states), theta)
