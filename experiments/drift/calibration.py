"""From measured b_k(t) and Delta(s) to the arguments of an ASRWell-v0 that behaves like them.

One law is fitted to the common level b(t) and a simple one to each action's offset b_k(t) - b(t),
not three laws to the three b_k(t): the level's noise, common to the actions and much larger than
what they differ by, would else turn up as differences between actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.drift.estimates import DriftEstimate
from gw_envs.asr_well import ASRWellVectorEnv
from gw_envs.checks import BadInput
from gw_envs.drift import Sum
from gw_envs.drift.fitting import DriftFit, fit_drift

# Learning goes on steadily, falls and recovers, or does not: it neither jumps nor swings.
LEVEL_FAMILIES = ("constant", "linear", "saturating", "logistic", "well")
OFFSET_FAMILIES = ("constant", "linear", "saturating")
DIGITS = 6  # of the arguments: far below what is known of them


@dataclass(frozen=True)
class CalibratedWell:
    """An ASRWell-v0 fitted to measurements.

    Attributes:
        kwargs: arguments of `gym.make("ASRWell-v0", **kwargs)`, JSON-able.
        level_fit: the law of b(t) and its quality.
        offset_fits: those of b_k(t) - b(t), one per action.
        measured: whether Delta(s) is the estimate; False where that was not above 0 and the upper
            end of its interval stands in for it [S].
        premise_failure: why no constant beta lies between every base and every best reward, the
            premise of the paper's second theorem; None if one does.
    """

    kwargs: dict[str, Any]
    level_fit: DriftFit
    offset_fits: tuple[DriftFit, ...]
    measured: NDArray[np.bool_]
    premise_failure: str | None


def calibrate_well(estimate: DriftEstimate) -> CalibratedWell:
    """Fit drift laws to measured b_k(t) and make an ASRWell-v0 of them.

    The well law keeps the measured start, and its recovery lies within the measured span, since
    both are weakly identified otherwise. Laws run to the last measured clock and then hold still. A
    Delta(s) that was not measured above 0, which ASRWell needs, is replaced by the upper end of its
    interval: the largest gap that the data allow.

    Args:
        estimate: of `estimate_drift`, from at least 10 clocks.

    Raises:
        ValueError: if there are fewer clocks, or even the upper end of a Delta(s) is not above 0.
    """
    level_fit = fit_drift(
        estimate.clocks,
        estimate.mean.value,
        families=LEVEL_FAMILIES,
        start=float(estimate.mean.value[0]),
    )
    offset_fits = tuple(
        fit_drift(estimate.clocks, offset, families=OFFSET_FAMILIES)
        for offset in estimate.offsets.value.T
    )
    measured = estimate.gaps.value > 0
    gaps = np.where(measured, estimate.gaps.value, estimate.gaps.high)
    if np.any(gaps <= 0):
        s = int(np.argmin(gaps))
        raise BadInput(
            f"best_actions[{s}]={int(estimate.best_actions[s])} pays less than the others there: "
            f"Delta({s}) is at most {gaps[s]:.3g}; name other best_actions."
        )
    kwargs: dict[str, Any] = {
        "num_states": len(gaps),
        "reward_gaps": [_rounded(gap) for gap in gaps.tolist()],
        "drift": [_rounded(Sum((level_fit.law, fit.law)).to_dict()) for fit in offset_fits],
        "best_actions": estimate.best_actions.tolist(),
        "drift_horizon": int(estimate.clocks[-1]),
        "premise": "require",
    }
    if np.isfinite(estimate.move_prob):
        kwargs["move_prob"] = _rounded(estimate.move_prob)
    well = ASRWellVectorEnv(**(kwargs | {"premise": "ignore"}))
    failure = well.rewards.premise_failure()
    if failure is not None:
        kwargs["premise"] = "ignore"
    return CalibratedWell(kwargs, level_fit, offset_fits, measured, failure)


def _rounded(value: Any) -> Any:
    """Every number in a JSON-able form, to `DIGITS` significant digits."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
