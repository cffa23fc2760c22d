"""A run: its trackers, tables and picture, also when it is interrupted."""

import json

import numpy as np
import pytest

from agents import metrics
from experiments.options.config import make_config
from experiments.results import read_results, write_results
from experiments.runs.well import Run


class RecordingTracker:
    """A tracker that remembers what it was given."""

    def __init__(self, name, config):
        self.name, self.config = name, config
        self.defined, self.rows, self.finished = 0, [], []

    def define(self):
        self.defined += 1

    def log(self, row):
        self.rows.append(dict(row))

    def finish(self, summary, escapes=(), figure=None, exit_code=0):
        self.finished.append((dict(summary), list(escapes), figure, exit_code))


def small(tmp_path, **options):
    options = {
        "output": tmp_path,
        "optimal_prob": 0.02,
        "num_actions": 3,
        "max_updates": 1500,
        "num_seeds": 3,
    } | options
    trackers = []

    def factory(name, config):
        trackers.append(RecordingTracker(name, config))
        return trackers[-1]

    return Run(make_config(**options), factory), trackers


def test_every_seed_has_a_tracker_that_is_defined_and_finished_once(tmp_path):
    run, trackers = small(tmp_path)
    outcome = run.execute()
    assert [t.name.rsplit("-", 2)[1:] for t in trackers] == [
        ["exact", "0"],
        ["sampled", "0"],
        ["sampled", "1"],
        ["sampled", "2"],
    ]
    for tracker, trace in zip(trackers, outcome.traces, strict=True):
        assert tracker.defined == 1
        (summary, escapes, figure, code) = tracker.finished[0]
        assert len(tracker.finished) == 1
        assert summary[metrics.ESCAPE_TIME] == trace.escape_time
        assert summary[metrics.CENSORED] == (trace.escape_time is None)
        assert escapes == trace.events
        assert (figure, code) == (outcome.figure, 0)
        assert tracker.config["seed"] == trace.seed
        assert tracker.config["env_id"] == "SoftmaxWell-v0"


def test_rows_hold_the_documented_keys_and_their_axes(tmp_path):
    run, trackers = small(tmp_path)
    run.execute()
    state = {
        metrics.EPISODIC_RETURN,
        metrics.SUBOPTIMALITY,
        metrics.OPTIMAL_PROB,
        metrics.LOG10_OPTIMAL_PROB,
        metrics.ENTROPY,
        metrics.GRADIENT_NORM,
        metrics.LOWER_BOUND,
    }
    axes = {metrics.UPDATE, metrics.GLOBAL_STEP}
    for tracker in trackers:
        keys = {frozenset(row) for row in tracker.rows}
        assert keys == {frozenset(state | axes), frozenset({*metrics.ESCAPE_COLUMNS} | axes)}
        updates = [row[metrics.UPDATE] for row in tracker.rows]
        assert updates == sorted(updates)
    exact, sampled = trackers[0].rows, trackers[1].rows
    assert {row[metrics.GLOBAL_STEP] for row in exact} == {0}
    assert all(row[metrics.GLOBAL_STEP] == row[metrics.UPDATE] for row in sampled)


def test_the_tables_say_what_the_trackers_were_told(tmp_path):
    run, trackers = small(tmp_path)
    outcome = run.execute()
    runs = read_results(outcome.folder, "runs").to_pylist()
    trajectories = read_results(outcome.folder, "trajectories").to_pylist()
    escapes = read_results(outcome.folder, "escapes").to_pylist()
    assert len({row["run_id"] for row in runs}) == 4
    assert {row["status"] for row in runs} == {"finished"}
    assert json.loads(runs[0]["versions"])["numpy"] == np.__version__
    for row, tracker in zip(runs, trackers, strict=True):
        mine = [r for r in trajectories if r["run_id"] == row["run_id"]]
        logged = [r for r in tracker.rows if metrics.SUBOPTIMALITY in r]
        assert [r[metrics.UPDATE] for r in mine] == [r[metrics.UPDATE] for r in logged]
        assert [r[metrics.OPTIMAL_PROB] for r in mine] == [r[metrics.OPTIMAL_PROB] for r in logged]
        events = [r for r in escapes if r["run_id"] == row["run_id"]]
        told = [r for r in tracker.rows if metrics.EVENT_KIND in r]
        assert [[e[c] for c in metrics.ESCAPE_COLUMNS[:-1]] for e in events] == [
            [e[c] for c in metrics.ESCAPE_COLUMNS[:-1]] for e in told
        ]
        assert row[metrics.ESCAPE_TIME] == tracker.finished[0][0][metrics.ESCAPE_TIME]


def test_a_censored_run_has_no_escape_time(tmp_path):
    run, _ = small(tmp_path, max_updates=3, gradient="exact")
    outcome = run.execute()
    row = read_results(outcome.folder, "runs").to_pylist()[0]
    assert row[metrics.ESCAPE_TIME] is None
    assert row[metrics.CENSORED] is True
    assert np.isnan(row["escape/ratio_to_bound"])


def test_an_interrupted_run_keeps_its_rows_and_says_so(tmp_path):
    run, trackers = small(tmp_path, max_updates=20_000)
    agent = run.learners[1]
    step = agent._step

    def interrupt():
        if agent.updates == 500:
            raise KeyboardInterrupt
        step()

    agent._step = interrupt
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    folder = next(tmp_path.iterdir())
    runs = read_results(folder, "runs").to_pylist()
    assert [(r["status"], r["updates"]) for r in runs] == [("finished", 20_000)] + [
        ("interrupted", 500)
    ] * 3
    rows = read_results(folder, "trajectories").to_pylist()
    kept = [r[metrics.UPDATE] for r in rows if r["run_id"] == runs[1]["run_id"]]
    assert kept == [r[metrics.UPDATE] for r in trackers[1].rows if metrics.SUBOPTIMALITY in r]
    assert all(len(t.finished) == 1 and t.finished[0][3] == 1 for t in trackers)


def test_the_picture_is_a_png_that_is_not_blank(tmp_path):
    from matplotlib.image import imread

    run, _ = small(tmp_path)
    pixels = imread(run.execute().figure)
    assert pixels.shape[0] > 300
    assert pixels.std() > 0.05


def test_same_configuration_same_tables(tmp_path):
    def rows(folder):
        run, _ = small(folder)
        return read_results(run.execute().folder, "trajectories").to_pylist()

    assert repr(rows(tmp_path / "a")) == repr(rows(tmp_path / "b"))


def test_a_damaged_missing_or_foreign_table_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_results(tmp_path, [], [], [])
    path = tmp_path / "runs.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        read_results(tmp_path, "runs")
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ValueError, match="schema version none"):
        read_results(tmp_path, "runs")
    path.unlink()
    with pytest.raises(ValueError, match=r"no runs\.parquet"):
        read_results(tmp_path, "runs")


def test_the_plan_is_said_at_once_and_one_bar_counts_the_updates_of_all_learners(
    tmp_path, capsys, monkeypatch
):
    from experiments.options import progress

    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    small(tmp_path, max_updates=50)[0].execute()
    said = [line.strip("\r") for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert said[0] == "plan: 1 exact-gradient run and 3 sampled-gradient runs of 50 updates"
    training = [line for line in said if "gradient: " in line]
    assert training[-1].startswith("sampled gradient: 100 of 100, ")
    assert [line for line in said if line.startswith("closing trackers: 4 of 4, ")]


def test_a_run_that_shows_no_progress_says_nothing(tmp_path, capsys):
    options = {"output": tmp_path, "track": "disabled", "max_updates": 5, "num_seeds": 1}
    Run(make_config(**options), show_progress=False).execute()
    assert capsys.readouterr().err == ""
