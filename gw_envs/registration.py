"""The table of environment ids."""

from __future__ import annotations

import inspect
from typing import Any

import gymnasium as gym

from gw_envs.checks import BadInput, check_choice, check_instance, shown

# id: (scalar entry point, vector entry point). All else is read off the classes: the options of
# train.py are the constructor's arguments (experiments/options/environments.py).
ENVIRONMENTS: dict[str, tuple[str, str]] = {
    "SoftmaxWell-v0": (
        "gw_envs.softmax_well:SoftmaxWellEnv",
        "gw_envs.softmax_well:SoftmaxWellVectorEnv",
    ),
    "ASRWell-v0": ("gw_envs.asr_well:ASRWellEnv", "gw_envs.asr_well:ASRWellVectorEnv"),
    "ChainWell-v0": ("gw_envs.chain_well:ChainWellEnv", "gw_envs.chain_well:ChainWellVectorEnv"),
    "VerifierWell-v0": (
        "gw_envs.verifier_well:VerifierWellEnv",
        "gw_envs.verifier_well:VerifierWellVectorEnv",
    ),
    "ASRSampling-v0": (
        "gw_envs.asr_sampling:ASRSamplingEnv",
        "gw_envs.asr_sampling:ASRSamplingVectorEnv",
    ),
}


def register_envs() -> None:
    """Register every id of the table with Gymnasium; calling it again changes nothing."""
    for env_id, (scalar, vector) in ENVIRONMENTS.items():
        if env_id not in gym.registry:
            gym.register(id=env_id, entry_point=scalar, vector_entry_point=vector)


def check_env_id(env_id: Any) -> str:
    """Return `env_id` if an environment is registered under it.

    Raises:
        ValueError: if none is; the nearest of ours is suggested.
    """
    check_instance("env_id", env_id, str, "the id of an environment")
    return env_id if env_id in gym.registry else check_choice("env_id", env_id, tuple(ENVIRONMENTS))


def make_well(env_id: str, num_envs: int, env_kwargs: Any = None) -> Any:
    """The vector form of one of our tabular environments, without wrappers.

    Args:
        env_id: an id of the table, or of an environment of the same kind that is registered.
        num_envs: number of environments, >= 1.
        env_kwargs: its constructor's arguments, a mapping or None.

    Raises:
        ValueError: for an unknown id, an environment without a ground truth, arguments that it does
            not have, and whatever it refuses.
    """
    check_env_id(env_id)
    kwargs = dict(
        check_instance(
            "env_kwargs",
            {} if env_kwargs is None else env_kwargs,
            dict,
            "a mapping of the environment's arguments",
        )
    )
    wells = [name for name in ENVIRONMENTS if name != "ASRSampling-v0"]
    message = (
        f"env_id={shown(env_id)} has no ground truth (optimal actions, exact values); choose one "
        f"of {', '.join(wells)}."
    )
    if env_id == "ASRSampling-v0" or gym.spec(env_id).vector_entry_point is None:
        raise BadInput(message)
    _check_kwargs(env_id, kwargs)
    well: Any = gym.make_vec(env_id, num_envs=num_envs, **kwargs).unwrapped
    if not hasattr(well, "action_values") or not hasattr(well, "optimal_actions"):
        raise BadInput(message)
    return well


def _check_kwargs(env_id: str, kwargs: dict[Any, Any]) -> None:
    """Refuse a key that is no argument of the environment's constructor."""
    entry: Any = gym.spec(env_id).vector_entry_point
    made = gym.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    known = inspect.signature(made).parameters
    if any(item.kind is item.VAR_KEYWORD for item in known.values()):
        return
    names = tuple(name for name in known if name != "num_envs")
    for key in kwargs:
        check_choice("env_kwargs: argument", key, names)
