"""Checks of arguments, written once: errors name the argument, its value and what is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class BadInput(ValueError):  # noqa: N818 - the word that stands in every message's place
    """An argument or file that cannot be used; its one sentence is written for whoever gave it.

    Commands print it without a traceback. Any other error, also a `ValueError` that a library
    raises deep inside, is a fault of the program and keeps its traceback.
    """


def check_int(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an int within [minimum, maximum].

    Raises:
        ValueError: if it is not a whole number or outside the range.
    """
    upper = "" if maximum is None else f" and at most {maximum}"
    message = f"{name}={value!r} must be a whole number of at least {minimum}{upper}."
    try:
        number = int(value)
        whole = number == value and not isinstance(value, (bool, np.bool_))
    except (TypeError, ValueError, OverflowError):
        raise BadInput(message) from None
    if not whole or number < minimum or (maximum is not None and number > maximum):
        raise BadInput(message)
    return number


def check_float(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a finite float within the range; `open_low`, `open_high` exclude an end.

    Raises:
        ValueError: if it is not a finite number or outside the range.
    """
    bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    message = f"{name}={value!r} must be a finite number in {bounds}."
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadInput(message) from None
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if not math.isfinite(number) or below or above or isinstance(value, (bool, np.bool_)):
        raise BadInput(message)
    return number


def check_bool(name: str, value: Any) -> bool:
    """Return `value` if it is True or False.

    Raises:
        ValueError: for anything else, also 0 and 1.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise BadInput(f"{name}={value!r} must be true or false.")
    return bool(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        ValueError: if it is not; the nearest right name is suggested.
    """
    if value in choices:
        return str(value)
    import difflib

    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadInput(f"{name}={value!r} is unknown; choose one of {', '.join(choices)}.{hint}")


def check_mean_rewards(name: str, value: ArrayLike) -> Floats:
    """Return `value` as a float64 vector of at least two mean rewards in [0, 1].

    Raises:
        ValueError: if it has fewer than two entries, or one is not finite or outside [0, 1].
    """
    rewards = np.array(value, dtype=np.float64)
    if rewards.ndim != 1 or rewards.size < 2:
        raise BadInput(f"{name}={value!r} must be a list of at least 2 mean rewards.")
    if not np.all((rewards >= 0) & (rewards <= 1)):
        raise BadInput(f"{name}={value!r} must lie in [0, 1] and be finite.")
    return rewards


def check_policy(name: str, value: ArrayLike) -> Floats:
    """Return `value` as float64 probabilities [..., K], K >= 2, positive, each row summing to one.

    Raises:
        ValueError: if an entry is not in (0, 1) or a row does not sum to one within 1e-9.
    """
    policy = np.array(value, dtype=np.float64)
    if policy.ndim < 1 or policy.shape[-1] < 2:
        raise BadInput(f"{name}={value!r} must hold at least 2 action probabilities.")
    if not np.all((policy > 0) & (policy < 1)):
        raise BadInput(f"{name}={value!r} must lie in (0, 1): softmax reaches neither end.")
    if np.max(np.abs(policy.sum(axis=-1) - 1)) > 1e-9:
        raise BadInput(f"{name}={value!r} must sum to 1, it sums to {policy.sum(axis=-1)}.")
    return policy
