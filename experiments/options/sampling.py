"""The options of the agents that steer negatives on ASRSampling-v0."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from experiments.options.run import RunOptions


@dataclasses.dataclass(frozen=True)
class SamplingRunOptions(RunOptions):
    """What every run has; one training run of the embedding per seed."""

    agent: str = "ppo"
    """Who steers the negatives: ppo, sb3-softmax-pg (REINFORCE), frozen or random."""
    num_seeds: int = 1
    """Number of training runs, one seed each."""


@dataclasses.dataclass(frozen=True)
class ControlOptions:
    """A control: `frozen` leaves the bins as they began, `random` acts at random."""

    run_options: ClassVar[type] = SamplingRunOptions

    def settings(self) -> dict[str, Any]:
        """Arguments of `agents.sampling_agents.SamplerSettings`."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class ReinforceOptions(ControlOptions):
    """REINFORCE on the reward of each step."""

    learning_rate: float = 0.01
    """Adam's."""
    logit_std: float = 0.0
    """s: at the start N(0, s^2) is added to every action logit."""


@dataclasses.dataclass(frozen=True)
class PPOSamplerOptions(ReinforceOptions):
    """PPO, one transition per update."""

    clip_range: float = 0.2
    """PPO's clip."""
    epochs_per_update: int = 4
    """Gradient steps on a transition."""
    discount: float = 0.99
    """Of the return."""


SAMPLING_AGENT_OPTIONS: dict[str, Any] = {
    "ppo": PPOSamplerOptions,
    "sb3-softmax-pg": ReinforceOptions,
    "frozen": ControlOptions,
    "random": ControlOptions,
}
