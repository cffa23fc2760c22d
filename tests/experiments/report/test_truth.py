"""What the report says of small real sweeps: bounds bind, escapes are escapes, laws are claimed."""

import json
import math
import re

import numpy as np
import pytest

from agents import metrics
from experiments.__main__ import main
from experiments.analysis.run_table import read_runs
from experiments.analysis.scaling import scaling_axes, scalings
from experiments.report.command import make_report
from experiments.report.training import Training
from experiments.results import find_folders, read_all, read_results, write_results

EXACT = """
base: {gradient: exact, until_escape: true}
grid: {optimal_prob: [0.01, 0.001, 0.0001], reward_gap: [0.2, 0.3], num_actions: [3, 6, 10]}
"""
MIXED = """
base: {max_updates: 400, num_actions: 3}
blocks:
  - {base: {gradient: exact, initial_policy: normal, sigma: 2.0}, seeds: 12}
  - {base: {optimal_prob: 0.05}, grid: {gradient: [exact, sampled], reward_noise: [bernoulli]}}
  - {base: {optimal_prob: 0.05, gradient: sampled, reward_noise: bernoulli}, seeds: [1, 2, 3, 4]}
"""
TRAINING = """
base: {env_id: ASRSampling-v0, max_updates: 4, initial_distribution: normal_high}
grid: {agent: [frozen, random]}
"""


def sweep(folder, name, text):
    (folder / f"{name}.yaml").write_text(text)
    words = ["sweep", str(folder / f"{name}.yaml"), "--engine", "serial"]
    assert main([*words, "--output", str(folder / name)]) == 0
    return folder / name


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("exact"), "exact", EXACT)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("mixed"), "mixed", MIXED)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    return sweep(tmp_path_factory.mktemp("training"), "training", TRAINING)


def data_of(folders):
    page = make_report(folders)
    return page, json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def columns_of(data):
    return {
        c["name"]: c.get("values") or [c["distinct"][code] for code in c["codes"]]
        for c in data["runs"]
    }


def fact(page, name):
    return re.search(rf"<th scope=\"row\">{re.escape(name)}</th><td>(.*?)</td>", page)[1]


def test_no_exact_run_stands_below_its_printed_bound(exact):
    _, data = data_of(exact)
    columns = columns_of(data)
    stored = read_results(exact, "runs")[metrics.LOWER_BOUND].to_pylist()
    assert columns["lower bound"] == [math.floor(bound) for bound in stored]
    assert all(t > b for t, b in zip(columns["escape time"], columns["lower bound"], strict=True))
    for part in data["problems"][:-1]:
        (row,) = part["methods"]
        median, bound = (int(row[i].replace(",", "")) for i in (3, 5))
        assert median > bound
        (line,) = [t for t in part["escape"]["data"] if "bound" in t.get("name", "")]
        assert line["x"] == [bound, bound]
    for figure in data["scaling"]:
        series = [t for t in figure["data"] if t["mode"] == "lines+markers"]
        bounds = [t for t in figure["data"] if "bound" in t["name"]]
        for times, theory in zip(series, bounds, strict=True):
            assert all(t > b for t, b in zip(times["y"], theory["y"], strict=True))


def test_slopes_are_fitted_where_a_law_is_claimed(exact, mixed):
    runs = read_runs(exact)
    assert set(scaling_axes(runs)) == {"optimal_prob", "num_actions"}
    for series in scalings(runs, "optimal_prob"):
        assert series.slope().slope == pytest.approx(1, abs=0.02)
        assert "slope" in series.caption
    for series in scalings(runs, "num_actions"):
        assert np.isfinite([median.value for median in series.medians]).sum() == 3
        assert series.slope() is None
        assert series.caption == series.label


def test_a_start_outside_a_well_is_no_escape(mixed):
    page, data = data_of(mixed)
    table = read_results(mixed, "runs")
    times = table[metrics.ESCAPE_TIME].to_pylist()
    outside = sum(time == 0 for time in times)
    escaped = sum(bool(time) for time in times)
    events = read_results(mixed, "escapes")
    left = {
        run_id
        for run_id, kind in zip(*events.select(["run_id", metrics.EVENT_KIND]), strict=True)
        if kind.as_py() == "escape"
    }
    assert 0 < outside < 12
    assert fact(page, "of these escaped within the budget") == str(escaped) == str(len(left))
    assert fact(page, "began outside (in no curve below)") == str(outside)
    pooled = data["problems"][-1]["methods"]
    assert sum(int(row[1]) for row in pooled) == len(times) - outside
    assert columns_of(data)["escape time"].count(0) == outside


def test_one_exact_run_has_neither_interval_nor_p(mixed):
    _, data = data_of(mixed)
    (part,) = [part for part in data["problems"] if part["name"].startswith("corner")]
    rows = {row[0]: row for row in part["methods"]}
    (exact,) = [row for name, row in rows.items() if "exact" in name]
    (sampled,) = [row for name, row in rows.items() if "sampled" in name]
    assert exact[1] == "1" and exact[3].isdigit() and exact[6] == "-"
    assert sampled[1] == "5" and " to " in sampled[3] and sampled[6] == "-"
    runs = read_runs(mixed)
    group = runs.groups(["gradient", "initial_policy"])[("exact", "corner")]
    curve = group.survival()
    assert not group.by_chance
    np.testing.assert_array_equal(curve.low, curve.high)
    assert curve.median.low == curve.median.high == group[metrics.ESCAPE_TIME][0]
    assert runs.groups(["gradient", "initial_policy"])[("exact", "normal")].by_chance


@pytest.mark.slow
def test_training_runs_are_told_by_recall_and_return(training):
    page, data = data_of(training)
    assert data["problems"] == [] and data["scaling"] == [] and data["triangle"] is None
    assert "began in a well" not in page and "censored" not in fact(page, "fell into the well")
    (part,) = data["training"]
    columns, sampling = columns_of(data), read_results(training, "sampling").to_pylist()
    assert "escape time" not in columns
    for i, run_id in enumerate(columns["run_id"]):
        rows = [row for row in sampling if row["run_id"] == run_id]
        recall = [row[metrics.TEST_RECALL] for row in rows]
        assert columns["R@1 start"][i] == pytest.approx(recall[0], rel=1e-3)
        assert columns["R@1 lowest"][i] == pytest.approx(min(recall), rel=1e-3)
        assert columns["R@1 end"][i] == pytest.approx(recall[-1], rel=1e-3)
        (row,) = [m for m in part["methods"] if m[0] == columns["agent"][i]]
        assert row[1:3] == ["1", f"{recall[0]:.3f}"]
        trace = [t for t in part["recall"]["data"] if t.get("name") == columns["agent"][i]]
        np.testing.assert_allclose(trace[0]["y"], recall, rtol=1e-5)
    returns = read_results(training, "trajectories").to_pylist()
    last = {row["run_id"]: row[metrics.EPISODIC_RETURN] for row in returns}
    assert columns["return"] == [last[run_id] for run_id in columns["run_id"]]


@pytest.mark.slow
def test_falls_and_ways_back_are_counted(training, tmp_path):
    rows = {
        name: read_results(training, name).to_pylist()
        for name in ("runs", "trajectories", "sampling")
    }
    first, second = (row["run_id"] for row in rows["runs"])
    rows["runs"][0] |= {metrics.ESCAPE_TIME: 3}
    rows["runs"][1] |= {metrics.ESCAPE_TIME: None, metrics.CENSORED: True}
    events = [(first, "enter", 2), (first, "escape", 3), (second, "enter", 1)]
    escapes = [
        {"run_id": run_id, metrics.EVENT_KIND: kind, metrics.EVENT_UPDATE: update}
        for run_id, kind, update in events
    ]
    write_results(tmp_path, escapes=escapes, **rows)
    page, _ = data_of(tmp_path)
    assert fact(page, "fell into the well") == "2; 1 came back to their start"
    names = ("trajectories", "escapes", "sampling")
    tables = {name: read_all(tmp_path, name) for name in names}
    told = Training.from_tables(read_runs(tmp_path), tables)
    np.testing.assert_array_equal(told.fell, [2, 1])
    np.testing.assert_array_equal(told.back, [3, np.nan])


@pytest.mark.slow
def test_both_kinds_of_runs_stand_in_one_page(exact, training):
    _, data = data_of([exact, training])
    columns = columns_of(data)
    assert columns["escape time"].count(-1) == 2 == len(columns["run_id"]) - 18
    assert sum(value is not None for value in columns["R@1 end"]) == 2
    assert len(data["training"]) == 1 and len(data["problems"]) > 1


def test_patterns_and_several_folders_count_every_run_once(exact, mixed, tmp_path):
    for name, source in (("a-1", exact), ("a-2", mixed), ("a-3", exact)):
        (tmp_path / name).symlink_to(source)
    (tmp_path / "a-4").mkdir()
    pattern = str(tmp_path / "a-*")
    assert [folder.name for folder in find_folders(pattern)] == ["a-1", "a-2", "a-3"]
    whole = read_all(pattern, "runs")
    ids = [read_results(folder, "runs")["run_id"].to_pylist() for folder in (exact, mixed)]
    assert sorted(whole["run_id"].to_pylist()) == sorted(ids[0] + ids[1])
    for name in ("trajectories", "escapes"):
        parts = (read_results(folder, name) for folder in (exact, mixed))
        assert read_all(pattern, name).num_rows == sum(part.num_rows for part in parts)
    output = tmp_path / "out.png"
    words = ["--results", pattern, "--output", str(output)]
    assert main(["plots", "survival", *words]) == 0
    shell = ["--results", str(tmp_path / "a-1"), str(tmp_path / "a-3")]
    assert main(["plots", "scaling", *shell, "--output", str(output)]) == 0
    page = tmp_path / "out.html"
    assert main(["report", str(tmp_path / "a-1"), str(mixed), "-o", str(page)]) == 0
    assert "36 on" in page.read_text()


def test_an_interrupted_run_gives_way_to_the_finished_one(exact, tmp_path):
    rows = {n: read_results(exact, n).to_pylist() for n in ("runs", "trajectories", "escapes")}
    rows["runs"][0] |= {"status": "interrupted", metrics.ESCAPE_TIME: None}
    write_results(tmp_path / "cut", **rows)
    for order in ([exact, tmp_path / "cut"], [tmp_path / "cut", exact]):
        runs = read_runs(order)
        assert set(runs["status"]) == {"finished"} and None not in runs[metrics.ESCAPE_TIME]


@pytest.mark.slow
def test_nothing_to_draw_is_said(training, tmp_path, capsys):
    for words, named in (
        (["plots", "survival", "--results", str(training)], "no run of a policy that began"),
        (["plots", "scaling", "--results", str(training)], "no run of a policy that began"),
        (["plots", "survival", "--results", str(tmp_path / "x-*")], "match no folder"),
        (["report", str(tmp_path / "x-*"), "-o", str(tmp_path / "x.html")], "match no folder"),
        (["report", "-o", str(tmp_path / "x.html")], "at least one folder"),
    ):
        output = [] if words[0] == "report" else ["--output", str(tmp_path / "x.png")]
        assert main([*words, *output]) == 2
        assert named in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
