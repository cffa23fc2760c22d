"""Theorem 1: how the wait in the one-state well depends on Delta and on pi_1(a*)."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agents.policies import softmax
from agents.updates import make_rule
from experiments.analysis.estimates import exact, slope
from experiments.analysis.finding import CURVATURE, Finding
from experiments.claims.claim import Claim, Quote, check_starts
from experiments.pictures.style import BLUE, GREEN, ORANGE, PINK, RED, SKY
from gw_envs import theory
from gw_envs.checks import Floats


@dataclass(frozen=True)
class Waits:
    """Evidence; every count is an exact number of updates, censored ones are infinite.

    Attributes:
        by_prob: escape times [P] of the equal-gap well, by pi_1(a*).
        by_gap: escape times [G], by Delta.
        unequal: escape times [I, P] (updates to pi(a*) > 0.1) of the unequal instances.
        start_prob: pi_1(a*) of the random starts [N].
        start_times: their escape times [N].
        start_bounds: their lower bounds L [N].
        tight: T / L of the two-armed well [P].
        scheduled: under schedules, sum of eta_t up to the escape over its lower bound [N].
    """

    by_prob: Floats
    by_gap: Floats
    unequal: Floats
    start_prob: Floats
    start_times: Floats
    start_bounds: Floats
    tight: Floats
    scheduled: Floats


@dataclass(frozen=True)
class TheoremOne(Claim[Waits]):
    """Is the wait of the order 1/(Delta pi_1(a*)), and with what constant?

    Both slopes are those of exact counts of updates on logarithmic axes. The constant is the
    explicit one of [theory.md](theory.md), section 3: no policy leaves within
    L = [F(0.1) - F(pi_1)]/(2 eta Delta) updates, which is C = (1 - 10 pi_1)/(2 eta) in the paper's
    form. Random starts (any K, any learning rate, any split of the other arms' mass) try to beat
    it; two arms come as near to it as they like. With a schedule eta_t in (0, 1] the sum of the
    eta_t takes the place of eta n, which is never more than n. The theorem is about equal
    sub-optimal rewards: the last rows leave these. There the wait is *longer*, because the better
    of the wrong arms first takes over and pi(a*) falls by orders of magnitude on the way.

    The comparison with a saddle point is made exact, and the reading decides: from
    a distance d of a strict saddle a gradient flow needs a time of order ln(1/d), an exponent of 0.
    A sub-optimal corner is a degenerate rest point, all of whose linearised rates are 0, and the
    exponent is 1: it is like a saddle point, but not like a strict one. Intervals of slopes are
    those of a straight line through exact counts: they show its curvature, and there is nothing
    that another sample would change.
    """

    name: ClassVar[str] = "theorem-1"
    title: ClassVar[str] = "Theorem 1: the wait is of the order 1/(Delta pi_1(a*))"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "In a single-state MDP, for any learning rate eta_t in (0, 1], there exists an "
            "initialization of the policy pi_1 and a positive constant C, such that SPG with full "
            "gradients cannot escape a suboptimal corner before time t_0 := C/(Delta pi_1(a*))",
            "Introduction, Theorem (SPG escape time lower bound)",
        ),
        Quote(
            "It's similar to the concept of saddle point in the optimization landscape.",
            "Introduction",
        ),
    )
    full: ClassVar[dict[str, Any]] = {
        "num_starts": 20_000,
        "optimal_probs": tuple(10.0**-p for p in np.arange(2, 8.01, 0.25)),
    }

    optimal_probs: tuple[float, ...] = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6)
    """pi_1(a*) of the slopes."""
    reward_gaps: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
    """Delta of the slope against 1/Delta, at the first of optimal_probs."""
    num_actions: int = 6
    """K of the equal-gap well whose slopes are measured."""
    learning_rate: float = 1.0
    """Step size eta of the slopes."""
    three_rewards: tuple[float, ...] = (1.0, 0.9, 0.1)
    """Mean rewards of a well with unequal arms, the best arm first; the others start alike."""
    four_rewards: tuple[float, ...] = (1.0, 0.7, 0.3, 0.3)
    """Another one."""
    num_starts: int = 2_000
    """Random starts that try to beat the bound."""
    num_schedules: int = 300
    """Random starts with a random schedule of step sizes each."""
    seed: int = 0
    """Seed of the random starts."""

    @property
    def unequal(self) -> tuple[tuple[float, ...], ...]:
        """The wells with unequal rewards."""
        return self.three_rewards, self.four_rewards

    def check(self) -> None:
        """Refuse starts outside the well and slopes without three points, too."""
        super().check()
        check_starts("optimal_probs", self.optimal_probs, 3)
        check_starts("reward_gaps", self.reward_gaps, 3, 0.5)

    def run(self) -> Waits:
        """Count updates: closed form for arms alike, step jumping for the rest."""
        from agents.simulation import solve_escape_time

        probs, eta = np.array(self.optimal_probs), self.learning_rate
        k = self.num_actions
        by_prob = [proved_count(float(x), 0.2, eta, k) for x in probs]
        by_gap = [proved_count(float(probs[0]), gap, eta, k) for gap in self.reward_gaps]
        unequal = []
        for rewards in self.unequal:
            rest = len(rewards) - 1
            theta = np.log([[x, *[(1 - x) / rest] * rest] for x in probs])
            unequal.append(solve_escape_time(rewards, theta, eta, escape_prob=0.1).steps)
        pairs = np.array([proved_count(float(x), 0.2, eta, 2) for x in probs])
        starts = self._try_random_starts()
        return Waits(
            np.array(by_prob, dtype=np.float64),
            np.array(by_gap, dtype=np.float64),
            np.array(unequal),
            *starts,
            tight=pairs / theory.escape_lower_bound(probs, 0.2, eta),
            scheduled=self._try_schedules(),
        )

    def _try_schedules(self) -> Floats:
        """Sum of eta_t up to the escape over [F(0.1) - F(pi_1)]/(2 Delta), for random schedules."""
        rng = np.random.default_rng([self.seed, 1])
        n, k = self.num_schedules, self.num_actions
        x0, gaps = 10 ** rng.uniform(-2.5, -1.05, n), rng.uniform(0.1, 0.5, n)
        rest = rng.gamma(rng.choice([0.05, 1.0, 100.0], (n, 1)), size=(n, k - 1)) + 1e-12
        rest *= ((1 - x0) / rest.sum(axis=1))[:, None]
        rewards = np.full((n, k), 0.5)
        rewards[:, 0] += gaps
        theta, clock = np.log(np.column_stack([x0, rest])), np.zeros(n)
        inside, rule, update = np.ones(n, dtype=bool), make_rule("softmax-pg"), 0
        period = rng.uniform(10, 2000, n)
        while inside.any():
            waves = 0.525 + 0.475 * np.cos(2 * np.pi * update / period)
            decay = 0.1 + 0.9 / (1 + update / period)
            kinds = (waves, decay, 1 - rng.random(n))  # all in (0, 1]
            rates = np.choose(np.arange(n) % len(kinds), kinds)
            theta[inside] = rule.step(theta[inside], rewards[inside], rates[inside, None])
            clock[inside] += rates[inside]
            inside[inside] = softmax(theta[inside])[:, 0] <= theory.escape_threshold()
            update += 1
        return np.asarray(clock * gaps / theory.escape_lower_bound(x0, 1.0, 1.0))

    def _try_random_starts(self) -> tuple[Floats, Floats, Floats]:
        """pi_1(a*), escape time and bound of random problems with equal gaps."""
        from tqdm import trange

        from agents.simulation import solve_escape_time

        rng = np.random.default_rng(self.seed)
        rows = []
        for _ in trange(self.num_starts, desc="random starts", disable=None, leave=False):
            k = int(rng.integers(2, 30))
            x = 10 ** rng.uniform(-5, -1.05)
            gap, eta = rng.uniform(0.05, 0.5), 10 ** rng.uniform(-1, 1.3)
            # A concentration of 0.05 puts nearly all of the rest on one arm, 100 splits it evenly.
            rest = rng.gamma(rng.choice([0.05, 1.0, 100.0]), size=k - 1) + 1e-12
            policy = np.array([x, *((1 - x) * rest / rest.sum())])
            rewards = np.array([0.5 + gap, *[0.5] * (k - 1)])
            wait = solve_escape_time(rewards, np.log(policy), eta).steps
            rows.append((x, wait, theory.escape_lower_bound(x, gap, eta)))
        start, waits, bounds = np.array(rows).T
        return start, waits, bounds

    def judge(self, evidence: Waits) -> list[Finding]:
        """Slopes, the constant, the saddle point, and what lies outside the theorem."""
        inverse = 1 / np.array(self.optimal_probs)
        order = slope(inverse, evidence.by_prob)
        slopes = [
            Finding(
                f"Equal gaps, K = {self.num_actions}: the wait grows like 1/pi_1(a*).",
                "slope of ln T against ln 1/pi_1(a*)",
                order,
                (0.97, 1.03),
                "order-start",
                CURVATURE,
            ),
            Finding(
                f"Equal gaps, K = {self.num_actions}: the wait grows like 1/Delta.",
                "slope of ln T against ln 1/Delta",
                slope(1 / np.array(self.reward_gaps), evidence.by_gap),
                (0.97, 1.03),
                "order-gap",
                CURVATURE,
            ),
        ]
        saddles = [
            Finding(
                "The wait is like that near a strict saddle point, of order ln 1/pi_1(a*).",
                "slope of ln T against ln 1/pi_1(a*); 0 for a logarithm",
                order,
                (-0.15, 0.15),
                "strict-saddle",
                CURVATURE,
            ),
            Finding(
                "The wait is like that near a degenerate saddle point, a power of the distance.",
                "slope of ln T against ln 1/pi_1(a*); 0 for a logarithm",
                order,
                (0.5, np.inf),
                "degenerate-saddle",
                CURVATURE,
            ),
        ]
        unequal = [
            Finding(
                f"Unequal rewards {rewards}: the wait still is of order 1/pi_1(a*).",
                "slope of ln T against ln 1/pi_1(a*)",
                slope(inverse, times),
                (0.97, 1.03),
                interval=CURVATURE,
            )
            for rewards, times in zip(self.unequal, evidence.unequal, strict=True)
        ]
        return [*slopes, *_judge_constant(evidence), *saddles, *unequal]

    def draw(self, evidence: Waits, figure: Any) -> None:
        """Left: waits by pi_1(a*). Right: the random starts against their bounds."""
        left, right = figure.subplots(1, 2)
        inverse = 1 / np.array(self.optimal_probs)
        bound = theory.escape_lower_bound(np.array(self.optimal_probs), 0.2, self.learning_rate)
        label = f"equal gaps, K = {self.num_actions}"
        left.loglog(inverse, evidence.by_prob, "o-", color=BLUE, label=label)
        for rewards, times, color in zip(
            self.unequal, evidence.unequal, (ORANGE, GREEN, PINK, SKY), strict=False
        ):
            left.loglog(inverse, times, "s-", color=color, label=f"r = {rewards}")
        left.loglog(inverse, bound, "--", color=RED, label="lower bound L, equal gaps")
        saddle = "a strict saddle: $\\sim \\ln 1/\\pi_1(a^*)$"
        left.loglog(inverse, 20 * np.log(inverse), ":", color="0.35", label=saddle)
        left.set_xlabel("$1/\\pi_1(a^*)$")
        left.set_ylabel("updates to $\\pi(a^*) > 0.1$")
        left.set_title("The wait by how unlikely the best arm starts")
        left.legend(fontsize=8)
        ratio = evidence.start_times / (np.floor(evidence.start_bounds) + 1)
        style = {"color": BLUE, "ms": 4, "alpha": 0.4}
        right.semilogx(evidence.start_prob, ratio, ".", **style, label="a random start")
        right.axhline(1, color=RED, ls="--", label="the bound")
        right.set_xlabel("$\\pi_1(a^*)$")
        right.set_ylabel("escape time / earliest time allowed")
        right.set_title("No start beats the explicit constant")
        right.set_ylim(0.9, max(2.05, 1.05 * ratio.max()))
        right.legend(fontsize=8, loc="center left", framealpha=1)
        for panel in (left, right):
            panel.grid(alpha=0.3)


def proved_count(optimal_prob: float, gap: float, eta: float, num_actions: int) -> int:
    """The exact count of the equal-gap well, certified where python-flint is installed.

    Raises:
        ArithmeticError: if the proof refutes the closed form.
    """
    setting = (optimal_prob, gap, eta, num_actions)
    count = int(theory.equal_gap_escape_time(*setting))
    if importlib.util.find_spec("flint") is not None:
        proof = theory.certify_equal_gap_escape_time(count, *setting)
        if proof.verdict == "refuted":
            raise ArithmeticError(f"{setting}: {proof.reason}")
    return count


def _judge_constant(evidence: Waits) -> list[Finding]:
    earliest = evidence.start_times / (np.floor(evidence.start_bounds) + 1)
    return [
        Finding(
            f"None of {len(earliest)} random starts leaves before C/(Delta pi_1(a*)) with the "
            "explicit C.",
            "smallest T / (floor(L) + 1)",
            exact(earliest.min()),
            (1.0, np.inf),
            "explicit-constant",
        ),
        Finding(
            f"Under {len(evidence.scheduled)} random schedules eta_t in (0, 1] none leaves before "
            "C/(Delta pi_1(a*)), C = (1 - 10 pi_1)/2.",
            "smallest sum of eta_t up to the escape / its lower bound",
            exact(evidence.scheduled.min()),
            (1.0, np.inf),
            "schedule",
        ),
        Finding(
            "The explicit constant cannot be improved by 1 %: two arms come that near to it.",
            "smallest T / L of two arms",
            exact(evidence.tight.min()),
            (1.0, 1.01),
        ),
    ]
