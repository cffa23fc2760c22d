"""The distribution: what a wheel brings, and what is said where another has taken our names."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import gw_envs
from experiments.__main__ import COMMANDS, main
from experiments.options import shipped

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def run(*words, cwd, **env):
    """A command in a process of its own, without the checkout on its path."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | env
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)


def test_every_pin_satisfies_the_bounds_and_every_dependency_is_pinned():
    from packaging.requirements import Requirement

    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    pins = {re.sub("[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    project = PROJECT["project"]
    wanted = (project["dependencies"], *project["optional-dependencies"].values())
    for requirement in map(Requirement, chain.from_iterable(wanted)):
        if requirement.name != "gravity-wells":
            assert pins[requirement.name.lower()] in requirement.specifier, requirement


def test_the_version_is_said_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert f"version: {gw_envs.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_shipped_files_are_copied_and_nothing_is_written_over(tmp_path, capsys):
    assert main(["files", "--output", str(tmp_path)]) == 0
    for name in shipped.FOLDERS:
        wanted = {file.name for file in (ROOT / name).iterdir() if file.name != "__pycache__"}
        assert {file.name for file in (tmp_path / name).iterdir()} == wanted
    (tmp_path / "sweeps" / "mine.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["files", "--output", str(tmp_path)]) == 2
    assert "'" + str(tmp_path / "configs") + "' already" in capsys.readouterr().err
    assert (tmp_path / "sweeps" / "mine.yaml").read_text() == "mine"


@pytest.mark.parametrize("content", ['"""Agents of another distribution."""\n', None])
def test_a_package_agents_of_another_distribution_is_named(content, tmp_path):
    (tmp_path / "agents").mkdir()
    if content is not None:
        (tmp_path / "agents" / "__init__.py").write_text(content)
    for package in ("experiments", "gw_envs"):
        (tmp_path / package).symlink_to(ROOT / package)
    done = run(sys.executable, "-S", "-c", "import experiments", cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: the package 'agents' is not that of gravity-wells")
    assert "openai-agents" in last and "an environment of its own" in last


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        ("report nowhere", "jinja2", "report"),
        ("plots simplex", "mpltern", "report"),
        ("claims attraction", "mpltern", "report"),
        ("dashboard --entity me --project wells --dry-run", "wandb_workspaces", "dashboards"),
        ("sb3 --agents trpo", "sb3_contrib", "contrib"),
    ],
)
def test_a_missing_extra_is_one_sentence_before_the_work(
    words, package, extra, tmp_path, monkeypatch, capsys
):
    from gw_envs import checks

    monkeypatch.setattr(checks, "find_spec", lambda name: None if name == package else name)
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"gravity-wells[{extra}]" in error and package in error
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def wheel_env(tmp_path_factory):
    """An environment, under a path with spaces, with our wheel and this one's dependencies."""
    folder = tmp_path_factory.mktemp("a path with spaces")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    done = run(*build, cwd=folder)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("gravity_wells-*.whl")
    done = run(sys.executable, "-m", "venv", "env", cwd=folder)
    assert done.returncode == 0, done.stderr
    python = folder / "env" / "bin" / "python"
    done = run(str(python), "-m", "pip", "install", "-q", "--no-deps", str(wheel), cwd=folder)
    assert done.returncode == 0, done.stderr
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.mark.slow
def test_the_wheel_explains_trains_and_reports(wheel_env):
    command = str(wheel_env / "env" / "bin" / "gravity-wells")
    for name in COMMANDS:
        done = run(command, name, "--help", cwd=wheel_env, MPLBACKEND="agg")
        assert done.returncode == 0 and "usage" in done.stdout.lower(), (name, done.stderr)
    where = run(
        str(wheel_env / "env" / "bin" / "python"),
        "-c",
        "import experiments; print(experiments.__file__)",
        cwd=wheel_env,
    )
    assert where.stdout.startswith(str(wheel_env)), where.stdout + where.stderr
    train = "train --max-updates 600 --optimal-prob .02 --track disabled"
    for words in ("files", train, "report RUN -o report.html"):
        found = [str(folder) for folder in (wheel_env / "runs").glob("*")]
        done = run(
            command, *(found[0] if word == "RUN" else word for word in words.split()), cwd=wheel_env
        )
        assert done.returncode == 0, done.stderr
    assert (wheel_env / "sweeps" / "escape_scaling.yaml").exists()
    assert (wheel_env / "report.html").stat().st_size > 100_000
