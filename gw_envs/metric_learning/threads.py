"""One thread for everything: batches are small, and only so is a run reproducible to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


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
