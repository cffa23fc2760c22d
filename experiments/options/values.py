"""Option values as YAML or Python give them, brought to the types that the options declare."""

from __future__ import annotations

import math
import types
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gw_envs.checks import BadInput

_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def typed_options(group: type, options: dict[str, Any]) -> dict[str, Any]:
    """The options of one dataclass, each with the type of its field.

    Numbers may be written as text (YAML reads 1e-3 as text), lists become tuples, and a mapping
    for a text option becomes its text, as on the command line.

    Raises:
        ValueError: naming the option whose value has another type.
    """
    hints = _hints(group)
    return {name: _typed(name, value, hints[name]) for name, value in options.items()}


def nested_text(value: dict[str, Any] | list[Any]) -> str:
    """A mapping or nested list as one line of YAML (JSON's 1e-05 would be read as a word)."""
    import yaml

    return str(yaml.safe_dump(value, default_flow_style=True, width=math.inf)).strip()


@cache
def _hints(group: type) -> dict[str, Any]:
    return get_type_hints(group)


def _typed(name: str, value: Any, kind: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _typed(name, value, next(k for k in inner if k is not type(None)))
    if origin is Literal:
        if value not in inner:
            raise BadInput(f"{name}={value!r} must be one of {', '.join(map(str, inner))}.")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadInput(f"{name}={value!r} must be a list.")
        return tuple(_typed(name, v, inner[0]) for v in value)
    if kind is Path:
        return Path(_typed(name, str(value) if isinstance(value, Path) else value, str))
    if kind is str and isinstance(value, dict | list):
        return nested_text(value)
    if kind not in _NAMES:
        return value
    return _simple(name, value, kind)


def _simple(name: str, value: Any, kind: Any) -> Any:
    """A bool, int, float or str."""
    message = f"{name}={value!r} must be {_NAMES[kind]}."
    if isinstance(value, bool) or value is None or kind is bool:
        if kind is bool and isinstance(value, bool):
            return value
        raise BadInput(message)
    try:
        if kind is int:
            number = value if isinstance(value, int) else float(value)
            if number != int(number):
                raise ValueError
            return int(number)
        return kind(value)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(message) from None
