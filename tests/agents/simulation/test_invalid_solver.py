import numpy as np
import pytest

from agents.simulation import jump_history, solve_escape_time

THETA = [-3.0, 0.0, 0.5]
GOOD = {"mean_rewards": [0.9, 0.5, 0.1], "initial_theta": THETA, "learning_rate": 0.5}

BAD = [
    ({"initial_theta": [np.nan, 0, 0]}, r"initial_theta=.*be finite"),
    ({"initial_theta": [np.inf, 0, 0]}, r"initial_theta=.*be finite"),
    ({"initial_theta": [0, 0]}, r"initial_theta has shape \(2,\).*K=3"),
    ({"initial_theta": np.zeros((2, 2, 3))}, r"initial_theta has shape \(2, 2, 3\)"),
    ({"mean_rewards": [0.5], "initial_theta": [0]}, r"mean_rewards=.*at least 2"),
    ({"mean_rewards": [0.9, 0.9, 0.1]}, r"mean_rewards=.*several best arms"),
    ({"mean_rewards": [1.9, 0.9, 0.1]}, r"mean_rewards=.*\[0, 1\]"),
    ({"mean_rewards": [np.nan, 0.9, 0.1]}, r"mean_rewards=.*finite"),
    ({"mean_rewards": np.full((4, 3), 0.5)}, r"change with time.*JumpingPG"),
    ({"mean_rewards": lambda t: [0.9, 0.5, 0.1]}, r"change with time.*JumpingPG"),
    ({"learning_rate": 0}, r"learning_rate=0 must be"),
    ({"learning_rate": -1.0}, r"learning_rate=-1.0 must be"),
    ({"learning_rate": np.inf}, r"learning_rate=inf must be"),
    ({"learning_rate": [0.1, 0.2]}, r"learning_rate must be one number.*JumpingPG"),
    ({"learning_rate": lambda n: 1 / n}, r"learning_rate must be one number.*JumpingPG"),
    ({"escape_fraction": 0}, r"escape_fraction=0 must be"),
    ({"escape_fraction": 1.5}, r"escape_fraction=1.5 must be"),
    ({"escape_prob": 0.0}, r"escape_prob=0.0 must be"),
    ({"escape_prob": 1.0}, r"escape_prob=1.0 must be"),
    ({"max_updates": -1}, r"max_updates=-1 must be"),
    ({"max_updates": 2.5}, r"max_updates=2.5 must be a whole number"),
    ({"max_updates": 10**301}, r"max_updates=1.*must be"),
    ({"max_updates": np.inf}, r"max_updates=inf must be"),
    ({"max_direct_updates": 0}, r"max_direct_updates=0 must be"),
]
ESCAPE_ONLY = [
    ({"relative_tolerance": -1e-9}, r"relative_tolerance=-1e-09 must be"),
    ({"method": "jumps"}, r"method='jumps' is unknown.*'jump'"),
    ({"method": "closed-form"}, r"closed-form' needs.*sub-optimal arms of equal"),
]
HISTORY_ONLY = [
    ({"points_per_decade": 0}, r"points_per_decade=0 must be"),
    ({"initial_theta": np.zeros((2, 3))}, r"initial_theta has shape \(2, 3\)"),
]


@pytest.mark.parametrize("change, message", BAD + ESCAPE_ONLY)
def test_escape_time_names_the_argument(change, message):
    with pytest.raises(ValueError, match=message):
        solve_escape_time(**{**GOOD, **change})


@pytest.mark.parametrize("change, message", BAD + HISTORY_ONLY)
def test_jump_history_names_the_argument(change, message):
    with pytest.raises(ValueError, match=message):
        jump_history(**{**GOOD, **change})


def test_budgets_beyond_int64_are_followed():
    found = solve_escape_time(**{**GOOD, "max_updates": 1e25})
    assert found.steps == solve_escape_time(**GOOD).steps


@pytest.mark.parametrize("rate", [1e5, 1e308])
def test_a_learning_rate_that_leaves_float64_is_named(rate):
    policy = np.array([0.01, 0.05, 0.94])
    with pytest.raises(ValueError, match=r"learning_rate=.* is too large: update 1 leaves"):
        solve_escape_time([1.0, 0.9, 0.1], np.log(policy), rate)
