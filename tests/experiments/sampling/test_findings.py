"""Verdicts on the paper's sentences: they follow the data, whichever way it points."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from experiments.sampling.command import page
from experiments.sampling.findings import AROUND_15, Runs, findings
from experiments.sampling.protocol import CELLS, METRICS, stored_results


def made_up(dip, end_gain, seed=0):
    """Runs whose normal_high dips by `dip` around epoch 15 and ends `end_gain` above the rest."""
    rng = np.random.default_rng(seed)
    epochs = np.arange(61)
    curves, in_well = {}, {}
    for cell in CELLS:
        base = np.full((10, 61), 0.8) + 0.001 * rng.normal(size=(10, 61))
        if cell.name == "normal_high":
            base -= dip * np.exp(-(((epochs - 15) / 5) ** 2))
            learns = cell.agent in ("ppo", "sb3-softmax-pg")
            base += (end_gain if learns else -0.05) * (epochs > 40)
        curves[cell.name, cell.agent] = dict.fromkeys(METRICS, base)
        inside = base < 0.79
        if cell.agent == "frozen":
            inside = inside | (epochs > 20)
        in_well[cell.name, cell.agent] = inside
    return Runs(curves, in_well)


def of_seeds(seeds):
    """The stored runs on letters of some seeds."""
    table = stored_results()
    return Runs.from_table(table.filter(np.isin(np.asarray(table["seed"]), seeds)))


def verdicts(runs):
    return {finding.statement: finding.verdict for finding in findings(runs)}


def test_counts_follow_from_intervals_that_hold_together():
    found = {f.statement: f.estimate for f in findings(made_up(dip=0.05, end_gain=0.03))}
    six = found["normal_high, PPO: all curves fall, each of the six metrics around epoch 15."]
    assert (six.value, six.low, six.high) == (6, 6, 6)
    smallest = found["normal_high ends above normal_low in all six metrics (PPO)."]
    assert smallest == found["normal_high ends above normal_low in NMI (PPO)."]


def test_a_section_is_less_sure_of_each_statement_than_of_one_alone():
    runs = of_seeds(range(100, 110))
    high, low = ("normal_high", "ppo"), ("normal_low", "ppo")
    difference = runs.end(high, "recall_at_1") - runs.end(low, "recall_at_1")
    (together,) = [f for f in findings(runs) if "ends above normal_low in recall@1" in f.statement]
    ends = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    assert together.estimate.low < ends.low and ends.high < together.estimate.high
    assert "p = 0.0547 alone" in together.measure


def test_the_papers_account_holds_where_it_is_true():
    found = verdicts(made_up(dip=0.05, end_gain=0.03))
    assert found["normal_high, PPO: recall@1 is below its start around epoch 15."] == "holds"
    assert found["normal_high, PPO: the lowest recall@1 comes around epoch 15."] == "holds"
    assert found["normal_high ends above normal_low in NMI (PPO)."] == "holds"
    assert found["normal_high: PPO ends above frozen bins in recall@1."] == "holds"


def test_it_fails_where_it_is_false():
    found = verdicts(made_up(dip=-0.05, end_gain=-0.03))
    assert found["normal_high, PPO: recall@1 is below its start around epoch 15."] == "fails"
    assert found["normal_high ends above normal_low in NMI (PPO)."] == "fails"


def test_returns_count_runs_that_fell():
    runs = made_up(dip=0.05, end_gain=0.03)
    assert runs.came_back(("normal_high", "ppo")) == (10, 10)
    assert runs.came_back(("normal_high", "frozen")) == (0, 10)
    assert runs.came_back(("normal_low", "ppo")) == (0, 0)
    assert runs.returns(("normal_low", "ppo")) is None
    assert runs.returns(("normal_high", "frozen")).censored == 10


def test_the_verdicts_on_the_shipped_results():
    runs = Runs.from_table(stored_results())
    found = verdicts(runs)
    assert found["normal_high, PPO: recall@1 is below its start around epoch 15."] == "holds"
    assert found["normal_high, PPO: NMI is below its start around epoch 15."] == "fails"
    assert found["normal_high ends above normal_low in recall@1 (PPO)."] == "fails"
    assert found["normal_high ends above normal_low in NMI (PPO)."] == "undecided"
    assert found["normal_high: PPO ends above frozen bins in recall@1."] == "holds"


def test_what_more_seeds_decided():
    """Nothing is turned round, and the new seeds say alone what all say, but for who comes back."""
    first, new = of_seeds(range(100, 110)), of_seeds(range(110, 130))
    every, before = findings(Runs.from_table(stored_results())), findings(first)
    alone = findings(new)
    changed = [i for i, f in enumerate(every) if f.verdict != before[i].verdict]
    assert len(changed) == 13
    assert {before[i].verdict for i in changed} == {"undecided"}
    open_alone = [i for i in changed if alone[i].verdict != every[i].verdict]
    assert [alone[i].verdict for i in open_alone] == ["undecided"]
    assert "only one of the two comes back" in every[open_alone[0]].statement


def test_the_fall_without_a_policy_is_the_deeper_one():
    runs = Runs.from_table(stored_results())
    (deeper,) = [f for f in findings(runs) if f.name == "policy-deepens"]
    ends = [deeper.estimate.value, deeper.estimate.low, deeper.estimate.high]
    assert ends == pytest.approx([0.014, 0.005, 0.023], abs=5e-4)
    assert deeper.verdict == "fails"
    assert (runs.fell(("normal_high", "frozen")).sum(), len(runs.fell(("wide", "ppo")))) == (30, 30)


def test_the_fall_needs_no_policy():
    runs = of_seeds(range(100, 110))
    frozen, steered = ("normal_high", "frozen"), ("normal_high", "ppo")
    assert (runs.fell(frozen).sum(), runs.fell(steered).sum()) == (10, 9)
    change = {k: runs.change(k, "recall_at_1", AROUND_15) for k in (frozen, steered)}
    assert change[frozen].mean() == pytest.approx(-0.0288, abs=5e-5)
    assert stats.sem(change[frozen]) == pytest.approx(0.0048, abs=5e-5)
    assert change[steered].mean() == pytest.approx(-0.0155, abs=5e-5)
    assert stats.sem(change[steered]) == pytest.approx(0.0052, abs=5e-5)
    (finding,) = [f for f in findings(runs) if f.name == "no-policy-no-fall"]
    assert finding.verdict == "fails"
    (finding,) = [f for f in findings(runs) if "only one of the two comes back" in f.statement]
    assert finding.verdict == "undecided"
    assert "McNemar: p = 0.0625" in finding.measure


def test_the_page_of_findings():
    runs = Runs.from_table(stored_results())
    found = verdicts(runs)
    text = page(runs, findings(runs))
    assert text.count("\n| ") == len(CELLS) + len(found) + 3  # with heads and rules, less the first


def test_the_second_data_set():
    """The fall comes again, and without a policy; the way back does not, and all samplers fall."""
    runs = Runs.from_table(stored_results("digits"))
    assert {runs.came_back(kind) for kind in runs.curves} == {(0, 10)}
    found = {f.name: f for f in findings(runs) if f.name}
    deeper = found["low-falls-less"].estimate
    assert [deeper.value, deeper.low, deeper.high] == pytest.approx([0.010, 0.002, 0.018], abs=5e-4)
    names = ("fall-recall_at_1", "low-falls-less", "low-does-not-fall", "no-policy-no-fall")
    expected = ["holds", "holds", "fails", "fails"]
    assert [found[name].verdict for name in names] == expected
    assert found["most-come-back"].verdict == "fails"
    table = page(runs, []).split("\n\n")[0]
    assert table in (Path(__file__).parents[3] / "docs" / "asr.md").read_text()


def test_combinations_with_other_seeds_are_not_compared():
    runs = made_up(dip=0.05, end_gain=0.03)
    kind = ("wide", "ppo")
    runs.curves[kind] = {metric: values[:7] for metric, values in runs.curves[kind].items()}
    with pytest.raises(ValueError, match=r"wide, ppo have 7 seeds and others 10.*--num-seeds 10"):
        findings(runs)


def test_the_page_in_the_documentation_is_what_the_command_prints():
    runs = Runs.from_table(stored_results())
    written = (Path(__file__).parents[3] / "docs" / "asr.md").read_text()
    for table in page(runs, findings(runs)).split("\n\n"):
        assert table in written
