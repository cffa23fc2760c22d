"""The sentences of a group diagnosis."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from agents.diagnosis.groups.estimates import Pace, PromptCounts
from agents.diagnosis.groups.history import GroupHistory
from agents.diagnosis.groups.settings import GroupSettings

Pair = tuple[float, float]
Triple = tuple[float, float, float]


def prompt_sentence(
    verdict: str,
    answers: int,
    right: int,
    success: Pair,
    first: Triple,
    escape: Triple,
    critical: Pair,
    given: GroupSettings,
    remaining: int | None,
) -> str:
    """What a verdict on a prompt, or on prompts pooled, rests on: one sentence."""
    seen = f"{right:,} of {answers:,} answers right (success probability {span(success)})"
    left = "no budget was stated" if remaining is None else f"{remaining:,} steps are left"
    if verdict == "solved":
        return f"{seen}: above {given.solved_prob:g}."
    if verdict == "collapsed":
        return f"{seen}, and the entropy of answers is gone (below {given.gone:g} nats)."
    if verdict == "held":
        return (
            f"{seen}: the KL weight {given.kl_weight:g} is at least the critical one, "
            f"{number(critical[1])} at most, and holds success below {given.escape_prob:g}."
        )
    wait = f"a median of {wait_text(escape)} steps to success in {given.escape_prob:.0%} of answers"
    if verdict == "waiting":
        return f"{seen}: {wait} from now, {left}."
    if verdict == "unreachable":
        return f"{seen}: {wait} from now, but {left}."
    if success[1] >= given.escape_prob:
        return f"{seen}: neither surely below {given.escape_prob:g} nor surely solved."
    if right == 0:
        return (
            f"{seen}: the next success is at least {number(first[0])} steps away on average, and "
            f"no reward says that it ever comes; {left}."
        )
    return f"{seen}: {wait} from now, which is too wide or unknown to say more; {left}."


def run_sentence(verdict: str, basis: str, slope: float, rest: Any, verdicts: Counter[str]) -> str:
    """What the verdict on the run rests on."""
    tally = ", ".join(f"{count:,} {name}" for name, count in verdicts.most_common())
    tail = f" Prompts: {tally}."
    if basis == "falls":
        return f"Success falls by {-slope:.1f} standard errors over the later half." + tail
    if basis == "trend":
        return f"Success rises by {slope:.1f} standard errors over the later half." + tail
    if basis == "mixed":
        return (
            "No verdict holds for most unsolved prompts, and they differ too much to pool." + tail
        )
    if verdict == "solved":
        share = verdicts["solved"] / max(1, sum(verdicts.values()))
        return f"{share:.0%} of the prompts are surely solved, or all together are." + tail
    words = {
        "share": "More than half of the unsolved prompts are so; together: ",
        "pooled": "Unsolved prompts together, which look alike: ",
    }
    (report,) = rest.reports(np.array([verdict]))
    return words[basis] + report.reason + tail


def notes(
    history: GroupHistory, counts: PromptCounts, given: GroupSettings, pace: Pace | None
) -> tuple[str, ...]:
    """What the log lacks, and what that changes."""
    found = [
        "Waits assume that a prompt is changed by its own groups only: prompts that help one "
        "another escape sooner."
    ]
    steps = np.unique(history.column("step"))
    gaps = np.diff(steps)
    if gaps.size and (missing := int(np.sum(gaps / np.median(gaps) - 1 > 0.5))):
        found.append(
            f"Steps are missing in {missing} places: waits count steps by their numbers, and what "
            "happened in between is not in the intervals."
        )
    if np.mean(counts.visits == 1) > 0.5:
        found.append(
            "Most prompts were seen once: nothing is known of any one of them, only of all pooled."
        )
    if len(np.unique(history.column("answers"))) > 1:
        found.append(
            f"Groups have different sizes: waits are in groups of the last one's, "
            f"{history.group_size}."
        )
    if history.graded:
        found.append(
            f"Rewards are graded: a success is a reward of at least {history.success_at:g}, and "
            "the predicted escape takes the rule's step as if rewards were verdicts."
        )
    if pace is None:
        found.append(
            "What a success changes is not known before a few prompts have had some: escape comes "
            "later than the first success, by an unknown time."
        )
    if given.kl_weight > 0:
        found.append("Waits leave the KL term out, which makes them longer.")
    return tuple(found)


def number(value: float) -> str:
    """A number as one says it."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinitely many"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def span(pair: Pair) -> str:
    """An interval of a probability."""
    low, high = pair
    if low == high:
        return f"{low:.2g}, as the model tells it"
    return f"{low:.2g} to {high:.2g}" if low > 0 else f"at most {high:.2g}"


def wait_text(wait: Triple) -> str:
    """A wait with the ends of its interval."""
    low, middle, high = wait
    if math.isinf(high):
        return f"at least {number(low)}"
    return f"{number(middle)} ({number(low)} to {number(high)})"
