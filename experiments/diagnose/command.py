"""`python -m experiments diagnose MODEL.zip`: is this model stuck or converged?"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from agents.diagnosis import Diagnosis, EscapeRoute
from agents.diagnosis.verdicts import count_text
from experiments.files import check_file
from gw_envs.checks import BadInput, check_choice
from gw_envs.threads import one_thread_each

ALGORITHMS = {
    "a2c": ("stable_baselines3", "A2C"),
    "dqn": ("stable_baselines3", "DQN"),
    "ppo": ("stable_baselines3", "PPO"),
    "qrdqn": ("sb3_contrib", "QRDQN"),
    "trpo": ("sb3_contrib", "TRPO"),
}
MOST_ROWS = 8


@dataclass(frozen=True)
class DiagnoseOptions:
    """What is diagnosed, and with what budget."""

    model: tyro.conf.Positional[Path]
    """A model saved by Stable-Baselines3 (.zip)."""
    env_id: str
    """The Gymnasium environment it was trained in."""
    algo: str = "ppo"
    """Its algorithm: a2c, dqn, ppo; qrdqn, trpo with sb3-contrib."""
    gym_packages: tuple[str, ...] = ()
    """Modules to import first, which register the environment."""
    env_kwargs: str = "{}"
    """Arguments of the environment, as a JSON object."""
    discount: float | None = None
    """Of the returns; default the model's."""
    learning_rate: float | None = None
    """Of the softmax policy gradient whose clock is predicted; default the model's."""
    min_advantage: float = 0.0
    """An action counts as better if its advantage is above this."""
    num_states: int = 8
    """Visited states to probe."""
    max_steps: int = 2_000_000
    """Budget in environment steps."""
    confidence: float = 0.95
    """With which all intervals hold together."""
    seed: int = 0
    """Seed of the episodes."""
    json: bool = False
    """Print everything as JSON instead of a table."""
    figure: Path | None = None
    """PNG to draw: advantage against probability of every probe."""


def main(arguments: list[str]) -> int:
    """Diagnose the model the arguments name and print verdict, routes and cost."""
    one_thread_each()
    options: DiagnoseOptions = tyro.cli(
        DiagnoseOptions,
        prog="python -m experiments diagnose",
        description="Is a model stuck or converged? Probe the actions it hardly takes.",
        args=arguments,
    )
    if options.figure is not None:
        check_file("figure", options.figure)
    found = diagnose_file(options)
    if options.json:
        print(json.dumps(found.as_dict(), indent=1))
    else:
        print_diagnosis(found)
    if options.figure is not None:
        from experiments.diagnose.picture import draw_diagnosis

        title = f"{options.model.name} in {options.env_id}: {found.verdict}"
        draw_diagnosis(title, found, options.figure)
        print(f"wrote {options.figure}", file=sys.stderr)
    return 0


def diagnose_file(options: DiagnoseOptions) -> Diagnosis:
    """Load the model and diagnose it.

    Raises:
        ValueError: for a file that is missing or no model, a package or environment that is
            unknown, and whatever `agents.diagnosis.diagnose` refuses.
    """
    from agents.diagnosis import diagnose

    for package in options.gym_packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise BadInput(f"gym_packages={package!r} cannot be imported: {error}.") from None
    try:
        env_kwargs = json.loads(options.env_kwargs)
    except json.JSONDecodeError as error:
        raise BadInput(f"env_kwargs={options.env_kwargs!r} is not JSON: {error}.") from None
    if not isinstance(env_kwargs, dict):
        raise BadInput(f"env_kwargs={options.env_kwargs!r} must be a JSON object.")
    return diagnose(
        load_model(options.model, options.algo),
        options.env_id,
        env_kwargs=env_kwargs,
        discount=options.discount,
        learning_rate=options.learning_rate,
        min_advantage=options.min_advantage,
        num_states=options.num_states,
        max_steps=options.max_steps,
        confidence=options.confidence,
        seed=options.seed,
    )


def load_model(path: Path, algo: str) -> Any:
    """A model saved by Stable-Baselines3 or sb3-contrib.

    Raises:
        ValueError: for an unknown algorithm, a missing file, or one that is no such model.
    """
    package, name = ALGORITHMS[check_choice("algo", algo, tuple(ALGORITHMS))]
    if not path.is_file():
        raise BadInput(f"model={str(path)!r} does not exist; give the .zip that save() wrote.")
    try:
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None and "data" in archive.namelist()
    except zipfile.BadZipFile:
        whole = False
    if not whole:
        raise BadInput(
            f"model={str(path)!r} is not a Stable-Baselines3 model, or the file is damaged; give "
            "the .zip that save() wrote."
        )
    try:
        algorithm = getattr(importlib.import_module(package), name)
    except ImportError:
        raise BadInput(f"algo={algo!r} needs {package}; it is not installed.") from None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return algorithm.load(path, device="cpu")
    except Exception as error:  # whatever a foreign pickle raises, it is the file or --algo
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"model={str(path)!r} cannot be loaded as algo={algo!r}: {reason}") from None


def print_diagnosis(found: Diagnosis) -> None:
    """The verdict, a table of the best routes, and what it cost."""
    print(f"verdict: {found.verdict}\n{found.reason}\n")
    if found.routes:
        heads = ("state", "action", "steps", "probability", "advantage", "interval", "updates")
        print("{:>34} {:>6} {:>5} {:>11} {:>9} {:>19} {:>14}".format(*heads))
    for route in found.routes[:MOST_ROWS]:
        interval = f"[{route.low:.3g}, {route.high:.3g}]"
        print(
            f"{route.state:>34} {route.action:>6} {route.hold:>5} {route.probability:>11.3g} "
            f"{route.advantage:>9.3g} {interval:>19} {updates_text(route):>14}"
        )
    if len(found.routes) > MOST_ROWS:
        print(f"... and {len(found.routes) - MOST_ROWS} more")
    if found.routes:
        print(
            f"updates: of softmax policy gradient with learning rate {found.learning_rate:g} until "
            "the probability exceeds 0.1, in exact arithmetic\n"
        )
    print(
        f"{found.episodes} episodes of mean return {found.mean_episode_return:.4g}; entropy "
        f"{found.entropy:.3g} nats; {len(found.probes)} probes at {found.confidence:.0%} joint "
        f"confidence; {found.steps:,} environment steps in {found.seconds:.1f} s"
    )


def updates_text(route: EscapeRoute) -> str:
    """The predicted clock of a route, in a few characters."""
    if route.updates is None:
        return "not predicted"
    if not route.is_rare:
        return "taken"
    return "never" if math.isinf(route.updates) else count_text(route.updates)
