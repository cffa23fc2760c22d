"""What a sampling policy sees of a training run, and when the run is in a well."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import Floats
from gw_envs.metric_learning.retrieval import METRICS, Retrieval

WINDOWS = (2, 8, 16, 32)
WELL_SIGMAS = 2.0


class WellWatch:
    """Whether a training run is in a well: below its start by more than noise, and not yet back.

    A run falls in when its recall@1 is below that of its start by more than `WELL_SIGMAS` standard
    errors, and leaves when its recall@1 is at least that of its start. The rows are the same, so
    their hits are paired; the noise is the standard error of the mean difference, measured on these
    rows.

    Args:
        start: whether each row's nearest neighbour is of its class at the start of the run [N].
    """

    def __init__(self, start: NDArray[np.bool_]) -> None:
        self._start = start.astype(np.float64)
        self.inside = False

    def see(self, hits: NDArray[np.bool_]) -> None:
        """Take the hits [N] after another step."""
        change = hits - self._start
        error = float(change.std(ddof=1)) / np.sqrt(len(change))
        if self.inside:
            self.inside = bool(change.mean() < 0)
        else:
            self.inside = bool(change.mean() < -WELL_SIGMAS * error)


def metric_bounds(length: int) -> Floats:
    """The largest value of each entry of `MetricHistory.vector`, [7 (H+4)]; the smallest is 0."""
    highest = [2.0 if name.endswith("distance") else 1.0 for name in METRICS]
    return np.tile(highest, length + len(WINDOWS))


class MetricHistory:
    """The metric vectors of a run so far, newest last.

    Args:
        start: the validation rows' evaluation at the start of the run.
        test_start: the test rows'.
        length: H, how many of the last vectors the policy sees.
    """

    def __init__(self, start: Retrieval, test_start: Retrieval, length: int) -> None:
        self._length = length
        self._validation, self._test = WellWatch(start.hits), WellWatch(test_start.hits)
        self._vectors = [start.vector] * max(length, *WINDOWS)

    def append(self, retrieval: Retrieval, test: Retrieval) -> None:
        """Take the evaluations after another step."""
        self._vectors = [*self._vectors[1:], retrieval.vector]
        self._validation.see(retrieval.hits)
        self._test.see(test.hits)

    def vector(self) -> Floats:
        """The last H vectors, newest first, and their running means, [7 (H+4)]."""
        seen = np.array(self._vectors[::-1])
        means = [seen[:window].mean(axis=0) for window in WINDOWS]
        return np.concatenate([seen[: self._length].ravel(), *means])

    @property
    def in_well(self) -> bool:
        """Whether the run is in a well, judged by validation rows."""
        return self._validation.inside

    @property
    def test_in_well(self) -> bool:
        """The same judged by test rows."""
        return self._test.inside

    def copy(self) -> MetricHistory:
        """An independent copy."""
        return copy.deepcopy(self)
