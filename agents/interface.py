"""What a run needs of an agent, tabular or deep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from agents.escape import EscapeDetector, EscapeEvent
from agents.evaluation import Record
from gw_envs.checks import Floats


class Agent(Protocol):
    """R runs in one of our environments, one per seed, that report what their policies do.

    Attributes:
        gradient: "exact" or "sampled".
        seeds: one per run, R of them.
        relative_error: of the escape times; 0 where every update is seen.
        well: the environment's ground truth.
        bounds: lower bounds on the escape times, [R, S]; 0 where there is none.
        detector: has `escape_time`, [R, S].
        escape_time: of each run, [R]; 0 for a start outside, -1 where censored.
        updates: made so far.
        global_step: environment steps made so far by each run; 0 for exact gradients.
    """

    gradient: str
    seeds: tuple[int, ...]

    @property
    def relative_error(self) -> float: ...  # noqa: D102
    @property
    def well(self) -> Any: ...  # noqa: D102
    @property
    def bounds(self) -> Floats: ...  # noqa: D102
    @property
    def detector(self) -> EscapeDetector: ...  # noqa: D102
    @property
    def escape_time(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def updates(self) -> int: ...  # noqa: D102
    @property
    def global_step(self) -> int: ...  # noqa: D102

    def check_budget(self, max_updates: int) -> None:
        """Refuse updates that would take longer than a day."""
        ...

    def learn(
        self,
        max_updates: Any,
        *,
        record_at: Sequence[int] | NDArray[Any] | None = None,
        on_record: Callable[[Record], None] | None = None,
        on_event: Callable[[EscapeEvent], None] | None = None,
        on_update: Callable[[int], None] | None = None,
    ) -> list[Record]:
        """Go on until `max_updates` updates have been made in all."""
        ...
