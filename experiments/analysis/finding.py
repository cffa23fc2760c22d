"""A statement that is true or false of one number, and the verdict that follows from its interval.

The statement names the region of the number in which it is true, a run gives the number and its
interval, and the verdict follows from the two by one rule. Nobody writes a verdict down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.analysis.statistics import Estimate

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"


@dataclass(frozen=True)
class Finding:
    """One statement and the number that decides it.

    Attributes:
        statement: a sentence that is true exactly if the number lies in `true_in`.
        measure: what the number is, with its unit.
        estimate: the number with its 95 % interval; low = high where it is exact.
        true_in: (lowest, highest) number for which the statement is true, ends included.
    """

    statement: str
    measure: str
    estimate: Estimate
    true_in: tuple[float, float]

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
