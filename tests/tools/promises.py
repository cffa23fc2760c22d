"""What docs/architecture.md promises about sizes: run by `make lint`.

No file above 400 lines, no function above 60 (from `def` to its end, without its docstring), no
folder of a package above 18 rooms (modules and sub-packages, without `__init__.py`), and no file of
an environment above 250 lines without its docstrings.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES, FUNCTION_LINES, ROOMS, ENVIRONMENT_LINES = 400, 60, 18, 250
PACKAGES = ("gw_envs", "agents", "experiments")
CHECKED = (*PACKAGES, "tests", "benchmarks", "examples")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def broken_promises(root: Path) -> list[str]:
    """A sentence per broken promise of the tree at `root`; it must hold the three packages."""
    missing = [f"{name} is missing." for name in PACKAGES if not (root / name).is_dir()]
    files = [path for name in CHECKED for path in sorted((root / name).rglob("*.py"))]
    found = [
        f"{path.relative_to(root)}{fault}"
        for path in (*files, *root.glob("*.py"))
        for fault in file_faults(path.read_text(encoding="utf-8"))
    ]
    folders = [path for name in PACKAGES for path in (root / name, *(root / name).rglob("*"))]
    crowded = [
        f"{folder.relative_to(root)}: {len(inside)} rooms, at most {ROOMS}."
        for folder in folders
        if folder.is_dir() and len(inside := rooms(folder)) > ROOMS
    ]
    return missing + found + crowded


def file_faults(source: str) -> Iterator[str]:
    """What is too long in the text of one Python file, each as the end of a sentence."""
    lines, tree = len(source.splitlines()), ast.parse(source)
    if lines > FILE_LINES:
        yield f": {lines} lines, at most {FILE_LINES}."
    for node in ast.walk(tree):
        if isinstance(node, Function) and (length := code_lines(node)) > FUNCTION_LINES:
            yield f":{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}."
    documented = [node.body[0] for node in ast.walk(tree) if has_docstring(node)]
    if is_environment(tree) and (code := lines - sum(map(span, documented))) > ENVIRONMENT_LINES:
        yield f": {code} lines without docstrings, an environment has {ENVIRONMENT_LINES} at most."


def rooms(folder: Path) -> list[Path]:
    """Modules and sub-packages of a package's folder."""
    return [
        path
        for path in folder.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    ]


def span(node: ast.stmt) -> int:
    """Lines from the first to the last of a statement; decorators stand above a `def`."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def code_lines(node: Function) -> int:
    """Lines of a function without its docstring, which is as long as its arguments are many."""
    return span(node) - (span(node.body[0]) if has_docstring(node) else 0)


def has_docstring(node: ast.AST) -> bool:
    """Whether a module, class or function begins with a docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node) is not None


def is_environment(tree: ast.Module) -> bool:
    """Whether a class of the module has an environment's page for its docstring."""
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return any("Action Space" in (ast.get_docstring(node) or "") for node in classes)


if __name__ == "__main__":
    faults = broken_promises(Path(__file__).parents[2])
    print("\n".join(faults) or "Sizes: as promised.")
    sys.exit(bool(faults))
