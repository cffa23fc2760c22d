"""The storm over `agents.sb3`: environments, algorithms, their options, starts."""

import warnings
from functools import partial

import pytest

from agents.sb3 import EscapeCallback, SB3Agent, SoftmaxPG, WellVecEnv, make_baseline, start_from
from agents.sb3.settings import STOCK
from tests.invalid.storm import INF, NAN, NO_CHOICE, NO_COUNT, NO_FLAG, refused, spoil

ENV = WellVecEnv("SoftmaxWell-v0", num_envs=2)
MODEL = make_baseline("ppo", ENV)
NO_NUMBER = ("1", True, NAN, [], {})
NO_STEPS = (*NO_NUMBER, 0, -1, 2.5)
NO_UNIT = (*NO_NUMBER, -0.1, 1.1, INF)
ON_POLICY = {
    "learning_rate": ("fast", 0, -1.0, NAN),
    "n_steps": NO_STEPS,
    "gamma": NO_UNIT,
    "gae_lambda": NO_UNIT,
    "vf_coef": (*NO_NUMBER, -1.0, INF),
    "max_grad_norm": ("1", NAN, -1.0),
    "seed": ("1", -1, 2.5, NAN),
}
ROWS = {
    "ppo": {
        **ON_POLICY,
        "ent_coef": (*NO_NUMBER, -1.0),
        "n_epochs": (*NO_STEPS, 10**12),
        "batch_size": NO_STEPS,
        "clip_range": (*NO_NUMBER, 0, -1.0),
        "target_kl": ("1", 0, -1.0, NAN),
    },
    "a2c": {**ON_POLICY, "ent_coef": (*NO_NUMBER, -1.0)},
    "trpo": {
        "learning_rate": ("fast", 0, -1.0, NAN),
        "n_steps": (*NO_STEPS, 10**12),
        "target_kl": (*NO_NUMBER, 0, -1.0),
        "batch_size": NO_STEPS,
    },
    "dqn": {
        "learning_rate": ("fast", 0, -1.0, NAN),
        "buffer_size": (*NO_STEPS, 10**15),
        "batch_size": NO_STEPS,
        "train_freq": NO_STEPS,
        "gamma": NO_UNIT,
        "exploration_fraction": NO_UNIT,
        "exploration_initial_eps": NO_UNIT,
        "exploration_final_eps": NO_UNIT,
        "learning_starts": (*NO_NUMBER, -1, 2.5, 10**15),
        "target_update_interval": NO_STEPS,
    },
}
PICK = {name: partial(make_baseline, name, ENV) for name in ROWS}
for name, made in PICK.items():
    made.__name__ = name  # what the case is called

TABLE = [
    *[(PICK[name], {}, wrong) for name, wrong in ROWS.items()],
    (make_baseline, {"env": ENV}, {"name": NO_CHOICE}),
    (
        make_baseline,
        {"name": "ppo"},
        {"env": (None, "CartPole", 5)},
    ),
    (
        WellVecEnv,
        {},
        {
            "env_id": ("CartPole-v1", "SoftmaxWel-v0", "", None, 5),
        },
    ),
    (
        WellVecEnv,
        {"env_id": "SoftmaxWell-v0"},
        {"num_envs": (*NO_COUNT, 0, 10**10), "bootstrap": NO_FLAG, "reward_gap": ("0.2", NAN)},
    ),
    (
        SoftmaxPG,
        {"policy": "MlpPolicy", "env": ENV},
        {
            "learning_rate": ("fast", 0, -1.0, NAN, None),
            "n_steps": NO_STEPS,
            "gamma": NO_UNIT,
            "gae_lambda": NO_UNIT,
            "update": NO_CHOICE,
            "update_options": ("x", 5, 0, [], {5: 1}, {"nope": 1}),
            "gradient": NO_CHOICE,
            "baseline": NO_CHOICE,
            "baseline_value": ("1", NAN),
            "vf_coef": (*NO_NUMBER, -1.0),
            "max_grad_norm": ("1", NAN, -1.0),
            "episodic": NO_FLAG,
        },
    ),
    (
        EscapeCallback,
        {},
        {
            "record_at": ("x", [-1], [0.5], [NAN], 5),
            "log_every": NO_COUNT,
            "stop_on_escape": NO_FLAG,
        },
    ),
    (SB3Agent, {"model": MODEL}, {"seed": NO_COUNT}),
    (
        SB3Agent(MODEL, 0).learn,
        {"max_updates": 1},
        {"max_updates": (*NO_COUNT, 10**12), "record_at": ([NAN], [-1], [99], "x")},
    ),
    (
        start_from,
        {"model": MODEL, "initial_policy": "corner", "optimal_prob": 0.01},
        {
            "initial_policy": NO_CHOICE,
            "optimal_prob": ("0.1", 0, 1, NAN, True, None),
            "corner_action": ("1", 0, 9),
            "seed": NO_COUNT,
        },
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_sb3(call, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused(call, name)


def test_every_algorithm_is_in_the_table():
    assert set(ROWS) == set(STOCK)


@pytest.mark.parametrize("device", ["meta", "mps", "xpu", "cuda:99", "gpu", 5, None, ""])
def test_devices(device):
    refused(partial(make_baseline, "ppo", ENV, device=device), "device")
