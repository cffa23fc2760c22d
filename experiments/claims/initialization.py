"""Normal initialisation, low and high variance: who is trapped, for how long, and what freezes."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import numpy as np

from agents.policies import softmax
from experiments.analysis.estimates import (
    departure,
    each_of,
    largest,
    mean,
    quantile,
    ratio,
    share,
    share_difference,
)
from experiments.analysis.finding import Finding
from experiments.analysis.statistics import Estimate
from experiments.claims.claim import Claim, Quote
from experiments.pictures.style import BLUE, GREEN, ORANGE, PINK, RED, SKY
from gw_envs.checks import Floats
from gw_envs.theory import GaussianInitialization, escape_threshold

LEVELS = (0.5, 0.9, 0.99)
CONFIDENCE = each_of(10)  # of each number here; all are sampled
COLORS = (BLUE, ORANGE, GREEN, PINK, SKY)


@dataclass(frozen=True)
class Starts:
    """Evidence, simulated.

    Attributes:
        trapped: starts with pi_1(a*) <= 0.1, by (K, sigma).
        times: eta Delta times the escape time of every start, by (K, sigma), [N] each; 0 for a
            start outside the well.
        crowding: by (K, sigma / freezing sigma), the mean of sum_i w_i^2 over starts with its
            interval, w the rivals' shares of S = sum over rivals of e^theta.
        energy: by sigma, mean of -pi.theta over starts with its interval; K is the first of
            `num_actions`.
    """

    trapped: dict[tuple[int, float], int]
    times: dict[tuple[int, float], Floats]
    crowding: dict[tuple[int, float], Estimate]
    energy: dict[float, Estimate]


@dataclass(frozen=True)
class Initialization(Claim[Starts]):
    """Does high variance put the policy into a well, and is that an energy well?

    Logits are drawn from N(mu, sigma^2), one best arm among K, equal gaps. Points are simulated
    starts, each followed to its escape by the step-jumping solver; lines are the law of
    [theory.md](theory.md), section 6 (`theory.GaussianInitialization`).

    The remark about energy can be made precise. A softmax policy is a Boltzmann law with energies
    -theta at temperature 1; K normal energies of variance sigma^2 are Derrida's random-energy
    model, in which sigma is an *inverse temperature*. High variance is the cold side: the mean
    energy is low there, not high. With many actions there is a freezing point
    sigma_c = sqrt(2 ln(K-1)): below it many rivals share the mass, above it a few carry all of it,
    and the well is the distance to one rival. `sum w^2` of the rivals' shares sees it: 0 below,
    1 - sigma_c/sigma above, as K grows. With three actions, the number that ASR's sampler has, two
    rivals share the mass at any sigma, there is nothing to freeze, and we refuse the picture.
    """

    name: ClassVar[str] = "initialization"
    title: ClassVar[str] = "Normal initialisation of high variance traps the policy"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "a high standard deviation normal distribution can be the policy initialization of the "
            "policy pi_1 which traps the algorithm into the plateaus which cannot escape within a "
            "time lower bound.",
            "Introduction, on Figure 1",
        ),
        Quote(
            "From a statistical physics point of view, a high variance in the normal distribution "
            "often leads to high energy, making molecules trap into energy wells.",
            "after Figure 1",
        ),
        Quote("The behavior of SPG is impacted by initialization.", "Introduction"),
    )
    full: ClassVar[dict[str, Any]] = {
        "num_actions": (3, 6, 10, 100),
        "sigmas": (0.5, 1.0, 2.0, 3.0, 5.0),
    }
    figure_size: ClassVar[tuple[float, float]] = (13.0, 4.2)

    num_actions: tuple[int, ...] = (3, 6, 10)
    """K of the escape times."""
    sigmas: tuple[float, ...] = (0.5, 1.0, 3.0)
    """Standard deviations of the escape times; the lowest and the highest are compared."""
    trap_actions: tuple[int, ...] = (3, 6, 10, 100)
    """K of the trap probabilities."""
    trap_sigmas: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
    """Standard deviations of the trap probabilities."""
    freezing_actions: tuple[int, ...] = (3, 100, 1000)
    """K of the freezing point."""
    freezing_ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
    """sigma / sigma_c of the freezing point; 0.5 and 2 are judged."""
    num_starts: int = 100_000
    """Starts per cell (fewer where K is large and only shares are looked at)."""
    learning_rate: float = 0.1
    """Step size eta of the simulated starts."""
    reward_gap: float = 0.2
    """Delta of the simulated starts."""
    seed: int = 0
    """Seed of the starts."""

    def run(self) -> Starts:
        """Draw every cell's starts and follow those of the escape-time cells."""
        rng = np.random.default_rng(self.seed)
        trapped = {
            (k, sigma): _count_trapped(rng, self.num_starts, k, sigma)
            for k in self.trap_actions
            for sigma in self.trap_sigmas
        }
        crowding = {
            (k, ratio): self._crowding(rng, k, ratio)
            for k in self.freezing_actions
            for ratio in self.freezing_ratios
        }
        energy = {}
        for sigma in self.sigmas:
            theta = sigma * rng.standard_normal((self.num_starts, self.num_actions[0]))
            energy[sigma] = mean(-np.sum(softmax(theta) * theta, axis=1), each_of(2, CONFIDENCE))
        return Starts(trapped, self._escape_times(rng), crowding, energy)

    def _escape_times(self, rng: np.random.Generator) -> dict[tuple[int, float], Floats]:
        from agents.simulation import solve_escape_time
        from experiments.options.progress import progress

        cells = [(k, sigma) for k in self.num_actions for sigma in self.sigmas]
        clock = self.learning_rate * self.reward_gap
        times = {}
        for k, sigma in progress(cells, desc="starts to their escape", leave=False):
            theta = sigma * rng.standard_normal((self.num_starts, k))
            rewards = np.array([0.5 + self.reward_gap, *[0.5] * (k - 1)])
            times[k, sigma] = clock * solve_escape_time(rewards, theta, self.learning_rate).steps
        return times

    def _crowding(self, rng: np.random.Generator, k: int, ratio: float) -> Estimate:
        """Mean of sum w^2 over starts; 1/(number of rivals that share the mass)."""
        starts = max(200, self.num_starts // k)
        sigma = ratio * GaussianInitialization(k, 1.0).freezing_sigma()
        rivals = softmax(sigma * rng.standard_normal((starts, k - 1)))
        return mean(np.sum(rivals**2, axis=1), CONFIDENCE)

    def judge(self, evidence: Starts) -> list[Finding]:
        """Who is trapped, for how long, and the energy picture."""
        return [
            *self._judge_traps(evidence),
            *self._judge_waits(evidence),
            *self._judge_energy(evidence),
        ]

    def _judge_traps(self, evidence: Starts) -> list[Finding]:
        n, low, high = self.num_starts, min(self.sigmas), max(self.sigmas)
        few, many = min(self.trap_actions), max(self.trap_actions)
        findings = [
            Finding(
                f"K = {k}: high variance traps more starts than low variance.",
                f"share of starts with pi_1(a*) <= 0.1 at sigma = {high:g} less that at {low:g}",
                share_difference(
                    evidence.trapped[k, high], n, evidence.trapped[k, low], n, CONFIDENCE
                ),
                (0.0, 1.0),
                "few-trapped" if k == few else "",
            )
            for k in (few, many)
        ]
        each = each_of(len(evidence.trapped), CONFIDENCE)
        misses = []
        for (k, sigma), count in evidence.trapped.items():
            seen, law = share(count, n, each), GaussianInitialization(k, sigma).trap_probability()
            misses.append(departure(Estimate(*(1 + end - law for end in astuple(seen))), 1.0))
        return [
            *findings,
            Finding(
                f"K = {few}: a start of high variance is all but certain to be trapped.",
                f"share of starts with pi_1(a*) <= 0.1 at sigma = {high:g}",
                share(evidence.trapped[few, high], n, CONFIDENCE),
                (0.95, 1.0),
            ),
            Finding(
                f"The law of the trap probability is right to 0.01 in all {len(misses)} cells.",
                "largest |simulated share - law|, all intervals together",
                largest(misses),
                (0.0, 0.01),
                "trap-law",
            ),
        ]

    def _judge_waits(self, evidence: Starts) -> list[Finding]:
        low, high = min(self.sigmas), max(self.sigmas)
        k = self.num_actions[min(1, len(self.num_actions) - 1)]
        both = each_of(2, CONFIDENCE)
        long, short = (quantile(evidence.times[k, s], 0.9, both) for s in (high, low))
        growth = ratio(long, short)
        return [
            Finding(
                f"K = {k}: the time by which 90 % have escaped grows at least tenfold from "
                f"sigma = {low:g} to {high:g}.",
                "ratio of the 90 % quantiles of the escape time",
                growth,
                (10.0, np.inf),
                "start-decides",
            ),
            Finding(
                "The law of the escape time is right to 25 % at its median, 90 % and 99 % points.",
                "largest |simulated / law - 1| over cells and points, all intervals together",
                self._departure(evidence),
                (0.0, 0.25),
                "wait-law",
            ),
        ]

    def _departure(self, evidence: Starts) -> Estimate:
        """The largest relative departure of a quantile from the law, over cells and levels."""
        each = each_of(len(evidence.times) * len(LEVELS), CONFIDENCE)
        found = []
        for cell, times in evidence.times.items():
            for level in LEVELS:
                law = GaussianInitialization(*cell).escape_time_quantile(level, 1.0, 1.0)
                if law >= 1:  # below, a handful of updates: not a matter of the flow
                    found.append(departure(quantile(times, level, each), law))
        return largest(found)

    def _judge_energy(self, evidence: Starts) -> list[Finding]:
        low, high = min(self.sigmas), max(self.sigmas)
        few, many = min(self.freezing_actions), max(self.freezing_actions)
        cold, hot = evidence.energy[high], evidence.energy[low]
        return [
            Finding(
                f"K = {self.num_actions[0]}: high variance means high energy.",
                f"mean energy -pi.theta at sigma = {high:g} less that at {low:g}",
                Estimate(cold.value - hot.value, cold.low - hot.high, cold.high - hot.low),
                (0.0, np.inf),
                "high-energy",
            ),
            Finding(
                f"K = {many}: above twice the freezing point a few rivals carry all the mass.",
                "mean of sum w^2 at 2 sigma_c",
                evidence.crowding[many, 2.0],
                (0.4, 1.0),
            ),
            Finding(
                f"K = {many}: below half the freezing point no rival stands out.",
                "mean of sum w^2 at sigma_c / 2",
                evidence.crowding[many, 0.5],
                (0.0, 0.1),
            ),
            Finding(
                f"K = {few}: below half the freezing point no rival stands out (the energy picture "
                "describes three actions).",
                "mean of sum w^2 at sigma_c / 2",
                evidence.crowding[few, 0.5],
                (0.0, 0.1),
            ),
        ]

    def draw(self, evidence: Starts, figure: Any) -> None:
        """Trap probability; escape-time quantiles; the freezing point."""
        traps, waits, freezing = figure.subplots(1, 3)
        self._draw_traps(evidence, traps)
        self._draw_waits(evidence, waits)
        for k, color in zip(self.freezing_actions, COLORS, strict=False):
            seen = [evidence.crowding[k, ratio].value for ratio in self.freezing_ratios]
            freezing.plot(self.freezing_ratios, seen, "o-", color=color, label=f"K = {k}")
        grid = np.linspace(min(self.freezing_ratios), max(self.freezing_ratios), 200)
        limit = np.maximum(0, 1 - 1 / grid)
        freezing.plot(grid, limit, "--", color=RED, label="infinitely many rivals")
        freezing.set_xlabel("$\\sigma / \\sigma_c$, $\\sigma_c = \\sqrt{2\\ln(K-1)}$")
        freezing.set_ylabel("$\\sum w^2$ of the rivals' shares")
        freezing.set_title("Freezing: many rivals, not three actions")
        for panel in (traps, waits, freezing):
            panel.grid(alpha=0.3)
            panel.legend(fontsize=8)

    def _draw_traps(self, evidence: Starts, panel: Any) -> None:
        grid = np.geomspace(min(self.trap_sigmas), max(self.trap_sigmas), 40)
        for k, color in zip(self.trap_actions, COLORS, strict=False):
            law = [GaussianInitialization(k, sigma).trap_probability() for sigma in grid]
            seen = [evidence.trapped[k, sigma] / self.num_starts for sigma in self.trap_sigmas]
            panel.semilogx(grid, law, color=color)
            panel.semilogx(self.trap_sigmas, seen, "o", color=color, label=f"K = {k}")
        _name_sigmas(panel, self.trap_sigmas)
        panel.set_ylabel("share of starts in the well")
        panel.set_title("Who is trapped (line: law, point: simulated)")

    def _draw_waits(self, evidence: Starts, panel: Any) -> None:
        grid = np.geomspace(min(self.sigmas), max(self.sigmas), 30)
        for k, color in zip(self.num_actions, COLORS, strict=False):
            for level, style in zip((0.9, 0.99), ("-", ":"), strict=True):
                law = [GaussianInitialization(k, s).escape_time_quantile(level, 1, 1) for s in grid]
                seen = [float(np.quantile(evidence.times[k, s], level)) for s in self.sigmas]
                panel.loglog(grid, np.where(np.array(law) > 0, law, np.nan), style, color=color)
                panel.loglog(self.sigmas, seen, "o", color=color)
            panel.plot([], [], "o", color=color, label=f"K = {k}")
        panel.plot([], [], "-", color="black", label="90 % have escaped")
        panel.plot([], [], ":", color="black", label="99 % have escaped")
        _name_sigmas(panel, self.sigmas)
        panel.set_ylim(bottom=0.3)
        panel.set_ylabel("$\\eta\\,\\Delta\\,T$, $T$ in updates")
        panel.set_title("For how long")


def _count_trapped(rng: np.random.Generator, starts: int, k: int, sigma: float) -> int:
    """How many of so many normal starts have pi_1(a*) <= 0.1; 20,000 at a time."""
    trapped = 0
    for begin in range(0, starts, 20_000):
        theta = sigma * rng.standard_normal((min(20_000, starts - begin), k))
        trapped += int(np.sum(softmax(theta)[:, 0] <= escape_threshold()))
    return trapped


def _name_sigmas(panel: Any, sigmas: tuple[float, ...]) -> None:
    """Ticks at the standard deviations themselves."""
    panel.set_xticks(sigmas, [f"{sigma:g}" for sigma in sigmas])
    panel.minorticks_off()
    panel.set_xlabel("standard deviation of the logits, $\\sigma$")
