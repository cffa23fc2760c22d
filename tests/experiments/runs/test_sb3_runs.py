"""`train.py --agent ...`: SB3 agents run as the tabular one does, and log the same."""

import json
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import train
from agents import metrics
from experiments.options.agents import AGENT_OPTIONS
from experiments.options.config import make_config, parse_config
from experiments.results import TABLES, read_results
from experiments.runs import picture as plots
from experiments.runs.checkpoints import CHECKPOINT_FILE
from experiments.runs.trace import Trace
from experiments.runs.well import Run, make_agents

ROOT = Path(__file__).parents[3]
SMALL = {
    "softmax-pg": {"max_updates": 60, "gradient": "sampled"},
    "sb3-softmax-pg": {"max_updates": 60},
    "ppo": {"max_updates": 5, "n_envs": 4, "n_steps": 4, "n_epochs": 2},
    "a2c": {"max_updates": 12, "n_envs": 4},
    "dqn": {"max_updates": 60, "learning_starts": 8, "buffer_size": 100},
    "trpo": {"max_updates": 4, "n_envs": 4, "n_steps": 4},
}


class Recording:
    """A tracker that remembers its rows."""

    def __init__(self):
        self.rows, self.codes = [], []

    def define(self):
        pass

    def log(self, row):
        self.rows.append(dict(row))

    def finish(self, summary, escapes=(), figure=None, exit_code=0):
        self.codes.append(exit_code)


@pytest.fixture(autouse=True)
def no_pictures(request, monkeypatch):
    """Pictures cost more than these runs; one test draws."""
    if "picture" not in request.node.name:
        monkeypatch.setattr(plots, "draw_run", lambda title, well, traces, path: path.touch())


def execute(tmp_path, agent, **options):
    """Run an agent; its outcome, and its trackers in the order they were opened."""
    trackers = []

    def factory(name, config):
        trackers.append(Recording())
        return trackers[-1]

    settings = {"agent": agent, "output": tmp_path, "num_seeds": 2} | SMALL[agent] | options
    return Run(make_config(**settings), factory).execute(), trackers


def tables(folder):
    return {name: repr(read_results(folder, name).to_pylist()) for name in ("trajectories",
                                                                            "escapes")}  # fmt: skip


def test_every_agent_of_the_table_is_tested_here():
    assert set(SMALL) == set(AGENT_OPTIONS)


@pytest.mark.parametrize("agent", list(SMALL)[1:])
@pytest.mark.parametrize("env_id", ["SoftmaxWell-v0", "ASRWell-v0"])
def test_it_logs_the_keys_and_events_of_the_tabular_agent(tmp_path, agent, env_id):
    start = {} if agent == "dqn" else {"optimal_prob": 0.05}
    outcome, trackers = execute(tmp_path, agent, env_id=env_id, **start)
    _, tabular = execute(tmp_path, "softmax-pg", env_id=env_id, optimal_prob=0.05, max_updates=1)
    usual = next(set(r) for r in tabular[0].rows if metrics.SUBOPTIMALITY in r)
    assert [len(t.codes) for t in trackers] == [1, 1]
    for tracker, trace in zip(trackers, outcome.traces, strict=True):
        states = [r for r in tracker.rows if metrics.SUBOPTIMALITY in r]
        assert all(set(r) == usual for r in states)
        updates = [r[metrics.UPDATE] for r in tracker.rows]
        assert updates == sorted(updates)
        assert all(metrics.GLOBAL_STEP in r for r in tracker.rows)
        extra = [r for r in tracker.rows if r.keys() - usual and "escape/kind" not in r]
        axes = {metrics.UPDATE, metrics.GLOBAL_STEP}
        assert all(k in axes or k.startswith(metrics.SB3_FAMILIES) for r in extra for k in r)
        assert {"time/total_timesteps", "train/n_updates"} <= {k for r in extra for k in r}
        assert trace.updates == SMALL[agent]["max_updates"]
    assert read_results(outcome.folder, "runs").column("seed").to_pylist() == [0, 1]
    assert read_results(outcome.folder, "runs").column("agent").to_pylist() == [agent] * 2


def test_the_picture_of_a_stock_run_is_not_blank(tmp_path):
    outcome, _ = execute(tmp_path, "a2c", optimal_prob=0.05)
    assert imread(outcome.figure).std() > 0.05


def test_the_twin_is_the_tabular_agents_run(tmp_path):
    """Exact gradient, whole pipeline: the same escapes table, the same trajectory to 1e-12."""
    options = {"optimal_prob": 0.02, "num_actions": 3, "max_updates": 400, "gradient": "exact"}
    ours, _ = execute(tmp_path, "sb3-softmax-pg", **options)
    numpy_run, _ = execute(tmp_path, "softmax-pg", **options)
    columns = (metrics.UPDATE, metrics.GLOBAL_STEP, metrics.OPTIMAL_PROB, metrics.SUBOPTIMALITY,
               metrics.EPISODIC_RETURN, metrics.ENTROPY, metrics.GRADIENT_NORM)  # fmt: skip
    for column in columns:
        mine, theirs = (
            read_results(o.folder, "trajectories").column(column).to_pylist()
            for o in (ours, numpy_run)
        )
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)
    mine, theirs = (
        [(e["escape/kind"], e["escape/update"]) for e in o.traces[0].events]
        for o in (ours, numpy_run)
    )
    assert mine == theirs != []
    assert ours.traces[0].escape_time == numpy_run.traces[0].escape_time


def test_agents_are_made_without_writing_anything(tmp_path):
    config = make_config(agent="ppo", output=tmp_path / "x", num_seeds=3, n_envs=2)
    agents = make_agents(config)
    assert [a.seeds for a in agents] == [(0,), (1,), (2,)]
    assert all(a.gradient == "sampled" and a.bounds.shape == (1, 1) for a in agents)
    assert not (tmp_path / "x").exists()


def test_every_agent_has_its_own_options_and_budget():
    config = parse_config(["--agent", "ppo", "--clip-range", "0.1", "--num-actions", "4"])
    assert (config.agent.clip_range, config.run.max_updates) == (0.1, 300)
    assert config.flat()["agent"] == "ppo"
    twin = make_config(agent="sb3-softmax-pg", update="entropy-pg", temperature=0.3)
    assert twin.agent.temperature == 0.3
    assert make_agents(twin)[0].model.rule.temperature == 0.3
    assert twin.agent.learning_rate == 0.4
    network = make_config(agent="sb3-softmax-pg", policy="mlp", num_seeds=1)
    assert make_agents(network)[0].model.learning_rate == network.agent.learning_rate == 0.003


def test_settings_are_written_and_read_back(tmp_path):
    outcome, _ = execute(tmp_path, "sb3-softmax-pg", mean_rewards=(1.0, 0.5), max_updates=2)
    config = parse_config(["--config", str(outcome.folder / "config.yaml")])
    assert config.run.num_seeds == 2
    alone = {"resume": None, "num_seeds": 1}  # a row tells of one run
    assert config.flat() | alone == outcome_flat(outcome)


def outcome_flat(outcome):
    return json.loads(read_results(outcome.folder, "runs").to_pylist()[0]["config"]) | {
        "mean_rewards": (1.0, 0.5)
    }


class Killed(BaseException):
    """Stands for the process's end."""


def interrupted(tmp_path, monkeypatch, agent, after, **options):
    """Run with a checkpoint after every update; stop at record number `after`. The folder."""
    left = [after]
    keep = Trace.keep

    def counting(self, record, run):
        keep(self, record, run)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Trace, "keep", counting)
        with pytest.raises(Killed):
            execute(tmp_path, agent, checkpoint_seconds=0.0, **options)
    return next(tmp_path.iterdir())


@pytest.mark.parametrize("agent", SMALL)
def test_a_resumed_run_is_the_run_that_was_never_stopped(tmp_path, monkeypatch, agent):
    options = {"env_id": "ASRWell-v0"} | ({} if agent == "dqn" else {"optimal_prob": 0.08})
    whole, whole_trackers = execute(tmp_path / "whole", agent, **options)
    count = len([r for r in whole_trackers[0].rows if metrics.SUBOPTIMALITY in r])
    batch = len(whole_trackers) if agent == "softmax-pg" else 1
    folder = interrupted(tmp_path / "stopped", monkeypatch, agent, (count - 2) * batch, **options)
    assert (folder / CHECKPOINT_FILE).exists()
    trackers = []

    def factory(name, config):
        trackers.append(Recording())
        return trackers[-1]

    config = parse_config(["--resume", str(folder), "--track", "disabled"])
    outcome = Run(config, factory).execute()
    assert outcome.folder == folder
    assert tables(folder) == tables(whole.folder)
    assert not (folder / CHECKPOINT_FILE).exists()
    kept = [
        [[r for r in t.rows if not any(k.startswith(metrics.SB3_FAMILIES) for k in r)]]
        for ts in (trackers, whole_trackers)
        for t in ts
    ]
    half = len(kept) // 2
    assert repr(kept[:half]) == repr(kept[half:])


def test_what_cannot_be_resumed_is_refused(tmp_path, monkeypatch, capsys):
    folder = interrupted(tmp_path, monkeypatch, "a2c", 4)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    refused = {
        ("--resume", str(tmp_path / "no")): "resume=.* has no config.yaml",
        ("--resume", str(folder), "--learning-rate", "0.1"): "learning_rate=0.1 .was 0.0007",
        ("--resume", str(folder), "--max-updates", "99"): "max_updates=99 .was 12",
        ("--resume", str(folder), "--num-seeds", "3"): "num_seeds=3 .was 2",
    }
    import re

    for words, message in refused.items():
        assert train.main(list(words)) == 2
        assert re.search(message, capsys.readouterr().err)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    (folder / CHECKPOINT_FILE).write_bytes(before[CHECKPOINT_FILE][:1000])
    assert train.main(["--resume", str(folder)]) == 2
    assert "the checkpoint is damaged" in capsys.readouterr().err
    old = {"settings": {}, "agents": [], "groups": []}
    (folder / CHECKPOINT_FILE).write_bytes(pickle.dumps(old))
    assert train.main(["--resume", str(folder)]) == 2
    assert "the checkpoint is of another version" in capsys.readouterr().err
    (folder / CHECKPOINT_FILE).unlink()
    assert train.main(["--resume", str(folder)]) == 2
    assert "stopped before its first checkpoint" in capsys.readouterr().err


def history(folder):
    """The rows of every W&B run of a folder, by seed."""
    found = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        config = next(r["run"]["config"] for r in records if r["type"] == "run")["update"]
        rows = [r["history"]["item"] for r in records if r["type"] == "history"]
        found[str(config["seed"])] = rows
    return found


@pytest.mark.slow
def test_a_killed_run_resumes_with_nothing_lost_or_doubled(tmp_path):
    """SIGKILL in the second of two seeds, then --resume: tables and W&B as never stopped."""
    line = "--agent a2c --env-id ASRWell-v0 --n-envs 4 --max-updates 800 --num-seeds 2"
    line += " --optimal-prob 0.05 --checkpoint-seconds 0.3 --output"
    command = [sys.executable, "train.py", *line.split()]
    process = subprocess.Popen([*command, str(tmp_path / "killed")], cwd=ROOT)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it was killed"
        found = list((tmp_path / "killed").glob(f"*/{CHECKPOINT_FILE}"))
        if found and len(pickle.loads(found[0].read_bytes())["groups"]) == 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = next((tmp_path / "killed").iterdir())
    assert not (folder / "runs.parquet").exists()
    resume = [sys.executable, "train.py", "--resume", str(folder)]
    assert subprocess.run(resume, cwd=ROOT).returncode == 0
    assert subprocess.run([*command, str(tmp_path / "whole")], cwd=ROOT).returncode == 0
    whole = next((tmp_path / "whole").iterdir())
    assert tables(folder) == tables(whole)
    for name in TABLES:
        assert (folder / f"{name}.parquet").exists()
    assert list(folder.glob("wandb-stopped-1/*"))
    mine, theirs = history(folder), history(whole)
    assert mine.keys() == theirs.keys()
    for seed in mine:
        for key in (metrics.SUBOPTIMALITY, "escape/kind"):
            columns = [
                [(r[metrics.UPDATE], r[metrics.GLOBAL_STEP], r[key]) for r in rows if key in r]
                for rows in (mine[seed], theirs[seed])
            ]
            assert columns[0] == columns[1] != []


def plateau_rows(trackers):
    """What the monitor logged, by update."""
    return {
        row[metrics.UPDATE]: {k: v for k, v in row.items() if k in metrics.PLATEAU_KEYS}
        for row in trackers[-1].rows
        if not row.keys().isdisjoint(metrics.PLATEAU_KEYS)
    }


def test_a_watched_run_is_the_run_unwatched_and_goes_on_watching_when_resumed(
    tmp_path, monkeypatch
):
    options = {"max_updates": 30, "optimal_prob": 0.08, "num_seeds": 1}
    plain, unwatched = execute(tmp_path / "plain", "ppo", **options)
    options["plateau_monitor"] = True
    whole, trackers = execute(tmp_path / "whole", "ppo", **options)
    for name in ("trajectories", "escapes"):  # the same but for the name of the run
        a, b = (read_results(run.folder, name).drop(["run_id"]) for run in (whole, plain))
        assert repr(a.to_pylist()) == repr(b.to_pylist())
    rows = plateau_rows(trackers)
    assert not plateau_rows(unwatched)
    assert set(rows[30]) == set(metrics.PLATEAU_KEYS)
    assert rows[30]["plateau/verdict"] in ("learning", "falling", "flat")
    assert rows[1]["plateau/verdict"] in ("early", "no_signal")  # perhaps one arm was pulled

    folder = interrupted(tmp_path / "stopped", monkeypatch, "ppo", 12, **options)
    resumed = []

    def factory(name, config):
        resumed.append(Recording())
        return resumed[-1]

    Run(parse_config(["--resume", str(folder), "--track", "disabled"]), factory).execute()
    later = plateau_rows(resumed)
    assert later and later == {update: rows[update] for update in later}
