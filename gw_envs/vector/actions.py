"""What counts as an action: a whole number by its type, not by what it could be rounded to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 2.0**53  # up to here float64 holds every whole number


def whole_numbers(actions: Any) -> NDArray[np.int64] | None:
    """Actions of any shape as int64; None where one of them is no whole number.

    Integers of any width are, and so are floats that are whole, which networks give: 1.0, but not
    1.9, NaN or infinity. Truth values, text, None and integers beyond 64 bits are not.
    """
    array = actions if isinstance(actions, np.ndarray) else _as_array(actions)
    if array is None:
        return None
    if array.dtype.kind in "iu":  # a uint64 beyond int64 becomes negative, which no action is
        return array.astype(np.int64, copy=False)
    if array.dtype.kind != "f":
        return None
    if not np.all((np.abs(array) < LARGEST) & (array == np.floor(array))):
        return None
    return array.astype(np.int64)


def _as_array(actions: Any) -> NDArray[Any] | None:
    """What numpy makes of it; None for nothing, and where it would make numbers of truth values."""
    if isinstance(actions, list | tuple) and any(isinstance(a, bool | np.bool_) for a in actions):
        return None
    try:
        return np.asarray(actions)
    except (TypeError, ValueError):  # ragged lists, or tensors that are not in this memory
        return None
