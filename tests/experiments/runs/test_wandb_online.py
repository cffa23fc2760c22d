"""Online runs, `wandb sync` and the dashboard against a server on the loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents import metrics
from experiments import dashboard
from experiments.results import read_results
from tests.tools.wandb_server import WandbServer

ROOT = Path(__file__).parents[3]
RUN = ["--gradient", "exact", "--optimal-prob", "0.05", "--num-actions", "3"]
pytestmark = pytest.mark.slow


@pytest.fixture
def server():
    with WandbServer() as server:
        yield server


def call(server, tmp_path, *words):
    own = {"WANDB_CONFIG_DIR": str(tmp_path / "config"), "WANDB_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | own | server.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_delivery(server, folder):
    """The server has the rows, the summary and the configuration of the folder's one run."""
    (run,) = read_results(folder, "runs").to_pylist()
    trajectory = read_results(folder, "trajectories").to_pylist()
    escapes = read_results(folder, "escapes").to_pylist()
    ((run_id, rows),) = server.rows.items()
    logged = [row for row in rows if metrics.SUBOPTIMALITY in row]
    for key in (metrics.UPDATE, metrics.SUBOPTIMALITY, metrics.OPTIMAL_PROB):
        assert [row[key] for row in logged] == [row[key] for row in trajectory]
    events = [row for row in rows if metrics.ESCAPE_COLUMNS[0] in row]
    assert [[row[c] for c in metrics.ESCAPE_COLUMNS] for row in events] == [
        [row[c] for c in metrics.ESCAPE_COLUMNS] for row in escapes
    ]
    assert len(events) >= 1
    assert server.summaries[run_id][metrics.ESCAPE_TIME] == run[metrics.ESCAPE_TIME]
    assert metrics.FIGURE in server.summaries[run_id]
    config = {key: entry["value"] for key, entry in server.configs[run_id].items() if key[0] != "_"}
    assert config["env_id"] == "SoftmaxWell-v0"
    assert config["optimal_prob"] == 0.05
    assert run_id in server.finished


def test_an_online_run_delivers_its_rows(server, tmp_path):
    call(server, tmp_path, "train.py", *RUN, "--max-updates", "400", "--track", "online",
         "--output", str(tmp_path / "runs"))  # fmt: skip
    check_delivery(server, next((tmp_path / "runs").iterdir()))


def test_wandb_sync_delivers_an_offline_run(server, tmp_path):
    call(server, tmp_path, "train.py", *RUN, "--max-updates", "400",
         "--output", str(tmp_path / "runs"))  # fmt: skip
    assert server.operations == []
    folder = next((tmp_path / "runs").iterdir())
    offline = next((folder / "wandb").glob("offline-run-*"))
    call(server, tmp_path, "-m", "wandb", "sync", str(offline))
    check_delivery(server, folder)


def test_the_dashboard_is_saved(server, tmp_path):
    out = call(server, tmp_path, "-m", "experiments", "dashboard",
               "--entity", "somebody", "--project", "wells")  # fmt: skip
    assert out.startswith("saved http://127.0.0.1")
    (view,) = server.views
    section = json.loads(view["spec"])["section"]
    names = [part["name"] for part in section["panelBankConfig"]["sections"]]
    assert names == list(dashboard.PANELS)
