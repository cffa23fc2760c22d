"""A statement that is true or false of one number, and the verdict that follows from its interval.

The statement names the region of the number in which it is true, a run gives the number and its
interval, and the verdict follows from the two by one rule. Nobody writes a verdict down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.analysis.statistics import Estimate

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
SAMPLING = "sampling"  # what an interval is of: draws that could have been others,
CURVATURE = "curvature"  # a line through exact numbers that do not lie on one,
BRACKET = "bracket"  # the two tried values between which the number lies
TALLY = "tally"  # of how many intervals lie wholly on one side, or not wholly on the other


@dataclass(frozen=True)
class Finding:
    """One statement and the number that decides it.

    Attributes:
        statement: a sentence that is true exactly if the number lies in `true_in`.
        measure: what the number is, with its unit.
        estimate: the number with its 95 % interval; low = high where it is exact.
        true_in: (lowest, highest) number for which the statement is true, ends included.
        name: by which a sentence of the paper refers to it; unique within its claim, "" if none.
        interval: what the interval is of: `SAMPLING`, `CURVATURE`, `BRACKET` or `TALLY`.
    """

    statement: str
    measure: str
    estimate: Estimate
    true_in: tuple[float, float]
    name: str = ""
    interval: str = SAMPLING

    @property
    def verdict(self) -> str:
        """`holds` if the whole interval is where the statement is true, `fails` if none of it is.

        `undecided` otherwise, and where a number or an end is missing (NaN).
        """
        low, high = self.estimate.low, self.estimate.high
        if math.isnan(self.estimate.value) or not low <= high:
            return UNDECIDED
        if self.true_in[0] <= low and high <= self.true_in[1]:
            return HOLDS
        return FAILS if high < self.true_in[0] or low > self.true_in[1] else UNDECIDED


def every(verdicts: Sequence[str]) -> str:
    """The verdict on "all of these": fails if one fails, holds if all hold."""
    if FAILS in verdicts:
        return FAILS
    return UNDECIDED if UNDECIDED in verdicts else HOLDS


def some(verdicts: Sequence[str]) -> str:
    """The verdict on "one of these at least": holds if one holds, fails if all fail."""
    if HOLDS in verdicts:
        return HOLDS
    return UNDECIDED if UNDECIDED in verdicts else FAILS
