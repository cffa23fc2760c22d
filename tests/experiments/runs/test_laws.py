"""The table of a run: which law is shown beside it, and on which side bounds are rounded."""

import math
from fractions import Fraction

import numpy as np
import pytest

from experiments.options.config import make_config
from experiments.runs.laws import expectation
from experiments.runs.summary import bound
from experiments.runs.well import Run
from gw_envs.registration import make_well
from gw_envs.theory import escape_bounds, noisy_wrong_arms_law, sampled_escape_law

ALIKE = {"initial_policy": "uniform_suboptimal", "optimal_prob": 1e-3}


def expected(gradient, **options):
    config = make_config(**options)
    return expectation(config, gradient, make_well(config.run.env_id, 1, config.env.kwargs()))


def test_equal_gaps_have_an_upper_bound():
    found = expected("exact", **ALIKE, learning_rate=1.0)
    high = escape_bounds(1e-3, 0.7 - 0.5, 1.0, 6, alike=True)[1]
    assert found.upper == pytest.approx(high, rel=1e-14)
    assert 4167 <= found.upper < 4174  # the count is 4167
    assert expected("exact").upper >= 6296


def test_unequal_rewards_have_the_law_of_small_starts():
    found = expected("exact", **ALIKE, mean_rewards=[1, 0.9, 0.1], learning_rate=0.5)
    assert math.isnan(found.upper)
    assert found.law == pytest.approx(
        6613014, rel=0.01
    )  # certified: see theory.certify_escape_time


def test_sampled_runs_have_the_law_of_their_baseline_and_noise():
    found = expected(
        "sampled", **ALIKE, mean_rewards=[0.7, 0.5], baseline="none", reward_noise="bernoulli"
    )
    law = sampled_escape_law([0.7, 0.5], 1e-3, 0.4, reward_noise="bernoulli")
    assert found.quantiles == pytest.approx([law.quantile(q) for q in (0.1, 0.5, 0.9)], rel=1e-9)
    assert law.has_infinite_mean and "WARNING: the mean escape time is infinite" in found.notes[0]
    noisy = expected("sampled", **ALIKE, mean_rewards=[0.7, 0.5, 0.5], reward_noise="bernoulli")
    law = noisy_wrong_arms_law([0.7, 0.5, 0.5], 1e-3, 0.4)
    assert noisy.quantiles[1] == pytest.approx(law.median, rel=1e-12)


def test_the_law_of_the_default_run_covers_its_seeds():
    """A corner as a well of two arms: 80 % of 200 seeds within 4 deviations of .8."""
    from agents.softmax_pg import SoftmaxPG

    low, middle, high = expected("sampled", optimal_prob=3e-3).quantiles
    agent = SoftmaxPG(
        "SoftmaxWell-v0",
        gradient="sampled",
        baseline="value",
        learning_rate=0.4,
        initial_policy="corner",
        optimal_prob=3e-3,
        seeds=range(200),
    )
    agent.learn(int(2 * high))
    times = agent.escape_time[:, None] if agent.escape_time.ndim == 1 else agent.escape_time
    inside = np.mean((times[:, 0] > low) & (times[:, 0] < high))
    assert abs(inside - 0.8) < 4 * math.sqrt(0.16 / 200)
    assert low < middle < high


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"env_id": "ASRWell-v0"}, "several states"),
        ({"update": "natural-pg"}, "natural-pg"),
        ({"learning_rate_power": 0.5}, "schedule"),
        ({"initial_policy": "normal"}, "each seed draws"),
        ({"baseline": "average"}, "average"),
        ({"batch_size": 4}, "batch_size=4"),
        ({"mean_rewards": [1, 0.9, 0.1]}, "pay alike"),
    ],
)
def test_where_no_law_is_known_a_sentence_says_so(options, words):
    found = expected("sampled", **options)
    assert np.isnan(found.quantiles).all()
    assert words in found.notes[0]


@pytest.mark.parametrize("value", [6247.0624, 0.04, 9.99, 123456789012.34567, 1.2345678912345e17])
def test_bounds_are_rounded_to_the_side_on_which_they_stay_true(value):
    low, high = (Fraction(bound(value, down=d).replace(",", "")) for d in (True, False))
    assert low <= Fraction(value) <= high
    assert high - low <= max(Fraction(1, 10), Fraction(value) / 10**8)


def test_no_bound_is_a_dash():
    assert [bound(v, down=True) for v in (0.0, math.nan, math.inf)] == ["-", "-", "never"]


def test_a_censored_run_hears_of_its_budget_and_the_way_on(tmp_path):
    config = make_config(output=tmp_path, track="disabled", max_updates=50, num_seeds=2)
    summary = Run(config, show_progress=False).execute().summary
    assert "3 of 3 runs censored: still in the well after 50 updates." in summary
    assert "--until-escape" in summary
    assert "6,247.0 " in summary


def test_with_several_states_runs_and_rows_are_counted_apart(tmp_path):
    options = {"env_id": "ASRWell-v0", "optimal_prob": 0.01, "max_updates": 1500, "num_seeds": 4}
    config = make_config(output=tmp_path, track="disabled", **options)
    outcome = Run(config, show_progress=False).execute()
    times = [trace.state_escape_times for trace in outcome.traces]
    runs = sum(None in states for states in times)
    rows = sum(states.count(None) for states in times)
    assert 0 < runs < rows < 15  # some runs have left one state and not another
    said = " ".join(outcome.summary.split())
    assert f"{runs} of 5 runs were still in the well of a state or more" in said
    assert f"{rows} of 15 rows are censored." in said
    table = outcome.summary.split("Escape time:")[0]
    assert table.count(" censored") == rows


def test_columns_of_a_law_stand_only_where_one_is_known(tmp_path):
    short = {"output": tmp_path, "track": "disabled", "max_updates": 5, "num_seeds": 1}
    known = Run(make_config(**short), show_progress=False).execute().summary
    unknown = Run(make_config(**short, env_id="ASRWell-v0"), show_progress=False).execute().summary
    for head in ("upper bound", "median by law"):
        assert head in known
        assert head not in unknown.split("Escape time:")[0]
    assert "lower bound" in unknown
