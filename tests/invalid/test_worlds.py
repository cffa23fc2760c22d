"""The storm over the tabular environments: arguments, steps, resets, vector forms."""

from functools import partial

import gymnasium as gym
import numpy as np
import pytest

import gw_envs  # noqa: F401 - registers the ids
from gw_envs.asr_well import ASRWellVectorEnv
from gw_envs.chain_well import ChainWellVectorEnv, chain_mdp
from gw_envs.registration import make_well
from gw_envs.softmax_well import SoftmaxWellVectorEnv
from gw_envs.tabular import TabularMDP
from gw_envs.verifier_well import VerifierWellVectorEnv
from tests.invalid.storm import INF, NAN, NO_CHOICE, NO_COUNT, NO_NUMBER, refused, spoil

WELLS = ("SoftmaxWell-v0", "ChainWell-v0", "ASRWell-v0")
NO_REWARDS = ("high", 5, [0.5], [0.5, NAN], [0.5, 1.2], [0.5, "0.4"], [True, False], [[0.5, 0.4]])
SHARED = {
    "num_envs": (*NO_COUNT, 0, 10**9, 10**12),
    "observation": NO_CHOICE,
    "autoreset_mode": ("sometimes", 5),
    "max_episode_steps": ("5", 0, -1, 2.5, NAN, True),
    "render_mode": ("svg", 5),
}
MDP = {
    "transitions": np.full((2, 2, 2), 0.5),
    "rewards": np.zeros((2, 2)),
    "initial": np.array([0.5, 0.5]),
    "discount": 0.9,
}
NO_ARRAY = ("x", None, 5, [], [[1.0, 2.0], [3.0]], {}, [True])
TABLE = [
    (
        SoftmaxWellVectorEnv,
        {},
        {
            **SHARED,
            "num_actions": (*NO_COUNT, 1, 10**13),
            "base_reward": (*NO_NUMBER, -0.1, 1.1),
            "reward_gap": (*NO_NUMBER, 0, 0.6, -1),
            "optimal_action": (*NO_COUNT, 6),
            "mean_rewards": NO_REWARDS,
            "reward_noise": NO_CHOICE,
            "noise_std": ("0", NAN, -1, 0.1, True),
        },
    ),
    (
        ChainWellVectorEnv,
        {},
        {
            **SHARED,
            "chain_length": (*NO_COUNT, 0, 10**5),
            "start": NO_CHOICE,
            "horizon": ("5", 0, 2.5, NAN, True),
        },
    ),
    (chain_mdp, {"chain_length": 3}, {"chain_length": (*NO_COUNT, 0, 10**6), "start": NO_CHOICE}),
    (
        ASRWellVectorEnv,
        {},
        {
            **SHARED,
            "num_states": (*NO_COUNT, 0, 10**7),
            "reward_gaps": ("0.2", None, True, NAN, 0, 1.5, [0.1], [0.1, "x", 0.1], {}),
            "drift": ("well", None, [0.5], {"law": "nope"}, {}, True, NAN, [0.1, 0.1, "x"]),
            "move_prob": (*NO_NUMBER, 1.1, -0.1),
            "discount": (*NO_NUMBER, 1, -0.1),
            "horizon": (*NO_COUNT, 0),
            "best_actions": ("x", 5, [0], [0, 1, 3], [0, 1, "2"], [0, 1, NAN]),
            "ceiling": ("1", NAN, 1.5, True),
            "steps_per_tick": (*NO_COUNT, 0),
            "drift_horizon": (*NO_COUNT, 0, 10**13),
            "drift_seed": NO_COUNT,
            "premise": NO_CHOICE,
        },
    ),
    (
        TabularMDP,
        MDP,
        {
            "transitions": NO_ARRAY,
            "rewards": (*NO_ARRAY, [[0.0, NAN], [0.0, 0.0]]),
            "initial": (*NO_ARRAY, [0.5, 0.4], [NAN, 1.0]),
            "discount": (*NO_NUMBER, 1, -0.1),
        },
    ),
    (
        TabularMDP(**MDP).objective,
        {"policy": np.full((2, 2), 0.5)},
        {"policy": (*NO_ARRAY, [[1, 2], [0.5, 0.5]]), "horizon": ("3", 0, 2.5, NAN, 10**18)},
    ),
    (TabularMDP(**MDP).advantages, {}, {"policy": (*NO_ARRAY, [["0.5", "0.5"]] * 2)}),
    (TabularMDP(**MDP).visitation, {}, {"policy": NO_ARRAY}),
    (
        VerifierWellVectorEnv,
        {},
        {
            **SHARED,
            "num_prompts": (*NO_COUNT, 0, 10**13),
            "num_answers": (*NO_COUNT, 1, 10**13),
            "right_answer": (*NO_COUNT, 6),
            "lowest_prob": (*NO_NUMBER, 0, 1, 0.1),
            "highest_prob": (*NO_NUMBER, 0, 1),
            "initial_probs": ("x", 0.1, [0.1], [0.1] * 5, [0, 0.1, 0.1, 0.1], ["0.1"] * 4),
            "pass_k": (*NO_COUNT, 0),
        },
    ),
    (
        VerifierWellVectorEnv,
        {"initial_probs": [0.1] * 4},
        {"lowest_prob": (0.2, "x"), "highest_prob": (0.2, None)},
    ),
    (
        SoftmaxWellVectorEnv,
        {"mean_rewards": [0.9, 0.5, 0.1]},
        {
            "num_actions": (4, "3", None),
            "base_reward": (0.1, None, NAN),
            "reward_gap": (0.3, "0.4", NAN),
            "optimal_action": (1, "0", None),
        },
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_arguments(call, name):
    refused(call, name)


@pytest.mark.parametrize("scalar", [gym.make, gym.make_vec], ids=["make", "make_vec"])
@pytest.mark.parametrize(
    ("env_id", "name", "value"),
    [
        ("SoftmaxWell-v0", "reward_gap", "0.2"),
        ("SoftmaxWell-v0", "mean_rewards", [True, False]),
        ("ChainWell-v0", "chain_length", "3"),
        ("ASRWell-v0", "move_prob", None),
    ],
)
def test_arguments_through_gymnasium(scalar, env_id, name, value):
    refused(partial(scalar, env_id, **{name: value}), name)


ACTIONS = {
    "none": None,
    "text": "1",
    "part": 0.7,
    "large": 10**30,
    "negative": -1,
    "nan": NAN,
    "infinite": INF,
    "list": [0, 1],
    "empty": [],
    "dict": {},
    "text in a list": ["0"],
    "flag": True,
    "beyond": 99,
}


def begun(make, env_id, **arguments):
    env = make(env_id, **arguments).unwrapped
    env.reset(seed=0)
    return env


@pytest.mark.parametrize("env_id", WELLS)
@pytest.mark.parametrize("action", ACTIONS)
def test_steps(env_id, action):
    refused(partial(begun(gym.make, env_id).step, ACTIONS[action]), "action")


@pytest.mark.parametrize("env_id", WELLS)
@pytest.mark.parametrize("action", ACTIONS)
def test_steps_of_vectors(env_id, action):
    env = begun(gym.make_vec, env_id, num_envs=2)
    wrong = ACTIONS[action] if action in ("none", "text", "empty", "dict") else [0, ACTIONS[action]]
    if action == "list":
        wrong = [0, 1, 0]
    refused(partial(env.step, wrong), "action")


@pytest.mark.parametrize("env_id", WELLS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "1"),
        ("seed", -1),
        ("seed", 1.5),
        ("options", 5),
        ("options", "clock"),
        ("options", [1]),
        ("clock", {"clock": -1}),
        ("clock", {"clock": "now"}),
        ("clok", {"clok": 1}),
        ("reset_mask", {"reset_mask": "all"}),
    ],
)
@pytest.mark.parametrize("many", [False, True], ids=["one", "vector"])
def test_resets(env_id, name, value, many):
    if name == "reset_mask" and not many:
        value = {"reset_mask": [True, True]}
    env = begun(gym.make_vec, env_id, num_envs=2) if many else begun(gym.make, env_id)
    if name == "seed":
        refused(partial(env.reset, seed=value), "seed")
    else:
        refused(partial(env.reset, options=value), name)


@pytest.mark.parametrize("value", [[1, 2, 3], [1, "2"], [1, -2], [1, NAN], [[1], [2]], b"12"])
def test_lists_of_seeds(value):
    env = gym.make_vec("ASRWell-v0", num_envs=2)
    refused(partial(env.reset, seed=value), "seed")


NO_CLOCK = ("0", None, -1, 0.5, NAN, True, [], 10**30)


@pytest.mark.parametrize("clock", NO_CLOCK, ids=map(str, range(len(NO_CLOCK))))
def test_clocks(clock):
    env = gym.make("ASRWell-v0").unwrapped
    for method in (env.base_rewards, env.mean_rewards_at):
        refused(partial(method, clock), "clock")
    for env_id in (*WELLS, "VerifierWell-v0"):
        refused(partial(gym.make(env_id).unwrapped.mdp_at, clock), "clock")


@pytest.mark.parametrize("env_id", (*WELLS, "VerifierWell-v0"))
def test_tables_of_policies(env_id):
    env = gym.make(env_id).unwrapped
    for policy in ("x", None, 5, [], {}, np.full((99, 9), 1 / 9), [[0.5, 0.5]]):
        refused(partial(env.action_values, policy), "policy")


@pytest.mark.parametrize("key", ["nope", 5, None, "num_envs", "Num_actions"])
def test_names_of_arguments(key):
    refused(partial(make_well, "SoftmaxWell-v0", 1, {key: 1}), "env_kwargs")
