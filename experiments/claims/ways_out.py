"""Ways out: which update rule removes the dependence on pi_1(a*), and at what bias?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from experiments.analysis.estimates import exact
from experiments.analysis.finding import BRACKET, CURVATURE, HOLDS, SAMPLING, Finding
from experiments.analysis.statistics import Estimate
from experiments.claims.claim import Claim, Quote
from experiments.pictures.style import BLUE, GREEN, ORANGE, WELL

FREE_OF_START = (-0.1, 0.2)  # the exponents that a logarithm of pi_1(a*) has at the deep starts


@dataclass(frozen=True)
class WayOut:
    """Evidence on one rule.

    Attributes:
        escape_time: updates out of the well from `optimal_prob`; infinite where censored.
        exponent: of escape times against 1/pi_1(a*).
        optimises_return: whether the rule maximises the return and nothing else.
        bias: sub-optimality at which it stands in the end, where it does not; NaN where the budget
            ended in a well that it may still leave.
        rests: whether it has come to rest there, rather than going on down.
    """

    escape_time: float
    exponent: Estimate
    optimises_return: bool
    bias: float
    rests: bool


@dataclass(frozen=True)
class WaysOut(Claim[dict[str, WayOut]]):
    """Which rule gets out of the well at a price that does not grow with its depth?

    All rules of `agents.updates` race from the same policy with exact gradients, each at the step
    size of its source (`python -m experiments compare` shows the race in full, and
    [ways_out.md](ways_out.md) the rules). The exponent alpha in T ~ pi_1(a*)^-alpha is fitted
    over starts ten times nearer to ten times farther: 1 is softmax policy gradient, 0 a logarithm
    or less. Rules that declare a logarithm are measured at deeper starts, where a logarithm's
    slope has come down; a rule that declared it wrongly would be censored there. A rule that only
    looks like one (adam-pg, until its gradients fall below its eps) is measured deeper still.
    Where the budget ends before three starts are left, the exponent is known from below, and
    infinite for a rule that provably never leaves. A rule that optimises something else than the
    return pays with a bias: the sub-optimality at which it comes to rest; of one that still goes
    down at the budget it lies between 0 and where it stands.

    Exact gradients only: from samples natural policy gradient can commit to a wrong arm
    ([ways_out.md](ways_out.md), "From samples").
    """

    name: ClassVar[str] = "ways-out"
    title: ClassVar[str] = "Ways out: which rule removes the dependence on pi_1(a*)"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "SPG with full gradients cannot escape a suboptimal corner before time "
            "t_0 := C/(Delta pi_1(a*))",
            "Introduction; asked of the other rules",
        ),
    )
    full: ClassVar[dict[str, Any]] = {"max_updates": 1_000_000, "deep_prob": 1e-8}
    figure_size: ClassVar[tuple[float, float]] = (12.0, 7.0)

    optimal_prob: float = 1e-3
    """pi_1(a*) of the race."""
    deep_prob: float = 1e-6
    """pi_1(a*) around which a declared logarithm is measured."""
    limit_prob: float = 1e-9
    """pi_1(a*) around which a rule is measured that looks like a logarithm and declares none."""
    max_updates: int = 60_000
    """Budget of a race."""

    def run(self) -> dict[str, WayOut]:
        """All rules; again, deeper, those that declare a logarithm and those that look like one."""
        from experiments.ways_out.comparison import compare_rules

        race = compare_rules(optimal_prob=self.optimal_prob, max_updates=self.max_updates).results
        fast = [result.contender for result in race if result.rate.escape_exponent == 0]
        alike = [
            result.contender
            for result in race
            if result.exponent is not None
            and result.rate.escape_exponent > 0
            and result.exponent.low < FREE_OF_START[1]
        ]
        deep = [
            result
            for rules, prob in ((fast, self.deep_prob), (alike, self.limit_prob))
            if rules
            for result in compare_rules(
                rules, optimal_prob=prob, max_updates=self.max_updates
            ).results
        ]
        laws = {result.contender.label: result for result in (*race, *deep)}
        return {
            result.contender.label: WayOut(
                np.inf if result.escape_time < 0 else float(result.escape_time),
                _exponent(laws[result.contender.label], self.max_updates),
                not result.rate.bias,
                result.bias,
                result.rests,
            )
            for result in sorted(race, key=lambda r: r.escape_time % 2**63)  # censored last
        }

    def judge(self, evidence: dict[str, WayOut]) -> list[Finding]:
        """Rule by rule, then whether any does it without a bias."""
        findings = [
            Finding(
                f"{label}: the wait does not grow with 1/pi_1(a*) beyond a logarithm.",
                f"exponent of T against 1/pi_1(a*); T = {way.escape_time:,.0f} at "
                f"{self.optimal_prob:g}",
                way.exponent,
                FREE_OF_START,
                interval=CURVATURE,
            )
            for label, way in evidence.items()
        ]
        free = {
            (way.escape_time, way.exponent)  # rules that make the same updates count once
            for way, finding in zip(evidence.values(), findings, strict=True)
            if finding.verdict == HOLDS and way.optimises_return
        }
        for label, way in evidence.items():
            if not way.optimises_return and np.isfinite(way.bias):
                findings.append(
                    Finding(
                        f"{label}: it ends at the best policy.",
                        "sub-optimality at the end",
                        exact(way.bias) if way.rests else Estimate(way.bias, 0.0, way.bias),
                        (0.0, 1e-3),
                        interval=SAMPLING if way.rests else BRACKET,
                    )
                )
        return [
            *findings,
            Finding(
                "With exact gradients there are ways out without bias and without the dependence.",
                "rules that maximise the return and do not depend on pi_1(a*); rules with the same "
                "escape times, natural-pg and neurd, are one",
                exact(len(free)),
                (1.0, np.inf),
            ),
        ]

    def draw(self, evidence: dict[str, WayOut], figure: Any) -> None:
        """Left: escape times of the rules. Right: their exponents of 1/pi(a*)."""
        left, right = figure.subplots(1, 2, sharey=True)
        rows = np.arange(len(evidence))[::-1]
        for row, way in zip(rows, evidence.values(), strict=True):
            color = BLUE if way.optimises_return else ORANGE
            known = np.isfinite(way.escape_time)
            end = way.escape_time if known else self.max_updates
            note = f"{end:,.0f}" if known else f"more than {end:,}"
            known_bias = not way.optimises_return and np.isfinite(way.bias)
            note += f" (bias {way.bias:.2g})" if known_bias else ""
            left.barh(row, end, color=color, height=0.65)
            left.text(1.2 * end, row, note, va="center")
            law = way.exponent
            if not np.isfinite(law.value):
                continue
            if np.isfinite(law.high):
                error = [[law.value - law.low], [law.high - law.value]]
                right.errorbar(law.value, row, xerr=error, fmt="o", color=color, capsize=3)
            else:  # known from below
                right.plot(law.value, row, marker="$\\rightarrow$", ms=11, color=color)
        left.set_xscale("log")
        left.set_xlim(0.8, 10_000 * self.max_updates)
        left.set_yticks(rows, list(evidence))
        left.set_xlabel(f"updates out of the well from $\\pi_1(a^*)$ = {self.optimal_prob:g}")
        left.barh(rows[0], 0, color=BLUE, label="maximises the return")
        left.barh(rows[0], 0, color=ORANGE, label="maximises something else")
        left.legend(fontsize=8, loc="center right")
        right.axvspan(*FREE_OF_START, color=WELL, alpha=0.3, lw=0, label="a logarithm or less")
        right.axvline(1, color=GREEN, ls="--", label="$1/\\pi_1(a^*)$")
        right.set_xlabel("exponent of the wait against $1/\\pi_1(a^*)$")
        right.legend(fontsize=8, loc="lower left")
        for panel in (left, right):
            panel.grid(alpha=0.3, axis="x")


def _exponent(result: Any, max_updates: int) -> Estimate:
    """The fitted exponent; 0 where one update is enough from every start, from below if censored.

    From the deepest start that was left, of time T, to the next, at which the budget ended, T grew
    at least to the budget.
    """
    near = slice(None, result.num_near)
    probs, times = result.optimal_probs[near], result.escape_times[near]
    if np.all(times == times[0]) and times[0] > 0:
        return exact(0.0)
    if result.family == "never":
        return exact(np.inf)
    if result.exponent is not None:
        return Estimate(result.exponent.slope, result.exponent.low, result.exponent.high)
    left = np.flatnonzero(times > 0)
    if not left.size or left[-1] + 1 == probs.size:
        return Estimate(np.nan, np.nan, np.nan)
    here = left[-1]
    least = np.log(max_updates / times[here]) / np.log(probs[here] / probs[here + 1])
    return Estimate(float(least), float(least), np.inf)
