"""The second theorem's sentence by readings: what C may depend on, and for which starts it speaks.

As printed it says "there exists an initialization and a positive constant C". Four readings:

| reading | C may depend on | starts | what is true |
|---|---|---|---|
| anything | everything | one | says nothing: a C with t0 < 1 always does |
| instance | r(t), not pi_1(a*) | one, pi_1(a*) small | false (CE1); true if all b_i <= b_1 |
| some start | eta: C = 0.45/eta | one | false (CE1; CE5 over its starts, all b_i <= b_1) |
| every start | eta: C = 0.45/eta | all in the well | false (CE3, CE5) |

(What is true of "instance" is corollary (a) of docs/theory.md, section 5.)

One audited start can refute a reading that speaks of all starts, and bear witness for one that
speaks of one; a reading that asks for one start is refuted only where no policy at all is in the
well.
"""

from __future__ import annotations

from dataclasses import dataclass

TRUE, REFUTED, OPEN = "true", "refuted", "not decided"


@dataclass(frozen=True)
class Reading:
    """What an audited start says of one reading.

    Attributes:
        name: "anything", "instance", "some start" or "every start".
        meaning: the reading in words, the same for every instance.
        verdict: "true" of this instance, "refuted" by it, or "not decided".
    """

    name: str
    meaning: str
    verdict: str


def read(
    *,
    rewards_given: bool,
    premise_holds: bool,
    gaps: tuple[float, float],
    first_gap: float,
    edge: float,
    reward_gap: float,
    printed_holds: bool | None,
    starts_in_well: bool,
) -> tuple[Reading, ...]:
    """The readings in the light of one start.

    Args:
        rewards_given: whether r(t) is the same for every policy, as at discount 0; if not, one
            start tells nothing of others.
        premise_holds: whether the printed premise does; without it nothing is promised.
        gaps: (smallest, largest) effective gap seen.
        first_gap: largest effective gap at clock 0.
        edge: sub-optimality below which a policy is outside the well.
        reward_gap: Delta(s).
        printed_holds: whether this start kept the inequality before t0; None where unknown.
        starts_in_well: whether it was in the well at t = 1.
    """
    nowhere = rewards_given and first_gap < edge  # so is every policy's sub-optimality
    wide = rewards_given and gaps[0] >= reward_gap * (1 - 1e-12)  # every b_i <= b_1, as far as seen
    one = REFUTED if nowhere else TRUE if printed_holds else OPEN
    all_starts = REFUTED if starts_in_well and printed_holds is False else OPEN
    found = {
        "anything": ("C may depend on everything, the start too: some C always does", TRUE),
        "instance": (
            "C may depend on the rewards; some start of every small pi(a*) keeps it",
            REFUTED if nowhere else TRUE if wide else OPEN,
        ),
        "some start": ("C depends on eta alone; some start keeps it", one),
        "every start": ("C depends on eta alone; every start in the well keeps it", all_starts),
    }
    return tuple(
        Reading(name, meaning, verdict if premise_holds or name == "anything" else OPEN)
        for name, (meaning, verdict) in found.items()
    )
