"""Options from a command line over a YAML file over the defaults of dataclasses.

The comment below a dataclass's field is its help text.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.options.values import nested_text
from gw_envs.checks import BadInput


def parse_options(
    arguments: list[str],
    *,
    prog: str,
    description: str,
    groups: Callable[..., dict[str, type]],
    choosers: Mapping[str, str | None] = {},
) -> tuple[Any, ...]:
    """Parse options whose groups depend on some of them, from the line over a YAML file.

    Args:
        arguments: the command line's words.
        prog: the command's name in its help.
        description: what it does.
        groups: from the choosers' values, the dataclass of each group of options.
        choosers: the options that decide the groups, with their defaults.

    Returns:
        One instance per group.

    Raises:
        ValueError: for an unreadable file or an unknown key.
    """
    import tyro

    words = list(arguments)
    path = _take(words, "--config")
    settings = {} if path is None else _read_yaml(Path(path))
    chosen = {
        name: peek(words, _option(name)) or settings.get(name, default)
        for name, default in choosers.items()
    }
    classes = groups(**chosen)
    refuse_unknown(settings, tuple(classes.values()))
    given = {word.split("=")[0] for word in words}
    from_file = [
        word
        for key, value in settings.items()
        if _option(key) not in given
        for word in _as_arguments(key, value)
    ]
    deciding = ", ".join(_option(name) for name in choosers)
    chosen_by = f"; the options below are those of the chosen {deciding}" if deciding else ""
    parsed: Any = tyro.cli(
        dataclasses.make_dataclass("Options", list(classes.items())),
        prog=prog,
        description=f"{description} --config FILE reads options from YAML{chosen_by}.",
        args=from_file + words,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return tuple(getattr(parsed, name) for name in classes)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _take(arguments: list[str], option: str) -> str | None:
    """Remove `option VALUE` or `option=VALUE` from the arguments; return VALUE."""
    value = peek(arguments, option)
    if value is not None:
        at = next(i for i, a in enumerate(arguments) if a.split("=")[0] == option)
        del arguments[at : at + (1 if "=" in arguments[at] else 2)]
    return value


def peek(arguments: list[str], option: str) -> str | None:
    """The value of an option that decides which others there are."""
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == option:
            if equals:
                return value
            if at + 1 < len(arguments):
                return arguments[at + 1]
            raise BadInput(f"{option} needs a value.")
    return None


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadInput(f"config={str(path)!r} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise BadInput(f"config={str(path)!r} is not YAML: {line}.") from None
    if not isinstance(settings, dict):
        raise BadInput(f"config={str(path)!r} must hold `option: value` lines.")
    return settings


def _as_arguments(key: str, value: Any) -> list[str]:
    """One YAML entry as command-line words; the parser then checks its type."""
    if isinstance(value, bool):
        return [_option(key if value else f"no_{key}")]
    if isinstance(value, dict) or (isinstance(value, list) and any(map(_nested, value))):
        return [_option(key), nested_text(value)]
    values = value if isinstance(value, list) else [value]
    return [_option(key), *(str(v) for v in values)]


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def refuse_unknown(settings: dict[str, Any], groups: tuple[type, ...]) -> None:
    """Refuse a key that is no option of these groups; the nearest is named.

    Raises:
        ValueError: naming the key.
    """
    known = [field.name for group in groups for field in dataclasses.fields(group)]
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
            raise BadInput(f"option {key!r} is unknown.{hint}")
