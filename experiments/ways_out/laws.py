"""What a rule does to softmax-pg's 1/pi(a*): the law it is proved to have, and the one measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agents.updates import ExactRule, Rate
from experiments.analysis.statistics import Slope, log_log_slope
from experiments.ways_out.races import Track
from gw_envs.checks import Floats

# what a rule does to softmax-pg's 1/pi(a*), from least to most of it left
FAMILIES = ("bounded", "logarithm", "root", "constant only", "unchanged", "steeper", "never")


def proved_rate(track: Track, rule: ExactRule) -> Rate:
    """The rule's rate; where wrong arms pay, taking verdicts changes no exponent of softmax-pg."""
    if not rule.uses_verdicts or track.verdicts:
        return rule.rate
    text = "softmax-pg's exponent where wrong arms succeed too; for verdicts " + rule.rate.text
    return replace(rule.rate, text=text, escape_exponent=1.0, log_exponent=0.0)


def family_of(rate: Rate, ratio: float, stuck: str) -> str:
    """What a rule does to 1/pi(a*); `ratio` is its time, in step sizes, over softmax-pg's."""
    alpha = rate.escape_exponent
    if stuck:
        return "never"
    if alpha == 0:
        return "logarithm" if rate.log_exponent > 0 else "bounded"
    if alpha < 1:
        return "root"
    if alpha > 1:
        return "steeper"
    return "unchanged" if abs(ratio - 1) < 0.02 else "constant only"


def fitted_law(optimal_probs: Floats, times: Floats) -> Slope | None:
    """The exponent over the starts that were left; None where fewer than three were."""
    left = times > 0
    return log_log_slope(1 / optimal_probs[left], times[left]) if left.sum() >= 3 else None


def deepest_exponent(optimal_probs: Floats, times: Floats) -> float:
    """Of times ~ pi(a*)^-exponent between the deepest two starts that were left; else NaN."""
    left = np.flatnonzero(times > 0)[-2:]
    if left.size < 2:
        return float("nan")
    return float(-(np.diff(np.log(times[left])) / np.diff(np.log(optimal_probs[left])))[0])


def updates_per_decade(optimal_probs: Floats, times: Floats) -> float:
    """What a tenth of pi(a*) costs, at the deepest two starts that were left; else NaN."""
    left = np.flatnonzero(times > 0)[-2:]
    if left.size < 2:
        return float("nan")
    return float(-(np.diff(times[left]) / np.diff(np.log10(optimal_probs[left])))[0])
