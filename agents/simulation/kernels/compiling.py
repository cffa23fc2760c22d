"""Compile kernels, with numba's cache on disk where there is a folder for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Any], Any]:
    """`numba.njit` with these options, cached on disk.

    Where neither the package's folder nor the user's cache can be written (an installation that is
    only to be read, a process without a home), each process compiles anew, which takes seconds.
    """

    def decorate(function: Any) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError:  # "no locator available": numba finds no such folder
            return njit(**options)(function)

    return decorate
