"""Checks of arguments, written once: errors name the argument, its value and what is right."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LONGEST = 200  # characters of a value in a message
LONGEST_WORK = 86_400.0  # seconds
LARGEST = 2**63 - 1  # what a column of whole numbers holds


class BadInput(ValueError):  # noqa: N818 - the word that stands in every message's place
    """An argument or file that cannot be used; its one sentence is written for whoever gave it.

    Commands print it without a traceback. Any other error, also a `ValueError` that a library
    raises deep inside, is a fault of the program and keeps its traceback.
    """


def shown(value: Any) -> str:
    """`repr(value)` on one line and of a length that one reads, for messages."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # integers beyond 4,300 digits, and what foreign classes raise
        return f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST else f"{text[:60]}...{text[-20:]}"


def check_int(name: str, value: Any, minimum: int, maximum: float | None = None) -> int:
    """Return `value` as an int within [minimum, maximum], by default at most 2^63 - 1.

    Numbers of Python and numpy will do, 3.0 too; text, True and False, and lists will not.

    Raises:
        ValueError: if it is not a whole number or outside the range.
    """
    plain = _plain(value)
    try:
        number = int(plain)
        right = number == plain and minimum <= number <= (LARGEST if maximum is None else maximum)
    except (TypeError, ValueError, OverflowError):
        right, number = False, 0
    if not right:
        end = LARGEST if maximum is None and number > LARGEST else maximum
        upper = "" if end is None else f" and at most {end}"
        raise BadInput(
            f"{name}={shown(value)} must be a whole number of at least {minimum}{upper}."
        )
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

    Numbers of Python and numpy will do; text, True and False, and lists will not.

    Raises:
        ValueError: if it is not a finite number or outside the range.
    """
    bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
    message = f"{name}={shown(value)} must be a finite number in {bounds}."
    try:
        number = float(_plain(value))
    except (TypeError, ValueError, OverflowError):
        raise BadInput(message) from None
    below = number <= low if open_low else number < low
    above = number >= high if open_high else number > high
    if not math.isfinite(number) or below or above:
        raise BadInput(message)
    return number


def _plain(value: Any) -> Any:
    """The number that a scalar of Python or numpy is; None for text, flags and anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    return value if is_number else None


def check_share(name: str, value: Any) -> float:
    """Return `value` as a float between 0 and 1, neither of them.

    Raises:
        ValueError: for anything else.
    """
    return check_float(name, value, 0, 1, open_low=True, open_high=True)


def check_numbers(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> Floats:
    """Return a number, or an array or nested list of numbers, as float64; finite, in the range.

    Raises:
        ValueError: for text, flags, nothing, a list whose rows differ in length, or a number out of
            range.
    """
    try:
        given = np.asarray(value)
        numeric = given.dtype.kind in "iuf" and given.size > 0 and not _has_flag(value)
    except (TypeError, ValueError, OverflowError):  # rows of different length
        numeric = False
    if not numeric:
        wanted = "must be a finite number, or a list of one or more with rows of equal length."
        raise BadInput(f"{name}={shown(value)} {wanted}")
    array = np.array(given, dtype=np.float64)
    if array.ndim == 0:
        check_float(name, value, low, high, open_low=open_low, open_high=open_high)
        return array
    below = array <= low if open_low else array < low
    above = array >= high if open_high else array > high
    wrong = ~np.isfinite(array) | below | above
    if wrong.any():
        bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        where = np.argwhere(wrong)[0].tolist()
        raise BadInput(
            f"{name}={shown(value)} must lie in {bounds} and be finite; {name}{where}="
            f"{array[tuple(where)]} is not."
        )
    return array


def _has_flag(value: Any) -> bool:
    """Whether True or False, which numpy reads as 1 and 0, stands in a nested list."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_flag, value))
    return isinstance(value, (bool, np.bool_))


def check_memory(name: str, value: Any, size: float) -> None:
    """Refuse what would need more memory than this machine has.

    Args:
        name: the argument that decides how much.
        value: what it says.
        size: bytes that would be needed.

    Raises:
        ValueError: naming the argument and both sizes.
    """
    try:
        there = float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        there = 2.0**40
    if size > there:
        raise BadInput(
            f"{name}={shown(value)} needs about {size / 2**30:,.0f} GiB of memory, this machine "
            f"has {there / 2**30:,.0f}; make it smaller."
        )


def check_seconds(name: str, value: Any, seconds: float) -> None:
    """Refuse work that would last longer than `LONGEST_WORK`.

    Args:
        name: the argument that decides how long.
        value: what it says.
        seconds: an estimate, from below rather than from above.

    Raises:
        ValueError: naming the argument and the estimate.
    """
    if seconds > LONGEST_WORK:
        raise BadInput(
            f"{name}={shown(value)} would take about {seconds / 86400:,.3g} days; make it smaller, "
            "what is longer than a day is refused."
        )


def check_bool(name: str, value: Any) -> bool:
    """Return `value` if it is True or False.

    Raises:
        ValueError: for anything else, also 0 and 1.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise BadInput(f"{name}={shown(value)} must be true or false.")
    return bool(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        ValueError: if it is not; the nearest right name is suggested.
    """
    if isinstance(value, str) and value in choices:
        return str(value)
    import difflib

    near = difflib.get_close_matches(str(value), choices, n=1) if isinstance(value, str) else []
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadInput(f"{name}={shown(value)} is unknown; choose one of {', '.join(choices)}.{hint}")


def check_instance(name: str, value: Any, kind: Any, wanted: str) -> Any:
    """Return `value` if it is of a type.

    Args:
        name: the argument.
        value: what it is.
        kind: a type, or a tuple of them.
        wanted: what would be right, for the message.

    Raises:
        ValueError: if it is of another type.
    """
    if not isinstance(value, kind):
        raise BadInput(f"{name}={shown(value)} must be {wanted}.")
    return value


def check_list(name: str, value: Any, wanted: str) -> Any:
    """Return `value` if it is a list, tuple, range or array of numpy, whatever it holds.

    Raises:
        ValueError: for anything else: a set has no order, and text and bytes are words.
    """
    is_array = isinstance(value, np.ndarray) and value.ndim > 0
    if not is_array and not isinstance(value, (list, tuple, range)):
        raise BadInput(f"{name}={shown(value)} must be {wanted}.")
    return value


def check_callables(**functions: Any) -> None:
    """Refuse arguments that are neither None nor a function.

    Raises:
        ValueError: naming the first.
    """
    for name, value in functions.items():
        if value is not None and not callable(value):
            raise BadInput(f"{name}={shown(value)} must be a function, or None.")


def check_unused(
    reason: str, given: Mapping[str, Any], defaults: Callable[..., Any] | Mapping[str, Any]
) -> None:
    """Refuse arguments that are set though nothing would read them.

    Args:
        reason: why nothing would, as "needs gradient='sampled'".
        given: value of each argument, by name; at its default it is not set.
        defaults: by name, None where it has none; or the function whose arguments they are.

    Raises:
        ValueError: naming the first that is set.
    """
    if callable(defaults):
        defaults = {name: item.default for name, item in signature(defaults).parameters.items()}
    for name, value in given.items():
        default = defaults.get(name)
        plain = isinstance(value, (int, float, str))
        if value is not default and not (plain and value == default):
            raise BadInput(f"{name}={shown(value)} {reason}; leave it out.")


def check_device(name: str, value: Any) -> str:
    """Return `value` if it names a device of torch that is here; "auto" is SB3's choice.

    Raises:
        ValueError: for one that holds nothing (meta), or is not in this build or this machine.
    """
    check_instance(name, value, str, "a name as 'cpu' or 'cuda'")
    import torch

    try:
        torch.zeros(1, device="cpu" if value == "auto" else value).item()
    except Exception:
        raise BadInput(
            f"{name}={shown(value)} is not here; use 'cpu', or 'cuda' with a GPU."
        ) from None
    return str(value)


def check_mean_rewards(name: str, value: ArrayLike) -> Floats:
    """Return `value` as a float64 vector of at least two mean rewards in [0, 1].

    Raises:
        ValueError: if it has fewer than two entries, or one is not finite or outside [0, 1].
    """
    rewards = check_numbers(name, value, 0, 1)
    if rewards.ndim != 1 or rewards.size < 2:
        raise BadInput(f"{name}={shown(value)} must be a list of at least 2 mean rewards.")
    return rewards


def check_policy(name: str, value: ArrayLike) -> Floats:
    """Return `value` as float64 probabilities [..., K], K >= 2, positive, each row summing to one.

    Raises:
        ValueError: if an entry is not in (0, 1) or a row does not sum to one within 1e-9.
    """
    policy = check_numbers(name, value)
    if policy.ndim < 1 or policy.shape[-1] < 2 or policy.size == 0:
        raise BadInput(f"{name}={shown(value)} must hold at least 2 action probabilities.")
    if not np.all((policy > 0) & (policy < 1)):
        raise BadInput(f"{name}={shown(value)} must lie in (0, 1): softmax reaches neither end.")
    if np.max(np.abs(policy.sum(axis=-1) - 1)) > 1e-9:
        total = shown(policy.sum(axis=-1))
        raise BadInput(f"{name}={shown(value)} must sum to 1, it sums to {total}.")
    return policy


def check_extra(name: str, value: object, extra: str, *packages: str) -> None:
    """Refuse what needs packages that are not installed, before any work.

    Args:
        name: the argument, or the command.
        value: what was asked for.
        extra: the extra of this distribution that brings the packages.
        packages: as they are imported.

    Raises:
        BadInput: naming the first package that is missing and how to get it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise BadInput(
                f"{name}={value!r} needs the package {package!r}: "
                f"pip install 'gravity-wells[{extra}]' (in a checkout: -e '.[{extra}]')."
            )
