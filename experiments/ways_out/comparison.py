"""Every way out of a well, raced from the same start: `compare_rules`.

A verdict depends on what is held equal, so a `Comparison` says it: the initial policy, and, for
rules whose parameters are not logits, a second race in which the parameters stand as far apart as
softmax's would. Step sizes are each rule's own, and an update of one rule may cost more than an
update of another; both stand in the table.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from agents.updates import ExactRule, Rate, exact_rules, make_rule
from experiments.analysis.statistics import Slope, log_log_slope
from experiments.ways_out.races import BanditTrack, Entry, Race, Track, make_track
from experiments.ways_out.starts import at_depth, named_start, same_distance
from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int
from gw_envs.theory.instances import WellInstance

# pi(a*) of the starts from which the law of escape times is fitted, relative to the given one.
DEPTHS = 10.0 ** np.array([1.0, 0.5, 0.0, -0.5, -1.0])
# pi(a*) of further starts, of rules that can be jumped: is the proved exponent reached?
DEEP = 10.0 ** np.array([-6.0, -9.0, -12.0])
# what a rule does to softmax-pg's 1/pi(a*), from least to most of it left
FAMILIES = ("bounded", "logarithm", "root", "constant only", "unchanged", "steeper", "never")
STARTS = ("uniform_suboptimal", "corner")
_TIMED_UPDATES = 50
SHOWN_OF_NEVER = 1_000  # updates of a rule that is proved never to leave


@dataclass(frozen=True)
class Contender:
    """A rule with its hyper-parameters and its step size.

    Attributes:
        name: one of `agents.updates.exact_rules()`.
        options: hyper-parameters by field name; the others keep their defaults.
        learning_rate: eta > 0; None for `ExactRule.default_learning_rate`.

    Raises:
        ValueError: for an unknown rule or option, or a value out of range.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        """Check rule, options and step size."""
        make_rule(self.name, **self.options)
        if self.learning_rate is not None:
            check_float("learning_rate", self.learning_rate, 0, open_low=True)

    @property
    def rule(self) -> ExactRule:
        """The rule."""
        return make_rule(self.name, **self.options)

    @property
    def label(self) -> str:
        """The name, and the options that were given."""
        return ", ".join([self.name, *(f"{key}={value}" for key, value in self.options.items())])


@dataclass(frozen=True)
class RuleResult:
    """What one rule did. Times are updates; -1 where it was still in the well at the budget.

    Attributes:
        contender: the rule, with the step size it was given.
        rate: what it is proved to do on such a well.
        family: what it does to 1/pi(a*), one of `FAMILIES`.
        optimal_probs: pi(a*) of the starts, descending, [D]; the first are those of `DEPTHS`.
        escape_times: from each of them, to about 1e-7, [D]; 0 for a start outside the well, NaN
            where no escape was found.
        exponent: of escape_times ~ pi(a*)^-exponent, fitted over the starts of `DEPTHS` in the well
            that were left; None where fewer than three were.
        race: the curves from the start that was asked for, to the escape; to the budget for a rule
            that optimises something else.
        distance_race: those from softmax's parameter distance, which is the same race for every
            rule on logits; None for another map where the other arms are not equally likely.
        bias: sub-optimality at which a rule that optimises something else stands at the budget, NaN
            if that is still in the well; 0 for the others, which end at the best policy.
        seconds_per_update: wall time, evaluation of the policy included.
    """

    contender: Contender
    rate: Rate
    family: str
    optimal_probs: Floats
    escape_times: Floats
    exponent: Slope | None
    race: Race
    distance_race: Race | None
    bias: float
    seconds_per_update: float

    @property
    def escape_time(self) -> int:
        """From the start that was asked for."""
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
    def updates_per_decade(self) -> float:
        """What a tenth of pi(a*) costs, at the deepest two starts that were left; else NaN."""
        left = np.flatnonzero(self.escape_times > 0)[-2:]
        if left.size < 2:
            return float("nan")
        spans = np.diff(np.log10(self.optimal_probs[left]))
        return float(-(np.diff(self.escape_times[left]) / spans)[0])

    @property
    def deep_exponent(self) -> float:
        """The exponent between the deepest two starts of `DEEP`; NaN where they are not known."""
        left = np.flatnonzero((self.escape_times > 0) & np.isin(self.optimal_probs, DEEP))[-2:]
        if left.size < 2:
            return float("nan")
        spans = np.diff(np.log(self.optimal_probs[left]))
        return float(-(np.diff(np.log(self.escape_times[left])) / spans)[0])


@dataclass(frozen=True)
class Comparison:
    """A race of rules.

    Attributes:
        well: the well's name.
        optimal_prob: pi(a*) at the start, in every state.
        max_updates: the budget.
        held_equal: what is held equal, and what is not, in words.
        results: one per contender, in their order.
    """

    well: str
    optimal_prob: float
    max_updates: int
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


def all_contenders() -> list[Contender]:
    """Every exact rule at its defaults, and the variants that behave in another way."""
    variants = [Contender("armijo-pg", {"expand": True})]
    variants.append(Contender("delightful-pg", {"temperature": 0.0}))
    variants.append(Contender("grpo", {"group_size": math.inf}))
    variants.append(Contender("kl-pg", {"temperature": 0.5}))
    return [Contender(name) for name in sorted(exact_rules())] + variants


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

    The law is fitted over starts with pi(a*) a decade above and below the given one, the other
    arms in proportion. In several states the last one to escape counts, as in every run.

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

    check_choice("initial_policy", initial_policy, STARTS)
    track = make_track(env_id, env_kwargs or {}, instance)
    budget = track.budget if max_updates is None else check_int("max_updates", max_updates, 1)
    if instance is None:
        check_float("optimal_prob", optimal_prob, 1e-9, 1, open_high=True)
        policy = named_start(track, initial_policy, optimal_prob, corner_action)
    else:
        policy = np.array([instance.policy])
        optimal_prob = float(policy[0, track.best[0]])
    entered = list(all_contenders() if contenders is None else contenders)
    if contenders is None and track.advantage_bound > 1:  # returns, no probabilities of success
        entered = [contender for contender in entered if not contender.rule.uses_verdicts]
    if not entered:
        raise BadInput("contenders=[] must name at least one rule.")
    plain = _race(track, Entry(make_rule("softmax-pg"), 1.0, policy[None], budget))
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
    return Comparison(track.name, optimal_prob, budget, held, tuple(results))


def _race(track: Track, entry: Entry) -> Race:
    return cast(Race, _quietly(track.race, entry))


def _quietly(ask: Callable[..., Any], *arguments: Any) -> Any:
    """What a track says, without the warning of a rule that never leaves: its family says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return ask(*arguments)


def _proved(track: Track, rule: ExactRule) -> Rate:
    """The rule's rate; where wrong arms pay, taking verdicts changes no exponent of softmax-pg."""
    if not rule.uses_verdicts or track.verdicts:
        return rule.rate
    text = "softmax-pg's exponent where wrong arms succeed too; for verdicts " + rule.rate.text
    return replace(rule.rate, text=text, escape_exponent=1.0, log_exponent=0.0)


def _family(rate: Rate, ratio: float, stuck: str) -> str:
    """What a rule does to 1/pi(a*); `ratio` is its time, in step sizes, over softmax-pg's."""
    alpha = rate.escape_exponent
    if stuck:
        return "never"
    if alpha == 0:
        return "logarithm" if rate.log_exponent > 0 else "bounded"
    if alpha < 1:
        return "root"
    if alpha > 1:
        return "steeper"
    return "unchanged" if abs(ratio - 1) < 0.02 else "constant only"


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
    depths = optimal_prob * DEPTHS
    depths = depths[depths < 0.9]
    near = depths.size
    if rule.is_smooth and isinstance(track, BanditTrack):
        depths = np.concatenate([depths, DEEP[0.5 * depths[-1] > DEEP]])
    starts = np.stack([at_depth(policy, track.best, x) for x in depths])
    seconds = _seconds_per_update(track, rule, rate, policy)
    stuck = track.stuck(rule, policy)
    if stuck:  # proved: nothing is to be seen by going on
        max_updates = min(max_updates, SHOWN_OF_NEVER)
        times = np.full(depths.size, np.nan)
    else:
        times = _quietly(track.law, Entry(rule, rate, starts, max_updates))
    race = _beyond_escape(track, rule, rate, policy, max_updates)
    proved, taken = _proved(track, rule), int(race.escape_time[0])
    ratio = rate * taken / plain_time if min(taken, plain_time) > 0 else 1.0
    distant, distance_race = same_distance(rule, policy, track.best), None
    if distant is policy:
        distance_race = race
    elif distant is not None:
        distance_race = _beyond_escape(track, rule, rate, distant, max_updates)
    return RuleResult(
        replace(contender, learning_rate=rate),
        proved,
        _family(proved, ratio, stuck),
        depths,
        times,
        _law(depths[:near], times[:near]),
        race,
        distance_race,
        _bias(rule, race),
        seconds,
    )


def _beyond_escape(
    track: Track, rule: ExactRule, rate: float, policy: Floats, max_updates: int
) -> Race:
    """A race from one start; to the budget for a rule whose end says how far off it is."""
    if not rule.rate.bias:
        return _race(track, Entry(rule, rate, policy[None], max_updates))
    return _race(track, Entry(rule, rate, policy[None], max_updates, stop_at_escape=False))


def _bias(rule: ExactRule, race: Race) -> float:
    if not rule.rate.bias:
        return 0.0
    return float(race.suboptimality[-1, 0]) if race.escape_time[0] >= 0 else math.nan


def _law(optimal_probs: Floats, times: Floats) -> Slope | None:
    left = times > 0
    return log_log_slope(1 / optimal_probs[left], times[left]) if left.sum() >= 3 else None


def _seconds_per_update(track: Track, rule: ExactRule, rate: float, policy: Floats) -> float:
    """The least of three short races; the wall time of an update does not depend on the policy."""
    spent = []
    for _ in range(3):
        begin = time.perf_counter()
        race = _race(track, Entry(rule, rate, policy[None], _TIMED_UPDATES))
        spent.append((time.perf_counter() - begin) / max(1, int(race.updates[-1])))
    return min(spent)


def _known(count: int) -> int | None:
    return None if count < 0 else count


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
