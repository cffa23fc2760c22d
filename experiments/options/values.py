"""Option values as YAML, Python or the command line give them, brought to the declared types.

This is the one way from values to options: a file gives the same options, or the same sentence, by
`train.py --config`, by a sweep and by `make_config`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gw_envs.checks import BadInput, check_choice, check_unused, shown

_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def make_options(groups: Sequence[type], values: Mapping[str, Any]) -> tuple[Any, ...]:
    """An instance of each dataclass; options without a value keep their defaults.

    Numbers may be written as text (YAML reads 1e-3 as text), lists become tuples, and a mapping
    for a text option becomes its text, as on the command line.

    Raises:
        ValueError: naming the option that none of the groups has, with the nearest that one has, or
            whose value has another type.
    """
    refuse_unknown(values, groups)
    return tuple(group(**_own(group, values)) for group in groups)


def refuse_unknown(values: Mapping[str, Any], groups: Sequence[type]) -> None:
    """Refuse a key that is no option of these groups; the nearest is named.

    Raises:
        ValueError: naming the key.
    """
    known = [field.name for group in groups for field in dataclasses.fields(group)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
            raise BadInput(f"option {key!r} is unknown.{hint}")


def _own(group: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are a group's, with the types of its fields."""
    kinds = _hints(group)
    names = [field.name for field in dataclasses.fields(group) if field.name in values]
    return {name: _typed(name, values[name], kinds[name]) for name in names}


def _nested_text(value: Any) -> str:
    """A mapping, list or number as one line of YAML (JSON's 1e-05 would be read as a word)."""
    import yaml

    text = str(yaml.safe_dump(value, default_flow_style=True, width=math.inf))
    return text.removesuffix("...\n").strip()


@cache
def _hints(group: type) -> dict[str, Any]:
    return get_type_hints(group)


def _typed(name: str, value: Any, kind: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        members = [member for member in inner if member is not type(None)]
        lists = [member for member in members if get_origin(member) is tuple]
        plain = [member for member in members if member not in lists]
        wanted = lists if isinstance(value, list | tuple) and lists else plain or lists
        return _typed(name, value, wanted[0])
    if origin is Literal:
        if not isinstance(value, str | int) or value not in inner:
            raise BadInput(f"{name}={shown(value)} must be one of {', '.join(map(str, inner))}.")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadInput(f"{name}={shown(value)} must be a list.")
        if len(value) == 0:
            raise BadInput(f"{name}=() must hold at least one value; leave it out for the default.")
        return tuple(_typed(name, v, inner[0]) for v in value)
    if kind is Path:
        if not isinstance(value, str | Path) or not str(value):
            raise BadInput(f"{name}={shown(value)} must be a path.")
        return Path(value)
    if kind is str and isinstance(value, dict | list | float):
        return _nested_text(value)
    if kind not in _NAMES:
        return value
    return _simple(name, value, kind)


def _simple(name: str, value: Any, kind: Any) -> Any:
    """A bool, int, float or str."""
    message = f"{name}={shown(value)} must be {_NAMES[kind]}."
    if kind is str and (isinstance(value, bytes) or value == ""):
        raise BadInput(message)
    if isinstance(value, bool) or value is None or kind is bool:
        if kind is bool and isinstance(value, bool):
            return value
        raise BadInput(message)
    try:
        if kind is int:
            number = value if isinstance(value, int) else float(_ascii(value))
            if number != int(number):
                raise ValueError
            return int(number)
        return float(_ascii(value)) if kind is float else kind(value)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(message) from None


def _ascii(value: Any) -> Any:
    """A value whose digits, if it is text, are 0 to 9: Python's float reads those of any script.

    Raises:
        ValueError: for other text.
    """
    if isinstance(value, str) and not value.isascii():
        raise ValueError
    return value


def check_unread(options: Any, reason: str, read: Sequence[str] = ()) -> None:
    """Refuse options that are set although another one keeps them from being read.

    Args:
        options: an instance of a dataclass of options.
        reason: why they are not read, as "is not read with instance='verdict'".
        read: the fields that are read all the same.

    Raises:
        ValueError: naming the first that is set.
    """
    plain = type(options)()
    names = [field.name for field in dataclasses.fields(options) if field.name not in read]
    given, defaults = ({name: getattr(one, name) for name in names} for one in (options, plain))
    check_unused(reason, given, defaults)


def check_names(name: str, values: Sequence[str], known: tuple[str, ...]) -> None:
    """Check that each of a list of names is known, and that none is there twice.

    Raises:
        ValueError: naming the option and the name.
    """
    for value in values:
        check_choice(name, value, known)
    check_once(name, values)


def check_once(name: str, values: Sequence[str]) -> None:
    """Check that no word of a list is there twice.

    Raises:
        ValueError: naming the option and the word.
    """
    for value in values:
        if values.count(value) > 1:
            raise BadInput(f"{name}={shown(tuple(values))} has {value!r} twice; name it once.")


def check_words(words: Sequence[str]) -> None:
    """Refuse a word of a command line that is empty, or a number in digits other than 0 to 9.

    Raises:
        ValueError: naming the option, or the word.
    """
    for before, word in zip(("", *words), words, strict=False):
        option, _, value = word.rpartition("=") if word.startswith("--") else (before, "", word)
        if not value:
            is_option = option.startswith("--") and "=" not in option
            name = option[2:].replace("-", "_") if is_option else "a word of the line"
            raise BadInput(f"{name}='' is empty; give it a value, or leave it out.")
        try:
            float(word.rpartition("=")[2])
        except ValueError:
            continue
        if not word.isascii():
            raise BadInput(f"{word!r} is written in other digits; write numbers with 0 to 9.")
