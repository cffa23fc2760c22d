"""The race of update rules: what it finds, says, writes and refuses."""

import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from agents.updates import RULES, make_rule
from experiments.__main__ import main
from experiments.comparison import Contender, compare_rules
from experiments.races import make_track, rule_options

WELL = {"num_actions": 6, "base_reward": 0.5, "reward_gap": 0.2}
# Updates from pi(a*) = 1e-3 to 0.1, the others equally likely (K = 6, r = .7, .5, ...), at each
# source's step size: a record that was not made by this code, with the tolerance it was given.
PUBLISHED = {
    "softmax-pg": (4167, 1),
    "natural-pg": (24, 1),
    "normalized-pg": (26, 2),
    "mirror-ascent": (26, 1),
    "entropy-pg": (1357, 1),
    "log-barrier-pg": (1118, 1),
    "delightful-pg": (5475, 1),
    "escort-pg": (214, 2),
}


@pytest.fixture(scope="module")
def comparison():
    contenders = [Contender(name) for name in PUBLISHED]
    return compare_rules(contenders, env_kwargs=WELL, optimal_prob=1e-3, max_updates=60_000)


def test_every_rule_escapes_when_the_record_says(comparison):
    for result in comparison.results:
        steps, tolerance = PUBLISHED[result.contender.name]
        assert abs(result.escape_time - steps) <= tolerance, result.contender.name


def test_fitted_laws_stand_beside_the_proved_ones(comparison):
    for result in comparison.results:
        if result.rate.escape_exponent > 0:
            assert result.exponent is not None
            assert result.exponent.slope == pytest.approx(result.rate.escape_exponent, abs=0.16)
        else:  # a logarithm: every decade costs as much as the one before
            decades = np.diff(result.escape_times[[0, 2, 4]])
            assert decades[1] < 1.7 * decades[0]


def test_biases_are_those_of_the_other_objectives(comparison):
    bias = {result.contender.name: result.bias for result in comparison.results}
    # tau = .1: softmax(r/tau); lam = .01: the stationary point, both to five digits elsewhere.
    assert bias["entropy-pg"] == pytest.approx(0.2 * (1 - 0.59642), abs=1e-5)
    assert bias["log-barrier-pg"] == pytest.approx(0.2 * (1 - 0.95869), abs=1e-5)
    assert all(bias[name] == 0 for name in bias if name not in ("entropy-pg", "log-barrier-pg"))


def test_other_maps_also_race_from_softmaxs_distance(comparison):
    for result in comparison.results:
        same_map = result.contender.name != "escort-pg"
        assert (result.distance_time == result.escape_time) == same_map
    assert "initial policy" in comparison.held_equal


def test_several_states_race_through_the_agent():
    well = {"num_states": 2, "reward_gaps": 0.3}
    contenders = [Contender(n) for n in ("softmax-pg", "natural-pg", "entropy-pg", "escort-pg")]
    result = compare_rules(
        contenders, env_id="ASRWell-v0", env_kwargs=well, optimal_prob=0.02, max_updates=3000
    )
    times = {r.contender.name: r.escape_time for r in result.results}
    assert 0 < times["natural-pg"] < times["entropy-pg"] < times["softmax-pg"]
    assert times["escort-pg"] > 0


@pytest.mark.parametrize("name", RULES)
def test_the_options_of_a_rule_make_it_again(name):
    rule = make_rule(name)
    assert make_rule(name, **rule_options(rule)) == rule


def test_a_bandit_is_raced_without_an_environment():
    assert make_track("SoftmaxWell-v0", WELL).num_actions == 6
    assert make_track("ASRWell-v0", {"num_states": 1}).discount == 0


def test_the_command_writes_what_it_prints(tmp_path, capsys):
    words = "--rules softmax-pg escort-pg,power=3 --optimal-prob 0.02 --max-updates 2000 --output"
    assert main(["compare", *words.split(), str(tmp_path)]) == 0
    said = capsys.readouterr().out
    rows = pq.read_table(tmp_path / "comparison.parquet").to_pylist()
    assert len(rows) == 2
    for row in rows:
        assert f"{row['escape_time']:,}" in said
        assert math.isfinite(row["learning_rate"])
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    assert (tmp_path / "comparison.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--rules softmax", "name='softmax' is unknown"),
        ("--rules escort-pg,powr=3", "'powr' is no option of escort-pg"),
        ("--rules escort-pg,power", "'power' must be option=value"),
        ("--rules natural-pg,learning_rate=-1", "learning_rate=-1"),
        ("--optimal-prob 1.5", "optimal_prob"),
        ("--max-updates 0", "max_updates=0"),
        ("--initial-policy uniform", "initial_policy='uniform' is unknown"),
        ("--env-id ASRSampling-v0", "env_id='ASRSampling-v0' is unknown; choose one of Soft"),
    ],
)
def test_bad_input_ends_with_code_2_and_one_sentence(words, message, tmp_path, capsys):
    assert main(["compare", *words.split(), "--output", str(tmp_path / "new")]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_of_the_output_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["compare", "--output", str(tmp_path / "file" / "new")]) == 2
    assert "cannot be written" in capsys.readouterr().err
