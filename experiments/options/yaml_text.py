"""YAML as its readers expect it: 1e-3 is a number; 1:30, 010 and a key given twice are refused.

PyYAML reads YAML 1.1, where 1:30 is 90, 010 is 8, 1e-3 is text, and of two equal keys the last
wins without a word.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from gw_envs.checks import BadInput, shown

_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_INT = re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)$")
_SURPRISE = re.compile(r"^[-+]?(?:[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?|0[0-9_]+|0b[01_]+)$")


def load_yaml(text: str, name: str) -> Any:
    """The value that a YAML text holds.

    Args:
        text: the document.
        name: what is read, for the message: an option and its value, or a file.

    Raises:
        ValueError: if it is no YAML, is nested too deep, has a key twice, or a number whose YAML
            reading is not the obvious one (1:30 is 90 there, 010 is 8).
    """
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise BadInput(f"{name} is not YAML: {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise BadInput(f"{name} is nested too deep to be read; a few levels are enough.") from None
    except _Surprise as error:
        raise BadInput(f"{name}: {error}") from None
    except (ValueError, TypeError, OverflowError) as error:  # a date of no month, a number too long
        raise BadInput(f"{name} is not YAML: {' '.join(str(error).split())}.") from None


def read_yaml(path: Path, name: str) -> Any:
    """The value that a YAML file holds; see `load_yaml`.

    Raises:
        ValueError: also for a file that cannot be read, and for what is no file: a pipe never ends.
    """
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{name} is a folder, a device or a pipe; name a file.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not YAML: {error}.") from None
    return load_yaml(text, name)


def dump_yaml(value: Any) -> str:
    """A value as YAML that `load_yaml` reads back; its keys keep their order."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes the words that the loader would read as numbers."""

        yaml_implicit_resolvers = _loader().yaml_implicit_resolvers

    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False))


class _Surprise(Exception):  # noqa: N818 - never leaves this module
    """A value that reads otherwise than it looks."""


def _loader() -> Any:
    """SafeLoader with the numbers of YAML 1.2."""
    import yaml

    class Loader(yaml.SafeLoader):
        """The loader; its resolvers are its own."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
            first: [(tag, rule) for tag, rule in rules if not tag.endswith((":int", ":float"))]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    digits = list("-+0123456789.")
    Loader.add_implicit_resolver("!surprise", _SURPRISE, digits)
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, digits)
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, digits)
    Loader.add_constructor("!surprise", _refuse)
    Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
    return Loader


def _refuse(loader: Any, node: Any) -> Any:
    raise _Surprise(
        f"{node.value} (line {node.start_mark.line + 1}) would be read as another number; write "
        "it in decimals, or in quotes if it is a word."
    )


def _mapping(loader: Any, node: Any) -> Any:
    loader.flatten_mapping(node)
    values: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise _Surprise(f"line {line} has a list or mapping as a key.")
        if key in values:
            raise _Surprise(f"key {shown(key)} is given twice (line {line}); leave one out.")
        values[key] = loader.construct_object(value_node, deep=True)
    return values
