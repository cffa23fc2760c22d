"""EscapeCallback: what the policy of an SB3 model does in its wells, exactly, update by update."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from agents import metrics
from agents.escape import EscapeDetector, EscapeEvent
from agents.evaluation import Evaluation, Record, evaluate
from agents.lower_bounds import escape_lower_bounds
from agents.precision import LOWEST_OPTIMAL_PROB, PrecisionWarning
from agents.sb3.ground_truth import ground_truth, policy_table
from agents.sb3.policies import TabularSoftmaxPolicy
from agents.sb3.softmax_pg import SoftmaxPG
from agents.softmax_pg import check_record_at
from gw_envs.checks import LARGEST, Floats, check_bool, check_callables, check_int


class EscapeCallback(BaseCallback):
    """Sees the policy after every update and finds out, exactly, when it leaves its wells.

    An update is one training phase, whatever number of gradient steps it makes: for on-policy
    algorithms one rollout, for DQN `train_freq` steps (before `learning_starts` they change
    nothing). Policy n, the policy after n updates, is evaluated where rollout n begins, the last
    one at the end of `learn`. Events are those of `agents.escape.EscapeDetector`, as the tabular
    agent has them. For DQN the policy is the epsilon-greedy one that acts.

    SB3's logger gets `update` and `policy/*` (sub-optimality, pi(a*), entropy, the gradient's norm)
    every `log_every` updates, and keeps them until it is next written.

    Args:
        record_at: updates at which `on_record` is called, beside every first escape.
        log_every: updates between entries in SB3's logger; 0: at recorded updates only, which is
            cheaper where updates are as short as A2C's.
        stop_on_escape: end training when every state has left its well.
        on_record: called with records, one run each.
        on_event: called with each event.
        on_update: called with the number of updates made, after each one.
        verbose: SB3's.

    Attributes:
        events: all events so far.
        updates: number of updates made.
        bounds: the theory's lower bounds [1, S], for the exact or sampled softmax policy gradient
            on a table at constant step size; 0 for all else.
        detector: the detector, with `escape_time` [1, S].

    Raises:
        ValueError: when training begins in an environment that is not one of ours.
        FloatingPointError: when a table's pi(a*) sinks below what float64 can follow. A network in
            float32 is warned of (PrecisionWarning), once.
    """

    def __init__(
        self,
        *,
        record_at: Sequence[int] | NDArray[np.int64] = (),
        log_every: int = 1,
        stop_on_escape: bool = False,
        on_record: Callable[[Record], None] | None = None,
        on_event: Callable[[EscapeEvent], None] | None = None,
        on_update: Callable[[int], None] | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(check_int("verbose", verbose, 0, 2))
        check_callables(on_record=on_record, on_event=on_event, on_update=on_update)
        self.stop_on_escape = check_bool("stop_on_escape", stop_on_escape)
        self.log_every = check_int("log_every", log_every, 0)
        self.record_at = frozenset(check_record_at(record_at, LARGEST).tolist())
        self.on_record, self.on_event, self.on_update = on_record, on_event, on_update
        self.events: list[EscapeEvent] = []
        self.updates = 0
        self.bounds: Floats = np.zeros((1, 1))
        self.detector: EscapeDetector | None = None
        self._seen = -1
        self._warned = False

    @property
    def escape_time(self) -> int:
        """Updates at the last first escape over states; 0 for a start outside, -1 if censored."""
        if self.detector is None:
            return -1
        times = self.detector.escape_time[0]
        return -1 if (times < 0).any() else int(times.max())

    def _init_callback(self) -> None:
        """Look at the environment; a callback that goes on with a loaded model keeps its state."""
        self.well = ground_truth(cast(Any, self.model.get_env()))
        if self.detector is None:
            self.bounds = self._lower_bounds()
            self.detector = EscapeDetector(self.well.optimal_actions, self.bounds)

    def _lower_bounds(self) -> Floats:
        bounds = np.zeros((1, self.well.num_states))
        model = self.model
        if (
            isinstance(model, SoftmaxPG)
            and isinstance(model.policy, TabularSoftmaxPolicy)
            and model.update == "softmax-pg"
            and isinstance(model.learning_rate, int | float)
        ):
            policy = policy_table(model)
            bounds[0] = escape_lower_bounds(self.well, policy, float(model.learning_rate))
        return bounds

    def _on_rollout_start(self) -> None:
        self._see()

    def _on_step(self) -> bool:
        return not (self.stop_on_escape and self.escape_time >= 0)

    def _on_rollout_end(self) -> None:
        self.updates += 1

    def _on_training_end(self) -> None:
        self._see()

    @property
    def is_exact(self) -> bool:
        """Whether the model follows exact gradients."""
        return isinstance(self.model, SoftmaxPG) and self.model.gradient == "exact"

    @property
    def clock(self) -> int:
        """The drift clock: updates for exact gradients, else the environment's own."""
        return self.updates if self.is_exact else int(getattr(self.well, "clock", 0))

    @property
    def global_step(self) -> int:
        """Environment steps the gradients came from; 0 for exact gradients."""
        return 0 if self.is_exact else int(self.model.num_timesteps)

    def _see(self) -> None:
        """Evaluate the policy, once per update."""
        if self._seen == self.updates:
            return
        self._seen = self.updates
        now = evaluate(self.well, policy_table(self.model)[None], self.clock)
        detector = cast(EscapeDetector, self.detector)
        events = detector.observe(self.updates, now.policy, now.suboptimality, now.gaps)
        self._guard(float(now.optimal_prob.min()))
        self.events.extend(events)
        for event in events:
            if self.on_event is not None:
                self.on_event(event)
        wanted = self.updates in self.record_at or any(e.is_first_escape for e in events)
        if wanted or (self.log_every > 0 and self.updates % self.log_every == 0):
            record = self._record(now)
            self._log(record)
            if wanted and self.on_record is not None:
                self.on_record(record)
        if self.on_update is not None and self.updates > 0:
            self.on_update(self.updates)

    def _record(self, now: Evaluation) -> Record:
        recent = None
        if not self.is_exact:
            returns = [episode["r"] for episode in self.model.ep_info_buffer or ()]
            recent = np.array([np.mean(returns) if returns else np.nan])
        return now.record(self.updates, self.global_step, recent)

    def _log(self, record: Record) -> None:
        logged = {metrics.UPDATE: record.update} | metrics.policy_columns(record, 0)
        for key, value in logged.items():
            self.logger.record(key, value)

    def _guard(self, lowest: float) -> None:
        """Refuse to go on where a table's float64 would lie; warn where a network's float32 may."""
        model = self.model
        if isinstance(model.policy, TabularSoftmaxPolicy):
            if lowest < LOWEST_OPTIMAL_PROB["float64"]:
                raise FloatingPointError(
                    f"pi(a*)={lowest:.3g} after {self.updates} updates is below 1e-10, where plain "
                    "float64 no longer follows the mathematics; use agents.simulation."
                )
        elif (
            not self._warned
            and isinstance(model, SoftmaxPG)
            and lowest < LOWEST_OPTIMAL_PROB["float32"]
        ):
            self._warned = True
            warnings.warn(
                f"pi(a*)={lowest:.3g} after {self.updates} updates: below 1e-5 the logits of a "
                "network in float32 may stand still where the mathematics moves them.",
                PrecisionWarning,
                stacklevel=2,
            )

    def __getstate__(self) -> dict[str, Any]:
        """What has been seen; not the model, and not who is told."""
        kept = ("stop_on_escape", "record_at", "log_every", "events", "updates", "bounds")
        hidden = ("detector", "_seen", "_warned", "verbose")
        return {name: self.__dict__[name] for name in (*kept, *hidden)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A callback that goes on from `state`."""
        self.__init__()  # type: ignore[misc]
        self.__dict__.update(state)
