"""`judge`: waiting, unreachable, learning, solved, collapsed, held or unclear, with the reason.

A verdict is given where its whole interval agrees, and is `unclear` where it does not:

| verdict | of a prompt | of the run |
|---|---|---|
| solved | success probability surely above `solved_prob` | nine prompts in ten, or all pooled |
| learning | - | nothing is held, and success rises by `RISES` standard errors over the later half |
| collapsed | surely below the edge, all groups alike, entropy gone | unsolved prompts alike |
| held | surely below the edge, KL weight surely above critical | likewise |
| waiting | surely below the edge, median wait surely within what is left | likewise |
| unreachable | median wait surely beyond what is left of the budget | likewise |

"Unsolved prompts": more than half of them have the verdict, or, where each was seen too little,
their pooled groups do and the prompts do not differ more than chance makes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from agents import metrics
from agents.diagnosis.groups import sentences
from agents.diagnosis.groups.estimates import (
    Pace,
    PromptCounts,
    carry_to_now,
    clopper_pearson,
    count_prompts,
    fit_pace,
    lacks_silent_groups,
    success_trend,
)
from agents.diagnosis.groups.forecast import group_signals
from agents.diagnosis.groups.history import GroupHistory
from agents.diagnosis.groups.settings import GroupSettings
from agents.diagnosis.groups.waiting import Waits, critical_weights, remaining_steps, waits_of
from gw_envs.checks import BadInput, Floats

VERDICTS = ("waiting", "unreachable", "learning", "solved", "collapsed", "held", "unclear")
RISES = 4.0  # standard errors
ALIKE = 1e-3  # least chance, if all prompts were alike, of differing so much
NEARLY_ALL = 0.9
SLACK = 2.0  # between what a model tells and what its rewards allow


@dataclass(frozen=True)
class PromptReport:
    """What is known of one prompt; waits are in steps of the run, from now.

    Attributes:
        prompt: its id.
        verdict: one of `VERDICTS`, but learning.
        reason: a sentence.
        groups: of it so far.
        answers: in its pooled groups.
        right: successes in these.
        success: (low, high) of its success probability, mean over these groups; both the model's
            own probability where that was told.
        first_success: (low, expected, high) steps to the next group with a success.
        escape: (low, expected, high) of the median steps until it has escaped; low and high over
            the intervals of success probability and pace; NaN expected: nothing right yet.
        range: (low, high) steps within which it escapes with the settings' confidence at least.
        critical_kl: (low, high) of the critical KL weight.
    """

    prompt: Hashable
    verdict: str
    reason: str
    groups: int
    answers: int
    right: int
    success: tuple[float, float]
    first_success: tuple[float, float, float]
    escape: tuple[float, float, float]
    range: tuple[float, float]
    critical_kl: tuple[float, float]


@dataclass(frozen=True)
class GroupReport:
    """What the groups of a run add up to.

    Attributes:
        verdict: one of `VERDICTS`.
        reason: what that rests on, in words.
        values: the keys `plateau/*`, means over the last steps.
        pace: log-odds that a score of 1 moves, fitted or told; None: not known yet.
        remaining: steps left of the budget; None without one.
        prompts: a report for each prompt, in the order in which they came.
        notes: sentences on what the log lacks, and what that changes.
    """

    verdict: str
    reason: str
    values: dict[str, float]
    pace: Pace | None
    remaining: int | None
    prompts: list[PromptReport] = field(repr=False)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Everything, as plain numbers, texts and lists."""
        return asdict(self)


def judge(history: GroupHistory, settings: GroupSettings | None = None) -> GroupReport:
    """Verdict on a run from the groups it has seen.

    It is assumed that a prompt's success changes by its own groups only. Prompts that teach one
    another make predicted waits too long; a long wait is then an upper estimate.

    Args:
        history: at least one group.
        settings: how the run is trained; default: GRPO without KL term or budget.

    Raises:
        ValueError: for an empty history.
    """
    if not len(history):
        raise BadInput("history holds no group; add rewards first.")
    given = settings or GroupSettings()
    counts = count_prompts(history)
    pace = _pace(history, counts, given)
    evidence = Evidence.of(history, counts, given, pace)
    verdicts = evidence.verdicts()
    solved, slope = verdicts == "solved", success_trend(history)
    whole = evidence.pooled(np.ones(len(solved), dtype=bool))
    rest = evidence.pooled(~solved) if not solved.all() else whole
    verdict, basis = _run_verdict(verdicts, slope, whole, rest)
    if verdict != "solved" and lacks_silent_groups(history):
        verdict, basis = "unclear", "filtered"
        verdicts = np.full_like(verdicts, "unclear")
    prompts = evidence.reports(verdicts)
    return GroupReport(
        verdict=verdict,
        reason=sentences.run_sentence(verdict, basis, slope, rest, Counter(verdicts.tolist())),
        values=_values(history, evidence, verdicts, given),
        pace=pace,
        remaining=evidence.remaining,
        prompts=prompts,
        notes=sentences.notes(history, counts, given, pace),
    )


def _pace(history: GroupHistory, counts: PromptCounts, given: GroupSettings) -> Pace | None:
    if given.pace is not None:
        return Pace(given.pace, given.pace, given.pace)
    return fit_pace(history, counts, _signal(history, given), given.confidence)


def _signal(history: GroupHistory, given: GroupSettings) -> Floats:
    """What a group with m successes moves the log-odds by, over the pace [G+1]."""
    gain, total = group_signals(given.rule, history.group_size)
    share = np.arange(len(gain)) / history.group_size
    return np.maximum(gain - share * total, 0.0)


@dataclass(frozen=True)
class Evidence:
    """All that verdicts rest on; arrays [prompts], or [1] where prompts are pooled."""

    settings: GroupSettings
    names: list[Hashable]
    groups: Any
    answers: Any
    right: Any
    low: Floats
    high: Floats
    now: tuple[Floats, Floats]
    start: tuple[Floats, Floats]
    waits: Waits
    critical: tuple[Floats, Floats]
    remaining: int | None
    gone: bool
    silent: Any  # whether every pooled group had nothing right
    history: GroupHistory
    counts: PromptCounts
    pace: Pace | None
    homogeneous: bool = True

    @classmethod
    def of(
        cls,
        history: GroupHistory,
        counts: PromptCounts,
        given: GroupSettings,
        pace: Pace | None,
        members: Any = None,
    ) -> Evidence:
        """Of every prompt, or of `members` (flags) pooled into one."""
        pooled = members is not None
        pick = (lambda x: x[members].sum(keepdims=True)) if pooled else (lambda x: x)
        answers, right = pick(counts.answers), pick(counts.right)
        first = clopper_pearson(
            pick(counts.first_right), pick(counts.first_answers), given.confidence
        )
        low, high = clopper_pearson(right, answers, given.confidence)
        share = right / answers
        now, middle = (low, high), share
        if not pooled and pace is not None:
            ends = ((pace.low, low), (pace.high, high), (pace.value, share))
            signal = _signal(history, given)
            least, most, middle = (carry_to_now(history, counts, signal, *end) for end in ends)
            now = least, most
        if not pooled:
            low, high, now, first = _told(history, counts, (low, high), now, first)
        size = history.group_size
        steps = np.unique(history.column("step"))
        stride = float(np.median(np.diff(steps))) if len(steps) > 1 else 1.0
        visits = counts.visits[members].mean(keepdims=True) if pooled else counts.visits
        every = stride * len(steps) / visits
        recent = history.entropy[-max(1, len(history.entropy) // 10) :]
        return cls(
            settings=given,
            names=["all"] if pooled else history.names,
            groups=pick(counts.visits),
            answers=answers,
            right=right,
            low=low,
            high=high,
            now=now,
            start=first,
            waits=waits_of(*now, middle, every, visits < 2, size, given, pace),
            critical=critical_weights(*first, size, given),
            remaining=remaining_steps(history, given),
            gone=bool(recent) and max(value for _, value in recent) < given.gone,
            silent=right == 0,
            history=history,
            counts=counts,
            pace=pace,
            homogeneous=not pooled or _alike(counts, members),
        )

    def pooled(self, members: Any) -> Evidence:
        """The groups of these prompts (flags), as if they were one."""
        return Evidence.of(self.history, self.counts, self.settings, self.pace, members)

    def verdicts(self) -> Any:
        """A verdict for every prompt [prompts]."""
        given, waits = self.settings, self.waits
        found = np.full(len(self.low), "unclear", dtype="<U12")
        below = self.now[1] < given.escape_prob
        left = np.inf if self.remaining is None else float(self.remaining)
        near = given.kl_weight > 0.5 * self.critical[0]  # waits know nothing of the KL term
        found[below & ~near & (waits.escape[2] <= left) & np.isfinite(waits.escape[2])] = "waiting"
        found[below & (waits.escape[0] > left)] = "unreachable"
        found[below & (given.kl_weight >= self.critical[1]) & (given.kl_weight > 0)] = "held"
        found[below & self.silent & self.gone] = "collapsed"
        found[self.low >= given.solved_prob] = "solved"
        return found

    def reports(self, verdicts: Any) -> list[PromptReport]:
        """A report for every prompt."""
        columns = zip(
            self.names,
            verdicts.tolist(),
            self.groups.tolist(),
            self.answers.tolist(),
            self.right.tolist(),
            zip(self.low.tolist(), self.high.tolist(), strict=True),
            zip(*(x.tolist() for x in self.waits.first), strict=True),
            zip(*(x.tolist() for x in self.waits.escape), strict=True),
            zip(*(x.tolist() for x in self.waits.range), strict=True),
            zip(*(x.tolist() for x in self.critical), strict=True),
            strict=True,
        )
        found = []
        for name, verdict, groups, answers, right, success, first, escape, span, kl in columns:
            reason = sentences.prompt_sentence(
                verdict, answers, right, success, first, escape, kl, self.settings, self.remaining
            )
            row = (name, verdict, reason, groups, answers, right, success, first, escape, span, kl)
            found.append(PromptReport(*row))
        return found


def _told(
    history: GroupHistory, counts: PromptCounts, success: Any, now: Any, first: Any
) -> tuple[Floats, Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Success probabilities that the model told take the place of intervals while they are fresh.

    They are only a lower end where other texts are right as well: where they contradict the
    rewards, by more than a factor `SLACK`, the rewards count.
    """
    low, high, begin, end = (x.copy() for x in (*success, *first))
    at_least, at_most = (x.copy() for x in now)
    for number, prob in history.first_prob.items():
        if begin[number] / SLACK <= prob <= end[number] * SLACK:
            begin[number] = end[number] = prob
    for number, (step, prob) in history.answer_prob.items():
        place = counts.order[counts.start[number] : counts.start[number] + counts.visits[number]]
        since = place[history.column("step")[place] >= step]
        if history.column("silent")[since].all() and (
            now[0][number] / SLACK <= prob <= now[1][number] * SLACK
        ):
            low[number] = high[number] = at_least[number] = at_most[number] = prob
    return low, high, (at_least, at_most), (begin, end)


def _alike(counts: PromptCounts, members: Any) -> bool:
    """Whether the prompts differ no more than chance makes them: the test for one proportion."""
    from scipy.special import chdtrc

    n, k = counts.answers[members], counts.right[members]
    share = k.sum() / n.sum()
    if share in (0, 1) or len(n) < 2:
        return True
    square = float(np.sum((k - n * share) ** 2 / (n * share * (1 - share))))
    return bool(chdtrc(len(n) - 1, square) >= ALIKE)


def _run_verdict(verdicts: Any, slope: float, whole: Evidence, rest: Evidence) -> tuple[str, str]:
    """The verdict on the run, and what it rests on."""
    solved = verdicts == "solved"
    if solved.mean() >= NEARLY_ALL or whole.low[0] >= whole.settings.solved_prob:
        return "solved", "share"
    (most, number), *_ = Counter(verdicts[~solved].tolist()).most_common()
    found = ("unclear", "mixed")
    if most != "unclear" and number > (~solved).sum() / 2:
        found = str(most), "share"
    elif rest.homogeneous:
        found = str(rest.verdicts()[0]), "pooled"
    if slope >= RISES and found[0] == "held":  # to where it is held, or the law does not fit
        return "unclear", "rises"
    if slope >= RISES:
        return "learning", "trend"
    if slope <= -RISES and found[0] not in ("held", "collapsed"):
        return "unclear", "falls"
    return found


def _values(
    history: GroupHistory, evidence: Evidence, verdicts: Any, given: GroupSettings
) -> dict[str, float]:
    """The keys `plateau/*` of this report, beside those of every step."""
    waiting = evidence.waits.escape[1][np.isin(verdicts, ("waiting", "unclear", "unreachable"))]
    waiting = waiting[np.isfinite(waiting)]
    values = {
        metrics.PLATEAU_PROMPTS[name]: float(np.mean(verdicts == name))
        for name in metrics.PLATEAU_PROMPTS
    }
    if waiting.size:
        values[metrics.PLATEAU_WAIT] = float(np.median(waiting))
    if given.kl_weight > 0 and np.isfinite(evidence.critical[1]).any():
        critical = float(np.nanmedian(evidence.critical[1][np.isfinite(evidence.critical[1])]))
        values[metrics.PLATEAU_KL_RATIO] = given.kl_weight / critical
    if len(history.entropy) > 3:
        steps, nats = np.array(history.entropy[len(history.entropy) // 2 :]).T
        if np.ptp(steps) > 0:
            values[metrics.PLATEAU_ENTROPY_TREND] = float(np.polyfit(steps, nats, 1)[0])
    return values
