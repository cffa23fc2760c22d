"""The table of environment ids."""

from __future__ import annotations

import gymnasium as gym

# id: (scalar entry point, vector entry point). All else is read off the classes: the options of
# train.py are the constructor's arguments (experiments/options/environments.py).
ENVIRONMENTS: dict[str, tuple[str, str]] = {
    "SoftmaxWell-v0": (
        "gw_envs.softmax_well:SoftmaxWellEnv",
        "gw_envs.softmax_well:SoftmaxWellVectorEnv",
    ),
    "ASRWell-v0": ("gw_envs.asr_well:ASRWellEnv", "gw_envs.asr_well:ASRWellVectorEnv"),
    "ChainWell-v0": ("gw_envs.chain_well:ChainWellEnv", "gw_envs.chain_well:ChainWellVectorEnv"),
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
