"""docs/architecture.md against the tree: wings, sizes, and names that would shadow others."""

import ast
import re
from pathlib import Path

import pytest

from tests.tools import promises

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def named_folders(page):
    """Folders in the page's drawing of the tree, as paths; a wing is indented by two."""
    tree = page.split("```\n")[1]
    above, folders = [], []
    for indent, names in re.findall(r"^( *)((?:\w+/ +)+)", tree, re.M):
        above = above[: len(indent) // 2]
        folders += ["/".join([*above, name]) for name in names.replace("/", "").split()]
        above = [*above, names.split("/")[0]]
    return folders


def packages(root):
    return [
        path.parent.relative_to(root).as_posix()
        for floor in promises.PACKAGES
        for path in (root / floor).rglob("__init__.py")
    ]


def test_the_page_draws_every_wing_and_no_other_once():
    drawn = named_folders(PAGE)
    assert "agents/simulation/kernels" in drawn and "examples" in drawn
    inside = [folder for folder in drawn if folder.split("/")[0] in promises.PACKAGES]
    assert sorted(inside) == sorted(packages(ROOT))
    assert all((ROOT / folder).is_dir() for folder in drawn)


def test_files_that_the_page_names_are_there():
    named = re.findall(r"\b(?:experiments|agents|gw_envs|tests)/[\w/]+\.py\b", PAGE)
    assert "experiments/files.py" in named
    assert all((ROOT / name).exists() for name in named)


def test_the_page_promises_what_lint_checks():
    text = " ".join(PAGE.split())
    assert f"No file above {promises.FILE_LINES} lines, no function above" in text
    assert f"no function above {promises.FUNCTION_LINES}, its docstring apart" in text
    assert f"no folder of a package above {promises.ROOMS} rooms" in text
    assert f"its file has at most {promises.ENVIRONMENT_LINES} lines" in text
    assert "python tests/tools/promises.py" in (ROOT / "Makefile").read_text()


def handed_on(source):
    """Names that an `__init__.py` offers: imported there, or found when first used."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {name.asname or name.name for name in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy_names":
            names |= set(ast.literal_eval(node.args[1]))
    return names


def test_names_are_seen_however_they_are_handed_on():
    source = """
from package.one import first, second as other
__getattr__, __dir__ = lazy_names(__name__, {"third": "two"})
"""
    assert handed_on(source) == {"first", "other", "third"}


@pytest.mark.parametrize("package", packages(ROOT))
def test_no_module_carries_the_name_of_what_its_package_hands_on(package):
    modules = {path.stem for path in promises.rooms(ROOT / package)}
    assert not handed_on((ROOT / package / "__init__.py").read_text()) & modules
