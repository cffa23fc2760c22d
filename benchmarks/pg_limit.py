"""Our exact-gradient kernel against the same loop written in C with AVX-512 intrinsics."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race, speedup
from benchmarks.setting import ETA, bandit, our_run, starts

TITLE = "exact gradients, K=6, B=1024, float64, one core, against C with AVX-512 intrinsics"
ARMS, BATCH, UPDATES = 6, 1024, 5000
SPEED = "speed of robust float64 / C"


def compile_limit(folder: str) -> Any:
    """The C kernel, or a sentence saying why there is none."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return "no gcc"
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "avx512dq" not in flags:
        return "this processor has no AVX-512"
    library = Path(folder) / "limit.so"
    source = Path(__file__).with_name("pg_limit.c")
    # Linked without -ffast-math: with it gcc's start-up code would make the whole process flush
    # subnormal numbers to zero.
    part = library.with_suffix(".o")
    options = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-c"]
    subprocess.run([compiler, *options, str(source), "-o", str(part)], check=True)
    subprocess.run([compiler, "-shared", str(part), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library)).run


def limit_run(function: Any, updates: int = UPDATES) -> Any:
    """A function that calls the C kernel on the common setting and returns theta [K, B]."""
    rewards, theta = bandit(ARMS), starts(BATCH, ARMS)
    start = np.ascontiguousarray((theta - theta.max(axis=1, keepdims=True)).T)
    escaped = np.empty(BATCH, dtype=np.int64)
    threshold = 1.0 - 0.9 * (rewards[0] - rewards[1])  # sub-optimality < 0.9 gap

    def run() -> np.ndarray:
        work = start.copy()
        function(
            work.ctypes.data_as(ctypes.c_void_p),
            rewards.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_double(ETA),
            ctypes.c_int64(updates),
            ctypes.c_double(threshold),
            escaped.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(ARMS),
            ctypes.c_int64(BATCH),
        )
        return work

    return run


def run() -> list[Result]:
    """C / ours."""
    with tempfile.TemporaryDirectory() as folder:
        function = compile_limit(folder)
        if isinstance(function, str):
            return [Result(SPEED, None, 0.5, detail=function)]
        work = ARMS * BATCH * UPDATES
        seconds = race(
            Contender("C", limit_run(function), work),
            Contender("robust", our_run(BATCH, UPDATES), work),
        )
    detail = per_unit(seconds, "action-update", "C", "robust")
    return [Result(SPEED, speedup(seconds, "robust", "C"), 0.5, detail=detail)]
