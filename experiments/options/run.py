"""The options of a run that do not depend on its environment or agent."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

from gw_envs.checks import LARGEST, check_int, check_memory


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What every run has."""

    env_id: str = "SoftmaxWell-v0"
    """The environment; it decides which environment options there are."""
    agent: str = "softmax-pg"
    """The learner: softmax-pg (tables, numpy), or of Stable-Baselines3 sb3-softmax-pg, ppo, a2c,
    dqn, trpo; it decides which agent options there are."""
    max_updates: int = 20_000
    """Budget: a run without an escape by then is censored."""
    until_escape: bool = False
    """Follow the exact gradient to the last state's escape and ten times beyond, however far:
    updates are jumped over, max_updates and the sampled seeds are left out. With gradient sampled
    (two arms, softmax-pg, baseline none) the escape of every seed is drawn, however far."""
    seed: int = 0
    """Seed of the first run; the others count up from it."""
    num_seeds: int = 10
    """Number of sampled-gradient runs, one seed each (an exact-gradient run is always one)."""
    exp_name: str | None = None
    """Name of the experiment: W&B group and folder name. Default: environment and agent."""
    output: Path = Path("runs")
    """Folder under which the run makes its own."""
    track: Literal["offline", "online", "tensorboard", "disabled"] = "offline"
    """Weights & Biases, files only or upload (needs a key); TensorBoard (extra `tensorboard`); or
    no tracker: the tables are written in any case."""
    wandb_project: str = "gravity-wells"
    """Project that online runs appear in."""
    checkpoint_seconds: float = 30.0
    """Seconds between checkpoints: what a killed run loses at most when it is resumed."""
    resume: Path | None = None
    """Folder of a killed or interrupted run: go on from its last checkpoint, with its options. Its
    checkpoint is a pickle, which runs code: resume trusted runs only."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs.

        Raises:
            ValueError: for a negative seed or fewer than one run.
        """
        count = check_int("num_seeds", self.num_seeds, 1)
        first = check_int("seed", self.seed, 0, LARGEST + 1 - count)
        check_memory("num_seeds", count, 5000.0 * count)
        return tuple(range(first, first + count))
