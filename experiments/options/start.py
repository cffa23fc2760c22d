"""Options shared by agents: the policy they start from, and what an update rule adds."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from agents.policies import Start

DEFAULT_OPTIMAL_PROB = 1e-3


@dataclasses.dataclass(frozen=True)
class StartOptions:
    """Where the policy starts, in every state."""

    initial_policy: str = "corner"
    """uniform, uniform_suboptimal, corner, normal, or prompts (VerifierWell-v0: its own)."""
    optimal_prob: float | None = None
    """Initial pi(a*) of corner and uniform_suboptimal; default 0.001 for these."""
    corner_action: int | None = None
    """The arm of the corner; default the first sub-optimal one."""
    sigma: float = 1.0
    """Standard deviation of the logits of normal."""

    def __post_init__(self) -> None:
        if self.optimal_prob is None and self.initial_policy in ("corner", "uniform_suboptimal"):
            object.__setattr__(self, "optimal_prob", DEFAULT_OPTIMAL_PROB)

    @property
    def start(self) -> Start:
        """The start, checked.

        Raises:
            ValueError: naming the option that is out of range or that the start does not use.
        """
        return Start(self.initial_policy, self.optimal_prob, self.corner_action, self.sigma)


@cache
def starting_at(options: type, initial_policy: str) -> type:
    """An agent's options with another default start."""
    default = dataclasses.field(default=initial_policy)
    started = dataclasses.make_dataclass(
        options.__name__, [("initial_policy", str, default)], bases=(options,), frozen=True
    )
    started.__doc__ = options.__doc__
    return started


def added_options(options: Any, base: type) -> dict[str, Any]:
    """The fields of an options object that its base class does not have."""
    own = {field.name for field in dataclasses.fields(base)}
    return {key: v for key, v in dataclasses.asdict(options).items() if key not in own}
