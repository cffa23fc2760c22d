"""Which negatives an anchor is shown: probabilities of distance bins, and how actions move them.

The bins divide [0.1, 1.4], Euclidean distance between unit vectors, into 29 equal parts; smaller
distances join the first and larger ones the last (Roth, Milbich and Ommer, CVPR 2020, "PADS", whose
method ASR restates). An initial distribution is a density read at the bins' centres, normalised and
floored at 1e-15.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_float, check_instance, shown

NUM_BINS = 29
EDGES = np.linspace(0.1, 1.4, NUM_BINS + 1)
CENTRES = (EDGES[:-1] + EDGES[1:]) / 2
FLOOR = 1e-15
LOWEST, HIGHEST = 1e-25, 1e25  # of un-normalised bins (PADS)

# name: (shape, mean, half-width of a box or standard deviation); PADS's names and values.
NAMED = {
    "uniform_low": ("box", 0.5, 0.2),
    "uniform_avg": ("box", 1.0, 0.2),
    "uniform_high": ("box", 1.5, 0.2),
    "uniform_low_and_tight": ("box", 0.4, 0.1),
    "uniform_lowish": ("box", 0.6, 0.1),
    "normal_low": ("normal", 0.5, 0.05),
    "normal_avg": ("normal", 1.1, 0.04),
    "normal_high": ("normal", 1.6, 0.04),
}
FORMS = "normal:MEAN:STD, softmax_normal:STD"

InitialDistribution = str | Sequence[str | float]


def initial_bins(
    distribution: InitialDistribution, rng: np.random.Generator | None = None
) -> Floats:
    """The bin probabilities [29] that a distribution begins with.

    Args:
        distribution: a name of `NAMED` ("high" and "low" say where its *mean* lies), "random" (all
            bins alike), ("normal", mean, std) for any mean and spread of the bins, or
            ("softmax_normal", s) for softmax of N(0, s^2) logits. The last two may also be written
            "normal:1.0:0.5" and "softmax_normal:2".
        rng: source of the logits of "softmax_normal".

    Raises:
        ValueError: for an unknown name, a spread that is not above 0, a box without a bin, or
            "softmax_normal" without a generator.
    """
    shape, *numbers = _parts(distribution)
    if shape == "random":
        return np.full(NUM_BINS, 1 / NUM_BINS)
    if shape == "softmax_normal":
        if rng is None:
            raise BadInput("initial_distribution='softmax_normal' needs a random generator.")
        (spread,) = numbers
        log_density = rng.normal(0, spread, NUM_BINS)
    elif shape == "normal":
        mean, spread = numbers
        log_density = -(((CENTRES - mean) / spread) ** 2) / 2
    else:
        mean, half = numbers
        inside = np.abs(CENTRES - mean) <= half
        log_density = np.where(inside, 0.0, -np.inf)
    density = np.exp(log_density - log_density.max())
    bins = np.maximum(density / density.sum(), FLOOR)
    return bins / bins.sum()


def _parts(distribution: InitialDistribution) -> tuple[str, *tuple[float, ...]]:
    """Shape and numbers of a distribution, checked."""
    check_instance("initial_distribution", distribution, (str, list, tuple), "a name or a list")
    words = distribution.split(":") if isinstance(distribution, str) else list(distribution)
    message = (
        f"initial_distribution={shown(distribution)} is unknown; choose one of {', '.join(NAMED)}, "
        f"random, {FORMS}."
    )
    if not all(isinstance(word, (str, int, float, np.number)) for word in words):
        raise BadInput(message)
    if len(words) == 1 and words[0] in NAMED:
        return NAMED[str(words[0])]
    if len(words) == 1 and words[0] == "random":
        return ("random",)
    if not words or (words[0], len(words)) not in (("normal", 3), ("softmax_normal", 2)):
        raise BadInput(message)
    try:
        numbers = [float(word) for word in words[1:]]
    except (ValueError, OverflowError):
        raise BadInput(message) from None
    check_float("initial_distribution's spread", numbers[-1], 0, open_low=True)
    if len(numbers) == 2:
        check_float("initial_distribution's mean", numbers[0], 0, 2)
    return (str(words[0]), *numbers)


def bin_index(distances: Floats) -> NDArray[np.intp]:
    """The bin of each distance, same shape, 0..28."""
    width = EDGES[1] - EDGES[0]
    return np.clip((distances - EDGES[0]) / width, 0, NUM_BINS - 1).astype(np.intp)


def item_probabilities(
    distances: Floats, bins: Floats, candidates: NDArray[np.bool_] | None = None
) -> Floats:
    """Probability [B, B] that row's anchor is shown column's item.

    An item weighs as much as its bin, however many items share the bin (PADS).

    Args:
        distances: [B, B] between the embeddings of a batch.
        bins: probabilities [29].
        candidates: [B, B], which items may be drawn; None: all, the anchor and its positives
            included (PADS's self-regularisation). Every row needs one.
    """
    weights = bins[bin_index(distances)]
    if candidates is not None:
        weights = np.where(candidates, weights, 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def check_multipliers(values: Sequence[float]) -> tuple[float, float, float]:
    """The three factors an action multiplies a bin by.

    Raises:
        ValueError: unless they are three positive numbers, ascending and not all alike, so that
            bins can move.
    """
    message = f"multipliers={values!r} must be three positive ascending numbers, not all alike."
    try:
        low, middle, high = (float(value) for value in values)
    except (TypeError, ValueError):
        raise BadInput(message) from None
    if not (0 < low <= middle <= high < math.inf) or low == high:
        raise BadInput(message)
    return low, middle, high


def steps_to_unstarve(bins: Floats, index: int, multipliers: Sequence[float]) -> int:
    """Fewest actions after which bin `index` can be as probable as the largest bin.

    An action raises the ratio of the two by at most beta/alpha: the bins' counterpart of
    C/(Delta pi_1(a*)). From the floor 1e-15: 78 for (0.8, 1, 1.25), 32 for (0.5, 1, 1.5).

    Args:
        bins: probabilities [29].
        index: 0..28.
        multipliers: (alpha, 1, beta).
    """
    low, _, high = check_multipliers(multipliers)
    ratio = float(np.max(bins) / bins[index])
    return math.ceil(math.log(ratio) / math.log(high / low) - 1e-9)


class DistanceBins:
    """The sampler's state: un-normalised bins, and the actions that move them.

    Args:
        probabilities: initial bins [29].
        multipliers: what actions 0, 1 and 2 multiply a bin by.
        tilt: c > 0 of the tilt action.
    """

    def __init__(self, probabilities: Floats, multipliers: Sequence[float], tilt: float) -> None:
        self.weights = np.array(probabilities, dtype=np.float64)
        self._factors = np.array(check_multipliers(multipliers))
        self._tilt = check_float("tilt", tilt, 0, open_low=True)

    @property
    def probabilities(self) -> Floats:
        """Bin probabilities [29]."""
        return np.asarray(self.weights / self.weights.sum())

    @property
    def entropy(self) -> float:
        """Of the bin probabilities, in nats."""
        p = self.probabilities
        return float(-np.sum(p * np.log(p)))

    @property
    def mean_distance(self) -> float:
        """Mean of the bins' centres under the bin probabilities."""
        return float(self.probabilities @ CENTRES)

    def scale(self, actions: NDArray[np.int64]) -> None:
        """Multiply every bin by its action's factor; `actions` [29] holds 0, 1 or 2."""
        self._multiply(self._factors[actions])

    def shift(self, action: int) -> None:
        """Tilt all bins by exp(-c rank), 1 or exp(c rank): 0 harder (nearer), 1 keep, 2 easier."""
        self._multiply(np.exp(self._tilt * (action - 1) * np.arange(NUM_BINS)))

    def _multiply(self, factors: Floats) -> None:
        self.weights = np.clip(self.weights * factors, LOWEST, HIGHEST)
