"""examples/tutorial.ipynb, made of docs/tutorial.md: `python tests/tools/notebook.py`."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
NOTEBOOK = ROOT / "examples" / "tutorial.ipynb"
PIECE = re.compile(r"```(python|text|bash)\n(.*?)```\n", re.S)


def cells(page: str) -> list[dict]:
    """Prose, code and commands of the page in their order; what code prints is left to it."""
    parts = PIECE.split(page)
    found = [("markdown", parts[0])]
    for kind, body, prose in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if kind == "python":
            found.append(("code", body))
        elif kind == "bash":
            found.append(("code", re.sub(r"^", "!", body.rstrip("\n"), flags=re.M)))
        found.append(("markdown", re.sub(r"\]\((\w+\.md)", r"](../docs/\1", prose)))
    return [cell(kind, body.strip("\n")) for kind, body in found if body.strip()]


def cell(kind: str, body: str) -> dict:
    """A cell of nbformat 4."""
    made = {"cell_type": kind, "metadata": {}, "source": body.splitlines(keepends=True)}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def notebook(page: str) -> str:
    """The file's text."""
    made = [one | {"id": f"cell-{number}"} for number, one in enumerate(cells(page))]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1) + "\n"


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(PAGE.read_text()))
