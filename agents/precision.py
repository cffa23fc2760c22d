"""When floating-point arithmetic would lie about a well, and what is done about it.

A plain loop loses a deep well in three ways: increments below the spacing of floats near theta
vanish, r(a) - pi.r cancels for the dominant arm, and the rounding of both accumulates. The robust
arithmetic of the kernels has none of these; the plain arithmetics are refused where their drift
error passes about 1e-6 (float64) or 1e-2 (float32).
"""

from __future__ import annotations

import warnings

from gw_envs.checks import Floats

# Lowest pi(a*) at which plain arithmetic is trusted, by dtype.
LOWEST_OPTIMAL_PROB = {"float64": 1e-10, "float32": 1e-5}


class PrecisionError(ValueError):
    """A run went where its arithmetic would give a wrong answer."""


class PrecisionWarning(RuntimeWarning):
    """As `PrecisionError`, where the user asked to go on."""


def report_imprecision(lowest_prob: Floats, update: str, on_precision: str) -> None:
    """Raise or warn if a trajectory in plain float64 met a pi(a*) below the trusted range.

    Args:
        lowest_prob: [B], lowest pi(a*) of each trajectory while it was in the well.
        update: the rule.
        on_precision: "raise" or "warn".

    Raises:
        PrecisionError: naming the trajectory, its pi(a*) and the remedy.
    """
    trusted = LOWEST_OPTIMAL_PROB["float64"]
    worst = int(lowest_prob.argmin())
    if not lowest_prob[worst] < trusted:
        return
    message = (
        f"update={update!r} runs in plain float64, which is trusted down to pi(a*) = {trusted:g}, "
        f"but trajectory {worst} reached {lowest_prob[worst]:.3g}, where it freezes or drifts; "
        "start from a larger pi(a*)."
    )
    if on_precision == "raise":
        raise PrecisionError(message)
    warnings.warn(message, PrecisionWarning, stacklevel=4)
