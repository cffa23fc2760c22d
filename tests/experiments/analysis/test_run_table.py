"""What varies in a results folder, the groups it falls into and their curves."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from agents import metrics
from benchmarks.synthetic_results import write_synthetic_results
from experiments.analysis.run_table import label, read_runs
from experiments.analysis.scaling import has_law, scaling_axes, scalings
from experiments.analysis.statistics import kaplan_meier
from experiments.results import read_results, write_results
from gw_envs.theory import escape_lower_bound


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    assert write_synthetic_results(folder) == 3 * 2 * 2 * 10
    return folder


@pytest.fixture(scope="module")
def runs(folder):
    return read_runs(folder)


def test_what_varies_is_split_into_problem_and_method(runs):
    assert set(runs.problem_options()) == {"optimal_prob", "reward_gap"}
    assert runs.method_options() == ("update",)  # the temperature goes with it
    assert scaling_axes(runs) == ("optimal_prob",)


def test_groups_are_disjoint_and_whole(runs):
    groups = runs.groups(("update", "optimal_prob"))
    assert len(groups) == 6
    assert sum(len(group) for group in groups.values()) == len(runs)
    for (update, prob), group in groups.items():
        assert set(group["update"]) == {update}
        assert set(group["optimal_prob"]) == {prob}
    assert runs.groups(()).keys() == {()}


def test_a_censored_run_was_watched_for_its_updates(runs):
    curve = runs.survival()
    cut = np.array(runs[metrics.CENSORED])
    assert 0 < cut.sum() < len(runs)
    times = np.array([2_000 if t is None else t for t in runs[metrics.ESCAPE_TIME]])
    assert curve.censored == cut.sum()
    np.testing.assert_array_equal(curve.survival, kaplan_meier(times, cut).survival)


def test_bounds(runs):
    one = runs.groups(("optimal_prob", "reward_gap"))[(0.01, 0.2)]
    expected = escape_lower_bound(0.01, 0.2, 0.4)
    assert one.common_bound() == one.median_bound() == expected
    assert math.isnan(runs.common_bound())


def test_labels():
    names = ("update", "temperature", "optimal_prob")
    assert (
        label(names, ("entropy-pg", 0.1, 1e-3)) == "entropy-pg, temperature=0.1, optimal_prob=0.001"
    )
    assert label(names[:2], ("softmax-pg", None)) == "softmax-pg"
    assert label(("baseline", "gradient"), ("none", "sampled")) == "baseline=none, sampled"
    assert label((), ()) == "all runs"


def test_scaling_along_the_inverse_of_the_start(runs):
    series = scalings(runs, "optimal_prob")
    assert len(series) == 4
    assert len({s.label for s in series}) == 4
    for s in series:
        np.testing.assert_allclose(s.x, [20, 50, 100])
        assert [curve.runs for curve in s.curves] == [10, 10, 10]
        gap = 0.2 if "reward_gap=0.2" in s.label else 0.4
        np.testing.assert_allclose(s.theory, escape_lower_bound(1 / s.x, gap, 0.4))


def test_no_law_is_claimed_of_sampled_gradients(runs):
    assert all(series.slope() is None for series in scalings(runs, "optimal_prob"))
    columns = runs.columns | {"gradient": ["exact"] * len(runs)}
    for change, law in (
        ({"update": ["softmax-pg"] * len(runs)}, True),
        ({"update": ["softmax-pg"] * len(runs), "mean_rewards": [(1, 0.5, 0)] * len(runs)}, False),
        ({"update": ["softmax-pg"] * len(runs), "learning_rate_power": [0.5] * len(runs)}, False),
        ({}, False),
    ):
        changed = replace(runs, columns=columns | change)
        assert has_law(changed, "optimal_prob") is law
        assert not has_law(changed, "num_actions")


def test_medians_beyond_the_budget_are_infinite_and_fit_no_slope(tmp_path):
    write_synthetic_results(tmp_path, max_updates=3, seeds=5)
    series = scalings(read_runs(tmp_path), "optimal_prob")
    assert all(np.isinf(m.value) for s in series for m in s.medians if s.x[-1] > 50)
    assert all(s.slope() is None for s in series)


def test_nothing_to_scale_along_is_said(tmp_path):
    write_synthetic_results(tmp_path, optimal_probs=(0.01,), reward_gaps=(0.2,))
    with pytest.raises(ValueError, match="no axis"):
        scalings(read_runs(tmp_path), "optimal_prob")


def test_unknown_names_are_refused(runs):
    with pytest.raises(ValueError, match="Did you mean 'optimal_prob'"):
        runs["optimal_prop"]
    with pytest.raises(ValueError, match="option='sigma'"):
        scalings(runs, "sigma")


def test_folders_that_cannot_be_read_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no runs\.parquet"):
        read_runs(tmp_path)
    write_results(tmp_path, [], [], [])
    with pytest.raises(ValueError, match="has no run"):
        read_runs(tmp_path)
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    whole = (damaged / "runs.parquet").read_bytes()
    (damaged / "runs.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        read_runs(damaged)


def test_another_schema_version_is_refused(folder, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    table = read_results(folder, "runs")
    pq.write_table(
        table.replace_schema_metadata({"gravity_wells_schema": "0"}), tmp_path / "runs.parquet"
    )
    with pytest.raises(ValueError, match="schema version 0"):
        read_runs(tmp_path)


def test_options_without_effect_do_not_vary(folder, tmp_path):
    rows = read_results(folder, "runs").to_pylist()[:4]
    for i, row in enumerate(rows):
        options = json.loads(row["config"]) | {"baseline": ["none", "value"][i % 2], "sigma": i + 1}
        row |= {"gradient": "exact", "config": json.dumps(options)}
    write_results(tmp_path / "exact", rows, [], [])
    assert read_runs(tmp_path / "exact").varying() == ()
    rows[0]["config"] = json.dumps(json.loads(rows[0]["config"]) | {"drift": "0.1"})
    write_results(tmp_path / "drift", rows, [], [])
    assert read_runs(tmp_path / "drift").varying() == ("drift",)
    write_results(tmp_path / "sampled", [row | {"gradient": "sampled"} for row in rows], [], [])
    assert read_runs(tmp_path / "sampled").varying() == ("baseline", "drift")
