"""Bad input to the theory: one sentence that names the argument, before anything is computed."""

from functools import partial

import numpy as np
import pytest

from gw_envs import theory
from gw_envs.theory import counterexamples

NAN = float("nan")
GOOD = [0.01, 0.49, 0.5]
REWARDS = [0.7, 0.5, 0.5]
LAW = theory.GaussianInitialization(3, 1.0)

CASES = [
    # the clock
    ("x=0.0", partial(theory.flow_integral, 0.0)),
    ("x=", partial(theory.flow_integral, [0.5, float("nan")])),
    ("reward_gap=0", partial(theory.equal_gap_escape_time, 0.01, 0, 1.0)),
    ("learning_rate=-1", partial(theory.equal_gap_escape_time, 0.01, 0.2, -1)),
    ("num_actions=1", partial(theory.equal_gap_escape_time, 0.01, 0.2, 1.0, 1)),
    ("escape_prob=1.0", partial(theory.equal_gap_escape_time, 0.01, 0.2, 1.0, 2, 1.0)),
    ("optimal_prob=1.5", partial(theory.equal_gap_escape_time, 1.5, 0.2, 1.0)),
    ("reward_gap=1.5", partial(theory.flow_escape_time, 0.01, 1.5, 1.0)),
    # bounds
    ("reward_gap=2", partial(theory.escape_lower_bound, 0.01, 2, 1.0)),
    ("learning_rate=0", partial(theory.escape_lower_bound, 0.01, 0.2, 0)),
    ("optimal_prob=1.0", partial(theory.equal_rewards_escape_bound, 1.0)),
    ("optimal_action=3", partial(theory.drift_escape_bound, GOOD, 3)),
    ("policy=", partial(theory.drift_escape_bound, [0.5, 0.6])),
    ("policy of shape", partial(theory.drift_escape_bound, [GOOD, GOOD])),
    ("mean_rewards of shape", partial(theory.reward_escape_bound, GOOD, [0.7, 0.5], 1.0)),
    ("mean_rewards=[0.7, 0.5, 0.7]", partial(theory.reward_escape_bound, GOOD, [0.7, 0.5, 0.7], 1)),
    ("learning_rate='fast'", partial(theory.reward_escape_bound, GOOD, REWARDS, "fast")),
    ("optimal_prob=0", partial(theory.uniform_start_escape_bound, 0, 0.5, 1.0, 3)),
    ("largest_gap=-0.5", partial(theory.uniform_start_escape_bound, 0.01, -0.5, 1.0, 3)),
    ("num_actions=2.5", partial(theory.uniform_start_escape_bound, 0.01, 0.5, 1.0, 2.5)),
    ("discount=1.0", partial(theory.mdp_escape_bound, GOOD, 1.0, 1.0)),
    ("visitation=1.2", partial(theory.mdp_escape_bound, GOOD, 1.0, 0.9, 0, 1.2)),
    # drifting
    ("gaps_path=[]", partial(theory.drift_escape_updates, GOOD, [], 1.0)),
    ("gaps_path=[0.1, inf]", partial(theory.drift_escape_updates, GOOD, [0.1, np.inf], 1.0)),
    ("learning_rate=[1.0, -1.0]", partial(theory.drift_escape_updates, GOOD, 0.5, [1.0, -1.0])),
    ("effective_gaps of shape", partial(theory.well_escape_updates, GOOD, [[0.5]], 1.0)),
    (
        "effective_gaps=[[0.5, nan]]",
        partial(theory.well_escape_updates, GOOD, [[0.5, np.nan]], 1.0),
    ),
    ("reward_gap=0", partial(theory.well_escape_updates, GOOD, [[0.5, 0.5]], 1.0, 0)),
    # the printed theorem
    ("learning_rate=0", partial(theory.printed_constant, 0)),
    ("constant=0", partial(theory.printed_escape_time, 0.01, 0.2, 1.0, 0)),
    ("optimal_prob=1", partial(theory.printed_escape_time, 1, 0.2, 1.0)),
    ("rewards_path of shape", partial(theory.ceiling_range, [[[0.5]]], 0.2)),
    ("rewards_path=[0.5, nan]", partial(theory.ceiling_range, [0.5, np.nan], 0.2)),
    ("optimal_action=2", partial(theory.ceiling_range, [0.5, 0.4], 0.2, 2)),
    # the audit
    ("instance of shape", partial(theory.audit, [0.5], GOOD, 1.0)),
    ("initial_policy of shape", partial(theory.audit, REWARDS, [0.5, 0.5], 1.0)),
    ("initial_policy=", partial(theory.audit, REWARDS, [0.5, 0.5, 0.5], 1.0)),
    ("learning_rate=0", partial(theory.audit, REWARDS, GOOD, 0)),
    ("optimal_action=5", partial(theory.audit, REWARDS, GOOD, 1.0, optimal_action=5)),
    ("optimal_action of shape", partial(theory.audit, REWARDS, GOOD, 1.0, optimal_action=[0, 1])),
    ("optimal_action=0.5", partial(theory.audit, REWARDS, GOOD, 1.0, optimal_action=0.5)),
    ("reward_gap=-0.1", partial(theory.audit, REWARDS, GOOD, 1.0, reward_gap=-0.1)),
    ("reward_gap of shape", partial(theory.audit, REWARDS, GOOD, 1.0, reward_gap=[0.1, 0.2])),
    ("reward_gap=None", partial(theory.audit, [0.5, 0.5, 0.2], GOOD, 1.0)),
    ("max_updates=-1", partial(theory.audit, REWARDS, GOOD, 1.0, max_updates=-1)),
    ("drift_horizon=-1", partial(theory.audit, REWARDS, GOOD, 1.0, drift_horizon=-1)),
    ("constant=-2", partial(theory.audit, REWARDS, GOOD, 1.0, constant=-2)),
    # counterexamples
    ("optimal_prob=0", partial(counterexamples.all_arms_equal, 0)),
    ("switch=-1", partial(counterexamples.gap_above_delta, 0.01, -1)),
    ("optimal_prob=0.5", partial(counterexamples.draining_mass, 0.5)),
    ("num_medium=0", partial(counterexamples.draining_mass, 0.01, 0)),
    ("rewards of shape", partial(counterexamples.flow_time, [[0.5, 0.2], [0.5, 0.1]], [0.1, 0.9])),
    # random initialisation
    ("num_actions=1", partial(theory.GaussianInitialization, 1, 1.0)),
    ("sigma=0", partial(theory.GaussianInitialization, 3, 0)),
    ("sigma=51", partial(theory.GaussianInitialization, 3, 51)),
    ("q=0", partial(LAW.quantile, 0)),
    ("q=1.0", partial(LAW.cornish_fisher_quantile, 1.0)),
    ("w=nan", partial(LAW.cdf_log_odds, float("nan"))),
    ("escape_prob=0", partial(LAW.trap_probability, 0)),
    ("effective_constant=1.2", partial(LAW.escape_time_quantile, 0.5, 0.2, 1.0, 1.2)),
    ("reward_gap=0", partial(LAW.escape_time_quantile, 0.5, 0, 1.0)),
    ("learning_rate=inf", partial(LAW.escape_time_quantile, 0.5, 0.2, float("inf"))),
]


@pytest.mark.parametrize("message, call", CASES, ids=[f"{i}-{m}" for i, (m, _) in enumerate(CASES)])
def test_bad_input_is_named(message, call):
    with pytest.raises(ValueError) as caught:
        call()
    text = str(caught.value)
    assert text.startswith(message)
    assert text.endswith(".")
    assert "\n" not in text
