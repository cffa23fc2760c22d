"""What the paper left to future work: the initialisation in numbers, and the shape of r(t)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from agents.policies import softmax
from experiments.analysis.estimates import (
    departure,
    each_of,
    exact,
    largest,
    mean,
    quantile,
    ratio,
    share,
)
from experiments.analysis.finding import Finding
from experiments.analysis.statistics import Estimate
from experiments.claims.claim import Claim, Quote
from experiments.drift.estimates import DriftEstimate, estimate_from_forks
from experiments.drift.fork_table import SHIPPED, stored_forks
from experiments.pictures.style import BLUE, RED, STATE_COLORS
from gw_envs.checks import Floats
from gw_envs.drift import AR1, DriftLaw, Saturating, Well
from gw_envs.drift.fitting import DriftFit, fit_drift
from gw_envs.theory import GaussianInitialization

LEVELS = (0.1, 0.5, 0.9, 0.99)
CONFIDENCE = each_of(13)  # of each number here; all are sampled
FAMILIES = ("constant", "linear", "saturating", "well")


@dataclass(frozen=True)
class LawsAndCurves:
    """Evidence.

    Attributes:
        quantiles: of ln(1/pi_1(a*)), simulated, by (K, sigma, level).
        mean_inverse: mean of 1/pi_1(a*) where sigma is smallest, by K, with its interval.
        median_inverse: median of 1/pi_1(a*) where sigma is largest, by K.
        wells: laws fitted to curves drawn with a well.
        curves: laws fitted to curves drawn without one.
        example: a drawn curve with a well.
        measured: b_k(t) and Delta(s) of forked training runs on ASRSampling-v0, by batches per
            action.
    """

    quantiles: dict[tuple[int, float, float], Estimate]
    mean_inverse: dict[int, Estimate]
    median_inverse: dict[int, Estimate]
    wells: tuple[DriftFit, ...]
    curves: tuple[DriftFit, ...]
    example: Floats
    measured: dict[int, DriftEstimate]


@dataclass(frozen=True)
class FutureWork(Claim[LawsAndCurves]):
    """Two things the paper wants to know, as far as they are known here.

    *How a normal distribution influences the initial policy.* The law of pi_1(a*) under logits
    N(mu, sigma^2) is one integral for every K ([theory.md](theory.md), section 6); mu has no
    influence. Its quantiles are held against simulated starts. The mean of 1/pi_1(a*), to which the
    mean wait is proportional, is exactly 1 + (K-1) e^(sigma^2); for high variance it is made by the
    few deepest starts and says nothing of a typical one.

    *The approximation of r(t).* A validation curve that falls and recovers can be written as a
    drift law with a fall and a logistic recovery (`gw_envs.drift.Well`), an ordinary one as a
    saturating exponential. Can the data tell them apart? Curves of 60 epochs are drawn from both,
    with autocorrelated noise of a recall counted on some hundred items, and `fit_drift` chooses a
    law for each by its Bayesian information criterion.

    *The approximation of Delta(s).* Training runs on letters were forked under each sampling action
    ([asr_calibration.md](asr_calibration.md)): what an action changes is measured within forks, and
    Delta(s) with an interval at three levels of hardness; with 3 batches between an action and its
    reward, and with 24 and actions that tilt the bins eight times as far. The theorem's premise,
    one beta between every base reward and every best reward at all times, asks for a Delta(s) of
    the range of b(t).
    """

    name: ClassVar[str] = "future-work"
    title: ClassVar[str] = "Future work: the initialisation in numbers, and the shape of r(t)"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "First, we want to provide quantitative explanations of how normal distribution "
            "influences policy initialization. Second, we want to explore the approximation of the "
            "function r(t) and Delta(s) to make the theory aligns more closely with empirical "
            "practice.",
            "Discussion",
        ),
    )
    full: ClassVar[dict[str, Any]] = {"num_starts": 4_000_000, "num_curves": 1_000}

    num_actions: tuple[int, ...] = (3, 10)
    """K of the initialisation's law."""
    sigmas: tuple[float, ...] = (1.0, 3.0)
    """Standard deviations of the logits."""
    num_starts: int = 2_000_000
    """Simulated starts per (K, sigma)."""
    num_curves: int = 200
    """Curves of each kind."""
    epochs: int = 60
    """Length of a curve."""
    depth: float = 0.032
    """How far a well falls, in recall."""
    noise: float = 0.01
    """Standard deviation of a curve's noise, in recall."""
    correlation: float = 0.4
    """Of the noise, from epoch to epoch."""
    seed: int = 0
    """Seed of starts and curves."""

    @property
    def laws(self) -> tuple[DriftLaw, DriftLaw]:
        """A curve with a well in it, back by epoch 35 or so, and one without."""
        well = Well(0.84, self.depth, 6.0, 0.94 * self.depth, 35.0, 5.0)
        ordinary = Saturating(0.81, 0.84, 15.0)
        return (
            AR1(well, self.noise, self.correlation),
            AR1(ordinary, self.noise, self.correlation),
        )

    def run(self) -> LawsAndCurves:
        """Draw starts and curves; fit the curves."""
        rng = np.random.default_rng(self.seed)
        quantiles, means, medians = {}, {}, {}
        cells = len(self.num_actions) * len(self.sigmas) * len(LEVELS)
        for k in self.num_actions:
            for sigma in self.sigmas:
                theta = sigma * rng.standard_normal((self.num_starts, k))
                depth = -np.log(softmax(theta)[:, 0])
                for level in LEVELS:
                    quantiles[k, sigma, level] = quantile(depth, level, each_of(cells, CONFIDENCE))
                if sigma == min(self.sigmas):
                    means[k] = mean(np.exp(depth), CONFIDENCE)
                if sigma == max(self.sigmas):
                    middle = quantile(depth, 0.5, CONFIDENCE)
                    ends = (middle.value, middle.low, middle.high)
                    medians[k] = Estimate(*(float(np.exp(end)) for end in ends))
        wells, curves = (self._fit(law, kind) for kind, law in enumerate(self.laws))
        example = self.laws[0].values(np.arange(self.epochs + 1), self._curve_seed(0, 0))
        measured = {n: estimate_from_forks(stored_forks(n), confidence=CONFIDENCE) for n in SHIPPED}
        return LawsAndCurves(quantiles, means, medians, wells, curves, example, measured)

    def _fit(self, law: DriftLaw, kind: int) -> tuple[DriftFit, ...]:
        from tqdm import trange

        t = np.arange(self.epochs + 1)
        return tuple(
            fit_drift(t, law.values(t, self._curve_seed(kind, i)), families=FAMILIES)
            for i in trange(self.num_curves, desc="curves", disable=None, leave=False)
        )

    def _curve_seed(self, kind: int, number: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, kind, number])

    def judge(self, evidence: LawsAndCurves) -> list[Finding]:
        """The initialisation's law, and whether curves can be told apart."""
        low, high = min(self.sigmas), max(self.sigmas)
        misses = [
            departure(seen, GaussianInitialization(k, sigma).quantile(level))
            for (k, sigma, level), seen in evidence.quantiles.items()
        ]
        k = max(self.num_actions)
        expected = GaussianInitialization(k, low).mean_inverse_prob()
        average, median = evidence.mean_inverse[k], evidence.median_inverse[k]
        typical = GaussianInitialization(k, high).mean_inverse_prob()
        return [
            Finding(
                f"The law of ln 1/pi_1(a*) is right to 2 % at {len(evidence.quantiles)} quantiles.",
                "largest |simulated / law - 1|, all intervals together",
                largest(misses),
                (0.0, 0.02),
                "start-law",
            ),
            Finding(
                f"K = {k}, sigma = {low:g}: E[1/pi_1(a*)] = 1 + (K-1) e^(sigma^2), to 5 %.",
                "simulated mean over the formula",
                ratio(average, exact(expected)),
                (0.95, 1.05),
                "mean-law",
            ),
            Finding(
                f"K = {k}, sigma = {high:g}: the mean of 1/pi_1(a*) says what a typical start is.",
                "mean (formula) over simulated median",
                ratio(exact(typical), median),
                (0.5, 2.0),
            ),
            Finding(
                f"A well of depth {self.depth:g} in a curve with noise {self.noise:g} is "
                "recognised nine times in ten.",
                "share of curves with a well for which the well law is chosen",
                _chosen(evidence.wells),
                (0.9, 1.0),
                "well-recognised",
            ),
            Finding(
                "An ordinary learning curve is not mistaken for a well more than once in ten.",
                "share of curves without a well for which the well law is chosen",
                _chosen(evidence.curves),
                (0.0, 0.1),
                "no-false-well",
            ),
            *(f for n, measured in evidence.measured.items() for f in measured_gaps(n, measured)),
        ]

    def draw(self, evidence: LawsAndCurves, figure: Any) -> None:
        """Left: quantiles of the start. Right: a curve with a well, and laws fitted to it."""
        left, right = figure.subplots(1, 2)
        grid = np.linspace(0.02, 0.99, 60)
        cells = [(k, sigma) for k in self.num_actions for sigma in self.sigmas]
        for (k, sigma), color in zip(cells, STATE_COLORS, strict=False):
            law = GaussianInitialization(k, sigma)
            left.plot(grid, [law.quantile(q) / np.log(10) for q in grid], color=color)
            seen = [evidence.quantiles[k, sigma, q].value / np.log(10) for q in LEVELS]
            left.plot(LEVELS, seen, "o", color=color, label=f"K = {k}, $\\sigma$ = {sigma:g}")
        left.set_xlabel("share of starts")
        left.set_ylabel("decades below 1 of $\\pi_1(a^*)$")
        left.set_title("Normal logits (line: law, point: simulated)")
        t = np.arange(self.epochs + 1)
        right.plot(t, evidence.example, ".", color="0.5", label="a drawn curve")
        right.plot(t, self.laws[0].base.values(t), color=RED, ls="--", label="its law")  # type: ignore[attr-defined]
        fit = evidence.wells[0]
        right.plot(t, fit.law.values(t), color=BLUE, label=f"fitted law: {fit.family}")
        right.set_xlabel("epoch")
        right.set_ylabel("validation recall@1, r(t)")
        right.set_title("The shape of r(t)")
        for panel in (left, right):
            panel.grid(alpha=0.3)
            panel.legend(fontsize=8)


def measured_gaps(batches: int, measured: DriftEstimate) -> list[Finding]:
    """Whether actions differ in real training, and whether by as much as the premise asks."""
    gaps, level = measured.gaps, measured.mean
    found = [
        Finding(
            f"Letters, {batches} batches per action, level of hardness {state}: one sampling "
            "action is better than the others.",
            "Delta(s), mean of recall@1 and NMI",
            Estimate(float(gaps.value[state]), float(gaps.low[state]), float(gaps.high[state])),
            (1e-12, np.inf),
        )
        for state in range(len(gaps.value))
    ]
    rise = float(level.value[-1] - level.value[0])
    half = np.hypot(level.high[-1] - level.value[-1], level.value[0] - level.low[0])
    widest = float(gaps.high.max())
    premise = Finding(
        f"Letters, {batches} batches per action: Delta(s) is as large as the rise of b(t), as the "
        "premise of Theorem 2 asks.",
        "largest Delta(s) that an interval allows, less the rise of b(t)",
        Estimate(widest - rise, widest - rise - float(half), widest - rise + float(half)),
        (0.0, np.inf),
        f"gap-of-premise-{batches}",
    )
    return [*found, premise]


def _chosen(fits: tuple[DriftFit, ...]) -> Estimate:
    """Share of the fits that chose the well law."""
    return share(sum(fit.family == Well.law for fit in fits), len(fits), CONFIDENCE)
