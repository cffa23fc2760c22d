"""The ASR gravity well: who falls, when, who ends higher, and whether learning is what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.analysis.finding import Finding
from experiments.claims.claim import Claim, Quote
from experiments.sampling.findings import Runs, asr_well


@dataclass(frozen=True)
class SamplingWell(Claim[Runs]):
    """The paper's figure on `ASRSampling-v0`, judged from the stored results of its protocol.

    320 training runs of an embedding on letters: four initial distributions of the negatives (and
    policy logits of high variance), steered by PPO, by REINFORCE, by nobody (frozen bins) and at
    random, settings and seeds fixed beforehand ([asr.md](asr.md)). The seven combinations that the
    statements are about have thirty seeds, the other eleven ten. All metrics are of classes that
    are not trained on. Agents of one seed start from the same network, so differences are paired;
    their signs are flipped, and the section's intervals hold together. The paper's own data set and
    settings are not known: what fails here may hold there, and the other way round.

    *The sentence the paper is about* is that this fall is a softmax policy in a well. With frozen
    bins nothing is learned about actions at all: the bins stay as they began, so there is no policy
    to be trapped. If the fall comes there too, and no shallower, it is made by the negatives that
    the first bins hold, and what a policy does is to end it.
    """

    name: ClassVar[str] = "asr-well"
    title: ClassVar[str] = "The ASR gravity well"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "When the policy is initialized with normal distribution with high variance, all the "
            'curves fall into a global minimum at around epoch 15. The "reverse peaks" are very '
            "significant within five (Recall@1, Recall@2, Recall@4, Recall@8, and NMI) out of six "
            "benchmarks.",
            "on the ASR gravity well, figure 1",
        ),
        Quote(
            "This empirical observation coincides elegantly with Theorem 1: a high standard "
            "deviation normal distribution can be the policy initialization of the policy pi_1 "
            "which traps the algorithm into the plateaus which cannot escape within a time lower "
            "bound.",
            "on the ASR gravity well",
        ),
        Quote(
            "in Figure 1, the gravity well only appears phenomenally in the normal high case, "
            "while for the normal low initialization, the curves are relatively flat.",
            "after figure 1",
        ),
        Quote(
            "from similar starting points, though the normal high curves fall into the gravity "
            "wells, they end up with higher benchmarks in all six benchmarks.",
            "on curriculum learning",
        ),
    )
    figure_size: ClassVar[tuple[float, float]] = (11.5, 4.6)

    def run(self) -> Runs:
        """Read the stored results."""
        from experiments.sampling.protocol import stored_results

        return Runs.from_table(stored_results())

    def judge(self, evidence: Runs) -> list[Finding]:
        """Who falls, with and without a policy; when; who ends higher; the controls."""
        return asr_well(evidence)

    def draw(self, evidence: Runs, figure: Any) -> None:
        """The figure's six curves, for both initial distributions and all four agents."""
        from experiments.sampling.plots import draw_protocol

        draw_protocol(figure, evidence.by_distribution(("normal_high", "normal_low")))
