"""docs/extending.md, "A claim", followed to the letter on a copy of the tree."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def section():
    page = (ROOT / "docs" / "extending.md").read_text()
    return page.split("\n## A claim\n")[1].split("\n## ")[0]


@pytest.fixture
def tree(section, tmp_path):
    """The house with the page's claim in it: its file written, its line added to the table."""
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    for floor in ("agents", "gw_envs"):
        (tmp_path / floor).symlink_to(ROOT / floor)
    module, line = re.findall(r"```python\n(.*?)```", section, re.S)
    (file,) = re.findall(r"Write `(.+?)`:", section)
    (table,) = re.findall(r"to `CLAIMS` in `(.+?)`", section)
    (tmp_path / file).write_text(module)
    source = (tmp_path / table).read_text()
    assert source.count("CLAIMS = {\n") == 1
    (tmp_path / table).write_text(source.replace("CLAIMS = {\n", f"CLAIMS = {{\n{line}"))
    return tmp_path


def test_the_claim_of_the_page_gives_its_verdict(section, tree):
    (command,) = re.findall(r"^    python (-m experiments claims doubling .*)$", section, re.M)
    run = [sys.executable, *shlex.split(command)]
    done = subprocess.run(run, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    verdict = re.search(r"^  (\w+) +Ten times deeper .* (\S+)  exact$", done.stdout, re.M)
    assert verdict is not None, done.stdout
    assert verdict[1] == "holds" and float(verdict[2]) == pytest.approx(10, rel=0.01)
    page = (tree / "runs" / "claims" / "claims.md").read_text()
    assert "| 1.1 | **holds** | Ten times deeper takes ten times longer. |" in page
    assert "optimal_prob=1e-05" in page
