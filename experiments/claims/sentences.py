"""The paper's sentences, one verdict each, from the findings that decide them.

A sentence names its findings and the rule by which their verdicts combine: `every` of them must
hold, or `some` one, where the sentence leaves open which reading it means or says "may". Its number
is that of the first finding that decides: one that fails where `every` fails, and so on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from experiments.analysis.finding import FAILS, HOLDS, UNDECIDED, Finding, every, some

Findings = Mapping[tuple[str, str], Finding]  # by (claim, name of the finding)


@dataclass(frozen=True)
class Sentence:
    """A sentence of the paper.

    Attributes:
        text: its words, shortened where a dot stands.
        place: where it stands.
        claim: name of the claim that tests it.
        findings: names of the findings that decide it.
        rule: `every` or `some`.
    """

    text: str
    place: str
    claim: str
    findings: tuple[str, ...]
    rule: Callable[[Sequence[str]], str] = every

    def told_by(self, findings: Findings) -> bool:
        """Whether all its findings are there."""
        return all((self.claim, name) in findings for name in self.findings)

    def verdict(self, findings: Findings) -> str:
        """Its verdict."""
        return self.rule([findings[self.claim, name].verdict for name in self.findings])

    def decider(self, findings: Findings) -> tuple[str, Finding]:
        """The first finding whose verdict is the sentence's, with its name."""
        found = [(name, findings[self.claim, name]) for name in self.findings]
        return next(item for item in found if item[1].verdict == self.verdict(findings))


INTRODUCTION, THEOREM_1, FIGURE_1 = "Introduction", "Theorem 1", "Figure 1"
ENERGY, CURRICULUM, THEOREM_2, FUTURE = "Energy", "Curriculum", "Theorem 2", "Future work"

SENTENCES = (
    Sentence(
        "gradient ascent trajectories are drawn toward suboptimal corners of the probability "
        "simplex",
        INTRODUCTION,
        "attraction",
        ("drawn-equal", "drawn-unequal", "drawn-random"),
    ),
    Sentence(
        "and subsequently slow down in their progress toward the optimal vertex",
        INTRODUCTION,
        "attraction",
        ("slow-down",),
    ),
    Sentence(
        "The behavior of SPG is impacted by initialization",
        INTRODUCTION,
        "initialization",
        ("start-decides",),
    ),
    Sentence(
        "It's similar to the concept of saddle point",
        INTRODUCTION,
        "theorem-1",
        ("strict-saddle", "degenerate-saddle"),
        some,
    ),
    Sentence(
        "for any learning rate eta_t in (0, 1] . SPG with full gradients cannot escape before "
        "t_0 := C/(Delta pi_1(a*))",
        THEOREM_1,
        "theorem-1",
        ("explicit-constant", "schedule", "order-start", "order-gap"),
    ),
    Sentence(
        "a phenomenon similar to softmax gravity well is also observed, which is named ASR gravity "
        "well (a fall and the way back, with normal high only; on a second data set)",
        INTRODUCTION,
        "asr-well-digits",
        ("fall-recall_at_1", "most-come-back", "low-does-not-fall"),
    ),
    Sentence(
        "all the curves fall into a global minimum at around epoch 15",
        FIGURE_1,
        "asr-well",
        ("all-fall", "around-15"),
    ),
    Sentence(
        'The "reverse peaks" are very significant within five . out of six benchmarks',
        FIGURE_1,
        "asr-well",
        ("five-fall",),
    ),
    Sentence(
        "the gravity well only appears phenomenally in the normal high case",
        FIGURE_1,
        "asr-well",
        ("low-does-not-fall", "low-falls-less"),
    ),
    Sentence(
        "while for the normal low initialization, the curves are relatively flat",
        FIGURE_1,
        "asr-well",
        ("low-flatter-recall_at_1", "low-flatter-nmi"),
    ),
    Sentence(
        "This empirical observation coincides elegantly with Theorem 1 (the fall is a softmax "
        "policy in a well)",
        FIGURE_1,
        "asr-well",
        ("no-policy-no-fall", "no-policy-no-well", "policy-deepens"),
    ),
    Sentence(
        "a high standard deviation normal distribution can be the policy initialization . which "
        "traps the algorithm",
        FIGURE_1,
        "initialization",
        ("few-trapped",),
    ),
    Sentence(
        "a high variance in the normal distribution often leads to high energy, making molecules "
        "trap into energy wells",
        ENERGY,
        "initialization",
        ("high-energy",),
    ),
    Sentence(
        "A high variance normal distribution policy initialization means . negative samples from a "
        "long range of distances",
        CURRICULUM,
        "curriculum",
        ("range-named", "range-logits", "range-density"),
        some,
    ),
    Sentence(
        "though the normal high curves fall . they end up with higher benchmarks in all six "
        "benchmarks",
        CURRICULUM,
        "asr-well",
        ("all-end-higher",),
    ),
    Sentence(
        "learning broadly . may confuse the model in the short term",
        CURRICULUM,
        "curriculum",
        ("tabular-early", "letters-early"),
        some,
    ),
    Sentence(
        "in the long run, learning broadly . will surpass learning within a narrow range",
        CURRICULUM,
        "curriculum",
        ("tabular-late", "letters-late"),
    ),
    Sentence(
        "there exists an initialization . and a positive constant C, such that the ASR framework "
        "cannot escape before t_0 := C/(Delta(s) pi_1(a*)) (C not made for the start)",
        THEOREM_2,
        "theorem-2",
        ("instance", "some-start", "every-start"),
    ),
    Sentence(
        "even ASR framework with relaxed conditions of reward, it still enjoys a similar lower "
        "bound",
        THEOREM_2,
        "theorem-2",
        ("corrected-best", "corrected-prob", "corrected-well"),
    ),
    Sentence(
        "quantitative explanations of how normal distribution influences policy initialization",
        FUTURE,
        "future-work",
        ("start-law", "mean-law"),
    ),
    Sentence(
        "the approximation of the function r(t)",
        FUTURE,
        "future-work",
        ("well-recognised", "no-false-well"),
    ),
    Sentence(
        "and Delta(s) to make the theory align more closely with empirical practice",
        FUTURE,
        "future-work",
        ("gap-of-premise-3", "gap-of-premise-24"),
    ),
)


def told(findings: Findings) -> list[Sentence]:
    """The sentences whose findings are all there."""
    return [sentence for sentence in SENTENCES if sentence.told_by(findings)]


def tally(findings: Findings) -> str:
    """How many sentences hold, fail and are undecided, in words."""
    counts = Counter(sentence.verdict(findings) for sentence in told(findings))
    words = {HOLDS: "hold", FAILS: "fail", UNDECIDED: "are undecided"}
    parts = [f"{counts[verdict]} {word}" for verdict, word in words.items()]
    return f"Of {sum(counts.values())} sentences {parts[0]}, {parts[1]}, {parts[2]}."
