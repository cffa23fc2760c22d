"""Step sizes that change by a law of the update number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gw_envs.checks import check_float

LARGEST_POWER = 16


@dataclass(frozen=True)
class PowerSchedule:
    """eta / (n+1)^p.

    Attributes:
        rate: eta > 0.
        power: p in [0, 16]: beyond that (n+1)^p leaves float64 within 2^63 updates.
        is_smooth: such a schedule is smooth in n and can be jumped along; a function without this
            attribute is asked at every update.
    """

    rate: float
    power: float
    is_smooth: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_float("rate", self.rate, 0, open_low=True)
        check_float("power", self.power, 0, LARGEST_POWER)

    def __call__(self, update: float) -> float:
        """eta of the update after number `update`, whole or between two."""
        return float(self.rate / (update + 1) ** self.power)
