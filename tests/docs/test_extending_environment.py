"""docs/extending.md, "An environment", is literally true: it is followed on a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "extending.md").read_text().partition("## An environment\n")[2]
SECTION = SECTION.partition("\n## ")[0]

USE = """
import gymnasium as gym, numpy as np
from gymnasium.utils.env_checker import check_env
import gw_envs
from agents import SoftmaxPG

print(gw_envs.__file__)
check_env(gym.make("RoomWell-v0", num_rooms=3).unwrapped, skip_render_check=True)
vector = gym.make_vec("RoomWell-v0", num_envs=3, horizon=4)
scalars = [gym.make("RoomWell-v0", horizon=4).unwrapped for _ in range(3)]
states, _ = vector.reset(seed=5)
assert states.tolist() == [s.reset(seed=5 + i)[0] for i, s in enumerate(scalars)]
for step in range(9):
    actions = np.array([0, 1, step % 3])
    states, rewards, _, cut, _ = vector.step(actions)
    for i, scalar in enumerate(scalars):
        state, reward, _, ended, _ = scalar.step(actions[i])
        state = scalar.reset()[0] if ended else state
        assert (states[i], rewards[i], cut[i]) == (state, reward, ended)
start = {"initial_policy": "corner", "optimal_prob": 0.05}
agent = SoftmaxPG("RoomWell-v0", {"num_rooms": 2, "reward_gap": 0.4}, **start)
agent.learn(500)
# Each room is a bandit at weight 1/2: the learning rate is halved.
bandit = SoftmaxPG(env_kwargs={"num_actions": 3, "reward_gap": 0.4}, learning_rate=0.2, **start)
bandit.learn(500)
assert agent.escape_time[0] == bandit.escape_time[0] > 0
"""


def blocks():
    return re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)


def commands():
    return re.findall(r"^    python (.*)$", SECTION, re.MULTILINE)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy in which the steps of the page have been taken; what they leave alone is linked."""
    folder = tmp_path_factory.mktemp("tree")
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gw_envs", folder / "gw_envs", ignore=caches)
    shutil.copy(ROOT / "train.py", folder)
    for name in ("agents", "experiments"):
        (folder / name).symlink_to(ROOT / name)
    source, line = blocks()
    (folder / "gw_envs" / "room_well.py").write_text(source)
    table = folder / "gw_envs" / "registration.py"
    opening, rest = re.split(r"(?<=\] = \{\n)", table.read_text(), maxsplit=1)
    table.write_text(opening + line + rest)
    return folder


def run(tree, *words):
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_made_scalar_and_in_rows_and_learnt_in(tree):
    assert run(tree, "-c", USE).startswith(str(tree / "gw_envs"))


def test_the_commands_of_the_page_run(tree):
    train, audit = commands()
    short = ["--max-updates", "300", "--num-seeds", "1", "--track", "disabled", "--reward-gap=0.4"]
    said = run(tree, *train.split(), *short, "--optimal-prob", "0.05", "--output", "runs")
    assert "escape" in said and "wrote runs" in said
    said = run(tree, *audit.split(), "--max-updates", "300", "--optimal-prob", "0.05")
    assert "State 0: " in said and "State 1: " in said


def test_the_options_and_their_help_are_the_constructor_s(tree):
    said = run(tree, "train.py", "--env-id", "RoomWell-v0", "--help")
    words = " ".join(said.replace("│", " ").split())
    assert "--num-rooms INT S >= 1. (default: 2)" in words
    assert "Delta of every room, in (0, 0.5]. (default: 0.2)" in words


def test_the_example_is_clean_code(tree):
    """By the rules of the house; the file is read where it would stand."""
    path = str(tree / "gw_envs" / "room_well.py")
    config = str(ROOT / "pyproject.toml")
    run(tree, "-m", "ruff", "check", "--config", config, "--no-cache", path)
    run(tree, "-m", "ruff", "format", "--check", "--config", config, "--no-cache", path)
