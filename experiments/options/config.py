"""What a run is told: typed options, from the command line over a YAML file over the defaults.

The options offered depend on `--env-id` and `--agent`: `env_options` makes the dataclass of an
environment from its constructor, `AGENT_OPTIONS` names that of an agent.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from experiments.options.agents import RunOptions, SoftmaxPGOptions, with_rule
from experiments.options.environments import AGENTS, env_options
from experiments.options.parsing import parse_options, peek
from experiments.options.start import StartOptions, starting_at
from experiments.options.values import check_words, make_options
from gw_envs.checks import BadInput, check_choice
from gw_envs.registration import ENVIRONMENTS

SETTINGS_FILE = "config.yaml"  # in a run's folder: its options, as --config reads them

# Options that do not decide a run's numbers.
BOOKKEEPING = (
    "exp_name",
    "output",
    "track",
    "wandb_project",
    "num_seeds",
    "checkpoint_seconds",
    "resume",
)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """A whole configuration: `run`, and the options of its environment and agent."""

    run: RunOptions = dataclasses.field(default_factory=RunOptions)
    env: Any = dataclasses.field(default_factory=lambda: env_options(RunOptions.env_id)())
    agent: Any = dataclasses.field(default_factory=SoftmaxPGOptions)

    def flat(self) -> dict[str, Any]:
        """Every option by name, JSON-able; the three groups share no name."""
        return {key: value for group in self._groups for key, value in _flat(group).items()}

    @property
    def _groups(self) -> tuple[Any, Any, Any]:
        return self.run, self.env, self.agent

    @property
    def exp_name(self) -> str:
        """The experiment's name."""
        return self.run.exp_name or f"{self.run.env_id}-{self.run.agent}"

    def settings(self) -> dict[str, Any]:
        """The options as --config reads them: those that are set, lists for tuples."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.flat().items()
            if value is not None and key != "resume"
        }

    def run_id(self, gradient: str, seed: int) -> str:
        """Twelve hex digits fixed by what determines a run's numbers, and by nothing else.

        Options at their defaults are left out: one that a later release adds renames no run.
        """
        defaults = {key: v for group in self._groups for key, v in _flat(type(group)()).items()}
        settings = {key: v for key, v in self.flat().items() if v != defaults[key]}
        settings |= {"gradient": gradient, "seed": seed}
        decisive = {key: value for key, value in settings.items() if key not in BOOKKEEPING}
        canonical = json.dumps(decisive, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _flat(group: Any) -> dict[str, Any]:
    """A group's options by name, JSON-able."""
    values = dataclasses.asdict(group)
    return {key: str(v) if isinstance(v, Path) else v for key, v in values.items()}


def make_config(**options: Any) -> RunConfig:
    """A configuration from flat option names, as in YAML; types are those of the dataclasses.

    Raises:
        ValueError: for an unknown option (the nearest is named), environment or agent, or a value
            of the wrong type.
    """
    groups = option_groups(options.get("env_id"), options.get("agent"), options.get("update"))
    return RunConfig(*make_options(groups, options))


def option_groups(
    env_id: str | None = None, agent: str | None = None, update: str | None = None
) -> tuple[type, type, type]:
    """The dataclasses whose fields are the options of this environment, agent and update rule."""
    env: Any = env_options(RunOptions.env_id if env_id is None else env_id)
    agents = env.agents
    agent = next(iter(agents)) if agent is None else agent
    options = agents[check_choice("agent", agent, tuple(agents))]
    if env.initial_policy is not None and issubclass(options, StartOptions):
        options = starting_at(options, env.initial_policy)
    if hasattr(options, "update"):
        options = with_rule(options, options.update if update is None else update)
    return options.run_options, env, options


def well_options(env_id: str | None = None) -> Any:
    """The options of an environment in which a tabular policy can be evaluated exactly.

    Raises:
        ValueError: for another environment, or none.
    """
    wells = tuple(name for name in ENVIRONMENTS if name not in AGENTS)
    env_id = RunOptions.env_id if env_id is None else env_id
    return env_options(check_choice("env_id", env_id, wells))


def parse_well_command(
    arguments: list[str], command: str, options: Any, description: str
) -> tuple[Any, Any]:
    """A command's own options, and those of the environment that its `env_id` names.

    A file of a run's options will do: those that only `train.py` has are passed over.

    Args:
        arguments: the command line after the command.
        command: its name.
        options: dataclass of its own options, with a default `env_id`.
        description: what its help says.
    """
    own, env = parse_options(
        arguments,
        prog=f"python -m experiments {command}",
        description=description,
        groups=lambda env_id: {command: options, "env": well_options(env_id)},
        choosers={"env_id": options.env_id},
        passed_over=is_run_option,
    )
    return own, env


def is_run_option(name: str) -> bool:
    """Whether `train.py` has an option of this name, of a run or of its tabular agent."""
    groups = (RunOptions, SoftmaxPGOptions)
    return name in {field.name for group in groups for field in dataclasses.fields(group)}


def parse_config(arguments: list[str]) -> RunConfig:
    """The configuration of a command line; exits with code 2 and a sentence on a bad one.

    `--config FILE` reads flat option names from YAML; options given on the line win. `--resume
    FOLDER` reads those of the run in that folder.

    Raises:
        ValueError: for an unreadable file, an unknown key, environment or agent.
    """

    def groups(env_id: str, agent: str | None, update: str) -> dict[str, type]:
        return dict(zip(("run", "env", "agent"), option_groups(env_id, agent, update), strict=True))

    check_words(arguments)
    resume = peek(arguments, "--resume")
    if resume is not None:
        if not (Path(resume) / SETTINGS_FILE).is_file():
            raise BadInput(
                f"resume={resume!r} has no {SETTINGS_FILE}; name the folder of an earlier run."
            )
        arguments = [*arguments, "--config", str(Path(resume) / SETTINGS_FILE)]
    parsed = parse_options(
        arguments,
        prog="train.py",
        description="Train an agent in a gravity well.",
        groups=groups,
        choosers={
            "env_id": RunOptions.env_id,
            "agent": None,  # the first of the environment's
            "update": SoftmaxPGOptions.update,
        },
    )
    return RunConfig(*parsed)
