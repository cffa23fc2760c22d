"""`make test-lowest`: constraints that pin every declared dependency at its lower bound.

PyTorch stays at the pin of constraints.txt: its older builds are gigabytes that bring nothing to
what is asked here. What dependencies need of their own is left to pip.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
TOOLS = ("ruff", "mypy", "import-linter", "pytest")  # a newer one is as good


def lowest() -> list[str]:
    """Lines for pip's `--constraint`: a package at its bound each, and torch as it is pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.M)
    for words in (project["dependencies"], *extras.values()):
        for requirement in map(Requirement, words):
            bound = [spec.version for spec in requirement.specifier if spec.operator == ">="]
            if bound and requirement.name not in ("torch", *TOOLS):
                lines.append(f"{requirement.name}=={bound[0]}")
    return sorted(set(lines))


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest()) + "\n")
