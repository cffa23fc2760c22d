"""No tracker holds a run up or takes it down; TensorBoard has what the tables have."""

import importlib.util
import os
import subprocess
import sys
import time

import pytest

from agents import metrics
from experiments.options.config import make_config
from experiments.results import read_results
from experiments.runs import make_run, wandb_tracker
from experiments.runs.tracker import Guarded, Tracker
from experiments.runs.wandb_tracker import run_ids, server_fault

KEY = "0" * 40  # the form of a key, for nobody's account
RUN = {"gradient": "sampled", "num_actions": 3, "optimal_prob": 0.05, "max_updates": 300}


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """A user whom W&B does not know."""
    for name in ("WANDB_API_KEY", "WANDB_RUN_ID", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))


def config(tmp_path, **options):
    return make_config(**(RUN | {"output": str(tmp_path / "runs"), "num_seeds": 1} | options))


@pytest.mark.parametrize(
    ("name", "value", "options", "message"),
    [
        ("WANDB_API_KEY", "short", {"track": "online"}, "WANDB_API_KEY has 5 characters"),
        ("WANDB_API_KEY", "", {"track": "online"}, "needs a Weights & Biases key"),
        ("WANDB_API_KEY", "   ", {"track": "online"}, "WANDB_API_KEY is refused by W&B"),
        ("WANDB_PROJECT", "a/b", {}, "WANDB_PROJECT='a/b' is refused by W&B"),
        ("WANDB_MODE", "nonsense", {}, "WANDB_MODE='nonsense' is refused by W&B"),
        ("WANDB_SILENT", "true", {"wandb_project": "a/b"}, "wandb_project='a/b' is refused"),
    ],
)
def test_what_the_user_mistyped_is_refused(name, value, options, message, tmp_path, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message) as refused:
        make_run(config(tmp_path, **options))
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_tensorboard_that_is_missing_is_said(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "gw_envs.checks.find_spec", lambda name: None if name == "tensorboard" else find(name)
    )
    with pytest.raises(ValueError, match=r"track='tensorboard' needs .*\[tensorboard\]"):
        make_run(config(tmp_path, track="tensorboard"))
    assert not (tmp_path / "runs").exists()


def test_a_server_that_is_not_there_is_found_out_soon(monkeypatch):
    monkeypatch.setattr(wandb_tracker, "_base_url", lambda: "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert "http://127.0.0.1:9 cannot be used" in server_fault()


def test_a_server_that_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(wandb_tracker, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(wandb_tracker, "_base_url", lambda: "http://nowhere")
    monkeypatch.setattr(wandb_tracker, "_ask", lambda url, key: time.sleep(5))
    assert server_fault() == "http://nowhere does not answer within 0.05 s"


def test_several_runs_have_an_id_each(capsys):
    assert run_ids("abc", ["a-sampled-4"]) == {"a-sampled-4": "abc"}
    assert capsys.readouterr().err == ""
    ids = run_ids("abc", ["a-b-exact-0", "a-b-sampled-0", "a-b-sampled-1"])
    assert list(ids.values()) == ["abc-exact-0", "abc-sampled-0", "abc-sampled-1"]
    assert capsys.readouterr().err.count("\n") == 1
    assert run_ids(None, ["a-sampled-0"]) == {}


def test_a_tracker_that_fails_is_told_no_more(capsys):
    class Broken(Tracker):
        calls = 0

        def log(self, row):
            self.calls += 1
            raise BrokenPipeError("gone\nand a second line")

    broken = Broken()
    guarded = Guarded("run-0", lambda: broken)
    guarded.define()
    for update in range(3):
        guarded.log({"update": update})
    guarded.finish({})
    assert broken.calls == 1
    assert capsys.readouterr().err == (
        "tracking: run-0 is tracked no further (gone); training goes on, its tables too.\n"
    )


@pytest.mark.slow
def test_tensorboard_has_what_the_tables_have(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = make_run(config(tmp_path, track="tensorboard", num_seeds=2), show_progress=False)
    folder = run.execute().folder
    runs = {row["seed"]: row for row in read_results(folder, "runs").to_pylist()}
    found = sorted((folder / "tensorboard").iterdir())
    assert [path.name.rsplit("-", 2)[1:] for path in found] == [["sampled", "0"], ["sampled", "1"]]
    for seed, path in enumerate(found):
        events = EventAccumulator(str(path), {"scalars": 0}).Reload()
        own = runs[seed]["run_id"]
        tables = {
            name: [row for row in read_results(folder, name).to_pylist() if row["run_id"] == own]
            for name in ("trajectories", "escapes")
        }
        for key in (metrics.SUBOPTIMALITY, metrics.ENTROPY, metrics.GRADIENT_NORM):
            rows = [(row[metrics.UPDATE], row[key]) for row in tables["trajectories"]]
            scalars = [(e.step, e.value) for e in events.Scalars(key)]
            assert [step for step, _ in scalars] == [update for update, _ in rows]
            assert [v for _, v in scalars] == pytest.approx([v for _, v in rows], rel=1e-6)
        dwell = [(row[metrics.EVENT_UPDATE], row[metrics.DWELL]) for row in tables["escapes"]]
        assert len(dwell) >= 1
        assert [(e.step, e.value) for e in events.Scalars(metrics.DWELL)] == dwell
        assert metrics.FIGURE in events.Tags()["images"]
        assert "events/text_summary" in events.Tags()["tensors"]


@pytest.mark.slow
def test_without_a_server_a_run_is_offline_and_finished(tmp_path):
    own = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": KEY, "WANDB_RUN_ID": "abc"}
    words = ["--gradient=sampled", "--num_seeds=2", "--max_updates=50", "--track=online"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.runs.command", *words, "--output", str(tmp_path / "r")],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("This run is tracked offline; `wandb sync") == 1
    made = sorted(path.name.split("-", 3)[-1] for path in tmp_path.glob("r/*/wandb/offline-run-*"))
    assert made == ["abc-sampled-0", "abc-sampled-1"]


SERVICE_DIES = """
import os, signal, sys
from pathlib import Path
from experiments.runs.tracker import Guarded
from experiments.runs.wandb_tracker import WandbTracker

folder = Path(sys.argv[1])
rest = {"project": "p", "group": "g", "config": {}}
tracker = Guarded("a run", lambda: WandbTracker("offline", folder, name="a", **rest))
tracker.log({"update": 0})
mine = [
    entry.parent for entry in Path("/proc").glob("[0-9]*/stat")
    if entry.read_text().rsplit(")", 1)[1].split()[1] == str(os.getpid())
    and b"wandb-core" in (entry.parent / "cmdline").read_bytes()
]
os.kill(int(mine[0].name), signal.SIGKILL)
for update in range(1, 100_000):
    tracker.log({"update": update})
tracker.finish({})
print("trained")
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc"), reason="finds W&B's service under /proc")
def test_a_service_that_dies_in_mid_run_costs_its_files_only(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SERVICE_DIES, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "trained"
    assert "a run is tracked no further" in done.stderr
    assert "Traceback" not in done.stderr
