"""The hyper-parameters for rl-zoo3 are the table's; every entry builds and trains."""

import dataclasses
import inspect
from pathlib import Path

import gymnasium as gym
import pytest
import yaml
from sb3_contrib import TRPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_util import make_vec_env

import gw_envs  # noqa: F401
from agents.sb3 import STOCK, WellVecEnv, make_baseline
from experiments.options.config import make_config
from experiments.runs.well import make_agents

FOLDER = Path(__file__).parents[3] / "hyperparams"
ALGORITHMS = {"ppo": PPO, "a2c": A2C, "dqn": DQN, "trpo": TRPO}
NOT_OF_THE_TABLE = ("n_timesteps", "policy", "gamma")
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


@pytest.mark.parametrize("name, env_id", ENTRIES)
def test_an_entry_is_the_table(name, env_id):
    settings = yaml.safe_load((FOLDER / f"{name}.yml").read_text())[env_id]
    table, n_envs = STOCK[name]().arguments(), STOCK[name].n_envs
    if name in ("ppo", "trpo"):
        table.setdefault("batch_size", table["n_steps"] * n_envs)
    table["n_envs"] = n_envs
    written = {key: value for key, value in settings.items() if key not in NOT_OF_THE_TABLE}
    assert written == {key: table[key] for key in written}
    stock = inspect.signature(ALGORITHMS[name]).parameters
    ours = {key for key, value in table.items() if key != "n_envs" and value != stock[key].default}
    assert ours | {"n_envs"} <= set(written)


@pytest.mark.parametrize("name", STOCK)
def test_options_and_models_have_the_table(name):
    options = dataclasses.asdict(make_config(agent=name).agent)
    table = {field.name: field.default for field in dataclasses.fields(STOCK[name])}
    assert {key: options[key] for key in table} == table
    model = make_baseline(name, WellVecEnv("SoftmaxWell-v0", 2))
    assert type(model) is ALGORITHMS[name]
    for key in ("n_steps", "learning_rate", "learning_starts", "n_epochs", "gae_lambda"):
        if key in table:
            assert getattr(model, key) == table[key]


def test_an_option_that_is_set_reaches_the_model():
    options = {"agent": "ppo", "batch_size": 8, "n_steps": 4, "n_envs": 4, "ent_coef": 0.1}
    (agent,) = make_agents(make_config(num_seeds=1, optimal_prob=0.1, **options))
    model = agent.model
    assert (model.batch_size, model.n_steps, model.n_envs, model.ent_coef) == (8, 4, 4, 0.1)
    (plain,) = make_agents(make_config(num_seeds=1, agent="ppo", n_steps=4, n_envs=4))
    assert plain.model.batch_size == 16
