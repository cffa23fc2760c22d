"""When is a policy in a well, and when has it left? `EscapeDetector` turns policies into events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import Floats
from gw_envs.theory import WELL_FRACTION, in_well

CENSORED = -1
DOMINANT = 0.5


@dataclass(frozen=True)
class EscapeEvent:
    """One crossing of a well's edge, or a change of plateau inside it.

    Attributes:
        kind: "enter", "transfer" (another sub-optimal arm reaches pi >= 0.5 inside) or "escape".
        update: number of updates made when it was seen.
        run: index of the run in the batch.
        state: the state whose policy moved.
        from_action: the arm of the plateau left ("enter": the likeliest arm one update before).
        to_action: the arm moved to ("escape": the best arm).
        optimal_prob: pi(a*|state) after that update.
        dwell: updates since the state's previous event, else since 0.
        ratio_to_bound: update / lower bound for the first escape, NaN without a bound > 0.
        is_first_escape: whether this is the state's first escape, the one that counts.
    """

    kind: str
    update: int
    run: int
    state: int
    from_action: int
    to_action: int
    optimal_prob: float
    dwell: int
    ratio_to_bound: float = float("nan")
    is_first_escape: bool = False


def suboptimality(policy: Floats, values: Floats, optimal_actions: NDArray[np.int64]) -> Floats:
    """sum_a pi(a|s)(Q(s,a*) - Q(s,a)), [..., S].

    Args:
        policy: [..., S, K].
        values: Q or mean rewards [..., S, K].
        optimal_actions: a* of each state, [S].
    """
    best = values[..., np.arange(len(optimal_actions)), optimal_actions]
    return np.asarray((policy * (best[..., None] - values)).sum(axis=-1))


def well_gaps(
    values: Floats, optimal_actions: NDArray[np.int64], reward_gaps: Floats, discount: float
) -> Floats:
    """The Delta(s) that defines each state's well, [..., S].

    The constructor's `reward_gaps` at discount 0; Q(s, a*) minus the second best Q(s, .) otherwise,
    which may be <= 0: then the state is not in a well.
    """
    if discount == 0:
        return np.broadcast_to(reward_gaps, values.shape[:-1])
    states = np.arange(len(optimal_actions))
    others = values.copy()
    others[..., states, optimal_actions] = -np.inf
    return np.asarray(values[..., states, optimal_actions] - others.max(axis=-1))


class EscapeDetector:
    """Watches the policies of many runs and states, one update after the other.

    A start outside the well has escape time 0 and no event; one inside has no "enter" event. Only
    the first escape of a state counts towards `escape_time`; later ones are still events.

    Args:
        optimal_actions: a* of each state, [S].
        bounds: lower bounds on the escape time, [R, S]; 0 where there is none.
        fraction: share of Delta that counts as inside the well.

    Attributes:
        escape_time: int64 [R, S]: updates at the first escape, 0 for a start outside, -1 (CENSORED)
            while none has been seen.
    """

    def __init__(
        self,
        optimal_actions: NDArray[np.int64],
        bounds: Floats,
        fraction: float = WELL_FRACTION,
    ) -> None:
        self.optimal_actions = np.asarray(optimal_actions)
        self.bounds = np.asarray(bounds, dtype=np.float64)
        self.fraction = fraction
        self.escape_time = np.full(self.bounds.shape, CENSORED, dtype=np.int64)
        self._inside: NDArray[np.bool_] | None = None
        self._plateau = np.zeros(self.bounds.shape, dtype=np.int64)
        self._last_event = np.zeros(self.bounds.shape, dtype=np.int64)
        self._likeliest = np.zeros(self.bounds.shape, dtype=np.int64)

    def observe(
        self, update: int, policy: Floats, subopt: Floats, gaps: Floats
    ) -> list[EscapeEvent]:
        """Take the policy after `update` updates; return what happened since the one before.

        Args:
            update: number of updates made, increasing from call to call.
            policy: [R, S, K].
            subopt: sub-optimality, [R, S].
            gaps: Delta of each state's well, [R, S].
        """
        inside = in_well(subopt, gaps, self.fraction)
        likeliest = policy.argmax(axis=-1)
        if self._inside is None:
            self._plateau = self._best_other(policy)
            self.escape_time[~inside] = 0
            self._inside, self._likeliest = inside, likeliest
            return []
        peak = np.take_along_axis(policy, likeliest[..., None], axis=-1)[..., 0]
        changed = inside != self._inside
        moved = inside & ~changed & (peak >= DOMINANT)
        moved &= (likeliest != self._plateau) & (likeliest != self.optimal_actions)
        events = []
        if changed.any() or moved.any():
            for run, state in np.argwhere(changed | moved).tolist():
                transfer = bool(moved[run, state])
                events.append(self._event(update, run, state, policy, inside, transfer))
        self._inside, self._likeliest = inside, likeliest
        return events

    def _best_other(self, policy: Floats) -> NDArray[np.int64]:
        """The likeliest sub-optimal arm of each run and state."""
        others = policy.copy()
        index = np.broadcast_to(self.optimal_actions[:, None], (*policy.shape[:-1], 1))
        np.put_along_axis(others, index, -1.0, axis=-1)
        return others.argmax(axis=-1)

    def _event(
        self,
        update: int,
        run: int,
        state: int,
        policy: Floats,
        inside: NDArray[np.bool_],
        transfer: bool,
    ) -> EscapeEvent:
        at = run, state
        best, first = int(self.optimal_actions[state]), False
        before, ratio = int(self._plateau[at]), float("nan")
        if transfer:
            kind, after = "transfer", int(policy[at].argmax())
        elif inside[at]:
            kind, before = "enter", int(self._likeliest[at])
            after = int(self._best_other(policy[run : run + 1])[0, state])
        else:
            kind, after = "escape", best
            first = self.escape_time[at] == CENSORED
            if first:
                self.escape_time[at] = update
                if self.bounds[at] > 0:
                    ratio = update / float(self.bounds[at])
        if kind != "escape":
            self._plateau[at] = after
        dwell = update - int(self._last_event[at])
        self._last_event[at] = update
        prob = float(policy[run, state, best])
        return EscapeEvent(kind, update, run, state, before, after, prob, dwell, ratio, bool(first))
