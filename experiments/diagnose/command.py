"""`python -m experiments diagnose MODEL.zip`: is this model stuck or converged?"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from agents.diagnosis import Diagnosis, EscapeRoute
from agents.diagnosis.policies.training import statistics_beside
from agents.diagnosis.verdicts import count_text
from experiments.diagnose.loading import import_module, load_agent, load_model, quiet_stdout
from experiments.files import check_file
from experiments.options.parsing import spelt_out
from gw_envs.checks import BadInput

MOST_ROWS = 8


@dataclass(frozen=True)
class DiagnoseOptions:
    """What is diagnosed, and with what budget."""

    model: tyro.conf.Positional[Path]
    """A model saved by Stable-Baselines3 (.zip), or with --agent the state_dict of a torch agent. \
Loading a .zip (and statistics) runs code that is in it: give only files you trust."""
    env_id: str
    """The Gymnasium environment it was trained in."""
    algo: str = "ppo"
    """Its algorithm: a2c, dqn, ppo; ars, maskable_ppo, qrdqn, trpo with sb3-contrib."""
    agent: str | None = None
    """Class of a torch agent, `module:Class` or `file.py:Class`, made by Class(envs) or Class(); \
CleanRL's as they are."""
    gym_packages: tuple[str, ...] = ()
    """Modules to import first, which register the environment."""
    vec_normalize: str | None = None
    """Statistics of VecNormalize (.pkl), or `none`; default ENV_ID/vecnormalize.pkl beside the \
model, where rl-zoo3 puts it, if it is there."""
    deterministic: bool = False
    """Judge the policy that takes its most likely action, not the stochastic one."""
    env_kwargs: str = "{}"
    """Arguments of the environment, as a JSON object."""
    discount: float | None = None
    """Of the returns; default the model's."""
    learning_rate: float | None = None
    """Of the softmax policy gradient whose clock is predicted; default the model's."""
    min_advantage: float = 0.0
    """An action counts as better if its advantage is above this."""
    num_states: int | None = None
    """Visited states to probe; default all, up to 64 and to what the budget can look at well."""
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
    options: DiagnoseOptions = tyro.cli(
        DiagnoseOptions,
        prog="python -m experiments diagnose",
        description="Is a model stuck or converged? Probe the actions it hardly takes. Loading a "
        "model runs code that its file holds: diagnose only files you trust.",
        args=spelt_out(arguments, (DiagnoseOptions,)),
    )
    if options.figure is not None:
        check_file("figure", options.figure, (".png",))
    with quiet_stdout():
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
    from agents.diagnosis.procedure import env_maker

    for package in options.gym_packages:
        import_module(package, "gym_packages")
    try:
        env_kwargs = json.loads(options.env_kwargs)
    except json.JSONDecodeError as error:
        raise BadInput(f"env_kwargs={options.env_kwargs!r} is not JSON: {error}.") from None
    if not isinstance(env_kwargs, dict):
        raise BadInput(f"env_kwargs={options.env_kwargs!r} must be a JSON object.")
    make = env_maker(options.env_id, env_kwargs, "env_id")
    if options.agent is not None:
        policy = load_agent(options.model, options.agent, make)
    else:
        policy = load_model(options.model, options.algo)
    return diagnose(
        policy,
        make,
        discount=options.discount,
        learning_rate=options.learning_rate,
        min_advantage=options.min_advantage,
        num_states=options.num_states,
        max_steps=options.max_steps,
        confidence=options.confidence,
        seed=options.seed,
        deterministic=options.deterministic or None,
        vec_normalize=_statistics(options),
    )


def _statistics(options: DiagnoseOptions) -> Path | bool | None:
    """The file of VecNormalize: the one given, or the one that rl-zoo3 put beside the model."""
    if options.vec_normalize is None:
        return None if options.agent else statistics_beside(options.model, options.env_id)
    return False if options.vec_normalize == "none" else Path(options.vec_normalize)


def print_diagnosis(found: Diagnosis) -> None:
    """The verdict, a table of the best routes, and what it cost."""
    print(f"verdict: {found.verdict}, of {found.judged}")
    print(f"returns: {found.objective}\n{found.reason}\n")
    if found.routes:
        heads = ("state", "action", "steps", "probability", "advantage", "interval", "updates")
        print("{:>34} {:>6} {:>5} {:>11} {:>9} {:>19} {:>14}".format(*heads))
    for route in found.routes[:MOST_ROWS]:
        interval = f"[{route.low:.3g}, {route.high:.3g}]"
        print(
            f"{route.state:>34} {route.action!s:>6} {route.hold:>5} {route.probability:>11.3g} "
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
