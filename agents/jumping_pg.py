"""JumpingPG: the same trajectory as `SoftmaxPG`, however long, without making every update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.escape import CENSORED, EscapeEvent
from agents.evaluation import Record, evaluate
from agents.softmax_pg import SoftmaxPG
from gw_envs.checks import BadInput, check_int

INT64_MAX = 2**63 - 1


class JumpingPG(SoftmaxPG):
    """Softmax policy gradient by step jumping: exact gradient, one state, constant step size.

    Takes the arguments of `SoftmaxPG`, with one seed. Escapes are exact as
    `agents.simulation.solve_escape_time` is (its relative error is kept in `relative_error`);
    transfers are seen at the resolution of the history. Arithmetic is robust at any depth.

    Raises:
        ValueError: naming the argument that leaves nothing to jump along.
    """

    precision_floor = 0.0

    def __init__(self, env_id: str = "SoftmaxWell-v0", *args: Any, **kwargs: Any) -> None:
        super().__init__(env_id, *args, **kwargs)
        self.relative_error = 0.0
        reasons = {
            f"gradient={self.gradient!r}": self.gradient != "exact",
            f"update={self.update!r}": self.update != "softmax-pg",
            f"seeds={self.seeds}": len(self.seeds) != 1,
            f"env_id={env_id!r} with {self.well.num_states} states": self.well.num_states != 1,
            f"env_id={env_id!r}, whose rewards drift,": self.well.drift_horizon > 0,
            "a learning_rate that changes": not isinstance(self.learning_rate, float),
        }
        for reason, stands in reasons.items():
            if stands:
                raise BadInput(
                    f"{reason} cannot be jumped over: jumping needs gradient='exact', "
                    "update='softmax-pg', one seed, one state and a constant learning_rate."
                )

    def learn(
        self,
        max_updates: int | None = None,
        *,
        record_at: Sequence[int] | NDArray[np.int64] | None = None,
        on_record: Callable[[Record], None] | None = None,
        on_event: Callable[[EscapeEvent], None] | None = None,
        on_update: Callable[[int], None] | None = None,
    ) -> list[Record]:
        """Follow the trajectory from its start, to `max_updates` or a decade beyond the escape.

        Args:
            max_updates: the budget; None goes on to ten times the escape, at most 2^63 - 1.
            record_at: must be None: the records are the log-spaced history.
            on_record: called with each record.
            on_event: called with each escape event.
            on_update: called once, with the number of updates followed.

        Returns:
            The records, in order.
        """
        from agents.simulation import jump_history, solve_escape_time

        if record_at is not None or self.updates:
            raise BadInput("record_at must be None, and learn be called once, when jumping.")
        rewards, start, rate = self.well.mean_rewards, self.theta[0, 0], self._rate(0)
        budget = INT64_MAX if max_updates is None else check_int("max_updates", max_updates, 1)
        escape = solve_escape_time(rewards, start, learning_rate=rate, max_updates=budget)
        if max_updates is None and not escape.censored:
            budget = min(budget, max(10, 10 * int(escape.steps)))
        self.relative_error = float(escape.relative_error)
        history = jump_history(rewards, start, rate, max_updates=budget)
        exit_at = np.inf if escape.censored else escape.steps
        records = []
        for n, theta in zip(history.updates, history.theta, strict=True):
            self.updates, self.theta = min(int(n), INT64_MAX), theta[None, None]
            for event in self._see(exit_at):
                if on_event is not None:
                    on_event(event)
            records.append(self.measure())
            if on_record is not None:
                on_record(records[-1])
        if on_update is not None:
            on_update(self.updates)
        return records

    def _see(self, exit_at: float) -> list[EscapeEvent]:
        """Let the detector see the policy; at the edge the solver, not rounding, has the say."""
        self._now = now = evaluate(self.well, self.policy, self.clock)
        gaps, subopt = now.gaps, now.suboptimality
        if self.updates < exit_at and self.detector.escape_time[0, 0] == CENSORED:
            subopt = np.maximum(subopt, gaps)
        elif self.updates == exit_at:
            subopt = np.minimum(subopt, 0.0)
        events = self.detector.observe(self.updates, now.policy, subopt, gaps)
        self.events.extend(events)
        return events
