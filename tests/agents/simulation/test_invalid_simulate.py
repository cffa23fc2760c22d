"""What `simulate` refuses, and the sentence it says."""

import re

import numpy as np
import pytest

from agents.simulation import simulate

GOOD = {"learning_rate": 0.5, "max_updates": 10}
SAMPLED = {"gradient": "sampled", "seed": 0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_theta": [0.0, np.nan]}, "initial_theta[1]=nan is not"),
        ({"initial_theta": [0.0, np.inf]}, "initial_theta[1]=inf is not"),
        ({"initial_theta": [0.0]}, "initial_theta of shape (1,) must be [K] or [B, K]"),
        ({"initial_theta": np.zeros((2, 2, 2))}, "initial_theta of shape (2, 2, 2)"),
        ({"initial_theta": np.zeros((0, 2))}, "initial_theta=array(["),
        ({"mean_rewards": [0.5, 0.5]}, "mean_rewards=[0.5, 0.5] has several best arms"),
        ({"mean_rewards": [0.5, 1.5]}, "mean_rewards=[0.5, 1.5] must lie in [0, 1]"),
        ({"mean_rewards": [0.5, np.nan]}, "mean_rewards=[0.5, nan] must lie in [0, 1]"),
        ({"mean_rewards": [0.5, 0.4, 0.3]}, "mean_rewards of shape (3,)"),
        ({"mean_rewards": None}, "mean_rewards=None"),
        ({"mean_rewards": np.eye(2), "initial_theta": np.zeros((3, 2))}, "same number of rows"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0"),
        ({"learning_rate": np.inf}, "learning_rate=inf"),
        ({"max_updates": -1}, "max_updates=-1"),
        ({"max_updates": 2.5}, "max_updates=2.5"),
        ({"max_updates": 2**63}, f"max_updates={2**63}"),
        ({"update": "npg"}, "update='npg' is unknown"),
        ({"gradient": "sample"}, "Did you mean 'sampled'?"),
        ({"escape_fraction": 0.0}, "escape_fraction=0.0"),
        ({"escape_fraction": 1.1}, "escape_fraction=1.1"),
        ({"escape_prob": 1.0}, "escape_prob=1.0"),
        ({"history": 1}, "history=1"),
        ({"num_threads": 0}, "num_threads=0"),
        ({"on_precision": "ignore"}, "on_precision='ignore' is unknown"),
        ({"baseline": "value"}, "baseline='value' needs gradient='sampled'"),
        ({"reward_noise": "bernoulli"}, "reward_noise='bernoulli' needs gradient='sampled'"),
        ({"batch_size": 2}, "batch_size=2 needs gradient='sampled'"),
    ],
)
def test_bad_arguments(changes, message):
    arguments = {"mean_rewards": [1.0, 0.5], "initial_theta": [0.0, 1.0], **GOOD, **changes}
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"baseline": "best"}, "baseline='best' is unknown"),
        ({"baseline": "constant"}, "baseline_value=None with baseline='constant'"),
        ({"baseline_value": 0.5}, "baseline_value=0.5 with baseline='none'"),
        ({"baseline": "constant", "baseline_value": np.nan}, "baseline_value=nan"),
        ({"reward_noise": "poisson"}, "reward_noise='poisson' is unknown"),
        ({"reward_noise": "gaussian"}, "noise_std=0.0"),
        ({"noise_std": 0.1}, "reward_noise='gaussian' only"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": -1}, "seed=-1"),
        ({"first_stream": -1}, "first_stream=-1"),
    ],
)
def test_bad_sampling_arguments(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        simulate([1.0, 0.5], [0.0, 1.0], **{**GOOD, **SAMPLED, **changes})


def test_unknown_names_of_the_package():
    import agents.simulation

    with pytest.raises(AttributeError, match="simulat"):
        agents.simulation.simulat  # noqa: B018
