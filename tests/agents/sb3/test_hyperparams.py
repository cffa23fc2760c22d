"""The hyper-parameters for rl-zoo3: every entry builds and trains with the installed SB3."""

from pathlib import Path

import gymnasium as gym
import pytest
import yaml
from sb3_contrib import TRPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env

import gw_envs  # noqa: F401

FOLDER = Path(__file__).parents[3] / "hyperparams"
ALGORITHMS = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "trpo": TRPO}
OF_THE_ZOO = ("n_timesteps", "n_envs")  # what rl-zoo3 keeps for itself
ENTRIES = [(path.stem, env_id) for path in sorted(FOLDER.glob("*.yml"))
           for env_id in yaml.safe_load(path.read_text())]  # fmt: skip


def test_every_algorithm_has_a_file():
    assert {path.stem for path in FOLDER.glob("*.yml")} == set(ALGORITHMS)


@pytest.mark.parametrize("name, env_id", ENTRIES)
def test_an_entry_builds_and_trains(name, env_id):
    settings = yaml.safe_load((FOLDER / f"{name}.yml").read_text())[env_id]
    assert settings["n_timesteps"] > 0
    assert settings["gamma"] == gym.make(env_id).unwrapped.discount
    env = make_vec_env(env_id, settings["n_envs"])
    own = {key: value for key, value in settings.items() if key not in OF_THE_ZOO}
    if "batch_size" in own:
        assert own["batch_size"] == own["n_steps"] * settings["n_envs"]
    model = ALGORITHMS[name](env=env, seed=0, device="cpu", **own)
    model.learn(1, log_interval=None)
    assert model.num_timesteps >= 1
