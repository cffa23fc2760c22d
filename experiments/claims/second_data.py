"""The ASR gravity well on a second data set: does it come back where nothing was tuned to it?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from experiments.analysis.finding import Finding
from experiments.claims.claim import Claim, Quote
from experiments.sampling.findings import Runs, asr_well


@dataclass(frozen=True)
class SecondData(Claim[Runs]):
    """The protocol of the section on letters, unchanged, on handwritten digits.

    70 training runs on the optical digits of UCI ([asr.md](asr.md)): the seven combinations of
    initial bins and agent that the statements are about, ten seeds each, the settings those that
    were fixed for letters. Digits 0, 2, 4, 6, 8 train, the others test. The start is much higher
    here (recall@1 of .97), so there is room to fall and little to rise. The statements are those
    made on letters, and their intervals hold together within this section.
    """

    name: ClassVar[str] = "asr-well-digits"
    title: ClassVar[str] = "The ASR gravity well on a second data set"
    quotes: ClassVar[tuple[Quote, ...]] = (
        Quote(
            "In a three-action, multiple-state MDP setting, interestingly, a phenomenon similar to "
            "softmax gravity well is also observed, which is named ASR gravity well.",
            "introduction",
        ),
    )
    figure_size: ClassVar[tuple[float, float]] = (11.5, 4.6)

    def run(self) -> Runs:
        """Read the stored results."""
        from experiments.sampling.protocol import stored_results

        return Runs.from_table(stored_results("digits"))

    def judge(self, evidence: Runs) -> list[Finding]:
        """The statements made on letters."""
        return [replace(f, statement=f"Digits, {f.statement}") for f in asr_well(evidence)]

    def draw(self, evidence: Runs, figure: Any) -> None:
        """The figure's six curves, for both initial distributions."""
        from experiments.sampling.plots import draw_protocol

        draw_protocol(figure, evidence.by_distribution(("normal_high", "normal_low")))
