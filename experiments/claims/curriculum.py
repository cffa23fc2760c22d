"""Curriculum: does learning broadly confuse at first and win later?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from experiments.analysis.estimates import each_of, exact, mean
from experiments.analysis.finding import Finding
from experiments.analysis.statistics import Estimate
from experiments.claims.claim import Claim, Quote
from experiments.pictures.style import BLUE, ORANGE, RED
from experiments.sampling.findings import Runs, broad_and_narrow
from experiments.sampling.protocol import stored_results
from gw_envs.checks import Floats
from gw_envs.metric_learning.distance_bins import CENTRES, initial_bins

BROAD, NARROW = "broad", "narrow"
CONFIDENCE = each_of(3)  # of each sampled number here but the stored runs'
COLORS = {BROAD: ORANGE, NARROW: BLUE}


@dataclass(frozen=True)
class BroadAndNarrow:
    """Evidence.

    Attributes:
        named_bins: probabilities [29] of PADS's `normal_high` (broad) and `normal_low` (narrow).
        logit_bins: effective number of bins, exp(entropy), of softmax of normal logits, [N] draws,
            by broad and narrow.
        density_bins: probabilities [29] of normal densities of broad and narrow standard deviation.
        updates: [n], when the runs in ASRWell-v0 were looked at.
        loss: sub-optimality, mean over states, [n, R] by broad and narrow start.
        training: the stored training runs on ASRSampling-v0.
    """

    named_bins: dict[str, Floats]
    logit_bins: dict[str, Floats]
    density_bins: dict[str, Floats]
    updates: np.ndarray
    loss: dict[str, Floats]
    training: Runs


@dataclass(frozen=True)
class Curriculum(Claim[BroadAndNarrow]):
    """Two sentences in one: what a high variance does to sampling, and what broad sampling does.

    *The range.* The paper reads "normal high" as a normal distribution of high variance, from which
    negatives of a long range of distances follow. In the published settings of the method that ASR
    restates (PADS), "high" is the *mean* of the initial bins, and nearly all of their mass lies in
    one bin. If the variance is that of the policy's logits, the range shrinks as it grows, because
    softmax puts the mass on the largest logit. Only if it is the variance of the bins' density
    itself does the sentence hold. The effective number of bins is exp(entropy), of 29.

    *Confuse, then surpass.* In `ASRWell-v0`, the tabular model with three actions per level of
    hardness and rewards that drift, runs start from logits of high and of low variance and follow
    the exact gradient, both from the same seeds, which pairs them. The number is how much more
    sub-optimal the broad ones are, reward averaged over states: at an early update, where the
    sentence says more, and at a late one, where it says less. On `ASRSampling-v0`, bins of a wide
    density over the whole range of distances are held against PADS's narrow `normal_low`, by
    recall@1 on classes not trained on, from the stored runs of the protocol ([asr.md](asr.md)).
    """

    name: ClassVar[str] = "curriculum"
    title: ClassVar[str] = "Learning broadly confuses at first and wins later"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "A high variance normal distribution policy initialization means that at the beginning "
            "of the sampling stage, the model will sample negative samples from a long range of "
            "distances from the anchor sample",
            "on the policy initialization of ASR",
        ),
        Quote(
            "learning broadly (from hard negatives to easy negatives) may confuse the model in the "
            "short term and compromise downstream tasks' performance, but in the long run, "
            "learning broadly (normal high) will surpass learning within a narrow range (normal "
            "low).",
            "on curriculum learning",
        ),
    )
    full: ClassVar[dict[str, Any]] = {"num_runs": 1_000, "late_update": 9_000}

    broad_sigma: float = 3.0
    """Standard deviation of the policy's logits, broad."""
    narrow_sigma: float = 0.5
    """The same, narrow."""
    broad_std: float = 0.5
    """Standard deviation of the bins' density, broad; distances go from 0.1 to 1.4."""
    narrow_std: float = 0.05
    """The same, narrow."""
    mean_distance: float = 0.8
    """Mean of the bins' density."""
    num_draws: int = 10_000
    """Draws of normal logits for the bins."""
    num_runs: int = 200
    """Runs in ASRWell-v0 per start."""
    learning_rate: float = 0.4
    """Step size eta of the runs."""
    early_update: int = 100
    """When the short term is looked at."""
    late_update: int = 3_000
    """When the long run is looked at."""
    seed: int = 0
    """Seed of the draws and of the first run."""

    def run(self) -> BroadAndNarrow:
        """Bins of every reading; runs from both starts."""
        rng = np.random.default_rng(self.seed)
        sigmas = {BROAD: self.broad_sigma, NARROW: self.narrow_sigma}
        stds = {BROAD: self.broad_std, NARROW: self.narrow_std}
        marks = np.unique(np.geomspace(1, self.late_update, 40).astype(int))
        marks = np.unique([0, *marks, self.early_update, self.late_update])
        return BroadAndNarrow(
            {BROAD: initial_bins("normal_high"), NARROW: initial_bins("normal_low")},
            {
                name: np.array(
                    [
                        effective_bins(initial_bins(("softmax_normal", sigma), rng))
                        for _ in range(self.num_draws)
                    ]
                )
                for name, sigma in sigmas.items()
            },
            {name: initial_bins(("normal", self.mean_distance, std)) for name, std in stds.items()},
            marks,
            {name: self._follow(sigma, marks) for name, sigma in sigmas.items()},
            Runs.from_table(stored_results()),
        )

    def _follow(self, sigma: float, marks: np.ndarray) -> Floats:
        """Sub-optimality, mean over states, at the marks [n, R]."""
        from agents.softmax_pg import SoftmaxPG
        from experiments.options.progress import progress

        agent = SoftmaxPG(
            "ASRWell-v0",
            learning_rate=self.learning_rate,
            initial_policy="normal",
            sigma=sigma,
            seeds=range(self.seed, self.seed + self.num_runs),
        )
        with progress(total=self.late_update, desc="updates", leave=False) as bar:

            def tick(_: int) -> None:
                bar.update()

            records = agent.learn(self.late_update, record_at=marks, on_update=tick)
        rows = {record.update: record.state_suboptimality.mean(axis=-1) for record in records}
        return np.array([rows[int(mark)] for mark in marks])

    def judge(self, evidence: BroadAndNarrow) -> list[Finding]:
        """The range under three readings, then the short term and the long run."""
        named, density = evidence.named_bins, evidence.density_bins
        logits = {
            name: mean(values, each_of(2, CONFIDENCE))
            for name, values in evidence.logit_bins.items()
        }
        early, late = (self._difference(evidence, n) for n in (self.early_update, self.late_update))
        return [
            Finding(
                "PADS's normal_high samples a longer range of distances than its normal_low.",
                "effective number of bins, high less low",
                exact(effective_bins(named[BROAD]) - effective_bins(named[NARROW])),
                (0.0, np.inf),
                "range-named",
            ),
            Finding(
                "Policy logits of high variance sample a longer range than those of low variance.",
                f"effective number of bins at sigma = {self.broad_sigma:g} less that at "
                f"{self.narrow_sigma:g}",
                subtract(logits[BROAD], logits[NARROW]),
                (0.0, np.inf),
                "range-logits",
            ),
            Finding(
                "A bin density of high variance samples a longer range than one of low variance.",
                f"effective number of bins at std = {self.broad_std:g} less that at "
                f"{self.narrow_std:g}",
                exact(effective_bins(density[BROAD]) - effective_bins(density[NARROW])),
                (0.0, np.inf),
                "range-density",
            ),
            Finding(
                "ASRWell-v0: in the short term a broad start is worse than a narrow one.",
                f"sub-optimality at update {self.early_update:,}, broad less narrow",
                early,
                (0.0, np.inf),
                "tabular-early",
            ),
            Finding(
                "ASRWell-v0: in the long run a broad start surpasses a narrow one.",
                f"sub-optimality at update {self.late_update:,}, broad less narrow",
                late,
                (-np.inf, 0.0),
                "tabular-late",
            ),
            *broad_and_narrow(evidence.training),
        ]

    def _difference(self, evidence: BroadAndNarrow, update: int) -> Estimate:
        at = int(np.flatnonzero(evidence.updates == update)[0])
        return mean(evidence.loss[BROAD][at] - evidence.loss[NARROW][at], CONFIDENCE)

    def draw(self, evidence: BroadAndNarrow, figure: Any) -> None:
        """Left: bins under two readings. Right: runs from both starts."""
        left, right = figure.subplots(1, 2)
        labels = {BROAD: "normal_high", NARROW: "normal_low"}
        for name, color in COLORS.items():
            std = self.broad_std if name == BROAD else self.narrow_std
            left.step(
                CENTRES, evidence.named_bins[name], where="mid", color=color, label=labels[name]
            )
            label = f"normal density, std {std:g}"
            left.plot(CENTRES, evidence.density_bins[name], ":", color=color, label=label)
            values = evidence.loss[name]
            sigma = self.broad_sigma if name == BROAD else self.narrow_sigma
            middle = values.mean(axis=1)
            half = 1.96 * values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
            shown = np.maximum(evidence.updates, 1)
            right.plot(shown, middle, color=color, label=f"{name}: $\\sigma$ = {sigma:g}")
            right.fill_between(shown, middle - half, middle + half, color=color, alpha=0.25, lw=0)
        for update in (self.early_update, self.late_update):
            right.axvline(update, color=RED, ls="--", lw=1)
        left.set_xlabel("distance of the negative from the anchor")
        left.set_ylabel("probability of the bin")
        left.set_title("What is sampled at the beginning")
        right.set_xscale("log")
        right.set_xlabel("policy updates (dashed: where it is judged)")
        right.set_ylabel("sub-optimality (reward), mean over states")
        right.set_title("Broad and narrow starts in ASRWell-v0")
        for panel in (left, right):
            panel.grid(alpha=0.3)
            panel.legend(fontsize=8)


def effective_bins(bins: Floats) -> float:
    """exp(entropy) of bin probabilities [29]: how many equally likely bins would be as broad."""
    return float(np.exp(-np.sum(bins * np.log(bins))))


def subtract(first: Estimate, second: Estimate) -> Estimate:
    """The difference of two estimates whose intervals hold together."""
    value = first.value - second.value
    return Estimate(value, first.low - second.high, first.high - second.low)
