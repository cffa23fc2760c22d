"""What the engine follows: a rule that moves a table of parameters in a world, clock included.

A *world* is what a rule and an edge need of an environment: `BanditWorld` is one state given by its
mean rewards, `WellWorld` any of our environments, drifting or not, discounted or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.escape import suboptimality, well_gaps
from agents.updates import ExactRule, soft_action_values
from gw_envs.checks import BadInput, Floats
from gw_envs.theory import well_edge

SHORT_DRIFT = 20_000  # ticks that are sooner made one by one than jumped over

Rate = float | Sequence[float] | Callable[[float], float]


class World(Protocol):
    """What the engine needs of one or several states.

    Attributes:
        depends_on_policy: whether the values of a state depend on the policy of others.
        rough_until: updates before which rewards are no smooth function of the clock.
        still_from: updates from which they are constant.
        kinks: whole numbers of updates at which they have a kink.
    """

    @property
    def depends_on_policy(self) -> bool: ...  # noqa: D102
    @property
    def rough_until(self) -> float: ...  # noqa: D102
    @property
    def still_from(self) -> float: ...  # noqa: D102
    @property
    def kinks(self) -> Sequence[float]: ...  # noqa: D102

    def exact(self, rule: ExactRule, policy: Any, clock: float) -> tuple[Any, Floats, Any]:
        """The rule, values [S, K] and weight of an update; `policy()` is the policy [S, K]."""
        ...

    def beyond(self, policy: Floats, clock: float) -> Floats:
        """How far each state is beyond the edge of its well, [S]; <= 0 inside."""
        ...


@dataclass(frozen=True)
class BanditWorld:
    """One state with constant mean rewards: the escape is the first pi.gains > threshold.

    Attributes:
        rewards: r [K].
        gains: [K].
        threshold: of pi.gains.
        edge_error: of `edge`, by rounding.
    """

    rewards: Floats
    gains: Floats
    threshold: float
    edge_error: float = 0.0

    depends_on_policy = False
    rough_until = still_from = 0.0
    kinks: Sequence[float] = ()

    @property
    def edge(self) -> float:
        """The edge as pi(a*), where the sub-optimal arms are alike: pi.gains is linear in it."""
        best, other = self.gains[np.argmax(self.rewards)], self.gains[np.argmin(self.rewards)]
        return float((self.threshold - other) / (best - other))

    def exact(self, rule: ExactRule, policy: Any, clock: float) -> tuple[Any, Floats, Any]:
        """See `World`."""
        return rule, self.rewards[None], 1.0

    def beyond(self, policy: Floats, clock: float) -> Floats:
        """See `World`."""
        return policy @ self.gains - self.threshold


class WellWorld:
    """One of our environments, by its ground truth.

    Args:
        well: the environment, vector or scalar.
    """

    def __init__(self, well: Any) -> None:
        self.well = well
        self.depends_on_policy = well.discount > 0
        self.kinks: Sequence[float] = ()
        self.rough_until = self.still_from = float(well.drift_end)
        if well.drift_end > SHORT_DRIFT and well.drift_kinks is not None:
            self.rough_until, self.kinks = 0.0, (*well.drift_kinks, well.drift_horizon)
        table = np.full((well.num_states, well.num_actions), 1 / well.num_actions)
        self._weight = well.action_values(table, 0)[1]
        self._process = well.mdp_at(0)
        self._last = well.rewards_between(well.drift_horizon)
        self._best: NDArray[np.int64] = well.optimal_actions
        self._gaps = well.reward_gaps
        self._edges = well_edge(self._gaps)
        self._seen: tuple[float, Any, Any] = (math.nan, None, None)

    def _rewards(self, clock: float) -> Floats:
        """Mean rewards [S, K]."""
        late = clock >= self.still_from
        return self._last if late else self.well.rewards_between(clock)

    def _values(self, policy: Floats, clock: float) -> tuple[Floats, Floats]:
        if not self.depends_on_policy:
            return self._rewards(clock), self._weight
        when, where, found = self._seen  # an update asks first for the edge, then for the increment
        if clock != when or policy is not where:
            found = self.well.values_under(policy, self._rewards(clock))
            self._seen = clock, policy, found
        return found

    def exact(self, rule: ExactRule, policy: Any, clock: float) -> tuple[Any, Floats, Any]:
        """See `World`."""
        if not self.depends_on_policy:
            return rule, self._rewards(clock), self._weight
        table = policy()
        values, weight = self._values(table, clock)
        process = self._process
        if rule.uses_soft_values:
            temperature = rule.temperature  # type: ignore[attr-defined]
            rewards = self._rewards(clock)
            values = soft_action_values(
                process.transitions, rewards, table, process.discount, temperature
            )
        if rule.uses_objective:
            frozen = replace(process, rewards=self._rewards(clock))
            return (
                replace(rule, objective=lambda theta: frozen.objective(rule.policy(theta))),  # type: ignore[call-arg]
                values,
                weight,
            )
        return rule, values, weight

    def beyond(self, policy: Floats, clock: float) -> Floats:
        """See `World`."""
        values, _ = self._values(policy, clock)
        loss = suboptimality(policy, values, self._best)
        if not self.depends_on_policy:
            return self._edges - loss
        gap = well_gaps(values, self._best, self._gaps, self.well.discount)
        # A state whose a* is best no longer is in no well.
        return np.maximum(well_edge(gap) - loss, np.where(gap > 0, -gap, np.maximum(-gap, 5e-324)))


@dataclass(frozen=True)
class Motion:
    """A rule in a world from a start, as `flow.Follower` takes it: offsets from theta_0, flat.

    Args:
        world: where.
        rule: what moves.
        start: theta_0 [S, K], and the rule's memory if it has one.
        rate: eta, a number, a list (the last one held) or a function of the update.
        alone: the state that moves and is watched, the others standing still; None: all.
        origin: the update at which `start` stands.
    """

    world: World
    rule: ExactRule
    start: Floats
    rate: Rate
    alone: int | None = None
    origin: float = 0.0
    _seen: list[Floats] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """N, how many numbers move."""
        return int(self.start.size if self.alone is None else self.start[0].size)

    @property
    def rough_until(self) -> float:
        """Updates before which every one is made."""
        if not self.rule.is_smooth:
            return math.inf
        if callable(self.rate):
            return self.world.rough_until if getattr(self.rate, "is_smooth", False) else math.inf
        changes = len(self.rate) - 1 if isinstance(self.rate, Sequence) else 0
        return max(self.world.rough_until, float(changes))

    @property
    def still_from(self) -> float:
        """Updates from which the map no longer depends on the clock."""
        if callable(self.rate):
            return math.inf
        changes = len(self.rate) - 1 if isinstance(self.rate, Sequence) else 0
        return max(self.world.still_from, float(changes))

    def table(self, moved: Floats) -> Floats:
        """theta [S, K] at an offset."""
        if self.alone is None:
            return self.start + moved.reshape(self.start.shape)
        theta = self.start.copy()
        theta[self.alone] += moved
        return theta

    def policy_at(self, moved: Floats) -> Floats:
        """The policy [S, K] at an offset; an update asks for it twice, at the same array."""
        if not self._seen or self._seen[0] is not moved:
            self._seen[:] = moved, self.rule.policy(self.table(moved))
        return self._seen[1]

    def rate_at(self, update: float) -> float:
        """eta of the update after number `update`."""
        if isinstance(self.rate, float):
            return self.rate
        if callable(self.rate):
            return float(self.rate(update))
        return float(self.rate[int(min(update, len(self.rate) - 1))])

    def increment(self, moved: Floats, update: float) -> Floats:
        """See `flow.Dynamics`.

        Raises:
            ValueError: naming the rule whose map has the wrong shape or is not finite.
        """
        theta = self.table(moved)
        update = self.origin + update
        rule, values, weight = self.world.exact(self.rule, lambda: self.policy_at(moved), update)
        step = rule.increment(theta, values, self.rate_at(update), weight)
        if np.shape(step) != theta.shape:
            raise BadInput(
                f"update={self.rule.name!r} adds an array of shape {np.shape(step)} to parameters "
                f"of shape {theta.shape}; they must be the same."
            )
        own = step.ravel() if self.alone is None else step[self.alone]
        if not math.isfinite(np.add.reduce(own)):
            raise BadInput(
                f"update={self.rule.name!r} is not finite at update {update:g} with learning_rate="
                f"{self.rate_at(update):g}; try a smaller one."
            )
        return own

    def beyond(self, moved: Floats, update: float) -> Floats:
        """See `flow.Dynamics`."""
        out = self.world.beyond(self.policy_at(moved), self.origin + update)
        return out if self.alone is None else out[[self.alone]]

    def parts(self) -> list[Motion]:
        """Motions that can be followed one by one: each state by itself where none sees another.

        Whether a rule ties states together is seen by trying: none of a state's increments may
        change to the bit when the others are moved.
        """
        states = len(self.start)
        if states == 1 or self.world.depends_on_policy:
            return [self]
        others = self.start + np.linspace(0.1, 0.7, self.start.size).reshape(self.start.shape)
        alone = [replace(self, alone=s) for s in range(states)]
        nowhere = np.zeros(self.start[0].size)
        for s, part in enumerate(alone):
            mixed = others.copy()
            mixed[s] = self.start[s]
            moved = replace(part, start=mixed)
            if not np.array_equal(part.increment(nowhere, 0.0), moved.increment(nowhere, 0.0)):
                return [self]
        return alone
