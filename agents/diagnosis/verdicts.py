"""What the probes of a policy add up to: six verdicts, and the evidence in words.

The shortest probes that see something decide. A significantly better single action is a `well` if
the policy hardly takes it (pi <= 0.1, the edge of a well), `frozen` if moreover one gradient step
is lost in the last bit of every logit, and `learning` if the policy takes it often, because the
gradient then sees it too; the action with the largest advantage decides among several. Only if no
single action is better do the held ones count: a well if the single action is rare, learning if the
whole sequence is not, and `unclear` between the two.

What happened in none of n independent pairs happens less often than three times in n, with
confidence 0.95 (Hanley and Lippman-Hand 1983). Every sentence names that n, and a route seen in
fewer than `LEAST_PAIRS` is `unclear`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agents.diagnosis.forks import Situation
from agents.diagnosis.playing import Branch
from agents.diagnosis.policies.actions import ActionName, ActionNames
from agents.diagnosis.policies.observations import state_text
from agents.diagnosis.prediction import TAKEN
from agents.diagnosis.probing import Probe

VERDICTS = ("well", "no_better_action", "learning", "no_signal", "frozen", "unclear")
TOO_COARSE = 0.25  # an upper limit above this share of the range says too little
LEAST_PAIRS = 100  # of a route that a verdict rests on
MOST_UNSEEN = 0.5  # of the visits, where a single state was probed


@dataclass(frozen=True)
class Place:
    """How to come to a probed state: `reset(seed=seed)`, then a step for each of the actions.

    Attributes:
        seed: of the environment.
        actions: as the environment takes them.
    """

    seed: int
    actions: tuple[ActionName, ...]


@dataclass(frozen=True)
class EscapeRoute:
    """A significantly better action.

    Attributes:
        state: what is seen there, as text.
        place: index into the `places` of the diagnosis: where the state was met first.
        action: as the environment takes it; of several parts, one number for each.
        hold: steps it is held.
        probability: with which the policy takes it (a held one: takes it `hold` times, if the
            probability stayed that of this state).
        advantage: mean paired difference of returns.
        low: lower end of the interval of the advantage, simultaneous over all probes.
        high: upper end.
        pairs: number of pairs of branches.
        visits: expected discounted visits to the state per episode; 1 where no two episodes met it.
        updates: updates of exact softmax policy gradient until pi > 0.1; inf for never; None where
            it is not predicted (held actions, and actions that are not the best of their state).
        updates_low: the same at the upper end of the advantage.
        updates_high: at the lower end.
    """

    state: str
    place: int
    action: ActionName
    hold: int
    probability: float
    advantage: float
    low: float
    high: float
    pairs: int
    visits: float
    updates: float | None = None
    updates_low: float | None = None
    updates_high: float | None = None

    @property
    def is_rare(self) -> bool:
        """Whether the policy hardly takes it."""
        return self.probability <= TAKEN

    @property
    def action_probability(self) -> float:
        """With which the policy takes the action once."""
        return self.probability ** (1 / self.hold)


@dataclass(frozen=True)
class Diagnosis:
    """Verdict, evidence and ways out.

    Attributes:
        verdict: one of `VERDICTS`.
        reason: the evidence in a sentence or two.
        routes: significantly better actions, the best first: single actions before held ones.
        smallest_visible: an action better than this by advantage would have been seen: the largest
            upper limit over all probes that are not routes, >= 0, in units of return.
        probes: every probe as a route-like row, for tables and figures.
        places: how to come to the probed states.
        mean_return: discounted, of the policy's own episodes.
        return_spread: largest minus smallest of them.
        mean_episode_return: undiscounted.
        episodes: how many ended and were looked at; the statistics of returns are of these.
        unfinished: how many more were cut off and left out.
        entropy: mean over the probed states, in nats.
        largest_probability: mean over the probed states.
        discount: of the returns.
        learning_rate: eta of the predictions.
        confidence: with which all limits hold together.
        steps: environment steps made.
        seconds: wall-clock time.
        judged: which policy was judged, and through what it sees, in words.
        objective: which returns the advantages are of, in words.
        rarest_event: what happens less often than this, per pair of branches, may not have been
            seen: three over the pairs that the verdict rests on.
        unprobed_share: of the policy's visits, to observations that were not probed.
    """

    verdict: str
    reason: str
    routes: tuple[EscapeRoute, ...]
    smallest_visible: float
    probes: tuple[EscapeRoute, ...]
    places: tuple[Place, ...]
    mean_return: float
    return_spread: float
    mean_episode_return: float
    episodes: int
    unfinished: int
    entropy: float
    largest_probability: float
    discount: float
    learning_rate: float
    confidence: float
    steps: int
    seconds: float
    judged: str = ""
    objective: str = ""
    rarest_event: float = 1.0
    unprobed_share: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON-able values; infinite and missing numbers become None."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_route(probe: Probe, situation: Situation, names: ActionNames) -> EscapeRoute:
    """A probe's row, its action named as the environment takes it, without a prediction."""
    return EscapeRoute(
        state=state_text(situation.observation),
        place=probe.situation,
        action=names(probe.action),
        hold=probe.hold,
        probability=float(situation.policy[probe.action]) ** probe.hold,
        advantage=probe.advantage,
        low=probe.low,
        high=probe.high,
        pairs=len(probe.differences),
        visits=situation.visits,
    )


def count_text(count: float) -> str:
    """A predicted count; three digits of it where there are many."""
    return f"{count:,.0f}" if count < 1e9 else f"{count:.3g}"


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        probes: all of them, judged.
        threshold: the advantage that counts.
        episodes: the policy's own, to their end.
        return_spread: of them.
        mean_return: of them.
        states: how many were probed.
        met_once: whether one of these was met in a single episode.
        unprobed_share: of the visits, to other states.
        budget: environment steps.
        note: a sentence on the environment's luck, or nothing.
    """

    probes: Sequence[Probe]
    threshold: float
    episodes: Sequence[Branch]
    return_spread: float
    mean_return: float
    states: int
    met_once: bool
    unprobed_share: float
    budget: int
    note: str

    def pairs(self, routes: Sequence[EscapeRoute]) -> int:
        """Pairs of the best route, or of the probe with fewest."""
        if routes:
            return routes[0].pairs
        return min(len(probe.differences) for probe in self.probes)


def judge(evidence: Evidence, routes: Sequence[EscapeRoute], moves: bool) -> tuple[str, str, float]:
    """Verdict, reason and the smallest visible advantage.

    Args:
        evidence: what was seen.
        routes: the significant probes, best first.
        moves: whether a gradient step changes a logit.
    """
    probes, threshold = evidence.probes, evidence.threshold
    others = [probe for probe in probes if probe.low <= threshold]
    visible = max([0.0, *(probe.high for probe in others)])
    count = evidence.pairs(routes)
    if routes:
        verdict, reason = _route_verdict(routes[0], moves)
    elif count == 0:
        verdict, reason = "unclear", _unplayed(evidence)
    elif evidence.return_spread == 0 and not any(any(probe.differences) for probe in probes):
        verdict, reason = "no_signal", _no_signal(evidence, count)
    else:
        verdict, reason = _no_route(evidence, others, visible, count)
    if evidence.met_once and count:
        reason += (
            " At states that no two episodes met it assumes that the observation shows all that "
            "matters, and that all later luck comes from generators that were found."
        )
    return verdict, " ".join([reason, evidence.note]).strip(), visible


def _no_route(
    evidence: Evidence, others: Sequence[Probe], visible: float, count: int
) -> tuple[str, str]:
    """Nothing is significantly better: by how much could it be?"""
    probes, threshold = evidence.probes, evidence.threshold
    coarse = [p for p in others if p.is_open(threshold) and p.high > TOO_COARSE * p.bound]
    if coarse:
        worst = max(coarse, key=lambda probe: probe.high)
        more = math.ceil(worst.high / (TOO_COARSE * worst.bound))
        return "unclear", (
            f"No action is significantly better yet, but {len(coarse)} of {len(probes)} probes "
            f"leave room for advantages up to {visible:.3g}; about {more} times the budget would "
            f"settle them, but for events rarer than 3 in {count:,}."
        )
    if evidence.states == 1 and evidence.unprobed_share > MOST_UNSEEN:
        return "unclear", (
            f"No action is better by more than {visible:.3g} in the one state that was looked at, "
            f"but {share_text(evidence.unprobed_share)} of the policy's visits go to other states: "
            "this says little about it; raise max_steps."
        )
    longest = max(probe.hold for probe in probes)
    rest = ""
    if evidence.unprobed_share > 0:
        rest = f", nor were the other states, {share_text(evidence.unprobed_share)} of its visits"
    return "no_better_action", (
        f"None of {len(probes)} probes (actions held for up to {longest} steps at "
        f"{evidence.states} visited states) is significantly better. An advantage of more than "
        f"{visible:.3g} would have been seen, unless it hangs on events rarer than 3 in {count:,} "
        "or on larger rewards than any seen; smaller ones, longer detours and states the policy "
        f"does not visit were not tested{rest}."
    )


def share_text(share: float) -> str:
    """A share in per cent."""
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.3g} %"


def _unplayed(evidence: Evidence) -> str:
    missing = sum(not probe.differences for probe in evidence.probes)
    return (
        f"The budget of {evidence.budget:,} environment steps ended before {missing} of "
        f"{len(evidence.probes)} probes were played once; raise max_steps or probe fewer states."
    )


def _no_signal(evidence: Evidence, count: int) -> str:
    longest = max(probe.hold for probe in evidence.probes)
    return (
        f"Returns carry no information: every episode returned {evidence.mean_return:.6g}, and so "
        f"did every branch of {len(evidence.probes)} probes. No policy gradient can come of that. "
        f"A reward that takes more than {longest} right actions in a row to reach would look "
        "exactly like this (a long chain): no short probe can see it, nor one that comes less "
        f"often than 3 times in {count:,}."
    )


def _route_verdict(best: EscapeRoute, moves: bool) -> tuple[str, str]:
    what = f"action {best.action}" + (f" held for {best.hold} steps" if best.hold > 1 else "")
    gain = f"an advantage of {best.advantage:.3g} [{best.low:.3g}, {best.high:.3g}]"
    here = f"In state {best.state} {what} has {gain}"
    if best.pairs < LEAST_PAIRS:
        return "unclear", (
            f"{here} in {best.pairs} pairs of branches, but an event of 3 in {best.pairs} that was "
            f"not seen could undo it; raise max_steps until there are {LEAST_PAIRS}."
        )
    rare = (
        f" ({best.pairs:,} pairs of branches: it is no better if it loses much in events rarer "
        f"than 3 in {best.pairs:,}.)"
    )
    if not best.is_rare:
        reason = f"{here} and the policy takes it with probability {best.probability:.3g}: "
        reason += "the gradient sees it. The policy can still improve as it is."
        return "learning", reason + rare
    reason = f"{here}, but the policy takes it with probability {best.probability:.3g}."
    if best.action_probability > TAKEN:
        return "unclear", reason + (
            f" The action alone has {best.action_probability:.3g}: long sequences are rare under "
            "any policy, and it is the single action that the gradient sees. Whether that one is "
            "better was not seen; raise max_steps." + rare
        )
    if best.hold == 1 and not moves:
        return "frozen", reason + (
            " One gradient step changes no logit to the bit: this plateau is made by float "
            "arithmetic and has no end. Float64, or for a table smaller logits (subtract a "
            "constant), makes it move as slowly as any well; only another method gets out sooner "
            "(docs/ways_out.md)." + rare
        )
    if best.updates is not None and math.isfinite(best.updates):
        count = count_text(best.updates)
        reason += f" Softmax policy gradient would take it after about {count} updates."
    if best.updates == math.inf:
        reason += " A policy that never takes it gets no gradient towards it."
    return "well", reason + rare
