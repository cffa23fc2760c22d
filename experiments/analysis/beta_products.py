"""The law of a product of independent beta variables, exactly: what a survival interval is made of.

A step of a Kaplan-Meier curve at which one of y watched runs escapes leaves a share of the law
Beta(y, 1); several steps leave their product. If every run is followed to its escape the levels y
fall one by one from n, and Beta(n, 1) Beta(n-1, 1) ... Beta(b, 1) is Beta(b, n+1-b). A censored run
leaves a gap. It is filled by

    Beta(y, 1) = Beta(c, 1) B,   y < c,

B = 1 with probability y/c and again Beta(y, 1) otherwise, all independent (both sides have the
Mellin transform y/(y+s)). Filled from c = b-1 down to y, where it surely ends, a further step turns
Beta(b, n+1-b) into a mixture of Beta(c, n+1-c), y <= c < b. All weights are positive, so that
nothing cancels, however many runs there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gw_envs.checks import Floats

NEGLIGIBLE = 1e-11  # weights below are left out


@dataclass(frozen=True)
class BetaProduct:
    """A product of Beta(y, 1), y falling, as a mixture of Beta(b, runs + 1 - b).

    Attributes:
        runs: n, at least the first y.
        top: the largest b of the mixture; runs + 1 for the empty product, which is 1.
        weights: of b = top, top - 1, ...
    """

    runs: int
    top: int
    weights: tuple[float, ...] = (1.0,)

    @classmethod
    def empty(cls, runs: int) -> BetaProduct:
        """The product of nothing."""
        return cls(runs, runs + 1)

    def times(self, level: int) -> BetaProduct:
        """The product with another Beta(level, 1), 1 <= level < every b of the mixture."""
        weights: list[float] = []
        top, moving, left = self.top - 1, 0.0, len(self.weights)
        for i, c in enumerate(range(top, level - 1, -1)):
            moving += self.weights[i] if i < left else 0.0
            stays = moving * level / c
            moving -= stays
            if weights or stays > NEGLIGIBLE:
                weights.append(stays)
            else:
                top -= 1
            if i >= left and moving < NEGLIGIBLE:
                break
        return BetaProduct(self.runs, top, tuple(weights))

    def quantile(self, tail: float) -> float:
        """The number below which the product lies with probability `tail`, to 1e-8."""
        from scipy import optimize, special

        outer = {self.top + 1 - len(self.weights), self.top}
        ends = sorted(float(special.betaincinv(b, self.runs + 1 - b, tail)) for b in outer)
        if len(ends) == 1:
            return ends[0]
        b = np.arange(self.top, self.top - len(self.weights), -1)
        weights: Floats = np.array(self.weights) / sum(self.weights)

        def excess(share: float) -> float:
            return float(weights @ special.betainc(b, self.runs + 1 - b, share)) - tail

        return float(optimize.brentq(excess, *ends, xtol=1e-9))
