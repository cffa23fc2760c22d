"""Reward noise laws: what a pull pays, given the mean reward of the action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from gw_envs.checks import BadInput, Floats, check_choice, check_float

NoiseLaw = Literal["none", "bernoulli", "gaussian"]
NOISE_LAWS: tuple[str, ...] = get_args(NoiseLaw)


@dataclass(frozen=True)
class RewardNoise:
    """A law of rewards with a given mean m.

    "none" pays m; "bernoulli" pays 1 with probability m, else 0; "gaussian" pays m + std * N(0, 1)
    and may leave [0, 1].

    Attributes:
        law: one of NOISE_LAWS.
        std: standard deviation of "gaussian", > 0; must be 0 for the other laws.
    """

    law: str = "none"
    std: float = 0.0

    def __post_init__(self) -> None:
        check_choice("reward_noise", self.law, NOISE_LAWS)
        if self.law == "gaussian":
            check_float("noise_std", self.std, 0, open_low=True)
        elif check_float("noise_std", self.std) != 0:
            raise BadInput(
                f"noise_std={self.std!r} goes with reward_noise='gaussian' only; leave it 0."
            )

    @property
    def draws(self) -> str | None:
        """The kind of random numbers `apply` takes: "uniform", "normal" or None."""
        return {"none": None, "bernoulli": "uniform", "gaussian": "normal"}[self.law]

    def apply(self, means: Floats, numbers: Floats | None) -> Floats:
        """Rewards for mean rewards `means`, given as many numbers of the kind `draws` names."""
        if numbers is None:
            return means
        if self.law == "bernoulli":
            return (numbers < means).astype(np.float64)
        return means + self.std * numbers
