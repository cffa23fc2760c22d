"""What Gymnasium's vector environments agree on: autoreset modes, masks, options, information."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from gw_envs.checks import BadInput, check_choice
from gw_envs.vector.streams import ALL, Rows


def check_autoreset_mode(mode: Any) -> AutoresetMode:
    """An autoreset mode, from itself or its value.

    Raises:
        ValueError: naming the modes.
    """
    try:
        return AutoresetMode(mode)
    except ValueError:
        values = ", ".join(m.value for m in AutoresetMode)
        raise BadInput(f"autoreset_mode={mode!r} must be one of {values}.") from None


def check_options(options: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """The options of `reset`, as a copy.

    Raises:
        ValueError: for one that the environment does not know, or if it is no mapping.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise BadInput(f"options={options!r} must be a dictionary, or None.")
    for name in options:
        if not known:
            raise BadInput(f"options={name!r} is unknown: reset has no options here.")
        check_choice("options", name, known)
    return dict(options)


def split_mask(options: Any, num_envs: int) -> tuple[Rows, Any]:
    """The environments that the option `reset_mask` names, all without it; the other options.

    Raises:
        ValueError: if the mask is not a numpy array, bool [num_envs], somewhere true.
    """
    if not isinstance(options, Mapping) or "reset_mask" not in options:
        return ALL, options
    others = dict(options)
    mask = others.pop("reset_mask")
    right = isinstance(mask, np.ndarray) and mask.dtype == np.bool_
    if not right or mask.shape != (num_envs,) or not mask.any():
        raise BadInput(
            f"options['reset_mask']={mask!r} must be a numpy array of {num_envs} truth values, one "
            "per environment, at least one of them True."
        )
    return ALL if mask.all() else mask.copy(), others


def masked(info: dict[str, NDArray[Any]], rows: Rows, num_envs: int) -> dict[str, Any]:
    """Information with the masks `_key` that say whose it is; it is zero elsewhere."""
    if isinstance(rows, slice):
        everyone = np.zeros(num_envs, dtype=np.bool_)
        everyone[:] = True  # faster than np.ones
        info.update({f"_{key}": everyone for key in tuple(info)})
        return info
    columns: dict[str, Any] = {}
    for key, column in info.items():
        columns[key] = np.where(rows, column, np.zeros((), dtype=column.dtype))
        columns[f"_{key}"] = rows.copy()
    return columns
