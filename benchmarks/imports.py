"""What `import gw_envs` costs, against `import numpy`."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.harness import Contender, Result, per_unit, race, speedup

TITLE = "CPU time of a fresh process: `import gw_envs` against `import numpy`"
HEAVY = ("torch", "stable_baselines3", "wandb", "numba", "scipy", "matplotlib", "ray", "sklearn")


def children() -> float:
    """CPU seconds of all finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def fresh(code: str) -> str:
    """Output of a fresh interpreter."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run() -> list[Result]:
    """The ratio of CPU times, and the number of heavy modules loaded."""
    seconds = race(
        Contender("numpy", lambda: fresh("import numpy")),
        Contender("gw_envs", lambda: fresh("import gw_envs")),
        clock=children,
    )
    loaded = fresh(f"import gw_envs, sys; print(*(m for m in {HEAVY!r} if m in sys.modules))")
    names = loaded.split()
    detail = per_unit(seconds, "process", "numpy", "gw_envs")
    ratio = speedup(seconds, "numpy", "gw_envs")
    return [
        Result("gw_envs / numpy", ratio, 2.5, detail=detail, at_most=True),
        Result(
            "heavy modules loaded by gw_envs",
            float(len(names)),
            0.0,
            unit="",
            detail=" ".join(names) or "none",
            at_most=True,
        ),
    ]
