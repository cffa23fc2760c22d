"""The tutorial: what it prints is what the page says, and the notebook is the page."""

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
PIECES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", PAGE, re.S)


def test_the_notebook_is_the_page():
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "tests/tools/notebook.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.NOTEBOOK.read_text() == tool.notebook(PAGE), "run python tests/tools/notebook.py"


@pytest.mark.slow
def test_the_pieces_print_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "tutorial"}
    assert len(PIECES) >= 8
    for code, wanted in PIECES:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "tutorial.md", "exec"), names)
        assert out.getvalue() == wanted, code
    (commands,) = re.findall(r"```bash\n(.*?)```", PAGE, re.S)
    for line in commands.splitlines():
        words = [sys.executable if word == "python" else word for word in line.split()]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "my_report.html").stat().st_size > 100_000
