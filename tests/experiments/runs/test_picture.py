"""The shaded bands of a run's picture, against policies tried by the thousand."""

import gymnasium as gym
import numpy as np
import pytest

import gw_envs  # noqa: F401
from agents.policies import softmax
from experiments.runs.picture import _most_probable_in_well
from gw_envs.theory import WELL_FRACTION


@pytest.mark.parametrize("rewards", [(0.8, 0.5, 0.5), (1.0, 0.9, 0.1), (0.2, 0.9, 0.5, 0.6)])
def test_the_lighter_band_ends_where_no_policy_is_in_the_well_any_more(rewards):
    well = gym.make("SoftmaxWell-v0", mean_rewards=rewards).unwrapped
    means = np.array(rewards)
    best = int(means.argmax())
    policies = softmax(np.random.default_rng(0).normal(0, 4, (200_000, means.size)))
    gap = means.max() - np.sort(means)[-2]
    inside = policies @ (means.max() - means) >= WELL_FRACTION * gap
    largest = policies[inside, best].max()
    assert largest <= _most_probable_in_well(well) + 1e-12
    assert largest == pytest.approx(_most_probable_in_well(well), abs=0.02)
