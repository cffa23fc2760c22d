"""Confidence limits for means that hold however long one goes on looking.

A gambler bets against "the mean is at most m" at odds that are fair if it is m: after differences
D_1, ..., D_n in [-R, R] his capital is, averaged over the fractions f he may stake,

    K_n(m) = mean_f prod_i (1 - f + f (D_i + R)/(m + R)).

If the mean is at most m, K is a supermartingale that starts at 1, so it ever reaches 1/delta with
probability at most delta (Ville 1939). Every m whose capital exceeds 1/delta is therefore rejected,
at whatever n one stops and for whatever reason (Waudby-Smith and Ramdas 2024). The lower limit is
the largest such m, and the upper limit that of -D, mirrored. With two limits for each of M probes
and delta = (1-confidence)/(2M), all 2M of them hold together with probability at least `confidence`
(Bonferroni): the family-wise error rate is controlled, under any rule of spending the budget.

The range R must be known to be exact; what is used is the largest |D| seen, or, where that is
larger, the range of the returns of all episodes that met the state. That is an assumption, and the
only one: no difference much larger than those exists. An event of size R that none of n pairs saw
is allowed for by the limits; one that is larger, and rarer than three in n, is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import Floats

# Stakes, from cautious (noise much larger than the mean) to nearly all (differences alike).
FRACTIONS = np.array([0.01, 0.02, 0.04, 0.08, 0.15, 0.27, 0.45, 0.65, 0.85, 0.99])
BISECTIONS = 25


def log_capital(differences: Floats, bound: float, mean: Floats) -> Floats:
    """ln K_n(m) for each m of `mean` [M] in (-R, R], from differences [N] in [-R, R]."""
    odds = (differences + bound)[:, None] / (mean + bound)
    stakes = FRACTIONS[:, None, None]
    logs = np.log1p(stakes * (odds - 1)).sum(axis=1)
    peak = logs.max(axis=0)
    return np.asarray(peak + np.log(np.exp(logs - peak).mean(axis=0)))


def lower_limit(differences: ArrayLike, bound: float, delta: float) -> float:
    """The lower confidence limit of the mean; wrong with probability at most `delta`.

    Args:
        differences: independent, [N], in [-bound, bound].
        bound: R >= 0; 0 says that every difference is 0, and the limit is 0.
        delta: in (0, 1).

    Returns:
        The limit, in [-bound, bound]; -bound while nothing can be said.
    """
    data = np.asarray(differences, dtype=np.float64)
    if bound == 0:
        return 0.0
    threshold = -np.log(delta)
    low, high = -bound, bound
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if log_capital(data, bound, np.array([middle]))[0] >= threshold:
            low = middle
        else:
            high = middle
    return low


def limits(differences: ArrayLike, bound: float, delta: float) -> tuple[float, float]:
    """Lower and upper limit of the mean, each wrong with probability at most `delta`."""
    data = np.asarray(differences, dtype=np.float64)
    return lower_limit(data, bound, delta), -lower_limit(-data, bound, delta)
