"""The options of each environment on the command line, made from its constructor.

An option is a constructor's argument: its name, type and default are those of the signature, its
help text is the line of the class docstring's section Arguments. So an environment has options as
soon as it stands in `gw_envs.registration.ENVIRONMENTS`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import types
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from experiments.options.agents import AGENT_OPTIONS
from experiments.options.sampling import SAMPLING_AGENT_OPTIONS
from experiments.options.yaml_text import load_yaml
from gw_envs.checks import check_choice, shown
from gw_envs.registration import ENVIRONMENTS

# Arguments that a run or `gym.make_vec` sets.
NOT_ON_THE_LINE = (
    "self",
    "num_envs",
    "steps_per_tick",
    "max_episode_steps",
    "autoreset_mode",
    "render_mode",
)
# Where others than the agents of a well may act.
AGENTS: dict[str, dict[str, Any]] = {"ASRSampling-v0": SAMPLING_AGENT_OPTIONS}
# Arguments whose name is an agent's option as well: what they are called on the line.
RENAMED = {"learning_rate": "learner_rate"}


class EnvOptions:
    """Shared by all environments.

    Attributes:
        initial_policy: where agents start unless told otherwise; None: as anywhere.
        agents: the options of the agents that may act there, by name.
        as_yaml: options that are text here and any YAML value for the constructor.
    """

    agents: ClassVar[dict[str, Any]] = AGENT_OPTIONS
    as_yaml: ClassVar[tuple[str, ...]] = ()
    initial_policy: ClassVar[str | None] = None

    def kwargs(self) -> dict[str, Any]:
        """Arguments for `gym.make`; a YAML option that is not set is left to the constructor.

        Raises:
            ValueError: if an option that is to be YAML is not.
        """
        arguments: dict[str, Any] = dataclasses.asdict(self)  # type: ignore[call-overload]
        for name in self.as_yaml:
            text = arguments.pop(name)
            if text is not None:
                arguments[name] = load_yaml(text, f"{name}={shown(text)}")
        own_names = {option: argument for argument, option in RENAMED.items()}
        return {own_names.get(name, name): value for name, value in arguments.items()}


def env_options(env_id: str) -> type:
    """The dataclass whose fields are the options of this environment.

    Raises:
        ValueError: for an unknown id.
    """
    return _made_options(check_choice("env_id", env_id, tuple(ENVIRONMENTS)))


@cache
def _made_options(env_id: str) -> type:
    scalar, _ = ENVIRONMENTS[env_id]
    module, name = scalar.split(":")
    env_class = getattr(importlib.import_module(module), name)
    arguments = list(constructor_arguments(env_class))
    fields: list[tuple[str, Any, Any]] = [
        (RENAMED.get(name, name), *_as_option(kind, default)) for name, kind, default in arguments
    ]
    options = dataclasses.make_dataclass(f"{name}Options", fields, bases=(EnvOptions,), frozen=True)
    options.agents = AGENTS.get(env_id, AGENT_OPTIONS)  # type: ignore[attr-defined]
    options.initial_policy = getattr(env_class, "initial_policy", None)  # type: ignore[attr-defined]
    as_yaml = [name for name, kind, _ in arguments if kind is Any]
    options.as_yaml = tuple(as_yaml)  # type: ignore[attr-defined]
    options.__doc__ = _help(env_id, env_class)
    return options


def constructor_arguments(env_class: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of what a user may say of an environment.

    A well's arguments are those of its vector form; `**keywords` are the fields of the dataclass
    `keywords_of`.
    """
    constructor = getattr(env_class, "vector_class", env_class).__init__
    kinds = get_type_hints(constructor)
    for name, parameter in inspect.signature(constructor).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            kinds = get_type_hints(env_class.keywords_of)
            for field in dataclasses.fields(env_class.keywords_of):
                yield field.name, kinds[field.name], field.default
        elif name not in NOT_ON_THE_LINE:
            yield name, kinds[name], parameter.default


def documented_arguments(env_class: type) -> dict[str, tuple[str, str]]:
    """Default, as it is written, and explanation of each line of the docstring's Arguments."""
    text = inspect.cleandoc(env_class.__doc__ or "")
    section = text.partition("## Arguments\n")[2].partition("\n\n")[0]
    lines = re.findall(r"^- `(\w+)` = (.*?): (.*?)(?=\n- |\Z)", section, re.DOTALL | re.MULTILINE)
    return {name: (default, " ".join(said.split())) for name, default, said in lines}


def _help(env_id: str, env_class: type) -> str:
    """A docstring for the options, with the help of each under Attributes."""
    title = inspect.cleandoc(env_class.__doc__ or "").partition("\n")[0]
    told = documented_arguments(env_class)
    lines = [f"    {RENAMED.get(name, name)}: {said}" for name, (_, said) in told.items()]
    return "\n".join([f"{env_id}: {title}", "", "Attributes:", *lines])


def _as_option(kind: Any, default: Any) -> tuple[Any, Any]:
    """Type and default of an option: lists are tuples; what has no type of its own is YAML text."""
    if kind is Any:
        return str | None, None
    return _option_type(kind), tuple(default) if isinstance(default, list) else default


def _option_type(kind: Any) -> Any:
    """An annotation as a type that the command line can read."""
    if get_origin(kind) in (Union, types.UnionType):
        members = get_args(kind)
        if str in members:  # what may be a word is written as one
            members = tuple(member for member in members if member in (str, type(None)))
        return Union[tuple(map(_option_type, members))]  # noqa: UP007 - computed
    if get_origin(kind) is Sequence:
        return types.GenericAlias(tuple, (get_args(kind)[0], ...))
    if kind in (int, float, bool, str, type(None)) or get_origin(kind) is Literal:
        return kind
    raise TypeError(f"annotation {kind} of an environment's argument is no option's type.")
