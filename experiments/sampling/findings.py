"""What the protocol says of each sentence of the paper about ASR's gravity well.

All numbers are of the test classes. Runs of two cells with the same seed start from the same
network, so differences are paired by seed. The intervals of a section's mean differences hold
together with 95 %, by sign flips (`experiments.analysis.sign_flips`), and so do those of its
counts, by exact binomial laws and equal parts of the 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.metrics import RETRIEVAL_NAMES
from experiments.analysis.estimates import each_of, largest, quantile, share, smallest
from experiments.analysis.finding import TALLY, Finding
from experiments.analysis.sign_flips import sign_flip_p_values, simultaneous
from experiments.analysis.statistics import Estimate
from experiments.sampling.curves import Runs
from experiments.sampling.protocol import JUDGED, METRICS
from gw_envs.checks import BadInput, Floats

AROUND_15 = slice(12, 19)  # epochs
BELOW, ABOVE = (-math.inf, 0.0), (0.0, math.inf)
CHANGE = "mean of epochs 12 to 18 less the start"
COUNTED = each_of(4)  # confidence of each finding of `asr_well` that counts runs or epochs


@dataclass(frozen=True)
class Paired:
    """A statement on the mean of paired differences, to be judged together with others.

    Attributes:
        statement, measure, true_in, name: of the `Finding`.
        differences: one per seed, [seeds].
    """

    statement: str
    measure: str
    differences: Floats
    true_in: tuple[float, float]
    name: str = ""


def judge_together(stated: Sequence[Paired]) -> list[Finding]:
    """Findings whose intervals hold together; the measure says what sign flips give."""
    table = np.stack([s.differences for s in stated], axis=1)
    found = []
    for s, estimate, together in zip(
        stated, simultaneous(table), sign_flip_p_values(table), strict=True
    ):
        alone = float(sign_flip_p_values(s.differences)[0])
        tested = f"; sign flips: p = {alone:.3g} alone, {together:.3g} stepwise among {len(stated)}"
        measure = s.measure + (tested if 0.0 in s.true_in else "")
        found.append(Finding(s.statement, measure, estimate, s.true_in, s.name))
    return found


def findings(runs: Runs) -> list[Finding]:
    """Every sentence: the section on the well, then that on broad sampling.

    Raises:
        ValueError: if the combinations that are compared have different numbers of seeds.
    """
    counts = {c: len(runs.curves[c.name, c.agent]["recall_at_1"]) for c in JUDGED}
    fewest, most = min(counts, key=counts.__getitem__), max(counts.values())
    if counts[fewest] < most:
        raise BadInput(
            f"results of {fewest.name}, {fewest.agent} have {counts[fewest]} seeds and others "
            f"{most}; differences are paired, so run --judged --num-seeds {most}."
        )
    return [*asr_well(runs), *broad_and_narrow(runs)]


def asr_well(runs: Runs) -> list[Finding]:
    """Who falls, with and without a policy; when; who ends higher; the controls."""
    parts = [f(runs) for f in (who_falls, how_flat, no_policy_acts, who_ends_higher, controls)]
    stated = [paired for part in parts for paired in part]
    judged = iter(judge_together(stated))
    falls, flat, without, ends, control = ([next(judged) for _ in part] for part in parts)
    return [
        *falls,
        *in_six(falls),
        *flat,
        *without,
        fall_without_policy(runs),
        *when(runs),
        *ends,
        in_all_six(runs, ends),
        *control,
        who_comes_back(runs),
    ]


def who_falls(runs: Runs) -> list[Paired]:
    """All curves fall with normal_high, and none with other distributions."""
    high, low = ("normal_high", "ppo"), ("normal_low", "ppo")
    change = runs.change(low, "recall_at_1", AROUND_15)
    return [
        *(
            Paired(
                f"normal_high, PPO: {RETRIEVAL_NAMES[metric]} is below its start around epoch 15.",
                CHANGE,
                runs.change(high, metric, AROUND_15),
                BELOW,
                f"fall-{metric}",
            )
            for metric in METRICS
        ),
        Paired(
            "normal_low, PPO: recall@1 is not below its start around epoch 15.",
            CHANGE,
            change,
            ABOVE,
            "low-does-not-fall",
        ),
        Paired(
            "normal_low falls less than normal_high around epoch 15 (recall@1, PPO).",
            "change of normal_low less change of normal_high",
            change - runs.change(high, "recall_at_1", AROUND_15),
            ABOVE,
            "low-falls-less",
        ),
        *(
            Paired(
                f"{name}, PPO: recall@1 is below its start around epoch 15 ({reading}).",
                CHANGE,
                runs.change((name, "ppo"), "recall_at_1", AROUND_15),
                BELOW,
                f"{name}-falls",
            )
            for name, reading in (
                ("wide", "high variance of the bins"),
                ("logits_wide", "high variance of the policy's logits"),
            )
        ),
    ]


def how_flat(runs: Runs) -> list[Paired]:
    """Normal low is flat: read absolutely, and beside normal high."""
    high, low = ("normal_high", "ppo"), ("normal_low", "ppo")
    flat = {m: np.ptp(runs.curves[low][m], axis=1) for m in ("recall_at_1", "nmi")}
    steep = {m: np.ptp(runs.curves[high][m], axis=1) for m in flat}
    return [
        Paired(
            "normal_low, PPO: recall@1 is flat: within 0.01 of its start around epoch 15.",
            CHANGE,
            runs.change(low, "recall_at_1", AROUND_15),
            (-0.01, 0.01),
        ),
        *(
            Paired(
                f"normal_low is relatively flat: {RETRIEVAL_NAMES[metric]} ranges less than with "
                "normal_high (PPO).",
                "largest less smallest value of a run, normal_low less normal_high",
                flat[metric] - steep[metric],
                BELOW,
                f"low-flatter-{metric}",
            )
            for metric in flat
        ),
    ]


def in_six(falls: list[Finding]) -> list[Finding]:
    """All of the six metrics fall; the five that the paper names."""
    six = [f.estimate for f in falls if f.name.startswith("fall-")]
    count = Estimate(
        sum(e.value < 0 for e in six), sum(e.high < 0 for e in six), sum(e.low < 0 for e in six)
    )
    return [
        Finding(
            "normal_high, PPO: all curves fall, each of the six metrics around epoch 15.",
            "metrics below their start, of six",
            count,
            (6.0, 6.0),
            "all-fall",
            TALLY,
        ),
        Finding(
            "normal_high, PPO: the five named metrics (four recalls and NMI) fall around epoch 15.",
            "largest of the five changes",
            largest([f.estimate for f in falls if f.name.startswith("fall-")][:5]),
            BELOW,
            "five-fall",
        ),
    ]


def no_policy_acts(runs: Runs) -> list[Paired]:
    """Is the fall that of a policy? With frozen bins there is none."""
    frozen = runs.change(("normal_high", "frozen"), "recall_at_1", AROUND_15)
    steered = runs.change(("normal_high", "ppo"), "recall_at_1", AROUND_15)
    return [
        Paired(
            "normal_high, frozen bins: where no policy acts recall@1 is not below its start around "
            "epoch 15.",
            CHANGE,
            frozen,
            ABOVE,
            "no-policy-no-fall",
        ),
        Paired(
            "normal_high: recall@1 falls at least as deep under PPO as where no policy acts.",
            "change around epoch 15, PPO less frozen bins",
            steered - frozen,
            BELOW,
            "policy-deepens",
        ),
    ]


def fall_without_policy(runs: Runs) -> Finding:
    """How many runs fall where no policy acts."""
    steered, frozen = (runs.fell(("normal_high", agent)) for agent in ("ppo", "frozen"))
    return Finding(
        "normal_high: where no policy acts most runs do not fall.",
        f"share of the {len(frozen)} runs with frozen bins that fell (under PPO {steered.sum()} of "
        f"{len(steered)})",
        share(int(frozen.sum()), len(frozen), COUNTED),
        (0.0, 0.5),
        "no-policy-no-well",
    )


def when(runs: Runs) -> list[Finding]:
    """The lowest point, and the way back."""
    high = ("normal_high", "ppo")
    back, fell = runs.came_back(high)
    epochs = runs.curves[high]["recall_at_1"].shape[1] - 1
    lowest = quantile(runs.lowest_epoch(high), 0.5, COUNTED)
    return [
        Finding(
            "normal_high, PPO: the lowest recall@1 comes around epoch 15.",
            "median epoch of the lowest recall@1",
            Estimate(lowest.value, max(lowest.low, 0.0), min(lowest.high, float(epochs))),
            (10.0, 20.0),
            "around-15",
        ),
        Finding(
            "normal_high, PPO: most runs that fell come back to their start.",
            f"share of the {fell} runs that fell",
            share(back, fell, COUNTED),
            (0.5, 1.0),
            "most-come-back",
        ),
    ]


def who_ends_higher(runs: Runs) -> list[Paired]:
    """normal_high above normal_low in all six."""
    high, low = ("normal_high", "ppo"), ("normal_low", "ppo")
    return [
        Paired(
            f"normal_high ends above normal_low in {RETRIEVAL_NAMES[metric]} (PPO).",
            "mean of the last five epochs, high less low",
            runs.end(high, metric) - runs.end(low, metric),
            ABOVE,
        )
        for metric in METRICS
    ]


def in_all_six(runs: Runs, ends: list[Finding]) -> Finding:
    """Higher in all six: the smallest of the differences decides."""
    table = np.stack([paired.differences for paired in who_ends_higher(runs)], axis=1)
    return Finding(
        "normal_high ends above normal_low in all six metrics (PPO).",
        "smallest of the six differences; sign flips of the six: p = "
        f"{sign_flip_p_values(table).min():.3g}",
        smallest([finding.estimate for finding in ends]),
        ABOVE,
        "all-end-higher",
    )


def broad_and_narrow(runs: Runs) -> list[Finding]:
    """Broad sampling confuses at first and wins later."""
    wide, narrow = ("wide", "ppo"), ("normal_low", "ppo")
    early = [runs.change(kind, "recall_at_1", AROUND_15) for kind in (wide, narrow)]
    late = [runs.end(kind, "recall_at_1") for kind in (wide, narrow)]
    stated = [
        Paired(
            "Around epoch 15 wide bins are behind narrow ones in recall@1 (PPO).",
            "mean of epochs 12 to 18 less the start, wide less normal_low",
            early[0] - early[1],
            BELOW,
            "letters-early",
        ),
        Paired(
            "Wide bins end above narrow ones in recall@1 (PPO).",
            "mean of the last five epochs, wide less normal_low",
            late[0] - late[1],
            ABOVE,
            "letters-late",
        ),
    ]
    return judge_together(stated)


def controls(runs: Runs) -> list[Paired]:
    """Is it the learning sampler that brings a run back?"""
    return [
        Paired(
            f"normal_high: {name} ends above {what} in recall@1.",
            f"mean of the last five epochs, {name} less {what}",
            runs.end(("normal_high", agent), "recall_at_1")
            - runs.end(("normal_high", control), "recall_at_1"),
            ABOVE,
        )
        for agent, name in (("ppo", "PPO"), ("sb3-softmax-pg", "REINFORCE"))
        for control, what in (("frozen", "frozen bins"), ("random", "random actions"))
    ]


def who_comes_back(runs: Runs) -> Finding:
    """McNemar's exact test: only the seeds in which one of the two comes back tell."""
    from scipy import stats

    kinds = ("normal_high", "ppo"), ("normal_high", "frozen")
    both_fell = runs.fell(kinds[0]) & runs.fell(kinds[1])
    steered, frozen = (runs.back(kind)[both_fell] for kind in kinds)
    first, told = int((steered & ~frozen).sum()), int((steered ^ frozen).sum())
    p = stats.binomtest(first, told).pvalue if told else 1.0
    return Finding(
        "normal_high: where only one of the two comes back it is mostly PPO, not frozen bins.",
        f"share of the {told} such seeds, of {both_fell.sum()} in which both fell; McNemar: p = "
        f"{p:.3g}",
        share(first, told, COUNTED),
        (0.5, 1.0),
    )
