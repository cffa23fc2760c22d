"""`python -m experiments`: whose mistake an error is, and what it looks like."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.__main__ import COMMANDS, main

ROOT = Path(__file__).parents[2]
CLAIM = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from experiments.claims.claim import Claim
from gw_envs.checks import BadInput


@dataclass(frozen=True)
class Broken(Claim[int]):
    """A claim of a user."""

    name: ClassVar[str] = "broken"
    title: ClassVar[str] = "Broken"
    quotes: ClassVar = ()

    def run(self):
        {fault}

    def judge(self, evidence):
        return []

    def draw(self, evidence, figure):
        pass
'''
DRIVER = """
import sys
from experiments.__main__ import main
from experiments.claims import CLAIMS
CLAIMS["broken"] = "my_broken_claim:Broken"
sys.exit(main(["claims", "broken", "--output", "out"]))
"""


def run_claim(folder, fault):
    """The command on a claim whose run has this fault, in a process of its own."""
    (folder / "my_broken_claim.py").write_text(CLAIM.format(fault=fault))
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    run = [sys.executable, "-c", DRIVER]
    return subprocess.run(run, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        ("raise ValueError('my own slip')", "ValueError: my own slip"),
        ("np.zeros(3) + np.zeros(4)", "ValueError: operands could not be broadcast"),
        ("np.array([1, [2, 3]])", "ValueError: setting an array element"),
        ("int('many')", "ValueError: invalid literal"),
    ],
)
def test_a_fault_of_the_program_keeps_its_traceback(fault, last, tmp_path):
    done = run_claim(tmp_path, fault)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "my_broken_claim.py" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(last)
    assert "error: " not in done.stderr
    assert not (tmp_path / "out").exists()


def test_bad_input_is_one_sentence(tmp_path):
    done = run_claim(tmp_path, "raise BadInput('depth=-1 must be at least 0.')")
    assert (done.returncode, done.stderr) == (2, "error: depth=-1 must be at least 0.\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_there(command):
    module, text = COMMANDS[command]
    assert callable(importlib.import_module(module).main) and text


def test_without_a_command_all_are_listed(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in COMMANDS)


def test_an_unknown_command_is_named(capsys):
    assert main(["clams"]) == 2
    assert "command='clams' is unknown" in capsys.readouterr().err


OUTPUTS = {
    "plots": (["simplex", "--output"], "output"),
    "report": (["nowhere", "--output"], "output"),
    "asr-drift": (["--figure"], "figure"),
    "diagnose": (["m.zip", "--env-id", "CartPole-v1", "--figure"], "figure"),
}


@pytest.mark.parametrize("command", OUTPUTS)
@pytest.mark.parametrize("place", ["folder", "below a file"])
def test_a_file_that_cannot_be_written_is_named_before_the_work(command, place, tmp_path, capsys):
    words, option = OUTPUTS[command]
    (tmp_path / "file").write_text("")
    path = tmp_path if place == "folder" else tmp_path / "file" / "x.png"
    assert main([command, *words, str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {option}={str(path)!r} ")
    assert error.endswith("name a file.\n" if place == "folder" else "you may write to.\n")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("command", ["sb3", "compare", "claims", "asr-protocol"])
def test_a_folder_that_cannot_be_written_is_named_before_the_work(command, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "deeper"
    assert main([command, "--output", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: output={str(path)!r} cannot be written (Not a directory)")
