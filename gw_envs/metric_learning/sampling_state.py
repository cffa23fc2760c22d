"""What a sampling policy sees of a training run, and when the run is in a well."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import Floats
from gw_envs.metric_learning.retrieval import Retrieval

WINDOWS = (2, 8, 16, 32)
WELL_SIGMAS = 2.0


def below_start(
    hits: NDArray[np.bool_], start: NDArray[np.bool_], sigmas: float = WELL_SIGMAS
) -> bool:
    """Whether recall@1 is below that of the start by more than its noise.

    The rows are the same, so their hits are paired; the noise is the standard error of the mean
    difference, estimated from these rows.

    Args:
        hits: whether each row's nearest neighbour is of its class now [N].
        start: the same at the start of the run [N].
        sigmas: standard errors by which it must be below.
    """
    change = hits.astype(np.float64) - start
    error = float(change.std(ddof=1)) / np.sqrt(len(change))
    return bool(change.mean() < -sigmas * error)


class MetricHistory:
    """The metric vectors of a run so far, newest last.

    Args:
        start: the validation rows' evaluation at the start of the run.
        test_start: the test rows'.
        length: H, how many of the last vectors the policy sees.
    """

    def __init__(self, start: Retrieval, test_start: Retrieval, length: int) -> None:
        self._length = length
        self._start = start.hits, test_start.hits
        self._last = self._start
        self._vectors = [start.vector] * max(length, *WINDOWS)

    def append(self, retrieval: Retrieval, test: Retrieval) -> None:
        """Take the evaluations after another step."""
        self._vectors = [*self._vectors[1:], retrieval.vector]
        self._last = retrieval.hits, test.hits

    def vector(self) -> Floats:
        """The last H vectors, newest first, and their running means, [7 (H+4)]."""
        seen = np.array(self._vectors[::-1])
        means = [seen[:window].mean(axis=0) for window in WINDOWS]
        return np.concatenate([seen[: self._length].ravel(), *means])

    @property
    def in_well(self) -> bool:
        """Whether the run is below its start by more than the noise, on validation rows."""
        return below_start(self._last[0], self._start[0])

    @property
    def test_below_start(self) -> bool:
        """The same on test rows."""
        return below_start(self._last[1], self._start[1])

    def copy(self) -> MetricHistory:
        """An independent copy."""
        return copy.deepcopy(self)
