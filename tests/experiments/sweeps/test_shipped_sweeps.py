"""The sweeps that are shipped and documented are what they are said to be."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from experiments.options.config import parse_config
from experiments.runs.well import make_agents
from experiments.sweeps.scheduling import check_points
from experiments.sweeps.specification import make_sweep, read_sweep

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "experiments.md").read_text()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_escape_scaling_varies_what_it_says():
    scaling = read_sweep(ROOT / "sweeps" / "escape_scaling.yaml")
    check_points(scaling)
    number = sum(len(point.seeds) for point in scaling.points)
    assert number >= 2000
    varied = {axis for point in scaling.points for axis in point.axes}
    assert {"optimal_prob", "reward_gap", "num_actions", "sigma"} <= varied
    assert f"{number:,} runs" in (ROOT / "sweeps" / "escape_scaling.yaml").read_text()
    assert f"{number:,} runs" in PAGE
    exact = sum(len(p.seeds) for p in scaling.points if "sampled" not in p.tags)
    assert f"{exact:,} of them" in " ".join(PAGE.split())


def test_every_trial_of_the_wandb_sweep_is_one_run_of_train():
    path = ROOT / "sweeps" / "wandb_reinforce.yaml"
    sweep = yaml.safe_load(path.read_text())
    assert (ROOT / sweep["program"]).exists()
    axes = {name: spec["values"] for name, spec in sweep["parameters"].items()}
    command = sweep["command"]
    assert command[:3] == ["${env}", "${interpreter}", "${program}"]
    assert command[-1] == "${args}"
    trials = list(itertools.product(*axes.values()))
    assert len(trials) == 60
    for values in trials:
        # ${args} stands for --name=value of each parameter.
        words = [f"--{name}={value}" for name, value in zip(axes, values, strict=True)]
        config = parse_config(command[3:-1] + words)
        assert {name: config.flat()[name] for name in axes} == dict(zip(axes, values, strict=True))
        assert config.run.track == "online"
    agents = make_agents(config)
    (agent,) = agents.values() if isinstance(agents, dict) else agents
    assert len(agent.seeds) == 1


def test_the_python_sweep_of_the_page_is_one():
    names = {}
    exec(blocks("python")[0], names)
    assert len(make_sweep({"name": "page"} | names["SWEEP"]).points) == 10


@pytest.mark.slow
def test_the_page_prints_what_it_says(tmp_path):
    (tmp_path / "baselines.yaml").write_text(blocks("yaml")[0])
    (tmp_path / "look.py").write_text(blocks("python")[1])
    for command in (["-m", "experiments", "sweep", "baselines.yaml"], ["look.py"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert f"\n```\n{done.stdout}```\n" in PAGE
