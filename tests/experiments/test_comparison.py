"""`compare`: the race against counts from elsewhere, its two views, its files, and bad input."""

import re

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from agents.updates import RULES
from experiments.__main__ import main
from experiments.comparison import Contender, all_contenders, compare_rules
from experiments.comparison_plots import draw_comparison
from gw_envs import theory
from gw_envs.instances import harmful_arm

TWO_ARMS = {"num_actions": 2, "base_reward": 0.5, "reward_gap": 0.5}


@pytest.fixture(scope="module")
def equal_gaps():
    """The quick and the biased rules out of the well of six arms."""
    names = ["natural-pg", "neurd", "normalized-pg", "entropy-pg", "log-barrier-pg", "escort-pg"]
    mirror = Contender("mirror-ascent", learning_rate=1.0)
    return compare_rules([*map(Contender, names), mirror], max_updates=20_000)


def by_rule(comparison):
    return {result.contender.label: result for result in comparison.results}


def test_every_rule_is_a_contender_at_its_defaults():
    names = [contender.name for contender in all_contenders()]
    assert set(names) == set(RULES)
    assert len(names) == len(RULES) + 2


def test_counts_and_biases_are_the_published_ones(equal_gaps):
    """K=6, r=(.7,.5 x5), x0=1e-3, and where the regularised rules rest."""
    results = by_rule(equal_gaps)
    expected = {
        "natural-pg": 24,
        "neurd": 24,
        "normalized-pg": 26,
        "entropy-pg": 1357,
        "log-barrier-pg": 1118,
        "escort-pg": 214,
        "mirror-ascent": 26,
    }
    assert {name: r.escape_time for name, r in results.items()} == pytest.approx(expected, abs=2)
    assert results["entropy-pg"].bias == pytest.approx(0.08072, abs=1e-5)
    assert results["log-barrier-pg"].bias == pytest.approx(0.008262, abs=1e-6)
    assert results["natural-pg"].bias == 0


def test_a_logarithmic_law_is_given_by_the_decade(equal_gaps):
    natural = by_rule(equal_gaps)["natural-pg"]
    assert natural.updates_per_decade == pytest.approx(np.log(10) / 0.2, abs=2)  # steps are whole
    assert natural.rate.escape_exponent == 0
    assert natural.exponent.slope > 0.1  # which is why it is not quoted as an exponent


def test_exponent_is_that_of_the_exact_count():
    """softmax-pg on two arms, fitted over x0 = 1e-1.5 .. 1e-3 against the exact discrete count."""
    contenders = [Contender("softmax-pg")]
    result = compare_rules(contenders, env_kwargs=TWO_ARMS, optimal_prob=10**-2.5).results[0]
    counts = theory.escape_time(result.optimal_probs, 0.5, 1.0)
    np.testing.assert_array_equal(result.escape_times, counts)
    inside = counts > 0
    slope = np.polyfit(-np.log(result.optimal_probs[inside]), np.log(counts[inside]), 1)[0]
    assert result.exponent.slope == pytest.approx(slope, rel=1e-12)
    assert result.rate.escape_exponent == 1


def test_the_second_view_holds_the_distance_equal():
    """K=2, r=(1,.5): counts of docs/ways_out.md; the best arm need not be the first."""
    contenders = [
        Contender("softmax-pg", learning_rate=20.0),
        Contender("tsallis-pg", learning_rate=20.0),
        Contender("escort-pg", learning_rate=0.05),
    ]
    for best in (0, 1):
        options = {"env_kwargs": TWO_ARMS | {"optimal_action": best}, "max_updates": 15_000}
        results = by_rule(compare_rules(contenders, **options))
        times = {name: (r.escape_time, r.distance_time) for name, r in results.items()}
        assert times["softmax-pg"] == (53, 53)
        assert times["tsallis-pg"] == pytest.approx((12506, 16), abs=1)
        assert times["escort-pg"] == pytest.approx((49, 20), abs=1)


def test_an_instance_brings_its_start_and_its_edge():
    contenders = [Contender("delightful-pg"), Contender("escort-pg")]
    comparison = compare_rules(contenders, instance=harmful_arm(0.5))
    delight, escort = comparison.results
    assert delight.escape_time == pytest.approx(609, abs=2)
    assert escort.distance_race is None  # the other arms are not equally likely
    assert comparison.rows()[0]["escape_time_same_distance"] is None


def test_censored_is_not_a_number():
    result = compare_rules([Contender("entropy-pg")], max_updates=60).results[0]
    assert result.escape_time == -1
    assert np.isnan(result.bias)
    assert result.exponent is None
    row = compare_rules([Contender("softmax-pg")], max_updates=60).rows()[0]
    assert row["escape_time"] is None and row["fitted_exponent"] is None


def test_in_several_states_with_discount_the_gradient_stays_and_the_natural_one_leaves():
    contenders = [Contender("natural-pg"), Contender("softmax-pg"), Contender("entropy-pg")]
    comparison = compare_rules(
        contenders,
        env_id="ChainWell-v0",
        env_kwargs={"chain_length": 3},
        optimal_prob=0.05,
        max_updates=60,
    )
    natural, softmax, _ = comparison.results
    assert 0 < natural.escape_time < 20
    assert softmax.escape_time == -1
    assert [r.contender.name for r in comparison.ranked][0] == "natural-pg"


def test_a_drifting_environment_races_too():
    comparison = compare_rules(
        [Contender("natural-pg")], env_id="ASRWell-v0", optimal_prob=0.01, max_updates=100
    )
    assert 0 < comparison.results[0].escape_time < 100


def test_command_writes_table_and_picture_of_what_it_prints(tmp_path, capsys):
    line = "compare --rules natural-pg escort-pg,power=3.0,learning_rate=0.02 softmax-pg"
    line += f" --optimal-prob 0.01 --max-updates 300 --output {tmp_path / 'new' / 'folder'}"
    assert main(line.split()) == 0
    out = capsys.readouterr().out
    folder = tmp_path / "new" / "folder"
    rows = pyarrow.parquet.read_table(folder / "comparison.parquet").to_pylist()
    assert [row["rule"] for row in rows][0] == "natural-pg"
    assert {row["rule"]: row["learning_rate"] for row in rows}["escort-pg, power=3.0"] == 0.02
    assert [row["escape_time"] for row in rows if row["rule"] == "softmax-pg"] == [None]
    assert "censored" in out and "the initial policy, pi(a*) = 0.01" in out
    for row in rows[:2]:
        printed = next(x for x in out.splitlines() if x.startswith(row["rule"] + " "))
        assert f" {row['escape_time']} " in printed
    text = pyarrow.csv.read_csv(folder / "comparison.csv")
    assert text.column("rule").to_pylist() == [row["rule"] for row in rows]
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in folder.iterdir()) == [
        "comparison.csv",
        "comparison.parquet",
        "comparison.png",
    ]


def test_picture_has_a_second_view_only_where_a_map_is_not_softmax(tmp_path):
    import matplotlib.image

    widths = []
    for name in ("natural-pg", "escort-pg"):
        path = tmp_path / f"{name}.png"
        comparison = compare_rules([Contender(name)], optimal_prob=0.01, max_updates=300)
        draw_comparison(comparison, path)
        widths.append(matplotlib.image.imread(path).shape[1])
    assert widths[1] == pytest.approx(1.5 * widths[0], rel=0.01)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--rules softmax", "rules|name='softmax' is unknown.*Did you mean 'softmax-pg'"),
        ("--rules escort-pg,powr=3", "'powr' is no option of escort-pg"),
        ("--rules escort-pg,power=0.5", "power=0.5"),
        ("--rules escort-pg,power=high", "power='high'"),
        ("--rules escort-pg,power", "'power' must be option=value"),
        ("--rules armijo-pg,objective=1", "must be option=value"),
        ("--rules armijo-pg,expand=3", "expand=3 must be true or false"),
        ("--rules escort-pg,scaled=never", "scaled='never' must be true or false"),
        ("--rules natural-pg,learning_rate=0", "learning_rate=0"),
        ("--rules mirror-ascent,learning_rate=30", "too large for mirror-ascent"),
        ("--env-id SoftmaxWall-v0", "Did you mean 'SoftmaxWell-v0'"),
        ("--initial-policy uniform", "initial_policy='uniform' is unknown"),
        ("--initial-policy corner --optimal-prob 0.3", "optimal_prob=0.3"),
        ("--optimal-prob 0", "optimal_prob=0.0"),
        ("--optimal-prob 1e-12", "optimal_prob=1e-12"),
        ("--max-updates 0", "max_updates=0"),
        ("--corner-action 0 --initial-policy corner", "corner_action=0 is the best arm"),
        ("--reward-gap 0", "reward_gap=0"),
    ],
)
def test_bad_input_ends_with_code_2_and_writes_nothing(line, message, tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["compare", *line.split(), "--output", str(folder)]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("error: ")
    assert re.search(message, err)
    assert not folder.exists()


def test_an_output_that_cannot_be_a_folder_is_refused_before_the_race(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["compare", "--output", str(tmp_path / "file" / "below")]) == 2
    assert "output=" in capsys.readouterr().err


def test_no_contenders_is_an_error():
    with pytest.raises(ValueError, match="contenders"):
        compare_rules([])
