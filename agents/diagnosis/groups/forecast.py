"""How long until a prompt is learnt: its log-odds of success as a walk that only rises.

A prompt whose right answer is one of K, the others alike, has log-odds z = logit x. A group of G
with m ~ Bin(G, x) successes moves them by

    pace * (A_m - x B_m),      A_m = (sum of the successes' scores)/G, B_m = (sum of all scores)/G,

pace = eta K/(K-1): a score s of an answer moves the right logit by eta s (1 - x) or -eta s x, the
others by the rest, shared. The scores are those of `agents.updates`. Mean and variance of the
number of groups to the edge follow backwards from it: a geometric wait, then the rest from where
the group has put z. Deep down, where two successes in a group are rare, they are those of
`gw_envs.theory.group_escape_law`. A gamma distribution with this mean and variance gives the
quantiles: it is exact for one wait; its median is within 3 % of the law's, its 5 % quantile up to
a third too low (at steps of about 2), so that ranges are rather too wide.

What the law leaves out makes it an upper estimate: prompts that help one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from agents.updates import RULES
from agents.updates.groups import GroupRule
from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int, check_share
from gw_envs.theory import group_escape_law
from gw_envs.theory.bounds import logit
from gw_envs.theory.sampled_law import SampledEscapeLaw

SHALLOW = 0.03  # G x from which on groups are followed one by one
LEAST_CELLS, MOST_CELLS = 64, 400
CELLS_PER_STEP = 4
KL_CELLS = 400


def rule_of(rule: str | GroupRule, group_size: int) -> GroupRule:
    """The update rule of this name with groups of this size; a rule itself stays as it is."""
    if isinstance(rule, GroupRule):
        return rule
    size = check_int("group_size", group_size, 2)
    groups = {name: kind for name, kind in RULES.items() if issubclass(kind, GroupRule)}
    kind = groups[check_choice("rule", rule, tuple(sorted(groups)))]
    option = "rollouts" if "rollouts" in kind.__dataclass_fields__ else "group_size"
    return kind(**{option: size})


def group_signals(rule: str | GroupRule, group_size: int) -> tuple[Floats, Floats]:
    """A_m and B_m for m = 0, ..., G successes [G+1]."""
    size = check_int("group_size", group_size, 2)
    verdicts = np.tril(np.ones((size + 1, size)), -1)
    scores = np.nan_to_num(rule_of(rule, size).score(verdicts))  # NaN: the group is dropped
    return (scores * verdicts).sum(axis=1) / size, scores.sum(axis=1) / size


def first_success_groups(prob: ArrayLike, group_size: int) -> Floats:
    """Expected groups until one holds a success, 1/(1 - (1-x)^G); infinite at x = 0."""
    x = np.asarray(prob, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return 1 / -np.expm1(group_size * np.log1p(-np.minimum(x, 1 - 1e-16)))


def critical_kl_weight(
    rule: str | GroupRule,
    group_size: int,
    start_prob: float,
    *,
    escape_prob: float = 0.5,
    kl_form: str = "k3",
) -> float:
    """tau_c: the KL weight from which on success stays below `escape_prob` on average.

    The expected group moves the log-odds by pace * (g(x) - tau pull(x)), g = E[A_m - x B_m], and
    pull = x(1-x)(logit x - logit x0) for "reverse", x - x0 for "k3". It is stopped below the edge
    if and only if tau is at least the smallest g/pull on the way.

    Args:
        rule: name or rule.
        group_size: G >= 2.
        start_prob: x0 in (0, escape_prob), also the reference model's.
        escape_prob: the edge, in (0, 1).
        kl_form: "k3" or "reverse".

    Returns:
        tau_c > 0, in units of the score; for "rloo" and "reverse" it is 1/(logit edge - logit x0).

    Raises:
        ValueError: naming the argument out of range.
    """
    from scipy.special import expit

    check_choice("kl_form", kl_form, ("k3", "reverse"))
    edge = check_share("escape_prob", escape_prob)
    x0 = check_float("start_prob", start_prob, 0, edge, open_low=True, open_high=True)
    z0, last = logit(x0), logit(edge)
    z = np.linspace(z0, last, KL_CELLS)[1:]
    x = expit(z)
    gain, total = group_signals(rule, group_size)
    g = binomial(x, group_size) @ gain - x * (binomial(x, group_size) @ total)
    pull = x * (1 - x) * (z - z0) if kl_form == "reverse" else x - x0
    return float(np.min(g / pull))


def binomial(prob: ArrayLike, size: int) -> Floats:
    """P(m successes among `size`) [..., size + 1] of probabilities in (0, 1) [...]."""
    from scipy.special import gammaln, xlog1py, xlogy

    x, m = np.asarray(prob, dtype=np.float64)[..., None], np.arange(size + 1)
    ways = gammaln(size + 1) - gammaln(m + 1) - gammaln(size - m + 1)
    return np.exp(ways + xlogy(m, x) + xlog1py(size - m, -x))


@dataclass(frozen=True)
class GroupWait:
    """The law of the number of groups of a prompt until its success probability passes an edge.

    Attributes:
        rule: name in `agents.updates.RULES`, or a group rule.
        group_size: G >= 2.
        pace: log-odds that a score of 1 on average moves, > 0.
        escape_prob: the edge, in (0, 1).

    Raises:
        ValueError: naming the attribute out of range, or a rule that one success does not move.
    """

    rule: str | GroupRule
    group_size: int
    pace: float
    escape_prob: float = 0.5

    def __post_init__(self) -> None:
        """Check the attributes."""
        check_float("pace", self.pace, 0, open_low=True)
        check_share("escape_prob", self.escape_prob)
        if not group_signals(self.rule, self.group_size)[0][1] > 0:
            raise BadInput(f"rule={self.rule!r} learns nothing from one success in a group.")

    def moments(self, prob: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and variance of the number of groups from success probabilities in [0, 1]."""
        x = np.asarray(prob, dtype=np.float64)
        z, means, variances = self._table
        with np.errstate(divide="ignore"):
            place = np.log(x) - np.log1p(-np.minimum(x, 1 - 1e-16))
        # from far below, single successes bring z in equal steps to this place in the table
        deep = place < z[0]
        step = self.pace * self._signals[0][1]
        with np.errstate(invalid="ignore"):
            arrival = np.where(deep, z[0] + np.mod(place - z[0], step), place)
        arrival = np.where(np.isfinite(arrival), arrival, z[0])
        functional = self._deep_law.functional
        with np.errstate(over="ignore"):
            waits = np.where(deep, np.exp(-place), 0.0), np.where(deep, np.exp(-arrival), 0.0)
        scale = functional.mean / self.group_size
        mean = np.interp(arrival, z, means, right=0.0) + (waits[0] - waits[1]) * scale
        spread = (waits[0] ** 2 - waits[1] ** 2) * (scale * functional.variation) ** 2
        return mean, np.interp(arrival, z, variances, right=0.0) + spread

    def quantile(self, q: float, prob: ArrayLike) -> Floats:
        """Groups within which a share q of the runs gets past the edge; 0 beyond it.

        Args:
            q: in (0, 1).
            prob: success probabilities in [0, 1], any shape; infinite at 0.
        """
        from scipy.special import gammaincinv

        share = check_share("q", q)
        mean, variance = self.moments(prob)
        usable = np.isfinite(mean) & (mean > 0) & (variance > 0)
        shape = np.where(usable, mean, 1.0) ** 2 / np.where(usable, variance, 1.0)
        return np.where(usable, mean * gammaincinv(shape, share) / shape, mean)

    @cached_property
    def _signals(self) -> tuple[Floats, Floats]:
        return group_signals(self.rule, self.group_size)

    @cached_property
    def _deep_law(self) -> SampledEscapeLaw:
        """`group_escape_law` of steps as large as one success makes them."""
        step = self.pace * self._signals[0][1]
        # max-rl is the rule whose step is learning_rate * K/(K-1) and nothing else, K = 2
        return group_escape_law("max-rl", 0.01 / self.group_size, self.group_size, step / 2)

    @cached_property
    def _table(self) -> tuple[Floats, Floats, Floats]:
        """z, mean and variance of the groups from there, from where G x = SHALLOW to the edge.

        Between the places of the table both are taken as linear; a step shorter than a cell leads
        part of the way to the next place, and the rest of it stays where it was.
        """
        from scipy.special import expit

        gain, total = self._signals
        edge = logit(self.escape_prob)
        bottom = min(logit(SHALLOW / self.group_size), edge - 1.0)
        wanted = CELLS_PER_STEP * (edge - bottom) / (self.pace * gain[1])
        cells = int(np.clip(wanted, LEAST_CELLS, MOST_CELLS))
        z = np.linspace(bottom, edge, cells + 1)
        x = expit(z)
        jump = self.pace * (gain - x[:, None] * total)
        chance = np.where(jump > 0, binomial(x, self.group_size), 0.0)
        active = chance.sum(axis=1)
        chance /= active[:, None]
        here = np.arange(cells + 1)[:, None]
        hop = np.clip(jump * (cells / (edge - bottom)), 0.0, cells - here)
        left = np.minimum(here + hop.astype(np.int64), cells - 1)
        part = hop - (left - here)
        mean, variance = np.zeros(cells + 1), np.zeros(cells + 1)
        for i in range(cells - 1, -1, -1):
            weight, j, f = chance[i], left[i], part[i]
            leaves = float(weight @ np.where(j == i, f, 1.0))  # mean[i] and variance[i] are still 0
            after = float(weight @ (mean[j] * (1 - f) + mean[j + 1] * f))
            mean[i] = (1 / active[i] + after) / leaves
            rest = mean[j] * (1 - f) + mean[j + 1] * f
            spread = variance[j] * (1 - f) + variance[j + 1] * f
            off = float(weight @ (rest - weight @ rest) ** 2)
            variance[i] = ((1 - active[i]) / active[i] ** 2 + off + weight @ spread) / leaves
        return z, mean, variance
