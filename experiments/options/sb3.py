"""The options of the SB3 agents on the command line, and how they make agents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from agents.interface import Agent
from agents.sb3.settings import (
    STOCK,
    A2CSettings,
    DQNSettings,
    PPOSettings,
    TRPOSettings,
    check_settings,
)
from experiments.options.run import RunOptions
from experiments.options.start import StartOptions, added_options
from gw_envs.checks import BadInput, check_int

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from agents.sb3.vec_env import WellVecEnv


@dataclasses.dataclass(frozen=True)
class SlowRunOptions(RunOptions):
    """What every run has; fewer seeds, so that the defaults end within two minutes."""

    num_seeds: int = 3
    """Number of runs, one seed each."""


@dataclasses.dataclass(frozen=True)
class RolloutRunOptions(SlowRunOptions):
    """What every run has; an update of these agents is a rollout and costs milliseconds."""

    max_updates: int = 300
    """Budget: a run without an escape by then is censored."""


@dataclasses.dataclass(frozen=True)
class SB3SoftmaxPGOptions(StartOptions):
    """The theory's algorithm as an SB3 algorithm (agents.sb3.softmax_pg)."""

    run_options: ClassVar[type] = SlowRunOptions

    policy: Literal["tabular", "mlp"] = "tabular"
    """A table of logits in float64 under SGD, or SB3's network in float32 under Adam."""
    gradient: Literal["exact", "sampled"] = "sampled"
    """From the environment's mean rewards, or from rollouts."""
    learning_rate: float | None = None
    """Step size eta; default 0.4 for the table, 0.003 for the network under Adam."""
    n_envs: int = 1
    """Episodes per update; of environments at discount 0 only the first step counts."""
    update: str = "softmax-pg"
    """softmax-pg, delightful-pg, entropy-pg, log-barrier-pg or, sampled, alternate."""
    baseline: Literal["none", "value", "average", "constant"] = "value"
    """Of the sampled gradient; value is the learned critic."""
    baseline_value: float | None = None
    """The number of the constant baseline."""
    vf_coef: float = 0.5
    """Weight of the critic's loss; a value table needs it below 1 / learning rate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 0.4 if self.policy == "tabular" else 3e-3)

    def make(self, run: RunOptions, env_kwargs: dict[str, Any]) -> list[Agent]:
        """One agent per seed; for the exact gradient one.

        Raises:
            ValueError: naming the option that is out of range.
        """
        seeds = run.seeds[:1] if self.gradient == "exact" else run.seeds
        exact = self.gradient == "exact"

        def model(env: WellVecEnv, seed: int) -> BaseAlgorithm:
            from agents.sb3.softmax_pg import SoftmaxPG

            return SoftmaxPG(
                "TabularPolicy" if self.policy == "tabular" else "MlpPolicy",
                env,
                learning_rate=self.learning_rate,
                n_steps=1 if exact else env.well.horizon,
                gamma=env.well.discount,
                update=self.update,
                update_options=added_options(self, SB3SoftmaxPGOptions),
                gradient=self.gradient,
                baseline=self.baseline,
                baseline_value=self.baseline_value,
                episodic=not exact,
                vf_coef=self.vf_coef,
                seed=seed,
                device="cpu",
            )

        n_envs = 1 if exact else self.n_envs
        # An update of the sampled gradient takes whole episodes, as the numpy agent's does.
        steps = 1 if exact else None
        return make_sb3_agents(self, run, env_kwargs, seeds, n_envs, steps, model)


class StockOptions:
    """Shared by the stock algorithms, whose own options are `agents.sb3.settings`."""

    run_options: ClassVar[type] = RolloutRunOptions
    n_envs: int

    def make(self, run: RunOptions, env_kwargs: dict[str, Any]) -> list[Agent]:
        """One agent per seed.

        Raises:
            ValueError: naming the option that is out of range.
        """
        table = STOCK[run.agent]
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(table)}
        settings = table(**own).arguments()
        check_settings(run.agent, settings, check_int("n_envs", self.n_envs, 1))
        steps = settings.get("n_steps", 1)

        def model(env: WellVecEnv, seed: int) -> BaseAlgorithm:
            from agents.sb3.stock import make_baseline

            return make_baseline(run.agent, env, seed=seed, **settings)

        return make_sb3_agents(self, run, env_kwargs, run.seeds, self.n_envs, steps, model)


@dataclasses.dataclass(frozen=True)
class OnPolicyOptions(StockOptions, StartOptions):
    """Shared by the stock on-policy algorithms, which start from a policy."""

    plateau_monitor: bool = False
    """Log the keys `plateau/*` of agents.diagnosis.PlateauMonitor."""


@dataclasses.dataclass(frozen=True)
class PPOOptions(PPOSettings, OnPolicyOptions):
    """Proximal policy optimisation; an update is one rollout and its epochs."""


@dataclasses.dataclass(frozen=True)
class A2COptions(A2CSettings, OnPolicyOptions):
    """Advantage actor-critic; an update is one gradient step."""


@dataclasses.dataclass(frozen=True)
class TRPOOptions(TRPOSettings, OnPolicyOptions):
    """Trust-region policy optimisation (sb3-contrib); an update is one natural-gradient step."""


@dataclasses.dataclass(frozen=True)
class DQNOptions(DQNSettings, StockOptions):
    """Deep Q-learning; an update is one vector step and its gradient steps."""


def make_sb3_agents(
    options: Any,
    run: RunOptions,
    env_kwargs: dict[str, Any],
    seeds: tuple[int, ...],
    n_envs: int,
    steps_per_update: int | None,
    make_model: Callable[[WellVecEnv, int], BaseAlgorithm],
) -> list[Agent]:
    """An `SB3Agent` per seed, each on its own environments, started from the options' policy.

    `steps_per_update` (steps per environment and update) becomes one tick of a drifting
    environment's clock; None stands for a whole episode, which then is a true end and, at discount
    0, a single step.

    Raises:
        ValueError: naming the option that is out of range.
    """
    from agents.diagnosis import PlateauMonitor
    from agents.sb3.agent import SB3Agent
    from agents.sb3.stock import start_from
    from agents.sb3.vec_env import WellVecEnv

    if run.until_escape:
        raise BadInput(
            f"until_escape=True does not go with agent={run.agent!r}, whose updates cannot be "
            "jumped over; use agent='softmax-pg'."
        )
    check_int("n_envs", n_envs, 1)
    agents: list[Agent] = []
    for seed in seeds:
        kwargs = _env_kwargs(run.env_id, env_kwargs, steps_per_update)
        env = WellVecEnv(run.env_id, n_envs, bootstrap=steps_per_update is not None, **kwargs)
        model = make_model(env, seed)
        if isinstance(options, StartOptions):
            start_from(model, options.start, seed=seed)
        watchers = [PlateauMonitor()] if getattr(options, "plateau_monitor", False) else []
        agents.append(SB3Agent(model, seed, watchers))
    return agents


def _env_kwargs(
    env_id: str, env_kwargs: dict[str, Any], steps_per_update: int | None
) -> dict[str, Any]:
    """The environment's arguments, with its clock in step with the updates."""
    from agents.sb3.vec_env import WellVecEnv

    well = WellVecEnv(env_id, 1, **env_kwargs).well
    kwargs, steps = dict(env_kwargs), steps_per_update
    if steps is None:
        if well.discount == 0 and well.horizon > 1:
            kwargs["horizon"] = 1  # only the first reward of an episode counts
        steps = kwargs.get("horizon") or well.horizon
    if well.drift_horizon > 0:
        kwargs["steps_per_tick"] = steps
    return kwargs


SB3_OPTIONS: dict[str, Any] = {
    "sb3-softmax-pg": SB3SoftmaxPGOptions,
    "ppo": PPOOptions,
    "a2c": A2COptions,
    "dqn": DQNOptions,
    "trpo": TRPOOptions,
}
