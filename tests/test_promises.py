"""The check of promised sizes sees every kind of broken promise, and none where there is none."""

import re
import shutil
from textwrap import indent

import pytest

from tests.tools.promises import PACKAGES, broken_promises

PAGE = '"""Doc.\n\n## Action Space\n\n' + "More.\n" * 100 + '"""\n'


def lines(count):
    return "x = 1\n" * count


def function(count):
    """A function of `count` lines and a docstring."""
    return 'def long():\n    """Doc.\n\n    More.\n    """\n' + "    x = 1\n" * (count - 1)


def method(count):
    return "class A:\n" + indent(function(count), "    ")


def environment(count):
    """A class with a page of a hundred lines, and `count` other lines."""
    return "class Env:\n" + indent(PAGE, "    ") + lines(count - 1)


AT_THE_LIMIT = {
    "file": ("agents/one.py", lines(400)),
    "function": ("experiments/wing/one.py", function(60)),
    "method": ("gw_envs/one.py", method(60)),
    "test": ("tests/deep/test_one.py", function(60)),
    "door": ("train.py", function(60)),
    "environment": ("gw_envs/env.py", environment(250)),
}
BEYOND = {
    "file": ("agents/one.py", lines(401), r"agents/one\.py: 401 lines, at most 400"),
    "function": ("experiments/wing/one.py", function(61), r"one\.py:1: long has 61 lines"),
    "method": ("gw_envs/one.py", method(61), r"gw_envs/one\.py:2: long has 61 lines"),
    "coroutine": ("agents/one.py", "async " + function(61), "long has 61 lines"),
    "test": ("tests/deep/test_one.py", function(61), "long has 61 lines"),
    "door": ("train.py", function(61), r"train\.py:1: long has 61 lines"),
    "environment": ("gw_envs/env.py", environment(251), r"env\.py: 251 lines without docstrings"),
}


@pytest.fixture
def tree(tmp_path):
    """Three packages with nothing in them."""
    for package in PACKAGES:
        write(tmp_path, f"{package}/__init__.py", "")
    return tmp_path


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_an_empty_house_breaks_no_promise_and_no_house_does(tree, tmp_path):
    assert broken_promises(tree) == []
    shutil.rmtree(tree / "agents")
    assert broken_promises(tree) == ["agents is missing."]


@pytest.mark.parametrize("case", AT_THE_LIMIT)
def test_what_is_at_the_limit_passes(case, tree):
    path, text = AT_THE_LIMIT[case]
    write(tree, path, text)
    assert broken_promises(tree) == []


@pytest.mark.parametrize("case", BEYOND)
def test_one_line_more_is_named(case, tree):
    path, text, message = BEYOND[case]
    write(tree, path, text)
    (fault,) = broken_promises(tree)
    assert re.search(message, fault), fault


@pytest.mark.parametrize("folder", ["experiments", "agents/wing/cellar"])
def test_a_nineteenth_room_is_named(folder, tree):
    for number in range(17):
        write(tree, f"{folder}/room_{number}.py", "")
    write(tree, f"{folder}/data/table.parquet", "")  # no room
    write(tree, f"{folder}/__init__.py", "")
    write(tree, f"{folder}/wing/__init__.py", "")
    assert broken_promises(tree) == []
    write(tree, f"{folder}/attic/__init__.py", "")
    assert broken_promises(tree) == [f"{folder}: 19 rooms, at most 18."]
