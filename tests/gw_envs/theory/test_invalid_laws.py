"""Bad input to the laws, and settings where a law would not be exact: one sentence each."""

from functools import partial

import pytest

from gw_envs import theory
from gw_envs.checks import BadInput

TWO, THREE = [0.7, 0.5], [0.7, 0.5, 0.5]
POLICY = [1e-4, 0.5, 0.4999]
sampled = partial(theory.sampled_escape_law, TWO, 1e-3, 0.4)
noisy = partial(theory.noisy_wrong_arms_law, THREE, 1e-3, 0.2)
group = partial(theory.group_escape_law, "rloo", 1e-3, 8, 1.0)
bounds = partial(theory.escape_bounds, 1e-3, 0.3, 1.0, 3)
unequal = partial(theory.escape_law, POLICY, [1, 0.7, 0.3], 0.5)

CASES = [
    # single pulls
    ("mean_rewards=", partial(theory.sampled_escape_law, [0.7], 1e-3, 0.4)),
    ("mean_rewards=", partial(theory.sampled_escape_law, [0.7, 0.7], 1e-3, 0.4)),
    ("mean_rewards=[0.4, 0.5, 0.7]", partial(theory.sampled_escape_law, [0.7, 0.5, 0.4], 1e-3, 1)),
    ("mean_rewards has 3 arms", partial(theory.sampled_escape_law, THREE, 1e-3, 0.4)),
    (
        "mean_rewards has 3 arms",
        partial(
            theory.sampled_escape_law, THREE, 1e-3, 1, baseline="value", reward_noise="bernoulli"
        ),
    ),
    ("optimal_prob=0 ", partial(theory.sampled_escape_law, TWO, 0, 0.4)),
    ("optimal_prob=0.2", partial(theory.sampled_escape_law, TWO, 0.2, 0.4)),
    ("optimal_prob=0.05", partial(theory.sampled_escape_law, TWO, 0.05, 0.4)),
    ("learning_rate=0", partial(theory.sampled_escape_law, TWO, 1e-3, 0)),
    ("baseline='average'", partial(sampled, baseline="average")),
    ("baseline='mean'", partial(sampled, baseline="mean")),
    ("baseline_value=None", partial(sampled, baseline="constant")),
    ("baseline_value=0.5", partial(sampled, baseline_value=0.5)),
    ("reward_noise='uniform'", partial(sampled, reward_noise="uniform")),
    ("noise_std=0", partial(sampled, reward_noise="gaussian")),
    ("noise_std=1", partial(sampled, noise_std=1)),
    ("escape_prob=1.5", partial(sampled, escape_prob=1.5)),
    ("q=1.0", partial(sampled().quantile, 1.0)),
    (
        "mean_rewards leave a law",
        partial(theory.sampled_escape_law([0.5 + 1e-7, 0.5], 1e-12, 1e-3).quantile, 0.5),
    ),
    # noisy wrong arms
    ("mean_rewards has 2 arms", partial(theory.noisy_wrong_arms_law, TWO, 1e-3, 0.2)),
    ("mean_rewards has 3 arms and delta^2=0", partial(noisy, reward_noise="none")),
    (
        "mean_rewards of 4 arms",
        partial(theory.noisy_wrong_arms_law([0.7, 0.5, 0.5, 0.5], 1e-3, 0.2).quantile, 0.5),
    ),
    ("q=0", partial(noisy().quantile, 0)),
    # groups
    ("rule='ppo'", partial(theory.group_escape_law, "ppo", 1e-3, 8, 1.0)),
    ("group_size=1", partial(theory.group_escape_law, "rloo", 1e-3, 1, 1.0)),
    ("group_size * optimal_prob", partial(theory.group_escape_law, "rloo", 1e-2, 64, 1.0)),
    ("rule='rloo'", partial(theory.group_escape_law, "rloo", 1e-3, 8)),
    ("rule='rloo'", partial(group, clip=0.2)),
    ("rule='ppo-clip'", partial(theory.group_escape_law, "ppo-clip", 1e-3, 8, 1.0, clip=0.2)),
    ("rule='ppo-clip'", partial(theory.group_escape_law, "ppo-clip", 1e-3, 8)),
    ("clip=0", partial(theory.group_escape_law, "ppo-clip", 1e-3, 8, clip=0)),
    (
        "reward_gap=0.5",
        partial(theory.group_escape_law, "max-rl", 1e-3, 8, 1.0, reward_gap=0.5),
    ),
    ("num_actions=1", partial(group, num_actions=1)),
    # two-sided bounds
    ("optimal_prob=1.5", partial(theory.escape_bounds, 1.5, 0.3, 1.0)),
    ("reward_gap=0", partial(theory.escape_bounds, 1e-3, 0, 1.0)),
    ("learning_rate=-1", partial(theory.escape_upper_bound, 1e-3, 0.3, -1)),
    ("num_actions=1", partial(theory.escape_bounds, 1e-3, 0.3, 1.0, 1)),
    ("alike=1", partial(bounds, alike=1)),
    ("escape_prob=0.6", partial(bounds, escape_prob=0.6)),
    # unequal rewards
    ("mean_rewards=[1.0, 0.7, 0.7]", partial(theory.escape_law, POLICY, [0.7, 1, 0.7], 0.5)),
    ("mean_rewards=[1.0, 1.0, 0.3]", partial(theory.escape_law, POLICY, [1, 1, 0.3], 0.5)),
    ("mean_rewards of shape", partial(theory.escape_law, POLICY, [1, 0.7], 0.5)),
    ("policy starts", partial(theory.escape_law, [0.3, 0.4, 0.3], [1, 0.7, 0.3], 0.5)),
    ("policy starts", partial(theory.escape_law, POLICY, [1, 0.7, 0.6999], 0.5)),
    ("learning_rate=0", partial(theory.escape_law, POLICY, [1, 0.7, 0.3], 0)),
]


@pytest.mark.parametrize("message, call", CASES, ids=[f"{i}-{m}" for i, (m, _) in enumerate(CASES)])
def test_bad_input_is_named(message, call):
    with pytest.raises(BadInput) as caught:
        call()
    text = str(caught.value)
    assert text.startswith(message)
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize("call", [sampled, noisy, group, bounds, unequal])
def test_the_good_cases_are_good(call):
    assert call() is not None
