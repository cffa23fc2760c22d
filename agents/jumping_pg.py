"""JumpingPG: the same trajectory as `SoftmaxPG`, however long, without making every update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from agents.escape import CENSORED, EscapeEvent
from agents.evaluation import Record, evaluate, log_spaced
from agents.softmax_pg import SoftmaxPG
from agents.updates import ExactRule
from gw_envs.checks import LARGEST, BadInput, Floats, check_callables, check_int

if TYPE_CHECKING:
    from agents.simulation.motion import Motion

BEYOND_ESCAPE = 10


class JumpingPG(SoftmaxPG):
    """Any exact rule by step jumping, in any of our environments, drifting or not.

    Takes the arguments of `SoftmaxPG`, with one seed. Where rewards, step sizes or the rule are no
    smooth function of the update, every update is made (`agents.simulation.engine`). Transfers are
    seen at the resolution of the history.

    Attributes:
        escape: after `learn`, the escape of each state [S], each with its error, method and whether
            it is exact (`agents.simulation.answers.EscapeTime`).
        relative_error: the largest error of a state that escaped.

    Raises:
        ValueError: for a sampled gradient or several seeds.
    """

    precision_floor = 0.0

    def __init__(self, env_id: str = "SoftmaxWell-v0", *args: Any, **kwargs: Any) -> None:
        super().__init__(env_id, *args, **kwargs)
        self.relative_error = 0.0
        self.escape: Any = None
        reasons = {
            f"gradient={self.gradient!r}": self.gradient != "exact",
            f"seeds={self.seeds}": len(self.seeds) != 1,
        }
        for reason, stands in reasons.items():
            if stands:
                raise BadInput(
                    f"{reason} cannot be jumped over: jumping needs gradient='exact' and one seed."
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
            max_updates: the budget; None goes on to ten times the last state's escape, at most
                2^63 - 1, or, where no update can be jumped over, as far as a minute's work.
            record_at: must be None: the records are the log-spaced history.
            on_record: called with each record.
            on_event: called with each escape event.
            on_update: called once, with the number of updates followed.

        Returns:
            The records, in order.

        Raises:
            ValueError: if `max_updates` updates cannot be jumped over and would take over a day.
        """
        if record_at is not None or self.updates:
            raise BadInput("record_at must be None, and learn be called once, when jumping.")
        if max_updates is not None:
            max_updates = check_int("max_updates", max_updates, 1)
        check_callables(on_record=on_record, on_event=on_event, on_update=on_update)
        updates, thetas = self._history(max_updates)
        records = []
        for n, theta in zip(updates, thetas, strict=True):
            self.updates, self.theta = min(int(n), LARGEST), theta[None]
            for event in self._see(n):
                if on_event is not None:
                    on_event(event)
            records.append(self.measure())
            if on_record is not None:
                on_record(records[-1])
        if on_update is not None:
            on_update(self.updates)
        return records

    def check_budget(self, max_updates: int) -> None:
        """What cannot be jumped over, the engine refuses when it has seen it."""

    def _history(self, max_updates: int | None) -> tuple[Floats, Floats]:
        """Update numbers [N] and theta [N, S, K] there; finds the escapes on the way."""
        from agents.simulation import engine

        motion = self._motion()
        budget = engine.make_budget(motion, max_updates)
        if max_updates is None:
            budget = engine.cut(budget, LARGEST)
        plateau = engine.Plateau(motion, budget)
        self._keep_escape(plateau.escapes())
        escapes = self.escape.steps[~self.escape.censored]
        end = max(self.escape.updates.max(), 10.0)
        if max_updates is not None:
            end = float(max_updates)
        elif len(escapes) == len(self.escape.steps):
            end = min(BEYOND_ESCAPE * max(end, 1.0), float(LARGEST))
        stops = log_spaced(end, extra=[n for t in escapes for n in (t - 1, t)])
        thetas = plateau.history(stops)
        reached = np.isfinite(thetas).all(axis=(1, 2))
        return stops[reached], thetas[reached]

    def _motion(self) -> Motion:
        from agents.simulation.motion import Motion, WellWorld
        from agents.simulation.solver import make_bandit

        rule, rate = cast(ExactRule, self.rule), cast(Any, self.learning_rate)
        one = self.well.num_states == 1 and self.well.drift_horizon == 0
        if not (one and self._has_fixed_values()):
            return Motion(WellWorld(self.well), rule, self.theta[0], rate)
        rewards, _ = self.well.action_values(self.policy[0], 0)
        world, _ = make_bandit(rewards[0], 1.0)
        return Motion(world, rule, self.theta[0], rate)

    def _keep_escape(self, escape: Any) -> None:
        self.escape = escape
        self.relative_error = float(np.max(escape.relative_error[~escape.censored], initial=0.0))

    def _see(self, n: float) -> list[EscapeEvent]:
        """Let the detector see the policy; at the edge the engine, not rounding, has the say."""
        self._now = now = evaluate(self.well, self.policy, self.clock)
        gaps, subopt = now.gaps, now.suboptimality
        exits = np.where(self.escape.censored, np.inf, self.escape.steps)[None]
        waiting = self.detector.escape_time == CENSORED
        inside, at_edge = waiting & (n < exits), n == exits
        gaps = np.where(inside, np.maximum(gaps, 1e-300), gaps)
        subopt = np.where(inside, np.maximum(subopt, gaps), subopt)
        subopt = np.where(at_edge, np.minimum(subopt, -1.0), subopt)
        events = self.detector.observe(self.updates, now.policy, subopt, gaps)
        self.events.extend(events)
        return events
