"""Does the paper's Theorem 2 hold for this instance, and which bound is true of it?

`audit` makes the exact policy-gradient updates one by one and holds the printed theorem and the
corrected one against what happened. An instance is a path of rewards (one state), a tabular MDP, or
a function from the clock to an MDP. In state s the theorems' r(t) is Q_n(s, .), the vector that the
update theta(s,a) += eta d(s)/(1-gamma) pi(a|s)(Q(s,a) - pi.Q) sees; at discount 0 it is r(s, .; t).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import (
    BadInput,
    Floats,
    check_float,
    check_int,
    check_numbers,
    check_policy,
    check_seconds,
)
from gw_envs.theory.drifting import drift_escape_updates, well_escape_updates
from gw_envs.theory.printed_theorem import ceiling_range, check_rewards_path, printed_escape_time
from gw_envs.theory.readings import Reading, read
from gw_envs.theory.two_sided import escape_bounds
from gw_envs.theory.wells import WELL_FRACTION, escape_threshold, in_well

ROUNDING = 1e-14  # of rewards in [0, 1], a few units in the last place


class TabularWorld(Protocol):
    """What the audit needs of an MDP; `gw_envs.tabular.TabularMDP` is one."""

    @property
    def discount(self) -> float:
        """Gamma in [0, 1)."""

    def action_values(self, policy: Floats) -> Floats:
        """Q [S, A] of a policy [S, A]."""

    def visitation(self, policy: Floats) -> Floats:
        """d [S] of a policy [S, A], summing to one."""


@dataclass(frozen=True)
class StateAudit:
    """What the theorems say of one state, and what happened there.

    Attributes:
        state: index s.
        optimal_action: index of a*.
        optimal_prob: pi_1(a*|s).
        reward_gap: Delta(s) of the printed theorem.
        effective_gaps: (smallest, largest) of r_*(t) - r_i(t) over i and the clocks seen.
        first_gap: largest of them at clock 0.
        rewards_given: whether r(t) does not depend on the policy (discount 0).
        ceilings: (low, high), the betas that satisfy the printed premise; none where low > high.
        initial_suboptimality: of the first policy, at clock 0.
        printed_time: t0 = C/(Delta(s) pi_1(a*|s)), in the paper's counting (t = n + 1).
        prob_bound: updates n up to which pi(a*|s) <= 0.1 is certain (`drift_escape_updates`).
        well_bound: the same for the glossary's well (`well_escape_updates`).
        prob_range: (first, last) update at which pi(a*|s) may pass 0.1 by the two-sided theorem
            (`escape_bounds`); None where it does not apply: gaps or step sizes that are not all
            the same, a start above 0.1.
        prob_escape_time: first n with pi(a*|s) > 0.1, None where it did not happen.
        escape_time: first n outside the well, 0 for a start outside it, None where censored.
        updates: how many updates were made.
    """

    state: int
    optimal_action: int
    optimal_prob: float
    reward_gap: float
    effective_gaps: tuple[float, float]
    first_gap: float
    rewards_given: bool
    ceilings: tuple[float, float]
    initial_suboptimality: float
    printed_time: float
    prob_bound: float
    well_bound: float
    prob_range: tuple[int, int] | None
    prob_escape_time: int | None
    escape_time: int | None
    updates: int

    @property
    def premise_holds(self) -> bool:
        """Whether a beta exists with b_i(t) <= beta <= b_1(t) + Delta(s) at every clock seen."""
        return self.ceilings[0] <= self.ceilings[1]

    @property
    def starts_in_well(self) -> bool:
        """Whether the printed inequality, sub-optimality >= 0.9 Delta(s), holds at t = 1."""
        return bool(in_well(self.initial_suboptimality, self.reward_gap))

    @property
    def printed_holds(self) -> bool | None:
        """Whether the inequality held before t0; None where the updates made do not tell."""
        if not self.starts_in_well:
            return False
        if self.escape_time is not None:
            return self.escape_time + 1 >= self.printed_time
        return True if self.updates + 1 >= self.printed_time else None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Which readings of the printed sentence this start refutes (`gw_envs.theory.readings`)."""
        return read(
            rewards_given=self.rewards_given,
            premise_holds=self.premise_holds,
            gaps=self.effective_gaps,
            first_gap=self.first_gap,
            edge=WELL_FRACTION * self.reward_gap,
            reward_gap=self.reward_gap,
            printed_holds=self.printed_holds,
            starts_in_well=self.starts_in_well,
        )

    @property
    def verdict(self) -> str:
        """One sentence: the printed theorem, the corrected one, the measured escape."""
        base = (
            "its premise holds" if self.premise_holds else "its premise fails, so it promises none"
        )
        if not self.starts_in_well:
            edge = WELL_FRACTION * self.reward_gap
            printed = (
                f"the printed inequality fails at the first policy, whose sub-optimality "
                f"{self.initial_suboptimality:.4g} is below {edge:.4g} ({base})"
            )
        else:
            holds = {None: "is not decided", True: "is respected", False: "is broken"}
            printed = (
                f"the printed t0 = {self.printed_time:.6g} {holds[self.printed_holds]} ({base})"
            )
        if self.escape_time is None:
            measured = f"no escape within {self.updates} updates"
        elif self.escape_time == 0:
            measured = "the start is outside the well"
        else:
            measured = f"the well was left at update {self.escape_time}"
        corrected = (
            f"the corrected theorem allows no escape up to update {self.well_bound:.6g} and no "
            f"pi(a*) > 0.1 up to {self.prob_bound:.6g}"
        )
        if self.prob_range is not None:
            first, last = self.prob_range
            corrected += f"; gaps being equal, that comes at update {first} to {last}"
        return f"State {self.state}: {printed}; {measured}; {corrected}."


def audit(
    instance: Any,
    initial_policy: ArrayLike,
    learning_rate: float,
    *,
    optimal_action: int | Sequence[int] | None = None,
    reward_gap: float | Sequence[float] | None = None,
    constant: float | None = None,
    max_updates: int = 20_000,
    drift_horizon: int | None = None,
) -> tuple[StateAudit, ...]:
    """Hold both forms of Theorem 2 against the exact iteration of an instance.

    Args:
        instance: one of our environments; rewards [K] or [T, K] (one state, last row held); a
            tabular MDP (`TabularWorld`); or a function from the clock t = n to one.
        initial_policy: [S, K], or [K] for every state alike.
        learning_rate: eta > 0.
        optimal_action: a* of every state, or one per state; default the environment's, else 0.
        reward_gap: Delta(s), one or one per state; default the environment's, else the smallest
            effective gap of s at clock 0. At discount > 0 it enters the printed theorem only: the
            glossary's well then uses the smallest gap of Q_n(s, .).
        constant: the printed C; default 0.45/eta (printed_theorem.py says why).
        max_updates: budget; what has not happened by then is None.
        drift_horizon: clocks to look at even after every state has escaped; default T - 1 for a
            rewards path, an environment's own (at most max_updates), else 0.

    Returns:
        One `StateAudit` per state.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    printed_escape_time(0.5, 1.0, eta, constant)  # refuses a constant out of range
    budget = check_int("max_updates", max_updates, 0)
    instance = getattr(instance, "unwrapped", instance)
    if hasattr(instance, "mdp_at"):  # one of our environments names what it is about
        optimal_action = instance.optimal_actions if optimal_action is None else optimal_action
        reward_gap = instance.reward_gaps if reward_gap is None else reward_gap
    check_seconds("max_updates", budget, 1e-5 * budget)
    world_at, horizon = _as_worlds(instance)
    if drift_horizon is not None:
        horizon = check_int("drift_horizon", drift_horizon, 0)
    policy = np.atleast_2d(check_policy("initial_policy", initial_policy))
    first = world_at(0)
    states: Any = getattr(first, "num_states", policy.shape[0])
    shape = first.action_values(np.full((states, policy.shape[1]), 1 / policy.shape[1])).shape
    if policy.shape[1] != shape[1] or policy.shape[0] not in (1, shape[0]):
        raise BadInput(f"initial_policy of shape {policy.shape} must be [S, K] = {shape} or [K].")
    policy = np.broadcast_to(policy, shape).copy()
    best = _per_state("optimal_action", 0 if optimal_action is None else optimal_action, shape[0])
    for action in best.tolist():
        check_int("optimal_action", action, 0, shape[1] - 1)
    path = _Path(first, policy, best.astype(int), reward_gap)
    path.follow(world_at, eta, budget, min(horizon, budget))
    return tuple(path.audit_state(s, eta, constant) for s in range(shape[0]))


class _Path:
    """One run of exact policy gradient, recorded update by update."""

    def __init__(
        self,
        world: TabularWorld,
        policy: Floats,
        best: Any,
        reward_gap: float | Sequence[float] | None,
    ) -> None:
        self.policy = policy
        self.best = best
        self.states = np.arange(policy.shape[0])
        self.values: list[Floats] = []  # Q_n [S, K]
        self.rates: list[Floats] = []  # eta d_n(s)/(1-gamma) [S]
        self.probs: list[Floats] = []  # pi_n(a*|s) [S]
        self.shortfalls: list[Floats] = []  # sub-optimality of policy n [S]
        self.frozen_gap = world.discount == 0
        gaps = self._smallest_gaps(world.action_values(policy))
        if reward_gap is not None:
            gaps = _per_state("reward_gap", reward_gap, policy.shape[0])
        elif gaps.min() <= 0:
            s = int(np.argmin(gaps))
            raise BadInput(
                f"reward_gap=None: in state {s} another action is as good as {int(best[s])} at "
                f"clock 0, so name the reward_gap."
            )
        self.reward_gap = np.array(
            [check_float("reward_gap", g, 0, open_low=True) for g in gaps.tolist()]
        )

    def follow(
        self, world_at: Callable[[int], TabularWorld], eta: float, budget: int, horizon: int
    ) -> None:
        """Update until every state has left its well and 0.1, and the horizon is reached."""
        policy, theta = self.policy, np.log(self.policy)
        inside = np.ones((2, self.states.size), dtype=bool)
        for n in range(budget + 1):
            world = world_at(n)
            values = world.action_values(policy)
            mean = np.sum(policy * values, axis=1, keepdims=True)
            rate = eta * world.visitation(policy) / (1 - world.discount)
            self.values.append(values)
            self.rates.append(rate)
            self.probs.append(policy[self.states, self.best])
            gap_to_best = values[self.states, self.best][:, None] - values
            self.shortfalls.append(np.sum(policy * gap_to_best, axis=1))
            inside[0] &= in_well(self.shortfalls[-1], self._well_gaps(values))
            inside[1] &= self.probs[-1] <= escape_threshold()
            if n >= horizon and not inside.any():
                break
            theta = theta + rate[:, None] * policy * (values - mean)
            if not np.isfinite(theta).all():
                raise BadInput(f"learning_rate={eta!r} is too large: the logits left float64.")
            policy = np.exp(theta - theta.max(axis=1, keepdims=True))
            policy /= policy.sum(axis=1, keepdims=True)

    def audit_state(self, s: int, eta: float, constant: float | None) -> StateAudit:
        """Compare the record of state s with both theorems."""
        best = int(self.best[s])
        values = np.array([v[s] for v in self.values])
        gaps = values[:, [best]] - np.delete(values, best, axis=1)
        rates = np.array([r[s] for r in self.rates])
        shortfalls = np.array([v[s] for v in self.shortfalls])
        gap = float(self.reward_gap[s])
        well_gaps = np.full(len(gaps), gap) if self.frozen_gap else gaps.min(axis=1)
        start = self.policy[s]
        alike = bool(np.all(np.ptp(gaps, axis=1) == 0))
        x0 = float(start[best])
        return StateAudit(
            state=s,
            optimal_action=best,
            optimal_prob=x0,
            reward_gap=gap,
            effective_gaps=(float(gaps.min()), float(gaps.max())),
            first_gap=float(gaps[0].max()),
            rewards_given=self.frozen_gap,
            ceilings=ceiling_range(values, gap, best),
            initial_suboptimality=float(shortfalls[0]),
            printed_time=printed_escape_time(x0, gap, eta, constant),
            prob_bound=drift_escape_updates(
                start, gaps.max(axis=1), rates, best, equal_rewards=alike
            ),
            well_bound=well_escape_updates(
                start, gaps, rates, gap if self.frozen_gap else None, best
            ),
            prob_range=_two_sided(start, best, gaps, rates),
            prob_escape_time=_first(np.array([p[s] for p in self.probs]) > escape_threshold()),
            escape_time=_first(~in_well(shortfalls, well_gaps)),
            updates=len(self.values) - 1,
        )

    def _smallest_gaps(self, values: Floats) -> Floats:
        """min_i (Q(a*) - Q(i)) of each state, [S]."""
        gaps = values[self.states, self.best][:, None] - values
        gaps[self.states, self.best] = np.inf
        return gaps.min(axis=1)

    def _well_gaps(self, values: Floats) -> Floats:
        """The glossary's Delta of each state at this update, [S]."""
        return self.reward_gap if self.frozen_gap else self._smallest_gaps(values)


@dataclass(frozen=True)
class _OneState:
    """A bandit as a tabular world with one state and discount 0."""

    rewards: Floats
    discount: float = 0.0

    def action_values(self, policy: Floats) -> Floats:
        """Q [1, K]."""
        return self.rewards[None, :]

    def visitation(self, policy: Floats) -> Floats:
        """d = [1]."""
        return np.ones(1)


def _as_worlds(instance: Any) -> tuple[Callable[[int], TabularWorld], int]:
    """The instance as a function of the clock, and the clocks its own path spans."""
    if hasattr(instance, "mdp_at"):
        return instance.mdp_at, int(instance.drift_horizon)
    if hasattr(instance, "action_values"):
        return lambda clock: instance, 0
    if callable(instance):
        return instance, 0
    worlds = [_OneState(row) for row in check_rewards_path("instance", instance, 0, 1)]
    return lambda clock: worlds[min(clock, len(worlds) - 1)], len(worlds) - 1


def _per_state(name: str, value: Any, states: int) -> Any:
    """One number per state, from one or from a sequence.

    Raises:
        ValueError: if the sequence has another length.
    """
    given = check_numbers(name, value)
    if given.shape not in ((), (states,)):
        raise BadInput(f"{name} of shape {given.shape} must be one number or {states} of them.")
    return np.broadcast_to(given, (states,))


def _two_sided(start: Floats, best: int, gaps: Floats, rates: Floats) -> tuple[int, int] | None:
    """The two-sided theorem where all gaps [T, K-1] are the same and all step sizes [T] are.

    Gaps that differ by the rounding of drifting rewards count as the same; each bound has the end
    of their range that makes it weaker.
    """
    low, high, x0 = float(gaps.min()), float(gaps.max()), float(start[best])
    if low <= 0 or high - low > ROUNDING or np.ptp(rates) > ROUNDING * rates[0]:
        return None
    alike, k = bool(np.ptp(np.delete(start, best)) == 0), len(start)
    least, _ = escape_bounds(x0, high, float(rates.max()), k, alike=alike)
    _, most = escape_bounds(x0, low, float(rates.min()), k, alike=alike)
    return (math.floor(least) + 1, math.floor(most)) if 0 < most < math.inf else None


def _first(flags: Any) -> int | None:
    """Index of the first True, None if there is none."""
    hits = np.flatnonzero(flags)
    return int(hits[0]) if hits.size else None
