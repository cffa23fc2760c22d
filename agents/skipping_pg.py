"""SkippingPG: when sampled runs leave a well of two arms, without making every update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.escape import EscapeEvent
from agents.evaluation import Record, evaluate
from agents.softmax_pg import SoftmaxPG
from gw_envs.checks import BadInput, check_callables, check_int


class SkippingPG(SoftmaxPG):
    """REINFORCE without a baseline in a bandit of two arms: the escape of each run, in law.

    Takes the arguments of `SoftmaxPG`. What happens between the start and the escape is skipped
    (`agents.simulation.skipping`), so there are two records of a run: its start and its escape.

    Raises:
        ValueError: naming what makes skipping impossible.
    """

    precision_floor = 0.0

    def __init__(
        self, env_id: str = "SoftmaxWell-v0", *args: Any, baseline: str = "value", **kwargs: Any
    ) -> None:
        super().__init__(env_id, *args, baseline=baseline, **kwargs)
        well = self.well
        reasons = {
            f"gradient={self.gradient!r}": self.rollouts is None,
            f"update={self.rule.name!r}": self.rule.name != "softmax-pg",
            f"{env_id} with these arguments": env_id != "SoftmaxWell-v0" or well.drift_horizon > 0,
            "a learning_rate that changes": not isinstance(self.learning_rate, float),
            f"batch_size={kwargs.get('batch_size', 1)}": kwargs.get("batch_size", 1) != 1,
        }
        for reason, stands in reasons.items():
            if stands:
                raise BadInput(
                    f"{reason}: sampled updates can be skipped only in SoftmaxWell-v0 with two "
                    "arms and constant rewards, by softmax-pg with baseline='none', batch_size=1 "
                    "and one step size."
                )
        from agents.simulation import skipping

        means = well.action_values(self.policy[0], 0)[0][0]
        noise = well.noise.law
        self._law = skipping.make_law(means, self._rate(0), reward_noise=noise, baseline=baseline)

    def check_budget(self, max_updates: int) -> None:
        """Skipped updates cost nothing."""

    def learn(
        self,
        max_updates: int | None = None,
        *,
        record_at: Sequence[int] | NDArray[np.int64] | None = None,
        on_record: Callable[[Record], None] | None = None,
        on_event: Callable[[EscapeEvent], None] | None = None,
        on_update: Callable[[int], None] | None = None,
    ) -> list[Record]:
        """Draw the escape of every run; those later than `max_updates` are censored.

        Args:
            max_updates: the budget, at most 2^53 (None).
            record_at: must be None: only starts and escapes are known.
            on_record: called with each record; of a run it is true at its start and its escape.
            on_event: called with each escape.
            on_update: called once, with the last update.

        Returns:
            The records, in order.

        Raises:
            ValueError: if a run takes more than a billion pulls near the edge.
        """
        from agents.simulation import skipping

        if record_at is not None or self.updates:
            raise BadInput("record_at must be None, and learn be called once, when skipping.")
        limit = skipping.MOST_UPDATES
        if max_updates is not None:
            limit = check_int("max_updates", max_updates, 1, limit)
        check_callables(on_record=on_record, on_event=on_event, on_update=on_update)
        best = int(self.well.optimal_actions[0])
        gaps, total = self.theta[:, 0, 1 - best] - self.theta[:, 0, best], self.theta[:, 0].sum(-1)
        odds = np.exp(gaps)
        runs = range(len(self.seeds))
        times = np.array(
            [skipping.follow(self._law, odds[r : r + 1], limit, self.seeds[r])[0] for r in runs]
        )
        records = [self.measure()]
        if on_record is not None:
            on_record(records[-1])
        for n in np.unique(times[times > 0]):
            out = times == n
            self.updates = int(n)
            self.theta[out, 0, best] = (total - np.log(odds))[out] / 2
            self.theta[out, 0, 1 - best] = (total + np.log(odds))[out] / 2
            for event in self._leave(out):
                if on_event is not None:
                    on_event(event)
            records.append(self.measure())
            if on_record is not None:
                on_record(records[-1])
        if (times < 0).any():
            self.updates = limit
        if on_update is not None:
            on_update(self.updates)
        return records

    def _leave(self, out: NDArray[np.bool_]) -> list[EscapeEvent]:
        """Let the detector see these runs outside: the kernel, not rounding, has the say."""
        self._now = now = evaluate(self.well, self.policy, self.clock)
        subopt = np.where(out[:, None], -1.0, now.suboptimality)
        events = self.detector.observe(self.updates, now.policy, subopt, now.gaps)
        self.events.extend(events)
        return events
