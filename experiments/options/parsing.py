"""Options from a command line over a YAML file over the defaults of dataclasses.

The comment below a dataclass's field is its help text. Options may be spelt as the agents of W&B's
sweeps do: `--env_id=ASRWell-v0`, `--until_escape=True`, `--mean_rewards=[0.9, 0.5, 0.1]`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from experiments.options.values import make_options, refuse_unknown
from experiments.options.yaml_text import load_yaml, read_yaml
from gw_envs.checks import BadInput, shown


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

    words = [_hyphens(word) for word in arguments]
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
        args=spelt_out(words, tuple(classes.values())),
        config=(tyro.conf.OmitArgPrefixes,),
    )
    given = {word.partition("=")[0] for word in words}
    on_the_line = {
        field.name: getattr(getattr(parsed, name), field.name)
        for name, group in classes.items()
        for field in dataclasses.fields(group)
        if given & {_option(field.name), _option(f"no_{field.name}")}
    }
    return make_options(tuple(classes.values()), settings | on_the_line)


def spelt_out(arguments: Sequence[str], groups: Sequence[type]) -> list[str]:
    """A command line with flags and lists as tyro reads them.

    `--flag=True` and `--flag true` become `--flag`, with false `--no-flag`; `--numbers=[1, 2]`
    becomes `--numbers 1 2`.

    Args:
        arguments: the words.
        groups: the dataclasses whose fields are the options.

    Raises:
        ValueError: for a flag's value that is neither true nor false.
    """
    kinds = {_option(name): kind for g in groups for name, kind in get_type_hints(g).items()}
    words, spelt = deque(map(_hyphens, arguments)), []
    while words:
        word = words.popleft()
        option, equals, value = word.partition("=")
        kind = kinds.get(option)
        if kind is bool:
            if not equals and words and words[0].lower() in _TRUTH:
                value = words.popleft()
            if value.lower() in _TRUTH:
                word = option if _TRUTH[value.lower()] else f"--no-{option[2:]}"
            elif equals:
                raise BadInput(f"{option}={value} must be true or false.")
        elif _is_list(kind) and value.startswith("[") and value.endswith("]"):
            listed = load_yaml(value, f"{option}={shown(value)}")
            word, more = option, [str(one) for one in listed]
            words.extendleft(reversed(more))
        spelt.append(word)
    return spelt


_TRUTH = {"true": True, "false": False}


def _is_list(kind: Any) -> bool:
    """Whether an option of this type is, or may be, several words."""
    return any(get_origin(one) is tuple for one in (kind, *get_args(kind)))


def _hyphens(word: str) -> str:
    """A word of the command line; in an option's name underscores are hyphens."""
    if not word.startswith("--"):
        return word
    option, equals, value = word.partition("=")
    return option.replace("_", "-") + equals + value


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _take(arguments: list[str], option: str) -> str | None:
    """Remove `option VALUE` or `option=VALUE` from the arguments; return VALUE."""
    value = peek(arguments, option)
    if value is not None:
        for at in reversed([i for i, a in enumerate(arguments) if a.split("=")[0] == option]):
            del arguments[at : at + (1 if "=" in arguments[at] else 2)]
    return value


def peek(arguments: list[str], option: str) -> str | None:
    """The value of an option that decides which others there are; of several the last."""
    found = None
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if _hyphens(name) == option:
            if not equals and at + 1 == len(arguments):
                raise BadInput(f"{option} needs a value.")
            found = value if equals else arguments[at + 1]
    return found


def _read_yaml(path: Path) -> dict[str, Any]:
    settings = read_yaml(path, f"config={str(path)!r}")
    if not isinstance(settings, dict):
        raise BadInput(f"config={str(path)!r} must hold `option: value` lines.")
    return settings
