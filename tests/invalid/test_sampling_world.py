"""The storm over ASRSampling-v0, its training loop, and `agents.diagnosis`."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest

from agents.diagnosis import Logits, PlateauMonitor, SoftmaxTable, diagnose
from gw_envs.asr_sampling import ASRSamplingEnv
from gw_envs.metric_learning import datasets
from gw_envs.metric_learning.distance_bins import DistanceBins
from gw_envs.metric_learning.settings import LearnerSettings
from tests.invalid.storm import INF, NAN, NO_CHOICE, NO_COUNT, NO_FLAG, NO_RATE, refused, spoil

NO_NUMBER = ("0.5", None, True, NAN, [], {})
TABLE = [
    (
        ASRSamplingEnv,
        {},
        {
            "dataset": (5, None, "nope", "", "folder:nowhere", []),
            "initial_distribution": (5, None, "nope", "normal:x:1", []),
            "action_mode": NO_CHOICE,
            "reward_mode": NO_CHOICE,
            "recall_weight": (*NO_NUMBER, 1.5, -0.1),
            "multipliers": ("x", 5, None, [1, 1], [1, 1, 1], [0.5, 1, NAN], [-1, 1, 2], {}),
            "tilt": (*NO_NUMBER, 0, -1),
            "history": (*NO_COUNT, 0, 10**13),
            "epochs": (*NO_COUNT, 0),
            "iterations_per_epoch": (*NO_COUNT, 0),
            "iterations_per_step": (*NO_COUNT, 0),
            "warm_start": NO_COUNT,
            "class_split": NO_CHOICE,
            "samples_per_class": ("5", 0, 2.5, NAN, True),
            "validation_fraction": (*NO_NUMBER, 0, 1, -1),
            "split_seed": NO_COUNT,
            "image_size": (*NO_COUNT, 0),
            "network": (None, 5, "nope", "nope:nope", ""),
            "device": (None, 5, "meta", "mps", "xpu", "cuda:99", ""),
        },
    ),
    (
        LearnerSettings,
        {},
        {
            "embedding_size": (*NO_COUNT, 0),
            "loss": NO_CHOICE,
            "margin": NO_RATE,
            "boundary": NO_RATE,
            "boundary_rate": NO_RATE,
            "learning_rate": NO_RATE,
            "classes_per_batch": (*NO_COUNT, 1),
            "rows_per_class": (*NO_COUNT, 1),
            "self_regularisation": NO_FLAG,
        },
    ),
    (
        datasets.split,
        {"rows": np.zeros((60, 4)), "labels": np.repeat(np.arange(6), 10)},
        {
            "class_split": NO_CHOICE,
            "rows_per_class": ("5", 0, 2.5, NAN),
            "validation_fraction": (*NO_NUMBER, 0, 1),
            "seed": NO_COUNT,
        },
    ),
    (datasets.load, {}, {"dataset": (5, None, "nope", "", "folder:")}),
    (
        DistanceBins,
        {"probabilities": np.full(10, 0.1), "multipliers": (0.5, 1.0, 2.0), "tilt": 0.1},
        {"multipliers": ("x", [1, 1], [1, 1, 1]), "tilt": (*NO_NUMBER, 0)},
    ),
    (
        diagnose,
        {"policy": SoftmaxTable([[0.0, 1.0]]), "env": "SoftmaxWell-v0"},
        {
            "env": (None, 5, "Nope-v0", ""),
            "env_kwargs": ("x", 5, {"nope": 1}),
            "discount": ("0.9", NAN, 1.5, -0.1, True),
            "learning_rate": ("1", NAN, 0, -1, True),
            "min_advantage": (*NO_NUMBER, INF),
            "holds": ("x", 5, [], [0], [1.5], [NAN], None),
            "num_states": ("5", 0, 2.5, NAN, True),
            "num_episodes": (*NO_COUNT, 0),
            "max_steps": (*NO_COUNT, 0),
            "max_episode_steps": (*NO_COUNT, 0),
            "confidence": ("0.9", None, True, NAN, 0, 1),
            "seed": NO_COUNT,
        },
    ),
    (SoftmaxTable, {}, {"logits": ("x", None, [], [[NAN, 0.0]], [[0.0], [0.0, 1.0]], {})}),
    (
        SoftmaxTable,
        {"logits": [[0.0, 1.0]]},
        {"learning_rate": NO_RATE, "discount": ("1", NAN, 1.5, -0.1)},
    ),
    (Logits, {}, {"function": (None, 5, "x")}),
    (
        PlateauMonitor,
        {},
        {
            "verdict_every": (*NO_COUNT, 0),
            "window": (*NO_COUNT, 0),
            "sample_size": (*NO_COUNT, 0),
            "make_env": (5,),
            "diagnose_options": ("x", 5),
        },
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_sampling_and_diagnosis(call, name):
    refused(call, name)


@pytest.mark.parametrize("policy", [None, 5, "x", ...], ids=str)
def test_policies_to_diagnose(policy):
    refused(partial(diagnose, policy, "SoftmaxWell-v0"), "policy")


@pytest.fixture(scope="module")
def world():
    env = gym.make("ASRSampling-v0", epochs=2).unwrapped
    env.reset(seed=0)
    return env


@pytest.mark.parametrize("action", [None, "1", 0.5, [], [0] * 3, [NAN] * 10, 10**30, {}, True])
def test_steps(action, world):
    refused(partial(world.step, action), "action")


@pytest.mark.parametrize("seed", ["1", -1, 1.5, NAN, True])
def test_seeds(seed, world):
    refused(partial(world.reset, seed=seed), "seed")
    refused(partial(world.reseed, seed), "seed")


@pytest.mark.parametrize("options", [5, "x", [1], {"clock": 1}])
def test_options(options, world):
    refused(partial(world.reset, options=options), "options")
