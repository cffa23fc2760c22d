"""train.py on ASRSampling-v0: tables, events, tracker, picture."""

import pyarrow.parquet as pq
import pytest

import train
from agents import metrics
from agents.sampling_agents import SamplerSettings, train_sampler
from experiments.options.config import make_config
from experiments.runs import make_run
from experiments.runs.training import TrainingRun

TINY = {
    "env_id": "ASRSampling-v0",
    "dataset": "digits",
    "samples_per_class": 12,
    "epochs": 3,
    "iterations_per_epoch": 2,
    "iterations_per_step": 1,
    "history": 1,
    "classes_per_batch": 4,
    "embedding_size": 4,
    "track": "disabled",
}


class FakeTracker:
    """Keeps what it is told."""

    def __init__(self):
        self.rows, self.summary, self.escapes = [], None, None

    def define(self):
        self.defined = True

    def log(self, row):
        self.rows.append(row)

    def finish(self, summary, escapes=(), figure=None, exit_code=0):
        self.summary, self.escapes = summary, escapes


@pytest.mark.parametrize("agent", ["ppo", "sb3-softmax-pg", "frozen", "random"])
def test_a_run_writes_what_it_logs(tmp_path, agent):
    trackers = []

    def factory(name, settings):
        trackers.append(FakeTracker())
        return trackers[-1]

    config = make_config(**TINY, agent=agent, num_seeds=2, output=str(tmp_path))
    outcome = TrainingRun(config, factory).execute()
    table = pq.read_table(outcome.folder / "sampling.parquet")
    assert table.num_rows == 2 * 7  # the start and six steps, twice
    assert set(metrics.SAMPLING_KEYS) < set(table.column_names)
    assert all(len(bins) == 29 for bins in table["bins"].to_pylist())
    for tracker, trace in zip(trackers, outcome.traces, strict=True):
        logged = [row for row in tracker.rows if "sampling/loss" in row]
        assert [row[metrics.UPDATE] for row in logged] == list(range(7))
        assert logged == trace.rows
        assert tracker.summary[metrics.CENSORED] == (trace.escape_time is None)
    runs = pq.read_table(outcome.folder / "runs.parquet")
    assert runs["status"].to_pylist() == ["finished"] * 2
    assert outcome.figure.stat().st_size > 10_000


def test_events_are_the_wells_of_the_training_run(tmp_path, monkeypatch):
    inside = [False, False, True, True, False, True, True]
    config = make_config(**TINY, agent="frozen", output=str(tmp_path))
    run = TrainingRun(config)
    real = run.env._info
    monkeypatch.setattr(run.env, "_info", lambda: real() | {"in_well": inside[run.env.run.steps]})
    outcome = run.execute()
    events = pq.read_table(outcome.folder / "escapes.parquet").to_pylist()
    assert [(e["escape/kind"], e["escape/update"], e["escape/dwell"]) for e in events] == [
        ("enter", 2, 2),
        ("escape", 4, 2),
        ("enter", 5, 1),
    ]
    assert outcome.traces[0].escape_time == 4


def test_it_is_a_command_of_train(tmp_path, capsys):
    options = [f"--{key.replace('_', '-')}={value}" for key, value in TINY.items()]
    assert train.main([*options, "--agent", "random", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "R@1 start" in said
    assert len(list(tmp_path.glob("*/sampling.parquet"))) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agent": "softmax-pg"}, "agent='softmax-pg' is unknown; choose one of ppo"),
        ({"until_escape": True}, "until_escape=True is not for ASRSampling-v0"),
        ({"initial_distribution": "normal_hihg"}, "initial_distribution='normal_hihg' is unknown"),
        ({"agent": "ppo", "clip_range": 0.0}, "clip_range=0"),
        ({"agent": "ppo", "logit_std": -1.0}, "logit_std=-1"),
        ({"agent": "frozen", "logit_std": 1.0}, "option 'logit_std' is unknown"),
        ({"max_updates": 0}, "max_updates=0"),
        ({"num_seeds": 0}, "num_seeds=0"),
    ],
)
def test_refuses_bad_options_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        make_run(make_config(**(TINY | {"output": str(tmp_path)} | options)))
    assert not list(tmp_path.iterdir())


def test_refuses_agents_it_does_not_know():
    with pytest.raises(ValueError, match="agent='dqn' is unknown"):
        train_sampler(None, "dqn", 0, lambda *_: False, SamplerSettings())
