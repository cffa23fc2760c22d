"""One thread: matrices are small, so threads cost more than they bring and change last bits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread_each() -> None:
    """Ask the libraries of this process and its children for one thread, unless the user set more.

    They read it when they are imported: call this before torch, numba or scipy are.
    """
    for name in VARIABLES:
        os.environ.setdefault(name, "1")


@cache
def _pools() -> Any:
    """The thread pools of BLAS and OpenMP, found once, after the libraries have been loaded."""
    import sklearn.cluster  # noqa: F401 - brings its OpenMP along
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch, BLAS and OpenMP use one thread; the numbers before are restored."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _pools().limit(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
