"""Mean rewards that drift: r_k(s, t) = b_k(t) + Delta(s) [k = best action of s], with their checks.

b_k follows a drift law over the clock t = 0, ..., drift_horizon and then holds its last value. The
paper's second theorem calls the base of the best action b_1; here it is the base of the best action
*of state s*, since other states may have another best action.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int, check_memory
from gw_envs.drift.laws import RANGE_TOLERANCE, DriftLaw, drift_law

Premise = Literal["require", "warn", "ignore"]


class DriftingRewards:
    """Mean rewards [S, K] at every clock.

    Args:
        drift: one law for all actions (they then share one path, noise included), or one law per
            action (each with noise of its own). A law is a number, a dict or a `DriftLaw`.
        reward_gaps: Delta(s) > 0 [S].
        best_actions: the action of each state that is paid Delta(s) on top [S].
        num_actions: K.
        drift_horizon: the last tick of the laws, >= 1.
        drift_seed: fixes the noise of the laws.

    Attributes:
        laws: the K laws.
        paths: b_k(t) [drift_horizon + 1, K], read-only.

    Raises:
        ValueError: for a law that is unknown or leaves [0, 1], a wrong number of laws, or rewards
            above 1, with the first t and the arm.
    """

    def __init__(
        self,
        drift: Any,
        reward_gaps: Floats,
        best_actions: NDArray[np.int64],
        num_actions: int,
        drift_horizon: int,
        drift_seed: int,
    ) -> None:
        self.horizon = check_int("drift_horizon", drift_horizon, 1)
        check_memory("drift_horizon", drift_horizon, 32.0 * num_actions * self.horizon)
        seeds = np.random.SeedSequence(check_int("drift_seed", drift_seed, 0)).spawn(num_actions)
        laws = _laws(drift, num_actions)
        if len(laws) == 1:
            path = laws[0].tabulate(self.horizon, seeds[0])
            paths = np.repeat(path[:, None], num_actions, axis=1)
        else:
            columns = [
                law.tabulate(self.horizon, seed, name=f"drift[{k}]")
                for k, (law, seed) in enumerate(zip(laws, seeds, strict=True))
            ]
            paths = np.stack(columns, axis=1)
        self._drawn, self._seeds = laws, seeds
        self.laws: tuple[DriftLaw, ...] = laws if len(laws) > 1 else laws * num_actions
        self.paths = paths
        self.paths.setflags(write=False)
        self._gaps, self._best = reward_gaps, best_actions
        self._bonus = reward_gaps[:, None] * (best_actions[:, None] == np.arange(num_actions))
        self._check_range()

    def base(self, clock: int) -> Floats:
        """b_k at a clock [K]."""
        return self.paths[min(check_int("clock", clock, 0), self.horizon)]

    def at(self, clock: int) -> Floats:
        """Mean rewards [S, K] at a clock."""
        return np.minimum(self.base(clock) + self._bonus, 1.0)

    def between(self, clock: float) -> Floats:
        """Mean rewards [S, K] at a clock >= 0, a tick or, by the laws' own values, between two."""
        tick = int(min(clock, self.horizon))
        bases = self.paths[tick]
        if tick < clock and tick < self.horizon:
            drawn = zip(self._drawn, self._seeds, strict=False)
            bases = np.clip([float(law.values(clock, seed)) for law, seed in drawn], 0.0, 1.0)
        return np.minimum(bases + self._bonus, 1.0)

    @cached_property
    def end(self) -> int:
        """The first tick from which the base rewards are constant."""
        moving = np.flatnonzero((self.paths != self.paths[-1]).any(axis=1))
        return int(moving[-1]) + 1 if moving.size else 0

    @cached_property
    def kinks(self) -> tuple[int, ...] | None:
        """Ticks in (0, horizon) between or at which a law is not smooth; None if one is noise."""
        found: set[int] = set()
        for law, seed in zip(self._drawn, self._seeds, strict=False):
            ticks = law.kinks(self.horizon, seed)
            if ticks is None:
                return None
            found.update(ticks)
        return tuple(sorted(found))

    def _check_range(self) -> None:
        tops = self.paths[:, self._best] + self._gaps
        if tops.max() > 1 + RANGE_TOLERANCE:
            t, state = (int(i) for i in np.argwhere(tops > 1 + RANGE_TOLERANCE)[0])
            raise BadInput(
                f"reward_gaps[{state}]={self._gaps[state]:g} on the base reward "
                f"{tops[t, state] - self._gaps[state]:.6g} of arm {self._best[state]} pays "
                f"{tops[t, state]:.6g} first at t={t}; rewards lie in [0, 1]."
            )

    def premise_failure(self, ceiling: float | None = None) -> str | None:
        """Why b_i(t) <= beta <= b_1(t) + Delta(s) fails over the drift horizon; None if it holds.

        Args:
            ceiling: beta. None asks whether any constant beta will do, for each state on its own.

        Returns:
            A clause that names the first t, the arm, the state and the numbers.
        """
        failures = [self._failure_in(state, ceiling) for state in range(len(self._gaps))]
        found = [failure for failure in failures if failure is not None]
        return min(found)[1] if found else None

    def _failure_in(self, state: int, ceiling: float | None) -> tuple[int, str] | None:
        """(first t, clause) of one state."""
        tops = self.paths[:, self._best[state]] + self._gaps[state]
        if ceiling is None:
            # A constant beta exists up to t if no base so far is above any top so far.
            low, high = np.maximum.accumulate(self.paths, axis=0), np.minimum.accumulate(tops)
            failed = np.argwhere(low > high[:, None] + RANGE_TOLERANCE)
            if not len(failed):
                return None
            t, arm = (int(i) for i in failed[0])
            return t, (
                f"at t={t} arm {arm} has had base reward {low[t, arm]:.6g}, while the best arm of "
                f"state {state} has paid only {high[t]:.6g}, so that no beta is left"
            )
        above = self.paths > ceiling + RANGE_TOLERANCE
        below = tops < ceiling - RANGE_TOLERANCE
        failed = np.argwhere(np.column_stack([above, below]))
        if not len(failed):
            return None
        t, arm = (int(i) for i in failed[0])
        if arm < self.paths.shape[1]:
            base = self.paths[t, arm]
            return t, f"at t={t} arm {arm} has base reward {base:.6g}, above ceiling={ceiling:g}"
        return t, (
            f"at t={t} arm {self._best[state]}, the best of state {state}, pays {tops[t]:.6g}, "
            f"below ceiling={ceiling:g}"
        )

    def check_premise(self, premise: Premise, ceiling: float | None) -> None:
        """Raise, warn or say nothing where the theorem's premise fails, as `premise` asks.

        Args:
            premise: "require", "warn" or "ignore".
            ceiling: beta in [0, 1], or None.

        Raises:
            ValueError: with the first t and the arm, or for an argument out of range.
        """
        check_choice("premise", premise, get_args(Premise))
        beta = None if ceiling is None else check_float("ceiling", ceiling, 0, 1)
        if premise == "ignore":
            return
        failure = self.premise_failure(beta)
        if failure is None:
            return
        message = (
            f"drift and reward_gaps break the premise b_i(t) <= beta <= b_1(t) + Delta(s): "
            f"{failure}. Change them, or state premise='ignore'."
        )
        if premise == "require":
            raise BadInput(message)
        warnings.warn(message, stacklevel=2)


def _laws(drift: Any, num_actions: int) -> tuple[DriftLaw, ...]:
    """One law, or one per action."""
    if isinstance(drift, (str, Mapping, DriftLaw)) or not isinstance(drift, (Sequence, np.ndarray)):
        return (drift_law(drift),)
    if len(drift) != num_actions:
        raise BadInput(
            f"drift={drift!r} has {len(drift)} entries; give one law, or one for each of the "
            f"{num_actions} actions."
        )
    return tuple(drift_law(law, f"drift[{k}]") for k, law in enumerate(drift))
