"""The one table of settings of SB3's algorithms in our wells.

`make_baseline`, the options of train.py and the files of hyperparams/ have them from here; the last
are tested against it. What is not here is as SB3 has it. SB3 itself checks next to nothing, so that
`check_settings` does, before a model is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

from gw_envs.checks import (
    BadInput,
    check_bool,
    check_device,
    check_float,
    check_int,
    check_memory,
    check_seconds,
)


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

_positive = partial(check_float, low=0, open_low=True)
_share = partial(check_float, low=0, high=1)
_count = partial(check_int, minimum=1)

# Every number that these algorithms take, with its range; SB3's schedules are functions.
RANGES: dict[str, Callable[[str, Any], Any]] = {
    "seed": partial(check_int, minimum=0, maximum=2**32 - 1),
    "device": check_device,
    "n_envs": _count,
    "learning_rate": _positive,
    "n_steps": _count,
    "batch_size": _count,
    "n_epochs": _count,
    "clip_range": _positive,
    "clip_range_vf": _positive,
    "gae_lambda": _share,
    "gamma": _share,
    "normalize_advantage": check_bool,
    "ent_coef": partial(check_float, low=0),
    "vf_coef": partial(check_float, low=0),
    "max_grad_norm": _positive,
    "target_kl": _positive,
    "rms_prop_eps": _positive,
    "cg_max_steps": _count,
    "cg_damping": partial(check_float, low=0),
    "line_search_shrinking_factor": partial(_share, open_low=True, open_high=True),
    "line_search_max_iter": _count,
    "n_critic_updates": _count,
    "sub_sampling_factor": _count,
    "buffer_size": _count,
    "learning_starts": partial(check_int, minimum=0),
    "gradient_steps": partial(check_int, minimum=-1),
    "tau": partial(_share, open_low=True),
    "target_update_interval": _count,
    "train_freq": lambda name, value: value if isinstance(value, tuple) else _count(name, value),
    "exploration_fraction": partial(_share, open_low=True),
    "exploration_initial_eps": _share,
    "exploration_final_eps": _share,
}
# Seconds that one of them takes at least, within one update.
SECONDS = {"n_epochs": 1e-4, "gradient_steps": 1e-4, "n_steps": 1e-5, "learning_starts": 1e-6}
SECONDS |= {"batch_size": 1e-8, "n_critic_updates": 1e-4}
SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")  # may be functions
BYTES_PER_TRANSITION = 64.0  # two observations, an action, a reward, an end


def check_settings(name: str, settings: Mapping[str, Any], n_envs: int) -> None:
    """Check the numbers that an algorithm is given; None leaves one to the algorithm.

    Args:
        name: one of `STOCK`.
        settings: arguments by name; those without a range are left to the algorithm.
        n_envs: environments stepped at once.

    Raises:
        ValueError: naming the setting that is out of range, or batches that do not fit.
    """
    for key, value in settings.items():
        is_schedule = key in SCHEDULES and callable(value)
        if key in RANGES and (value is not None or key == "device") and not is_schedule:
            RANGES[key](key, value)
    for key, seconds in SECONDS.items():
        check_seconds(key, settings.get(key), seconds * (settings.get(key) or 0))
    size = BYTES_PER_TRANSITION * (settings.get("n_steps") or 0) * n_envs
    check_memory("n_steps", settings.get("n_steps"), size)
    if settings.get("gradient_steps") == 0:
        raise BadInput("gradient_steps=0 never learns; it must be at least 1, or -1: as collected.")
    if "buffer_size" in settings:
        held = BYTES_PER_TRANSITION * settings["buffer_size"]
        check_memory("buffer_size", settings["buffer_size"], held)
    if name in ("ppo", "trpo") and settings.get("normalize_advantage", True):
        rollout = settings.get("n_steps", 2048) * n_envs
        if rollout < 2:
            raise BadInput(
                f"n_steps={settings.get('n_steps')!r} with n_envs={n_envs} is a rollout of one "
                "step, whose advantage cannot be normalised; make either larger."
            )
        if name == "ppo" and settings.get("batch_size") == 1:
            raise BadInput(
                "batch_size=1 cannot be normalised; it must be at least 2, or "
                "normalize_advantage=False."
            )
