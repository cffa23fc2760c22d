"""Options from a command line over a YAML file over the defaults of dataclasses.

The comment below a dataclass's field is its help text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.options.values import make_options, refuse_unknown
from gw_envs.checks import BadInput


def parse_options(
    arguments: list[str],
    *,
    prog: str,
    description: str,
    groups: Callable[..., dict[str, type]],
    choosers: Mapping[str, str | None] = {},
    passed_over: Callable[[str], bool] = lambda name: False,
) -> tuple[Any, ...]:
    """Parse options whose groups depend on some of them, from the line over a YAML file.

    Args:
        arguments: the command line's words.
        prog: the command's name in its help.
        description: what it does.
        groups: from the choosers' values, the dataclass of each group of options.
        choosers: the options that decide the groups, with their defaults.
        passed_over: which settings of the file are another command's.

    Returns:
        One instance per group.

    Raises:
        ValueError: for an unreadable file, an unknown key or a value of the wrong type.
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
    own = {field.name for group in classes.values() for field in dataclasses.fields(group)}
    settings = {k: v for k, v in settings.items() if k in own or not passed_over(str(k))}
    refuse_unknown(settings, tuple(classes.values()))
    deciding = ", ".join(_option(name) for name in choosers)
    chosen_by = f"; the options below are those of the chosen {deciding}" if deciding else ""
    parsed: Any = tyro.cli(
        dataclasses.make_dataclass("Options", list(classes.items())),
        prog=prog,
        description=f"{description} --config FILE reads options from YAML{chosen_by}.",
        args=words,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    given = {word.partition("=")[0].replace("_", "-") for word in words}
    on_the_line = {
        field.name: getattr(getattr(parsed, name), field.name)
        for name, group in classes.items()
        for field in dataclasses.fields(group)
        if given & {_option(field.name), _option(f"no_{field.name}")}
    }
    return make_options(tuple(classes.values()), settings | on_the_line)


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
