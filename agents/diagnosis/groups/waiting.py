"""Waits of prompts in steps of the run, with the ends of the intervals of what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agents.diagnosis.groups.estimates import Pace
from agents.diagnosis.groups.forecast import GroupWait, critical_kl_weight, first_success_groups
from agents.diagnosis.groups.history import GroupHistory
from agents.diagnosis.groups.settings import GroupSettings
from gw_envs.checks import Floats

SLOWEST = 1e-6  # a slower pace is none
Three = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Waits:
    """Steps of the run, arrays [prompts].

    Attributes:
        first: (low, expected, high) to the next group with a success; NaN expected: none seen yet.
        escape: (low, expected, high) of the median until escape; without a known pace that of the
            first success, which is a lower end, and high is infinite.
        range: (low, high) within which escape lies with the settings' confidence at least.
    """

    first: Three
    escape: Three
    range: tuple[Floats, Floats]


def waits_of(
    low: Floats,
    high: Floats,
    share: Floats,
    every: Floats,
    once: NDArray[np.bool_],
    group_size: int,
    given: GroupSettings,
    pace: Pace | None,
) -> Waits:
    """Waits of prompts from their success probabilities.

    Args:
        low: lower ends of these [prompts].
        high: upper ends.
        share: of right answers, the estimate in between; NaN stands for 0 in what comes back.
        every: steps from one group of the prompt to the next.
        once: prompts seen once, for which `every` is only a lower end [prompts].
        group_size: G.
        given: settings.
        pace: log-odds of a score; None: not known.
    """
    middle = np.where(share > 0, np.clip(share, low, high), np.where(low > 0, low, np.nan))
    latest = np.where(once, np.inf, every)
    first = (
        every * first_success_groups(high, group_size),
        every * first_success_groups(middle, group_size),
        latest * first_success_groups(low, group_size),
    )
    tail = (1 - given.confidence) / 2
    if pace is None:
        least = every * _geometric_quantile(0.5, high, group_size)
        soonest = every * _geometric_quantile(tail, high, group_size)
        unknown = np.full_like(least, np.inf)
        return Waits(first, (least, np.full_like(least, np.nan), unknown), (soonest, unknown))
    ends = ((pace.high, high), (pace.value, middle), (pace.low, low))

    def quantile(q: float, end: int) -> Floats:
        speed, prob = ends[end]
        if speed < SLOWEST:
            return np.full_like(every, np.nan if end == 1 else np.inf)
        known = np.where(np.isnan(prob), 0.0, prob)
        wait = wait_law(given.rule, group_size, speed, given.escape_prob)
        return np.where(np.isnan(prob), np.nan, every * wait.quantile(q, known))

    def at_most(wait: Floats) -> Floats:
        return np.where(once & (wait > 0), np.inf, wait)

    escape = quantile(0.5, 0), quantile(0.5, 1), at_most(quantile(0.5, 2))
    return Waits(first, escape, (quantile(tail, 0), at_most(quantile(1 - tail, 2))))


def wait_law(rule: str, group_size: int, pace: float, escape_prob: float) -> GroupWait:
    """The law, kept for paces that differ by less than two percent."""
    return _kept(rule, group_size, float(np.exp(np.round(np.log(pace) * 50) / 50)), escape_prob)


_kept = lru_cache(maxsize=64)(GroupWait)


def _geometric_quantile(q: float, prob: Floats, group_size: int) -> Floats:
    """Groups within which the first success comes with probability q."""
    with np.errstate(divide="ignore"):
        silent = group_size * np.log1p(-np.minimum(prob, 1 - 1e-16))
        return np.maximum(1.0, np.log1p(-q) / silent)


def critical_weights(
    low: Floats, high: Floats, group_size: int, given: GroupSettings
) -> tuple[Floats, Floats]:
    """Ends of the critical KL weight of prompts whose start lay in [low, high].

    It falls with a deeper start for "reverse", and hardly changes for "k3"; without a lower end of
    the start the lower end is that of a start at 1e-12.
    """
    if given.kl_weight == 0:
        return np.full_like(low, np.inf), np.full_like(high, np.inf)
    ends = [np.clip(x, 1e-12, 1 - 1e-12) for x in (low, high)]
    values = [np.array([_critical(x, group_size, given) for x in _rounded(end)]) for end in ends]
    return np.minimum(*values), np.maximum(*values)


def _rounded(prob: Floats) -> list[float]:
    """To two digits of the log-odds: many prompts share a value."""
    odds = np.round(np.log(prob / (1 - prob)), 2)
    return (1 / (1 + np.exp(-odds))).tolist()


def _critical(prob: float, group_size: int, given: GroupSettings) -> float:
    if prob >= given.escape_prob:
        return np.inf  # it began beyond the edge
    return _kept_weight(given.rule, group_size, prob, given.escape_prob, given.kl_form)


@lru_cache(maxsize=4096)
def _kept_weight(rule: str, group_size: int, prob: float, edge: float, kl_form: str) -> float:
    return critical_kl_weight(rule, group_size, prob, escape_prob=edge, kl_form=kl_form)


def remaining_steps(history: GroupHistory, given: GroupSettings) -> int | None:
    """Steps of the budget after the last one seen; None without a budget."""
    if given.budget is None:
        return None
    return max(0, given.budget - int(history.column("step")[-1]) - 1)
