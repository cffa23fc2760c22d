"""What counts say: success probabilities, whether they rise, and what a seen success changes.

Success probabilities move while one learns. A prompt's groups are therefore pooled back in time as
far as the later half of them looks like the earlier one, and the interval is Clopper and Pearson's
(1934) for the mean probability over these groups: a sum of independent verdicts of unequal
probabilities is no wider than the binomial of their mean (Hoeffding 1956).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agents.diagnosis.groups.history import GroupHistory, Ints
from gw_envs.checks import Floats

LEAST_POOL = 8  # groups of a prompt that are pooled however different they look
SAME = 2.5  # standard errors by which two halves may differ
HALVINGS = 40  # of an interval of log-odds
FARTHEST = 40.0  # log-odds of a success probability that is neither 0 nor 1
MOST_RECORDS = 4096  # groups that the pace is fitted to
LEAST_EVENTS = 40  # successes after a prompt's first mixed group, before a pace is believed


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, confidence: float
) -> tuple[Floats, Floats]:
    """Both ends of the exact interval of a probability, any shape.

    Args:
        successes: whole numbers.
        trials: at least as many; where 0 the interval is [0, 1].
        confidence: in (0, 1), two-sided.

    Source: Clopper and Pearson 1934, by quantiles of the beta distribution.
    """
    from scipy.special import betaincinv

    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    tail = (1 - confidence) / 2
    some, not_all = k > 0, k < n
    low = betaincinv(np.where(some, k, 1), np.where(some, n - k + 1, 1), tail)
    high = betaincinv(np.where(not_all, k + 1, 1), np.where(not_all, n - k, 1), 1 - tail)
    return np.where(some, low, 0.0), np.where(not_all, high, 1.0)


@dataclass(frozen=True)
class PromptCounts:
    """The groups of every prompt, in order of time; arrays [prompts] unless said otherwise.

    Attributes:
        order: the groups of the history sorted by prompt, then time [N].
        start: where a prompt's groups begin in `order`.
        visits: groups of the prompt.
        pooled: of them, the last ones that look alike.
        answers: answers in these.
        right: successes in these.
        first_answers: answers in its first groups, as many as look alike.
        first_right: successes in these.
    """

    order: Ints
    start: Ints
    visits: Ints
    pooled: Ints
    answers: Ints
    right: Ints
    first_answers: Ints
    first_right: Ints


def count_prompts(history: GroupHistory) -> PromptCounts:
    """Pool the groups of every prompt as far back as they look alike."""
    prompt = history.column("prompt")
    order = np.argsort(prompt, kind="stable")
    visits = np.bincount(prompt, minlength=len(history.names))
    end = np.cumsum(visits)
    start = end - visits
    sums = {
        name: np.concatenate([[0], np.cumsum(history.column(name)[order])])
        for name in ("answers", "right")
    }

    def between(name: str, low: Ints, high: Ints) -> Ints:
        return sums[name][high] - sums[name][low]

    def halves_differ(low: Ints, high: Ints) -> Any:
        middle = (low + high) // 2
        parts = [
            (between("answers", *part), between("right", *part))
            for part in ((low, middle), (middle, high))
        ]
        return np.abs(_difference(*parts[0], *parts[1])) > SAME

    pooled = _grow(visits, lambda size: halves_differ(end - size, end))
    first = _grow(visits, lambda size: halves_differ(start, start + size))
    return PromptCounts(
        order=order,
        start=start,
        visits=visits,
        pooled=pooled,
        answers=between("answers", end - pooled, end),
        right=between("right", end - pooled, end),
        first_answers=between("answers", start, start + first),
        first_right=between("right", start, start + first),
    )


def _grow(visits: Ints, differ: Callable[[Ints], Any]) -> Ints:
    """Twice as many groups as long as their halves look alike, from `LEAST_POOL` on."""
    size, alike = np.minimum(visits, LEAST_POOL), np.ones(len(visits), dtype=bool)
    while True:
        wider = np.minimum(visits, 2 * size)
        alike &= ~differ(wider)
        grown = np.where(alike, wider, size)
        if np.array_equal(grown, size):
            return size
        size = grown


def _difference(n1: Ints, k1: Ints, n2: Ints, k2: Ints) -> Floats:
    """Difference of two proportions in standard errors; 0 where both are all wrong or all right."""
    n = np.maximum(n1 + n2, 1)
    share = (k1 + k2) / n
    variance = share * (1 - share) * (1 / np.maximum(n1, 1) + 1 / np.maximum(n2, 1))
    gap = k2 / np.maximum(n2, 1) - k1 / np.maximum(n1, 1)
    return np.where(variance > 0, gap / np.sqrt(np.where(variance > 0, variance, 1)), 0.0)


def success_trend(history: GroupHistory, share: float = 0.5) -> float:
    """How many standard errors the success probability has risen over the last part of the steps.

    The test of Cochran (1954) and Armitage (1955) for a trend in proportions, its sums taken within
    prompts, so that a change of prompts is no trend. Where most prompts were seen once in that part
    they are taken as alike.

    Args:
        history: with at least one group.
        share: of the recorded steps, the last ones.
    """
    step = history.column("step")
    recorded = np.unique(step)
    recent = step >= recorded[int(len(recorded) * (1 - share))]
    prompt, time = history.column("prompt")[recent], step[recent].astype(np.float64)
    n, k = history.column("answers")[recent], history.column("right")[recent]
    if len(prompt) < 2 * len(np.unique(prompt)):
        prompt = np.zeros_like(prompt)
    total = np.maximum(np.bincount(prompt, n), 1)
    chance = (np.bincount(prompt, k) / total)[prompt]
    centred = time - (np.bincount(prompt, n * time) / total)[prompt]
    variance = float(np.sum(chance * (1 - chance) * n * centred**2))
    return float(np.sum(k * centred)) / np.sqrt(variance) if variance > 0 else 0.0


@dataclass(frozen=True)
class Pace:
    """Log-odds that a score of 1 on average moves, with the ends of its interval."""

    low: float
    value: float
    high: float


def fit_pace(
    history: GroupHistory, counts: PromptCounts, signal: Floats, confidence: float
) -> Pace | None:
    """How far a prompt's own mixed groups have moved its log-odds of success.

    Logistic regression by maximum likelihood: logit P(right) = z_p + pace * (sum of signals of the
    prompt's earlier groups), an intercept for each prompt and one pace. Only prompts whose signal
    grew and whose answers differ say something. None: they have had fewer than `LEAST_EVENTS`
    successes since, when an intercept for each prompt biases the pace, or success falls.

    Args:
        history: the groups.
        counts: of `count_prompts`.
        signal: of a group with m successes [G+1]; 0 for a silent one.
        confidence: of the interval, by the observed information.
    """
    from scipy.special import ndtri

    order = counts.order
    if len(order) > MOST_RECORDS:  # the newest
        newest = np.zeros(len(order), dtype=bool)
        newest[-MOST_RECORDS:] = True
        order = order[newest[order]]
    prompt = history.column("prompt")[order]
    n, k = history.column("answers")[order], history.column("right")[order]
    dose, _ = _doses(history, order, prompt, signal, len(history.names))
    _, group = np.unique(prompt, return_inverse=True)
    wins, answers = np.bincount(group, k), np.bincount(group, n)
    useful = ((wins > 0) & (wins < answers) & (np.bincount(group, dose) > 0))[group]
    if k[useful & (dose > 0)].sum() < LEAST_EVENTS:
        return None
    _, group = np.unique(group[useful], return_inverse=True)
    found = _logistic(group, dose[useful], n[useful], k[useful])
    if found is None:
        return None
    value, error = found
    margin = float(ndtri((1 + confidence) / 2)) * error
    if value + margin <= 0:
        return None
    return Pace(max(0.0, value - margin), max(0.0, value), value + margin)


def carry_to_now(
    history: GroupHistory, counts: PromptCounts, signal: Floats, pace: float, mean: Floats
) -> Floats:
    """Success probabilities now, from means over the pooled groups [prompts].

    A prompt's mixed groups have moved its log-odds by pace times their signal; the mean over its
    pooled groups says from where.

    Args:
        history: the groups.
        counts: of `count_prompts`.
        signal: of a group with m successes [G+1].
        pace: log-odds of a score.
        mean: success probability, mean over the pooled groups [prompts].
    """
    from scipy.special import expit

    end = counts.start + counts.visits
    place = np.arange(len(counts.order))
    owner = history.column("prompt")[counts.order]
    inside = place >= (end - counts.pooled)[owner]
    order, owner = counts.order[inside], owner[inside]
    before, total = _doses(history, order, owner, signal, len(mean))
    moved = pace * before
    n = history.column("answers")[order].astype(np.float64)
    wanted = mean * counts.answers
    low, high = np.full(len(mean), -FARTHEST), np.full(len(mean), FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = np.bincount(owner, n * expit(middle[owner] + moved), len(mean)) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where((mean > 0) & (mean < 1), expit(low + pace * total), mean)


def _doses(
    history: GroupHistory, order: Ints, owner: Ints, signal: Floats, prompts: int
) -> tuple[Floats, Floats]:
    """Signal that a prompt's groups in `order` have had before each of them, and in all [prompts].

    Args:
        history: the groups.
        order: groups sorted by prompt, then time.
        owner: their prompts.
        signal: of a group with m successes [G+1]; 0 for a silent one.
        prompts: how many there are.
    """
    k = np.minimum(history.column("right")[order], len(signal) - 1)
    gain = signal[k] * (1 - history.column("silent")[order])
    before = np.cumsum(gain) - gain
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    before -= np.repeat(before[first], np.diff(np.append(first, len(owner))))
    return before, np.bincount(owner, gain, prompts).astype(np.float64)


def _logistic(group: Ints, dose: Floats, n: Ints, k: Ints) -> tuple[float, float] | None:
    """Slope and its standard error of a logistic regression with an intercept for each group."""
    from scipy.special import expit

    def by_group(values: Any) -> Floats:
        return np.bincount(group, values).astype(np.float64)

    share = (by_group(k) + 0.5) / (by_group(n) + 1)
    level, slope = np.log(share / (1 - share)), 0.0
    for _ in range(100):
        chance = expit(level[group] + slope * dose)
        weight = n * chance * (1 - chance)
        residual = k - n * chance
        own = np.maximum(by_group(weight), 1e-12)
        cross = by_group(weight * dose)
        information = float(np.sum(weight * dose**2) - np.sum(cross**2 / own))
        if not information > 1e-12:
            return None
        pull = by_group(residual)
        change = float(np.sum(residual * dose) - np.sum(cross * pull / own)) / information
        change = float(np.clip(change, -1 / dose.max(), 1 / dose.max()))
        slope += change
        level += np.clip((pull - cross * change) / own, -1, 1)
        if abs(change) * dose.max() < 1e-6 and np.all(np.abs(pull) < 1e-4 * np.maximum(own, 1)):
            return slope, float(1 / np.sqrt(information))
    return None  # it does not converge: the answers are separated, and no pace is as good as any
