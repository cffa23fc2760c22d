"""The storm over the learners: tabular agents, starts, update rules, what they learn with."""

from functools import partial

import numpy as np
import pytest

from agents import JumpingPG, SoftmaxPG, Start, softmax
from agents.sampling_agents import SamplerSettings, train_sampler
from agents.schedules import PowerSchedule
from agents.updates import RULES, AdamGradient, make_rule, make_sampled_rule, register
from tests.invalid.storm import (
    INF,
    NAN,
    NO_CHOICE,
    NO_COUNT,
    NO_NUMBER,
    NO_RATE,
    refused,
    spoil,
)

COMMON = {
    "env_id": ("CartPole-v1", "SoftmaxWel-v0", "", None, 5, "ASRSampling-v0"),
    "env_kwargs": ("x", 5, ["x"], {"nope": 1}, {5: 1}, {"num_envs": 2}),
    "update": NO_CHOICE,
    "update_options": ("x", 5, 0, [], {5: 1}),
    "learning_rate": ("fast", None, True, 0, -1.0, NAN, INF, [0.1, 0], [], [0.1, NAN], {}),
    "initial_policy": NO_CHOICE,
    "policy": ("x", 5, [0.5, 0.5], [0.5, 0.1, 0.1, 0.1, 0.1, 0.2], [NAN] * 6, [1, 0, 0, 0, 0, 0]),
    "optimal_prob": ("0.1", True, NAN, 0, 1, -1),
    "sigma": ("1", True, NAN, 0, -1),
}
TABLE = [
    (
        SoftmaxPG,
        {},
        {
            **COMMON,
            "gradient": NO_CHOICE,
            "baseline": ("nope", 5),
            "baseline_value": ("0.5", NAN, True, 0.5),
            "batch_size": (0, "2", 2.5, NAN, 2, True),
            "seeds": (range(10**12), 5, (), "1", (-1,), (0.5,), (NAN,), None, (2**70,), (True,)),
        },
    ),
    (
        SoftmaxPG,
        {"gradient": "sampled"},
        {
            "baseline": NO_CHOICE,
            "batch_size": (*NO_COUNT, 0, 10**13),
            "baseline_value": (0.5, "0.5", NAN),
        },
    ),
    (
        SoftmaxPG,
        {"initial_policy": "corner", "optimal_prob": 0.01},
        {"corner_action": ("1", 0, 6, 2.5, True, NAN), "sigma": (2.0, NAN)},
    ),
    (JumpingPG, {}, COMMON),
    (SoftmaxPG, {"policy": [1 / 6] * 6}, {"initial_policy": ("normal", "prompts")}),
    (SoftmaxPG, {}, {"optimal_prob": (10**5000,), "baseline_value": (10**5000,)}),
    (
        Start("uniform").table,
        {"optimal_actions": [0, 1], "num_actions": 3},
        {
            "optimal_actions": ("x", 5, None, [], {}),
            "num_actions": (*NO_COUNT, 1),
            "seed": ("x", -1, 1.5, True, NAN, None),
        },
    ),
    (Start("normal").theta, {"num_actions": 3}, {"rng": ("x", 5, None)}),
    (AdamGradient, {}, {"of_options": ("x", 5, ["a"], {5: 1})}),
    (register, {}, {"name": (None, 5, [], b"npg")}),
    (
        Start,
        {"initial_policy": "corner", "optimal_prob": 0.01},
        {
            "initial_policy": NO_CHOICE,
            "optimal_prob": ("0.1", True, NAN, 0, 1, -1, None, []),
            "corner_action": ("1", -1, 2.5, True),
        },
    ),
    (Start, {"initial_policy": "normal"}, {"sigma": NO_RATE, "optimal_prob": (0.1,)}),
    (Start("normal").theta, {}, {"num_actions": (*NO_COUNT, 1)}),
    (PowerSchedule, {"rate": 0.1, "power": 0.5}, {"rate": NO_RATE, "power": (*NO_NUMBER, -1, 17)}),
    (softmax, {}, {"theta": ([], "x", None, [NAN, 0.0], [True, False], [[0.0], [0.0, 1.0]], {})}),
    (
        SamplerSettings,
        {},
        {
            "learning_rate": NO_RATE,
            "clip_range": NO_RATE,
            "epochs_per_update": (*NO_COUNT, 0),
            "discount": (*NO_NUMBER, 1.5, -0.1),
            "logit_std": (*NO_NUMBER, -1),
        },
    ),
    (
        train_sampler,
        {"env": None, "agent": "ppo", "seed": 0, "on_step": print},
        {"agent": NO_CHOICE, "seed": NO_COUNT},
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE))
def test_learners(call, name):
    refused(call, name)


def learn(name, value, **agent):
    """Train a small agent with one argument of `learn` spoilt."""
    return SoftmaxPG(**agent).learn(**{"max_updates": 5, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_updates", value) for value in (*NO_COUNT, 10**17)),
        *(
            ("record_at", value)
            for value in ([NAN], [-1], [99], ["1"], "x", 5, [0.5], [True], [None], {})
        ),
    ],
)
@pytest.mark.parametrize("gradient", ["exact", "sampled"])
def test_learning(name, value, gradient):
    refused(
        partial(learn, name, value, gradient=gradient, policy=[1e-6] + [(1 - 1e-6) / 5] * 5), name
    )


@pytest.mark.parametrize("name", ["on_record", "on_event", "on_update"])
@pytest.mark.parametrize("value", [5, "x", [], {}], ids=str)
@pytest.mark.parametrize("agent", [SoftmaxPG, JumpingPG])
def test_what_cannot_be_called(name, value, agent):
    refused(lambda: agent().learn(3, **{name: value}), name)


def test_an_episode_that_fills_the_memory():
    chain = {"env_id": "ChainWell-v0", "gradient": "sampled", "env_kwargs": {"horizon": 10**11}}
    refused(lambda: SoftmaxPG(**chain), "horizon")


@pytest.mark.parametrize("value", [NAN, -0.1, INF, "0.1", None], ids=str)
def test_rates_that_functions_return(value):
    refused(lambda: SoftmaxPG(learning_rate=lambda n: value).learn(3), "learning_rate")


def numbers_of(rule):
    """The names of a rule's options that are numbers."""
    made = make_rule(rule) if rule in exact() else make_sampled_rule(rule)
    return [
        key
        for key, value in vars(made).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and key[0] != "_"
    ]


def exact():
    from agents.updates import exact_rules

    return exact_rules()


def rule_cases():
    make = {True: make_rule, False: make_sampled_rule}
    for rule in RULES:
        for key in numbers_of(rule):
            for value in ("3", None, True, NAN, [], {}):
                yield pytest.param(
                    partial(make[rule in exact()], rule, **{key: value}),
                    key,
                    id=f"{rule}-{key}-{value}",
                )


@pytest.mark.parametrize(("call", "name"), list(rule_cases()))
def test_options_of_rules(call, name):
    refused(call, name)


@pytest.mark.parametrize("name", ["nope", "", None, 5, ["softmax-pg"]])
def test_names_of_rules(name):
    refused(partial(make_rule, name), "name")
    refused(partial(make_sampled_rule, name), "name")


@pytest.mark.parametrize("rule", RULES)
def test_unknown_options_of_rules(rule):
    make = make_rule if rule in exact() else make_sampled_rule
    refused(partial(make, rule, nope=1), "nope")


def test_scalars_of_numpy_will_do():
    agent = SoftmaxPG(learning_rate=np.float32(0.5), seeds=np.arange(2), gradient="sampled")
    assert len(agent.learn(np.int64(2))) > 0
