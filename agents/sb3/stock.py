"""PPO, A2C, DQN and TRPO on our environments, with settings that make sense there."""

from __future__ import annotations

import importlib
from typing import Any, cast

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.policies import Start, as_start
from agents.precision import LOWEST_OPTIMAL_PROB
from agents.sb3.ground_truth import ground_truth
from agents.sb3.policies import TabularSoftmaxPolicy, all_states, set_logits
from agents.sb3.settings import STOCK, check_settings
from gw_envs.checks import BadInput, check_choice, check_extra, check_instance, check_int


def make_baseline(name: str, env: Any, *, seed: int | None = 0, **settings: Any) -> BaseAlgorithm:
    """An SB3 algorithm on a VecEnv of one of our environments.

    `gamma` is the environment's own discount (0 where an episode is one pull), networks are SB3's
    (two layers of 64 for policy and for values, Adam; A2C: RMSprop), and PPO's and TRPO's batch is
    the whole rollout: on environments this cheap, small batches cost time and bring nothing. The
    rest is `agents.sb3.settings`, and what is not there is as SB3 has it.

    Args:
        name: one of `agents.sb3.settings.STOCK`; "trpo" needs the extra `contrib`.
        env: a VecEnv, e.g. `WellVecEnv`.
        seed: SB3's seed.
        **settings: arguments of the algorithm's class, which win; `policy` is "MlpPolicy" unless
            given.

    Raises:
        ValueError: for an unknown name, an environment that is not ours, a setting that is out of
            range, or "trpo" without sb3-contrib.
    """
    check_choice("name", name, tuple(STOCK))
    check_instance("env", env, VecEnv, "a VecEnv, as WellVecEnv is")
    gamma = ground_truth(env).discount
    own: dict[str, Any] = {"policy": "MlpPolicy", "gamma": gamma, "seed": seed, "device": "cpu"}
    own |= STOCK[name]().arguments() | settings
    check_settings(name, own, env.num_envs)
    if name in ("ppo", "trpo"):
        own.setdefault("batch_size", own["n_steps"] * env.num_envs)
    return cast(BaseAlgorithm, _algorithm(STOCK[name].algorithm)(env=env, **own))


def _algorithm(where: str) -> Any:
    package, name = where.split(".")
    check_extra("agent", name.lower(), "contrib", package)
    return getattr(importlib.import_module(package), name)


def start_from(
    model: BaseAlgorithm, initial_policy: str | Start, *, seed: int = 0, **start: Any
) -> None:
    """Start an on-policy model of ours from a named policy, exactly, in every state.

    A network's last layer is moved as little as possible (`agents.sb3.policies.set_logits`); a
    table is set. The start says where the policy is, not how it moves on: with Adam, clipping and
    normalised advantages a network leaves a corner by other laws than the theory's.

    Args:
        model: an actor-critic SB3 model on one of our environments.
        initial_policy: name of a start, or a whole `agents.policies.Start`.
        seed: of `normal`.
        **start: the other fields of `Start`: `optimal_prob`, `corner_action`, `sigma`.

    Raises:
        ValueError: for a bad start, one that float32 cannot hold, or a model without logits (DQN).
    """
    check_instance("model", model, BaseAlgorithm, "a Stable-Baselines3 model")
    policy: Any = model.policy
    check_int("seed", seed, 0)
    wanted = as_start(initial_policy, **start)
    if not hasattr(policy, "action_net"):
        raise BadInput(
            f"initial_policy={wanted.initial_policy!r} does not go with "
            f"{type(model).__name__}, whose policy has no logits."
        )
    well = ground_truth(cast(Any, model.get_env()))
    theta = wanted.table(
        well.optimal_actions, well.num_actions, seed, getattr(well, "initial_probs", None)
    )
    if isinstance(policy, TabularSoftmaxPolicy):
        policy.set_theta(theta)
        return
    x0 = wanted.optimal_prob
    if x0 is not None and x0 < LOWEST_OPTIMAL_PROB["float32"]:
        raise BadInput(
            f"optimal_prob={x0} is too deep for a network in float32, which is trusted "
            "down to 1e-5; use the tabular policy."
        )
    set_logits(policy, all_states(policy).cpu().numpy(), theta)
