"""Evidence: runs, results, tracking, plots."""

from __future__ import annotations

from importlib.util import find_spec


def _check_agents() -> None:
    """The package `agents` is ours: other distributions use that name and overwrite its files."""
    spec = find_spec("agents")
    origin = spec.origin if spec is not None else None
    ours = False
    if origin is not None:
        with open(origin, encoding="utf-8") as file:
            ours = file.readline().startswith('"""Learners for gravity wells')
    if not ours:
        raise ImportError(
            f"the package 'agents' is not that of gravity-wells ({origin or 'no __init__.py'}): a "
            "distribution with that name (openai-agents is one) has overwritten or removed "
            "it; install gravity-wells again, in an environment of its own."
        )


_check_agents()
