"""The options of each environment on the command line; `ENV_OPTIONS` names the dataclass of each.

The comment below a field is its help text. `kwargs` gives the constructor's arguments.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


class EnvOptions:
    """Shared by all: the options are the constructor's arguments."""

    def kwargs(self) -> dict[str, Any]:
        """Arguments for `gym.make`."""
        return asdict(self)  # type: ignore[call-overload]


@dataclass(frozen=True)
class SoftmaxWellOptions(EnvOptions):
    """SoftmaxWell-v0: the one-state bandit."""

    num_actions: int = 6
    """K, the number of arms."""
    base_reward: float = 0.5
    """b, the mean reward of every sub-optimal arm."""
    reward_gap: float = 0.2
    """Delta, what the best arm pays above b."""
    optimal_action: int = 0
    """The best arm."""
    mean_rewards: tuple[float, ...] | None = None
    """Any K mean rewards in [0, 1], instead of the four above."""
    reward_noise: Literal["none", "bernoulli", "gaussian"] = "none"
    """Law of a pull's reward around its mean."""
    noise_std: float = 0.0
    """Standard deviation of gaussian noise."""


@dataclass(frozen=True)
class ChainWellOptions(EnvOptions):
    """ChainWell-v0: the chain of vanishing gradients."""

    chain_length: int = 10
    """H: states s_0 ... s_{H+1}, discount H/(H+1)."""
    start: Literal["first", "uniform"] = "first"
    """Where episodes begin: s_0 or anywhere."""
    horizon: int | None = None
    """Steps per episode; default 10 (H+1)."""


ENV_OPTIONS: dict[str, type] = {
    "SoftmaxWell-v0": SoftmaxWellOptions,
    "ChainWell-v0": ChainWellOptions,
}
