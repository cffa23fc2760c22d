"""SoftmaxPG: the readable tabular agent. Policy + gradient estimate + update, many runs at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

import gw_envs  # noqa: F401 - registers the ids
from agents.baselines import check_baseline
from agents.escape import EscapeDetector, EscapeEvent
from agents.evaluation import Evaluation, Record, evaluate, log_spaced
from agents.lower_bounds import escape_lower_bounds
from agents.policies import Start, as_start, softmax
from agents.precision import LOWEST_OPTIMAL_PROB
from agents.rollouts import Rollouts
from agents.updates import (
    ExactRule,
    SoftmaxGradient,
    TiedRule,
    UpdateRule,
    check_rule,
    make_rule,
    make_sampled_rule,
    rule_options,
    soft_action_values,
)
from gw_envs.checks import (
    BadInput,
    Floats,
    check_bool,
    check_callables,
    check_choice,
    check_float,
    check_int,
    check_list,
    check_memory,
    check_policy,
    check_seconds,
    check_unused,
    shown,
)
from gw_envs.registration import make_well
from gw_envs.theory import WELL_FRACTION

if TYPE_CHECKING:
    from agents.simulation.stepping import Stepper

MOST_UPDATES = 10**18  # what int64 counts, with room
LearningRate = float | Sequence[float] | Callable[[int], float]


class SoftmaxPG:
    """Policy gradient on a table of logits theta [runs, states, actions].

    Exact softmax PG at discount 0, drifting or not, is moved by `agents.simulation.stepping`.

    Args:
        env_id: id of one of our environments.
        env_kwargs: its constructor's arguments.
        update: name of the update rule: of `agents.updates.exact_rules()` for exact gradients,
            of `sampled_rules()` for sampled ones.
        update_options: the rule's hyper-parameters, by field name.
        gradient: "exact" (from the environment's mean rewards) or "sampled" (REINFORCE from real
            steps of the vector environment).
        learning_rate: eta > 0; a number, a list eta_0, eta_1, ... (last one held) or a function of
            the update n.
        initial_policy: name of a start, the same in every state, or a whole
            `agents.policies.Start`.
        policy: initial probabilities [K] or [S, K] instead.
        baseline: of the sampled gradient (`agents.baselines.BASELINES`); "constant" takes
            `baseline_value`.
        batch_size: pulls or rollouts per sampled update.
        shared_policy: one row of logits for all states, added to each state's first logits, which
            stay; for rules that add a gradient to logits (`agents.updates.TiedRule`). False: a row
            for each state.
        seeds: one independent run each; a run depends on its own seed only.
        **start: the other fields of `Start`: `optimal_prob`, `corner_action`, `sigma`.

    Raises:
        ValueError: naming the argument that is out of range.
    """

    precision_floor = LOWEST_OPTIMAL_PROB["float64"]
    relative_error = 0.0  # of escape times: every update is made, so they are exact

    def __init__(
        self,
        env_id: str = "SoftmaxWell-v0",
        env_kwargs: dict[str, Any] | None = None,
        *,
        update: str = "softmax-pg",
        update_options: dict[str, Any] | None = None,
        gradient: str = "exact",
        learning_rate: LearningRate = 0.4,
        initial_policy: str | Start = "uniform",
        policy: ArrayLike | None = None,
        baseline: str = "value",
        baseline_value: float | None = None,
        batch_size: int = 1,
        shared_policy: bool = False,
        seeds: Sequence[int] = (0,),
        **start: Any,
    ) -> None:
        shared = check_bool("shared_policy", shared_policy)
        self.gradient = check_choice("gradient", gradient, ("exact", "sampled"))
        self.update = update
        self.learning_rate = _check_learning_rate(learning_rate)
        self.seeds = check_seeds(seeds)
        self._check_sampling(baseline, baseline_value, batch_size)
        self.well = make_well(env_id, 1, env_kwargs)
        options = rule_options("update_options", update_options)
        make = make_rule if self.gradient == "exact" else make_sampled_rule
        rule: Any = make(check_rule("update", update, self.gradient), **options)
        self.rule: UpdateRule = TiedRule(rule) if shared else rule
        self.rollouts: Rollouts | None = None
        if self.gradient == "sampled":
            kwargs = self._world(dict(env_kwargs or {}))
            sampling = (batch_size, baseline, baseline_value)
            self.rollouts = Rollouts(env_id, kwargs, self.seeds, *sampling, self.rule)
        self.theta = self._theta(as_start(initial_policy, **start), policy)
        self._stepper: Stepper | None = None
        if self._has_fixed_values():
            self.precision_floor = 0.0
        self.updates = 0
        self.events: list[EscapeEvent] = []
        self.bounds = self._bounds()
        self.detector = EscapeDetector(self.well.optimal_actions, self.bounds)
        self._now: Evaluation
        self._observe()
        if isinstance(self.rule, ExactRule):
            stuck = self.rule.stuck(self.policy, self._now.values, 1 - WELL_FRACTION)
            if stuck:
                warnings.warn(stuck, stacklevel=2)

    def _world(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments of the environment that is sampled."""
        if self.well.discount == 0 and self.well.horizon > 1:
            kwargs["horizon"] = 1  # only the first reward of an episode counts
        if self.well.drift_horizon > 0:
            # An environment sees its steps, not our updates: one tick per update.
            kwargs["steps_per_tick"] = kwargs.get("horizon", self.well.horizon)
        return kwargs

    @property
    def policy(self) -> Floats:
        """Current probabilities [R, S, K]."""
        return self.rule.policy(self.theta)

    @property
    def global_step(self) -> int:
        """Environment steps made by each run so far; 0 for exact gradients."""
        return 0 if self.rollouts is None else self.rollouts.steps_per_update * self.updates

    @property
    def escape_time(self) -> NDArray[np.int64]:
        """Updates at the last first escape over each run's states, [R]; 0 outside, -1 censored."""
        times = self.detector.escape_time
        return np.where((times < 0).any(axis=1), -1, times.max(axis=1))

    def learn(
        self,
        max_updates: int | None,
        *,
        record_at: Sequence[int] | NDArray[np.int64] | None = None,
        on_record: Callable[[Record], None] | None = None,
        on_event: Callable[[EscapeEvent], None] | None = None,
        on_update: Callable[[int], None] | None = None,
    ) -> list[Record]:
        """Update until `max_updates` updates have been made in all.

        Args:
            max_updates: the total budget, counted from the start of the run.
            record_at: updates to record, beside every first escape; default
                `log_spaced(max_updates)`.
            on_record: called with each record as it is made.
            on_event: called with each escape event as it is seen.
            on_update: called with the number of updates made, after each (the engine: after many).

        Returns:
            The records, in order.

        Raises:
            FloatingPointError: when a policy that the engine does not move sinks below
                pi(a*) = 1e-10, where plain float64 would no longer follow the mathematics.
        """
        max_updates = check_int("max_updates", max_updates, 0, MOST_UPDATES)
        self.check_budget(max_updates)
        points = check_record_at(record_at, max_updates)
        check_callables(on_record=on_record, on_event=on_event, on_update=on_update)
        wanted = set(points[(points >= self.updates) & (points <= max_updates)].tolist())
        records: list[Record] = []

        def keep() -> None:
            records.append(self.measure())
            if on_record is not None:
                on_record(records[-1])

        if self.updates in wanted:
            keep()
        for stop in sorted(wanted | {max_updates}):
            while self.updates < stop:
                self._advance(stop)
                events = self._observe()
                for event in events:
                    if on_event is not None:
                        on_event(event)
                if self.updates in wanted or any(event.is_first_escape for event in events):
                    keep()
                if on_update is not None:
                    on_update(self.updates)
        return records

    def check_budget(self, max_updates: int) -> None:
        """Refuse updates that would take longer than a day, estimated from below.

        Raises:
            ValueError: naming the budget and the estimate.
        """
        each = 1e-8 * self.theta.size if self._has_fixed_values() else 2e-5
        if self.rollouts is not None:
            each += 2e-6 * self.rollouts.horizon
        check_seconds("max_updates", max_updates, each * (max_updates - self.updates))

    def measure(self) -> Record:
        """The state of every run now."""
        recent = None if self.rollouts is None else self.rollouts.recent_return
        return self._now.record(self.updates, self.global_step, recent)

    @property
    def clock(self) -> int:
        """The drift clock t: the number of updates made."""
        return self.updates

    def _check_sampling(self, baseline: str, value: float | None, batch_size: int) -> None:
        """Refuse what is wrong, and what exact gradients have no use for."""
        check_baseline(baseline, value)
        pulls = check_int("batch_size", batch_size, 1)
        if self.gradient == "exact":
            given = {"batch_size": pulls, "baseline": baseline}
            check_unused("needs gradient='sampled'", given, SoftmaxPG)

    def _theta(self, start: Start, policy: ArrayLike | None) -> Floats:
        """Initial theta [R, S, K]; random starts come from each run's own seed."""
        states, actions = self.well.num_states, self.well.num_actions
        if policy is not None:
            named = {"initial_policy": start.initial_policy}
            check_unused("does not go with policy, which is the whole start", named, SoftmaxPG)
            rows = np.log(check_policy("policy", policy))
            if rows.shape not in (
                (actions,),
                (states, actions),
                (len(self.seeds), states, actions),
            ):
                raise BadInput(
                    f"policy of shape {rows.shape} must be [K] or [S, K] = {(states, actions)}."
                )
            theta = np.broadcast_to(rows, (len(self.seeds), states, actions))
        else:
            best = self.well.optimal_actions
            probs = getattr(self.well, "initial_probs", None)
            theta = np.stack([start.table(best, actions, seed, probs) for seed in self.seeds])
        return self.rule.theta_from_policy(softmax(theta))

    def _bounds(self) -> Floats:
        """Lower bounds on the escape time under exact gradients, [R, S]; 0 where none is known."""
        bounds = np.zeros(self.theta.shape[:2])
        if isinstance(self.learning_rate, float) and type(self.rule) is SoftmaxGradient:
            for run, pi in enumerate(self.policy):
                bounds[run] = escape_lower_bounds(self.well, pi, self.learning_rate)
        return bounds

    def _rate(self, n: int) -> float:
        if callable(self.learning_rate):
            return check_float(f"learning_rate({n})", self.learning_rate(n), 0)
        if isinstance(self.learning_rate, tuple):
            return float(self.learning_rate[min(n, len(self.learning_rate) - 1)])
        return cast(float, self.learning_rate)

    def _has_fixed_values(self) -> bool:
        """Whether this is exact softmax PG whose rewards and rates are known beforehand."""
        exact = self.gradient == "exact" and type(self.rule) is SoftmaxGradient
        return exact and self.well.discount == 0 and not callable(self.learning_rate)

    def _advance(self, stop: int) -> None:
        """One update, or by the engine all up to `stop` or until something happens."""
        if not self._has_fixed_values():
            return self._step()
        if self._stepper is None:
            from agents.simulation.stepping import Stepper

            rates = np.atleast_1d(cast(Any, self.learning_rate))
            self._stepper = Stepper(self.well, self.theta, rates)
        self._stepper.advance(stop)
        self.updates, self.theta = self._stepper.update, self._stepper.theta

    def _step(self) -> None:
        rate = self._rate(self.updates)
        now = self._now
        if self.rollouts is None:
            rule, values = self._rule_and_values(now.policy, now.values)
            self.theta = rule.step(self.theta, values, rate, now.weight)
        else:
            self.theta = self.rollouts.step(self.theta, now.policy, now.values, rate)
        self.updates += 1

    def _rule_and_values(self, policy: Floats, values: Floats) -> tuple[ExactRule, Floats]:
        """What some rules need more where Q depends on the policy: soft values, the objective."""
        rule = cast(Any, self.rule)
        if self.well.discount > 0 and rule.uses_soft_values:
            mdp = self.well.mdp_at(self.clock)
            values = soft_action_values(
                mdp.transitions, mdp.rewards, policy, mdp.discount, rule.temperature
            )
        if self.well.discount > 0 and rule.uses_objective:
            mdp = self.well.mdp_at(self.clock)
            rule = replace(rule, objective=lambda theta: mdp.objective(self.rule.policy(theta)))
        return rule, values

    def _observe(self) -> list[EscapeEvent]:
        """Evaluate the policy, let the detector see it, refuse to go on where float64 would lie."""
        engine = self._stepper
        policy = self.policy if engine is None else engine.policy
        self._now = now = evaluate(self.well, policy, self.clock)
        subopt = now.suboptimality if engine is None else engine.suboptimality
        events = self.detector.observe(self.updates, now.policy, subopt, now.gaps)
        lowest = now.optimal_prob.min()
        if lowest < self.precision_floor:
            raise FloatingPointError(
                f"pi(a*)={lowest:.3g} after {self.updates} updates is below "
                f"{self.precision_floor:g}, where plain float64 no longer follows the mathematics; "
                "agents.simulation follows softmax-pg, exact or sampled, to any depth."
            )
        self.events.extend(events)
        return events


def _check_learning_rate(value: LearningRate) -> LearningRate:
    """A positive float, a tuple of them, or a callable."""
    if callable(value):
        return value
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(cast(Any, value)) == 1:
        if len(value) == 0:
            raise BadInput("learning_rate=[] must hold at least one step size.")
        return tuple(check_float("learning_rate", v, 0, open_low=True) for v in value)
    return check_float("learning_rate", value, 0, open_low=True)


def check_seeds(value: Sequence[int]) -> tuple[int, ...]:
    """Seeds as a tuple, at least one.

    Raises:
        ValueError: if it is no list of whole numbers from 0 on.
    """
    seeds = check_list("seeds", value, "a list of whole numbers, one for each run")
    if len(seeds) == 0:
        raise BadInput("seeds=() must name at least one seed.")
    check_memory("seeds", value, 5000.0 * len(seeds))
    return tuple(check_int("seeds", seed, 0) for seed in seeds)


def check_record_at(
    value: Sequence[int] | NDArray[np.int64] | None, max_updates: int
) -> NDArray[np.int64]:
    """The updates to record; by default log-spaced.

    Raises:
        ValueError: if one is no whole number from 0 to the budget.
    """
    if value is None:
        return log_spaced(max_updates)
    points = np.asarray(value)
    if points.size == 0:
        return np.empty(0, dtype=np.int64)
    inside = points.dtype.kind in "iu" and points.ndim == 1
    if not inside or points.min() < 0 or points.max() > max_updates:
        raise BadInput(
            f"record_at={shown(value)} must hold whole numbers from 0 to max_updates={max_updates}."
        )
    return points.astype(np.int64)
