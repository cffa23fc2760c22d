"""The storm over `agents.simulation`."""

import numpy as np
import pytest

from agents.simulation import (
    escape_time,
    jump_history,
    sampled_escape_times,
    simulate,
    solve_escape_time,
)
from agents.updates import make_rule
from experiments.ways_out.starts import policy_at_distance
from tests.invalid.storm import INF, NAN, NO_CHOICE, NO_COUNT, NO_FLAG, NO_RATE, refused, spoil

BANDIT = {"mean_rewards": [1.0, 0.5], "initial_theta": [0.0, 8.0], "learning_rate": 0.5}
NO_REWARDS = (
    *("x", None, 5, {}, [True, False]),
    *([0.5], [0.5, 0.5], [0.5, NAN], [0.5, 1.5], [0.5, "1"]),
)
NO_THETA = (
    np.zeros((0, 2)),
    "x",
    None,
    [0.0],
    [0.0, NAN],
    [0.0, INF],
    [0.0, "1"],
    5,
    {},
    [[[0.0, 1.0]]],
)
NO_SHARE = ("0.9", 0, 1.1, NAN, None, True)
EDGES = {"escape_fraction": NO_SHARE, "escape_prob": ("0.1", 0, 1, NAN, True)}
WRONG = {"mean_rewards": NO_REWARDS, "initial_theta": NO_THETA, "learning_rate": NO_RATE, **EDGES}
RULE = {"update": (*NO_CHOICE, "trpo-x"), "update_options": ("x", 5, [], {5: 1})}
NO_RULE = (None, 5, "npg", [], make_rule)
NO_TIME = ("9", True, NAN, -1, [], {}, 1j)

TABLE = [
    (
        simulate,
        {**BANDIT, "max_updates": 10},
        {
            **WRONG,
            "update": NO_CHOICE,
            "max_updates": (*NO_COUNT, 10**18),
            "gradient": NO_CHOICE,
            "stop_at_escape": NO_FLAG,
            "history": ("5", 1, 2.5, NAN, True, 10**11),
            "baseline": (*NO_CHOICE, "value"),
            "reward_noise": (*NO_CHOICE, "bernoulli"),
            "batch_size": ("2", 0, 2.5, 2, NAN, True),
            "baseline_value": ("0.5", NAN, 0.5, [], 10**5000),
            "num_threads": ("2", 0, 2.5, NAN, True),
            "on_precision": NO_CHOICE,
        },
    ),
    (
        simulate,
        {**BANDIT, "max_updates": 10, "gradient": "sampled", "seed": 0},
        {
            "baseline": NO_CHOICE,
            "baseline_value": ("0.5", NAN, 0.5),
            "reward_noise": NO_CHOICE,
            "noise_std": ("1", NAN, 0.1, -1),
            "batch_size": (*NO_COUNT, 0, 10**15),
            "seed": ("1", -1, 2.5, NAN, True),
            "first_stream": NO_COUNT,
            "max_updates": (10**18,),
        },
    ),
    (
        solve_escape_time,
        BANDIT,
        {
            **WRONG,
            **RULE,
            "max_updates": NO_TIME,
            "relative_tolerance": ("x", None, -1, NAN, True),
            "max_direct_updates": ("5", -1, NAN, True),
            "method": NO_CHOICE,
        },
    ),
    (escape_time, BANDIT, {"learning_rate": NO_RATE}),
    (
        jump_history,
        BANDIT,
        {**WRONG, **RULE, "max_updates": NO_TIME, "points_per_decade": (*NO_COUNT, 0, 10**13)},
    ),
    (
        sampled_escape_times,
        BANDIT,
        {
            **WRONG,
            "num_trajectories": ("5", 0, -1, 2.5, NAN, True, 10**13),
            "reward_noise": NO_CHOICE,
            "baseline": NO_CHOICE,
            "max_updates": NO_COUNT,
            "max_direct_updates": NO_COUNT,
            "method": NO_CHOICE,
            "seed": ("1", -1, 2.5, NAN, True),
            "first_stream": NO_COUNT,
        },
    ),
    (
        policy_at_distance,
        {"rule": make_rule("softmax-pg"), "distance": 3.0, "num_actions": 3},
        {
            "rule": NO_RULE,
            "distance": ("x", None, NAN, [0.1, NAN], []),
            "num_actions": (*NO_COUNT, 1, 10**13),
        },
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_simulation(call, name):
    refused(call, name)
