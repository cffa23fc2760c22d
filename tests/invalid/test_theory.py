"""The storm over `gw_envs.theory`."""

import numpy as np
import pytest

from gw_envs import theory
from gw_envs.theory import counterexamples
from gw_envs.theory.instances import SharedBernoulli
from tests.invalid.storm import (
    INF,
    NAN,
    NO_CHOICE,
    NO_COUNT,
    NO_FLAG,
    NO_PROB,
    NO_RATE,
    refused,
    spoil,
)

CLOCK = {"optimal_prob": 0.01, "reward_gap": 0.2, "learning_rate": 1.0}
POLICY = {"policy": [0.01, 0.49, 0.5]}
REWARDS = [0.7, 0.5, 0.5]
EMPTY = ([], np.zeros(0), np.zeros((0, 2)))
LATER = ("9", None, True, NAN, -1.0, [], {}, [1.0, -1.0], ["1"])
NO_GAP = ("0.2", None, True, NAN, 0, -0.1, 1.5)
NO_ARM = ("0", 2.5, -1, 3, True, NAN)
NO_POLICY = ("high", None, [0.5], [0.5, 0.6, 0.1], [0, 0.5, 0.5], [NAN, 0.5, 0.5], [True, False])
NO_REWARDS = ("high", [0.5], [0.7, NAN, 0.5], [0.7, 5, 0.5], [0.7, -3, 0.5], [0.7, "0.5", 0.5])
WRONG_CLOCK = {"optimal_prob": NO_PROB, "reward_gap": NO_GAP, "learning_rate": NO_RATE}
WRONG_TIME = {**WRONG_CLOCK, "num_actions": (*NO_COUNT, 1), "escape_prob": ("0.1", 0, 1, NAN, True)}
AUDIT = {"instance": REWARDS, "initial_policy": POLICY["policy"], "learning_rate": 1.0}
SAMPLED = {"mean_rewards": REWARDS, "optimal_prob": 0.001, "learning_rate": 1.0}
WRONG_SAMPLED = {
    "mean_rewards": NO_REWARDS,
    "optimal_prob": NO_PROB,
    "learning_rate": NO_RATE,
    "baseline": NO_CHOICE,
    "reward_noise": NO_CHOICE,
    "noise_std": ("0", -1, NAN),
    "escape_prob": ("0.5", 0, 1, NAN),
    "baseline_value": ("high", NAN, True),
}

TABLE = [
    (theory.flow_integral, {}, {"x": EMPTY}),
    (theory.escape_lower_bound, CLOCK, {"optimal_prob": EMPTY}),
    (theory.escape_bounds, CLOCK, {"optimal_prob": EMPTY}),
    (theory.equal_gap_escape_time, CLOCK, {"optimal_prob": EMPTY}),
    (theory.flow_integral, {}, {"x": ("0.5", None, 0, 1, NAN, [0.5, NAN], [[0.5], [0.1, 0.2]])}),
    (theory.equal_gap_escape_time, CLOCK, WRONG_TIME),
    (theory.flow_escape_time, CLOCK, WRONG_TIME),
    (theory.escape_bounds, CLOCK, {**WRONG_TIME, "alike": NO_FLAG}),
    (theory.escape_upper_bound, CLOCK, {"reward_gap": NO_GAP, "num_actions": (1, "2")}),
    (theory.escape_lower_bound, CLOCK, WRONG_CLOCK),
    (theory.printed_constant, {}, {"learning_rate": NO_RATE}),
    (theory.printed_escape_time, CLOCK, {**WRONG_CLOCK, "constant": ("2", 0, -1, NAN)}),
    (theory.equal_rewards_escape_bound, {}, {"optimal_prob": (*NO_PROB, None, [0.1, NAN])}),
    (theory.drift_escape_bound, {}, {"policy": NO_POLICY}),
    (theory.drift_escape_bound, POLICY, {"optimal_action": NO_ARM}),
    (
        theory.reward_escape_bound,
        {**POLICY, "mean_rewards": REWARDS, "learning_rate": 1.0},
        {"policy": NO_POLICY, "mean_rewards": NO_REWARDS, "learning_rate": NO_RATE},
    ),
    (
        theory.escape_law,
        {**POLICY, "mean_rewards": REWARDS, "learning_rate": 1.0},
        {"policy": NO_POLICY, "mean_rewards": NO_REWARDS, "learning_rate": NO_RATE},
    ),
    (
        theory.uniform_start_escape_bound,
        {"optimal_prob": 0.01, "largest_gap": 0.5, "learning_rate": 1.0, "num_actions": 3},
        {"optimal_prob": NO_PROB, "largest_gap": NO_GAP, "num_actions": (*NO_COUNT, 1)},
    ),
    (
        theory.mdp_escape_bound,
        {**POLICY, "learning_rate": 1.0, "discount": 0.9},
        {
            "policy": NO_POLICY,
            "learning_rate": NO_RATE,
            "discount": ("0.9", None, True, NAN, 1.0, -0.1),
            "optimal_action": NO_ARM,
            "visitation": ("1", None, NAN, 1.2, -0.1),
        },
    ),
    (
        theory.drift_escape_updates,
        {**POLICY, "gaps_path": [0.1, 0.2], "learning_rate": 1.0},
        {
            "policy": NO_POLICY,
            "gaps_path": ("0.1", None, [], [0.1, NAN], [0.1, "x"], [True]),
            "learning_rate": ("fast", None, -1, NAN, [1.0, -1.0]),
            "optimal_action": NO_ARM,
            "equal_rewards": NO_FLAG,
        },
    ),
    (
        theory.well_escape_updates,
        {**POLICY, "effective_gaps": [[0.5, 0.5]], "learning_rate": 1.0},
        {
            "effective_gaps": ("x", None, [], [[0.5]], [[0.5, NAN]]),
            "learning_rate": ("fast", None, -1, NAN),
            "reward_gap": ("0.1", 0, NAN, True),
            "optimal_action": NO_ARM,
        },
    ),
    (
        theory.ceiling_range,
        {"rewards_path": [[0.5, 0.4]], "reward_gap": 0.2},
        {"rewards_path": ("x", None, [[0.5, NAN]], []), "reward_gap": NO_GAP[:-1]},
    ),
    (
        theory.audit,
        AUDIT,
        {
            "instance": ("x", None, [0.5], [0.7, NAN, 0.5], [0.7, 9, 0.5], 5, {}),
            "initial_policy": NO_POLICY,
            "learning_rate": NO_RATE,
            "optimal_action": NO_ARM,
            "reward_gap": ("0.1", 0, -0.1, NAN, [0.1, 0.2], True),
            "constant": ("2", 0, -2, NAN),
            "max_updates": (*NO_COUNT, 10**18),
            "drift_horizon": ("5", -1, 2.5, NAN),
        },
    ),
    (theory.best_arm_and_gap, {}, {"rewards": ("x", None, [0.5], [0.5, NAN], [0.5, "0.4"], {})}),
    (theory.escape_threshold, {}, {"fraction": ("0.9", None, True, NAN, 0, 5, -1)}),
    (theory.sampled_escape_law, {**SAMPLED, "mean_rewards": [0.7, 0.5]}, WRONG_SAMPLED),
    (theory.noisy_wrong_arms_law, SAMPLED, WRONG_SAMPLED),
    (
        theory.group_escape_law,
        {"rule": "grpo", "optimal_prob": 0.01, "group_size": 8, "learning_rate": 1.0},
        {
            "rule": NO_CHOICE,
            "optimal_prob": NO_PROB,
            "group_size": (*NO_COUNT, 0, 1),
            "learning_rate": ("1", 0, -1, NAN),
            "num_actions": (1, "2", NAN),
            "reward_gap": NO_GAP,
            "escape_prob": ("0.1", 0, 1, NAN),
            "clip": ("0.2", -1, NAN),
        },
    ),
    (
        theory.GaussianInitialization,
        {"num_actions": 3, "sigma": 1.0},
        {"num_actions": (*NO_COUNT, 1), "sigma": (*NO_RATE, 51)},
    ),
    (counterexamples.all_arms_equal, {}, {"optimal_prob": (*NO_PROB, None)}),
    (counterexamples.gap_above_delta, {}, {"optimal_prob": NO_PROB, "switch": (*NO_COUNT, 10**12)}),
    (
        counterexamples.draining_mass,
        {},
        {"optimal_prob": NO_PROB, "num_medium": (*NO_COUNT, 0, 10**12)},
    ),
    (
        counterexamples.alternating_arms,
        {},
        {"optimal_prob": NO_PROB, "second_share": ("x", NAN, 2), "clocks": (*NO_COUNT, 10**15)},
    ),
    (counterexamples.alternating_starts, {}, {"lowest": (*NO_PROB, None)}),
]

LAW = theory.GaussianInitialization(3, 1.0)
SAMPLED_LAW = theory.sampled_escape_law([0.7, 0.5], 0.001, 1.0)
LAWS = [
    (SAMPLED_LAW.survival, {}, {"updates": LATER}),
    (SAMPLED_LAW.quantile, {}, {"q": (*NO_PROB, None, [])}),
    (SAMPLED_LAW.functional.survival, {}, {"t": LATER}),
    (SAMPLED_LAW.functional.quantile, {}, {"q": (*NO_PROB, None)}),
    (
        SharedBernoulli,
        {},
        {"rewards": ("x", None, 5, [], [1], [1, NAN], ["1", "2"], [True, False])},
    ),
    (LAW.quantile, {}, {"q": (*NO_PROB, None, [])}),
    (LAW.cornish_fisher_quantile, {}, {"q": (*NO_PROB, None)}),
    (LAW.cdf_log_odds, {}, {"w": ("0", None, NAN)}),
    (LAW.trap_probability, {}, {"escape_prob": NO_PROB}),
    (
        LAW.escape_time_quantile,
        {"q": 0.5, "reward_gap": 0.2, "learning_rate": 1.0},
        {"q": NO_PROB, "reward_gap": NO_GAP, "learning_rate": NO_RATE},
    ),
]


@pytest.mark.parametrize(("call", "name"), spoil(TABLE + LAWS))
def test_theory(call, name):
    refused(call, name)


def test_numbers_of_numpy_will_do():
    """Every scalar of numpy is a number: nothing right is refused with the wrong."""
    plain = theory.escape_time(0.01, 0.25, 1)
    assert theory.escape_time(np.float32(0.01), np.float32(0.25), np.int32(1)) == pytest.approx(
        plain, rel=1e-6
    )
    assert theory.escape_lower_bound(np.float64(0.01), 0.25, np.int64(1)) < INF
