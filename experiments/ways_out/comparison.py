"""Every way out of a well, raced from the same start: `compare_rules`.

A verdict depends on what is held equal, so a `Comparison` says it: the initial policy, and, for
rules whose parameters are not logits, a second race in which the parameters stand as far apart as
softmax's would. Step sizes are each rule's own, and an update of one rule may cost more than an
update of another; both stand in the table.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.updates import Rate, make_rule
from experiments.analysis.statistics import Slope
from experiments.ways_out.contenders import Contender, all_contenders
from experiments.ways_out.laws import (
    FAMILIES,
    deepest_exponent,
    family_of,
    fitted_law,
    proved_rate,
    updates_per_decade,
)
from experiments.ways_out.races import FAR, Entry, Race, Track, make_track
from experiments.ways_out.starts import NAMES, at_depth, named_start, same_distance
from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int
from gw_envs.theory.instances import WellInstance

# pi(a*) of the starts from which the law of escape times is fitted, relative to the given one, and
# of those far below it, where a law shows its limit; these only where updates can be jumped over.
DEPTHS = 10.0 ** np.array([1.0, 0.5, 0.0, -0.5, -1.0])
DEEP = 10.0 ** np.array([-6.0, -9.0, -12.0])
AT_REST = 0.01  # relative change over half a budget of a rule that has come to rest
_TIMED_UPDATES = 50


@dataclass(frozen=True)
class RuleResult:
    """What one rule did.

    Attributes:
        contender: the rule, with the step size it was given.
        rate: what it is proved to do on such a well.
        family: what it does to 1/pi(a*), one of `FAMILIES`.
        optimal_prob: pi(a*) at the start that was asked for.
        optimal_probs: pi(a*) of the starts of the law, descending, [D].
        escape_times: from each of them, updates [D], right to five digits; 0 for a start outside
            the well, NaN where none is known.
        num_near: how many of them lie around the start that was asked for; the others are `DEEP`.
        race: from the start that was asked for.
        distance_race: that from softmax's parameter distance, which is the same race for every
            rule on logits; None for another map where the other arms are not equally likely.
        bias: sub-optimality at which a rule that optimises something else stands at the budget, NaN
            if it is still in a well that it may leave; 0 for the others, which end at the best.
        rests: whether it hardly changed any more over the second half of the budget.
        seconds_per_update: wall time, evaluation of the policy included.
    """

    contender: Contender
    rate: Rate
    family: str
    optimal_prob: float
    optimal_probs: Floats
    escape_times: Floats
    num_near: int
    race: Race
    distance_race: Race | None
    bias: float
    rests: bool
    seconds_per_update: float

    @property
    def escape_time(self) -> int:
        """From the start that was asked for, -1 where it was still in the well at the budget."""
        return int(self.race.escape_time[0])

    @property
    def pulls(self) -> float:
        """What the sampled form would draw in these updates; NaN without one or if censored."""
        return float("nan") if self.escape_time < 0 else float(self.race.pulls[0])

    @property
    def distance_time(self) -> int:
        """From softmax's distance of the parameters; -1 also where there is no such start."""
        return -1 if self.distance_race is None else int(self.distance_race.escape_time[0])

    @property
    def exponent(self) -> Slope | None:
        """Fitted around the start that was asked for; None where fewer than three starts left."""
        near = self.num_near
        return fitted_law(self.optimal_probs[:near], self.escape_times[:near])

    @property
    def deep_exponent(self) -> float:
        """Between the deepest two starts that are known, where one of `DEEP` is; else NaN."""
        if not np.any(self.escape_times[self.num_near :] > 0):
            return math.nan
        return deepest_exponent(self.optimal_probs, self.escape_times)

    @property
    def updates_per_decade(self) -> float:
        """What a tenth of pi(a*) costs, at the deepest two starts that were left; else NaN."""
        return updates_per_decade(self.optimal_probs, self.escape_times)


@dataclass(frozen=True)
class Comparison:
    """A race of rules.

    Attributes:
        well: the well's name.
        optimal_prob: pi(a*) at the start, in every state.
        max_updates: the budget.
        lower_bound: updates that softmax-pg at eta = 1 needs at least from pi(a*) = `bound_probs`,
            by theory; empty where the well is no bandit that ends with its sub-optimality.
        bound_probs: where they are given, ascending.
        held_equal: what is held equal, and what is not, in words.
        results: one per contender, in their order.
    """

    well: str
    optimal_prob: float
    max_updates: int
    lower_bound: Floats
    bound_probs: Floats
    held_equal: str
    results: tuple[RuleResult, ...]

    @property
    def ranked(self) -> list[RuleResult]:
        """The results, the quickest first, those still in the well last."""
        return sorted(self.results, key=lambda r: math.inf if r.escape_time < 0 else r.escape_time)

    @property
    def families(self) -> dict[str, list[RuleResult]]:
        """The results of each family that has any, in the order of `FAMILIES`, ranked."""
        found = {name: [r for r in self.ranked if r.family == name] for name in FAMILIES}
        return {name: results for name, results in found.items() if results}

    def rows(self) -> list[dict[str, Any]]:
        """The table, a row per rule as `ranked`; None where a number does not exist."""
        return [
            {
                "rule": r.contender.label,
                "learning_rate": r.contender.learning_rate,
                "family": r.family,
                "escape_time": _known(r.escape_time),
                "pulls": _finite(r.pulls),
                "escape_time_same_distance": _known(r.distance_time),
                "fitted_exponent": None if r.exponent is None else r.exponent.slope,
                "deep_exponent": _finite(r.deep_exponent),
                "proved_exponent": r.rate.escape_exponent,
                "updates_per_decade": _finite(r.updates_per_decade),
                "optimises": r.rate.bias or "return",
                "bias": _finite(r.bias),
                "microseconds_per_update": 1e6 * r.seconds_per_update,
                "proved": r.rate.text,
                "source": r.rate.source,
            }
            for r in self.ranked
        ]


def compare_rules(
    contenders: Sequence[Contender] | None = None,
    *,
    env_id: str = "SoftmaxWell-v0",
    env_kwargs: Mapping[str, Any] | None = None,
    instance: WellInstance | None = None,
    initial_policy: str = "uniform_suboptimal",
    optimal_prob: float = 1e-3,
    corner_action: int | None = None,
    max_updates: int | None = None,
) -> Comparison:
    """Race rules with exact gradients out of one well, and fit how their times grow with depth.

    The law is fitted over starts with pi(a*) a decade above and below the given one (half a decade
    below where every update is made), the other arms in proportion. In one state the rules that are
    smooth maps are followed, by jumps, also from pi(a*) = 1e-6, 1e-9 and 1e-12, whatever the
    budget. In several states the last one to escape counts, as in every run.

    Args:
        contenders: the rules; default `all_contenders`, with discount those without verdicts.
        env_id: one of our environments.
        env_kwargs: its constructor's arguments.
        instance: a well of `gw_envs.theory.instances` with its own start, not an environment.
        initial_policy: "uniform_suboptimal" or "corner", in every state.
        optimal_prob: pi(a*) at the start, in [1e-9, 1).
        corner_action: the arm of the corner; default the first sub-optimal one.
        max_updates: budget of each race, >= 1; default 60,000, or 2,000 where states, discount or
            drift make an update some ten times dearer.

    Raises:
        ValueError: naming the argument that is out of range; for a learning rate that a rule
            refuses.
    """
    from experiments.options.progress import progress

    check_choice("initial_policy", initial_policy, NAMES)
    track = make_track(env_id, env_kwargs or {}, instance)
    budget = track.budget if max_updates is None else check_int("max_updates", max_updates, 1)
    if instance is None:
        check_float("optimal_prob", optimal_prob, 1e-9, 1, open_high=True)
        policy = named_start(
            initial_policy, optimal_prob, corner_action, track.best, track.num_actions
        )
    else:
        policy = np.array([instance.policy])
        optimal_prob = float(policy[0, track.best[0]])
    entered = list(all_contenders() if contenders is None else contenders)
    if contenders is None and track.advantage_bound > 1:  # returns, no probabilities of success
        entered = [contender for contender in entered if not contender.rule.uses_verdicts]
    if not entered:
        raise BadInput("contenders=[] must name at least one rule.")
    plain = track.race(Entry(make_rule("softmax-pg"), 1.0, policy[None], budget))
    with progress(entered, desc="rules", unit=" rules") as bar:
        results = [
            _race_rule(track, rule, policy, optimal_prob, budget, int(plain.escape_time[0]))
            for rule in bar
        ]
    held = (
        f"the initial policy, pi(a*) = {optimal_prob:g} in every state, and the budget of "
        f"{budget:,} updates. Not equal: the step sizes, which are each rule's own, and the "
        "work of an update."
    )
    probs = np.geomspace(min(r.optimal_probs.min() for r in results), 0.09)
    bound = track.lower_bound(probs)
    return Comparison(track.name, optimal_prob, budget, bound, probs, held, tuple(results))


def _race_rule(
    track: Track,
    contender: Contender,
    policy: Floats,
    optimal_prob: float,
    max_updates: int,
    plain_time: int,
) -> RuleResult:
    """All races of one rule; `plain_time` is softmax-pg's at eta = 1, -1 where censored."""
    rule, rate = contender.rule, contender.learning_rate
    if rate is None:
        rate = rule.default_learning_rate(track.advantage_bound)
    # Iterated, the deepest start would take longer than all others together.
    depths = DEPTHS if track.jumps(rule) else DEPTHS[:-1]
    near = optimal_prob * depths[(optimal_prob * depths < 0.9) | (depths == 1)]

    def entry(probs: Floats, updates: int = max_updates) -> Entry:
        return Entry(
            rule, rate, np.stack([at_depth(policy, track.best, x) for x in probs]), updates
        )

    asked = Entry(rule, rate, policy[None], max_updates)
    if track.jumps(rule):
        race, deep = track.race(asked), DEEP[near.min() > DEEP]
        times = [track.glance(entry(near)), track.glance(entry(deep, FAR)) if deep.size else deep]
    else:
        every, deep = track.race(entry(near)), np.empty(0)
        race, times = every.alone(int(np.argmin(np.abs(near - optimal_prob)))), [every.known_times]
    proved, taken = proved_rate(track, rule), int(race.escape_time[0])
    ratio = rate * taken / plain_time if min(taken, plain_time) > 0 else 1.0
    distant, distance_race = same_distance(rule, policy, track.best), None
    if distant is policy:
        distance_race = race
    elif distant is not None:
        distance_race = track.race(replace(asked, policies=distant[None]))
    stuck = track.stuck(rule, policy)
    return RuleResult(
        replace(contender, learning_rate=rate),
        proved,
        family_of(proved, ratio, stuck),
        optimal_prob,
        np.concatenate([near, deep]),
        np.concatenate(times),
        near.size,
        race,
        distance_race,
        *_bias(track, asked, taken >= 0 or bool(stuck)),
        _seconds_per_update(track, replace(asked, max_updates=_TIMED_UPDATES)),
    )


def _bias(track: Track, entry: Entry, ends: bool) -> tuple[float, bool]:
    """The bias of a rule that optimises something else, and whether it rests there."""
    if not entry.rule.rate.bias:
        return 0.0, True
    if not ends:
        return math.nan, False
    half, end = track.walk(entry)[:, 0]
    return float(end), bool(abs(half - end) <= AT_REST * abs(end))


def _seconds_per_update(track: Track, entry: Entry) -> float:
    """The least of three short walks; the wall time of an update does not depend on the policy."""
    spent = []
    for _ in range(3):
        begin = time.perf_counter()
        track.step(entry)
        spent.append((time.perf_counter() - begin) / entry.max_updates)
    return min(spent)


def _known(count: int) -> int | None:
    return None if count < 0 else count


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
