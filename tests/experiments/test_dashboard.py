"""Every key that a panel names is logged by a real run; the workspace is what W&B takes."""

import json
import subprocess
import sys

import pytest

from agents import metrics
from experiments import dashboard
from experiments.__main__ import main
from experiments.options.config import make_config
from experiments.runs.well import Run


def inspect(folder):
    """Logged keys, summary keys and configuration of the first offline run of a folder."""
    run_file = next(folder.glob("wandb/offline-run-*/*.wandb"))
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    history, summary, config = set(), set(), {}
    for record in map(json.loads, done.stdout.splitlines()):
        if record["type"] == "history":
            history |= {key.split(".")[0] for key in record["history"]["item"]}
        elif record["type"] == "summary":
            summary |= set(record["summary"]["update"])
        elif record["type"] == "run":
            config |= record["run"]["config"]["update"]
    return history, summary, config


@pytest.fixture(scope="module")
def tabular(tmp_path_factory):
    config = make_config(
        gradient="exact",
        optimal_prob=0.05,
        num_actions=3,
        max_updates=200,
        output=tmp_path_factory.mktemp("tabular"),
    )
    return inspect(Run(config).execute().folder)


def test_every_key_of_a_panel_is_logged_by_a_real_run(tabular):
    history, summary, config = tabular
    ours = {key for key in dashboard.history_keys() if not key.startswith(metrics.SB3_FAMILIES)}
    assert len(ours) > 10
    assert ours <= history
    assert dashboard.summary_keys() <= summary
    assert dashboard.option_names() <= set(config)


def test_every_key_of_a_panel_about_sb3_is_logged_by_ppo(tmp_path):
    options = {"n_envs": 4, "plateau_monitor": True}
    config = make_config(agent="ppo", max_updates=25, num_seeds=1, output=tmp_path, **options)
    history, _, _ = inspect(Run(config).execute().folder)
    theirs = {key for key in dashboard.history_keys() if key.startswith(metrics.SB3_FAMILIES)}
    assert len(theirs) > 10
    assert theirs <= history


def test_a_key_that_is_not_logged_would_be_found(tabular):
    history, _, _ = tabular
    assert not {"policy/sub_optimality"} <= history


def test_keys_come_from_the_module_of_keys():
    known = set()
    for value in vars(metrics).values():
        known |= {value} if isinstance(value, str) else set()
        known |= set(value) if isinstance(value, tuple) else set()
    assert dashboard.history_keys() | dashboard.summary_keys() <= known


# wandb-workspaces itself is written for pydantic 1.
@pytest.mark.filterwarnings("ignore:Pydantic V1:DeprecationWarning")
def test_the_workspace_has_the_panels(capsys):
    words = ["dashboard", "--entity", "me", "--project", "wells", "--dry-run"]
    assert main(words) == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["entity"], view["project"]) == ("me", "wells")
    sections = view["spec"]["section"]["panelBankConfig"]["sections"]
    assert [s["name"] for s in sections] == list(dashboard.PANELS)
    for section, panels in zip(sections, dashboard.PANELS.values(), strict=True):
        assert len(section["panels"]) == len(panels)
        for spec, panel in zip(section["panels"], panels, strict=True):
            config = spec["config"]
            if isinstance(panel, dashboard.History):
                assert config["metrics"] == list(panel.keys)
                assert config["xAxis"] == panel.axis
                assert (config["xLogScale"], config["yLogScale"]) == (panel.log_x, panel.log_y)
            elif isinstance(panel, dashboard.Scatter):
                x = f"config:{panel.x}.value" if panel.x_is_option else f"summary:{panel.x}"
                assert (config["xAxis"], config["yAxis"]) == (x, f"summary:{panel.y}")
            elif isinstance(panel, dashboard.Parallel):
                assert len(config["columns"]) == len(panel.options) + 1
            else:
                assert config["mediaKeys"] == [panel.key]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--entity", "a/b", "--project", "wells", "--dry-run"], "entity='a/b'"),
        (["--entity", "me", "--project", "", "--dry-run"], "project=''"),
        (["--entity", "me", "--project", "wells"], "WANDB_API_KEY"),
    ],
)
def test_bad_input_is_refused(words, sentence, capsys, monkeypatch):
    monkeypatch.setattr(dashboard, "has_key", lambda: False)
    assert main(["dashboard", *words]) == 2
    assert sentence in capsys.readouterr().err
