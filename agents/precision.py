"""When floating-point arithmetic would lie about a well, and what is done about it.

A plain loop loses a deep well in three ways: increments below the spacing of floats near theta
vanish, r(a) - pi.r cancels for the dominant arm, and the rounding of both accumulates. The robust
arithmetic of blocks.py has none of these; the plain arithmetics are refused where their drift
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


def lowest_trusted(dtype: str, robust: bool) -> float:
    """Lowest pi(a*) at which the arithmetic is trusted; 0 for robust float64."""
    return 0.0 if robust else LOWEST_OPTIMAL_PROB[dtype]


def report_imprecision(
    lowest_prob: Floats, dtype: str, robust: bool, on_precision: str, update: str = "softmax-pg"
) -> None:
    """Raise or warn if a trajectory met a pi(a*) below the trusted range.

    Args:
        lowest_prob: [B], lowest pi(a*) of each trajectory while it was in the well.
        dtype: "float64" or "float32".
        robust: whether the arithmetic was compensated.
        on_precision: "raise" or "warn".
        update: the rule; all but softmax-pg have plain arithmetic only.

    Raises:
        PrecisionError: naming the trajectory, its pi(a*) and the remedy.
    """
    trusted = lowest_trusted(dtype, robust)
    worst = int(lowest_prob.argmin())
    if not lowest_prob[worst] < trusted:
        return
    setting, remedy = f"dtype={dtype!r}, robust=False is", "use the default robust float64"
    if update != "softmax-pg":
        setting = f"update={update!r} runs in plain float64, which is"
        remedy = "start from a larger pi(a*)"
    message = (
        f"{setting} trusted down to pi(a*) = {trusted:g}, but trajectory {worst} reached "
        f"{lowest_prob[worst]:.3g}, where it freezes or drifts; {remedy}."
    )
    if on_precision == "raise":
        raise PrecisionError(message)
    warnings.warn(message, PrecisionWarning, stacklevel=3)
