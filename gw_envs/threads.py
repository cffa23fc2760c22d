"""One thread: matrices are small, so threads cost more than they bring and change last bits.

How many threads the user's environment asks for must not decide a result or how long it takes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def one_thread_each() -> None:
    """Give BLAS, OpenMP and torch one thread in this process and its children, for good.

    Whatever the environment says: libraries that are still to be loaded read it then, those that
    are loaded are told.
    """
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    _pools(len(sys.modules)).limit(limits=1)
    torch: Any = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch, BLAS and OpenMP use one thread; the numbers before are restored.

    A library that is first loaded within it keeps one thread.
    """
    asked = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    torch: Any = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(1)
    try:
        with _pools(len(sys.modules)).limit(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)
        for name, value in asked.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@lru_cache(maxsize=1)
def _pools(modules: int) -> Any:
    """The thread pools of the libraries that are loaded.

    Looking for them takes a millisecond. Libraries come with imports, so that it is done again only
    after an import: when the number of `modules` has changed.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
