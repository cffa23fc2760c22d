"""The one table of settings of SB3's algorithms in our wells.

`make_baseline`, the options of train.py and the files of hyperparams/ have them from here; the last
are tested against it. What is not here is as SB3 has it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True)
class StockSettings:
    """Shared by all.

    Attributes:
        algorithm: where its class is.
        fixed: arguments that are no options.
    """

    algorithm: ClassVar[str]
    fixed: ClassVar[dict[str, Any]] = {}

    n_envs: int = 64
    """Environments stepped at once."""

    def arguments(self) -> dict[str, Any]:
        """The algorithm's arguments; `n_envs` is the environment's, and None is the algorithm's."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        del own["n_envs"]
        return {name: value for name, value in own.items() if value is not None} | self.fixed


@dataclass(frozen=True)
class PPOSettings(StockSettings):
    """Of PPO."""

    algorithm: ClassVar[str] = "stable_baselines3.PPO"

    learning_rate: float = 3e-4
    """Adam's step size."""
    n_steps: int = 16
    """Steps per environment and update."""
    batch_size: int | None = None
    """Minibatch; default the whole rollout."""
    n_epochs: int = 10
    """Passes over a rollout."""
    clip_range: float = 0.2
    """Ratios of probabilities beyond 1 +- this have no gradient."""
    gae_lambda: float = 0.95
    """Of the advantage estimate."""
    normalize_advantage: bool = True
    """Divide each batch's advantages by their standard deviation."""
    ent_coef: float = 0.0
    """Weight of the entropy bonus."""


@dataclass(frozen=True)
class A2CSettings(StockSettings):
    """Of A2C."""

    algorithm: ClassVar[str] = "stable_baselines3.A2C"

    learning_rate: float = 7e-4
    """RMSprop's step size."""
    n_steps: int = 5
    """Steps per environment and update."""
    gae_lambda: float = 1.0
    """Of the advantage estimate."""
    normalize_advantage: bool = False
    """Divide each batch's advantages by their standard deviation."""
    ent_coef: float = 0.0
    """Weight of the entropy bonus."""


@dataclass(frozen=True)
class TRPOSettings(StockSettings):
    """Of TRPO (sb3-contrib)."""

    algorithm: ClassVar[str] = "sb3_contrib.TRPO"

    learning_rate: float = 1e-3
    """Adam's step size, for the critic."""
    n_steps: int = 16
    """Steps per environment and update."""
    target_kl: float = 0.01
    """Largest Kullback-Leibler divergence of an update."""
    gae_lambda: float = 0.95
    """Of the advantage estimate."""


@dataclass(frozen=True)
class DQNSettings(StockSettings):
    """Of DQN."""

    algorithm: ClassVar[str] = "stable_baselines3.DQN"
    fixed: ClassVar[dict[str, Any]] = {"train_freq": 1}

    n_envs: int = 8
    """Environments stepped at once."""
    learning_rate: float = 1e-3
    """Adam's step size."""
    buffer_size: int = 10_000
    """Transitions kept."""
    learning_starts: int = 200
    """Environment steps before learning."""
    batch_size: int = 32
    """Transitions per gradient step."""
    gradient_steps: int = 1
    """Gradient steps per update."""
    target_update_interval: int = 500
    """Environment steps between copies to the target network."""
    exploration_fraction: float = 0.2
    """Share of the budget over which epsilon falls."""
    exploration_final_eps: float = 0.05
    """Epsilon thereafter."""


STOCK: dict[str, type[StockSettings]] = {
    "ppo": PPOSettings,
    "a2c": A2CSettings,
    "dqn": DQNSettings,
    "trpo": TRPOSettings,
}
