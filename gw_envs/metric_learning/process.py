"""A training run whose negatives come from moving bins: what the environment steps and forks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gw_envs.metric_learning.datasets import Split
from gw_envs.metric_learning.distance_bins import NUM_BINS, DistanceBins
from gw_envs.metric_learning.learner import Learner
from gw_envs.metric_learning.retrieval import Retrieval, evaluate
from gw_envs.metric_learning.sampling_state import MetricHistory
from gw_envs.metric_learning.settings import LearnerSettings

COLLAPSED = 1e-3  # distance between class centres below which an embedding has collapsed


class SampledTraining:
    """An embedding in training: a learner, the bins of its negatives, its evaluations so far.

    Args:
        data: training, validation and test rows.
        settings: of the learner.
        bins: the sampler at the start; whoever steers it moves them between two `advance`.
        seed: fixes the weights and every draw of the learner.
        warm_start: batches on all bins alike before the first evaluation, >= 0.
        history: H, metric vectors kept for the observation, >= 1.

    Attributes:
        steps: calls of `advance`.
        iterations: batches trained on, the warm start left out.
        failure: why the run cannot go on; "" while it can.
    """

    def __init__(
        self,
        data: Split,
        settings: LearnerSettings,
        bins: DistanceBins,
        *,
        seed: int,
        warm_start: int,
        history: int,
    ) -> None:
        self._data, self.bins = data, bins
        self.learner = Learner(*data.train, settings, seed)
        for _ in range(warm_start):
            self.learner.train_batch(np.full(NUM_BINS, 1 / NUM_BINS))
        self.steps = self.iterations = 0
        self.failure = ""
        self._batches = [math.nan] * 3
        self.test = self._evaluate("test")
        self.validation = self._evaluate("validation")
        self.history = MetricHistory(self.validation, self.test, history)

    def advance(self, iterations: int, test: bool) -> None:
        """Train so many batches and evaluate, the test rows only if `test`.

        A loss that is not finite, or a collapsed embedding, is noted in `failure`; the metrics of a
        lost loss are those before.
        """
        self._train(iterations)
        self.steps += 1
        self.iterations += iterations
        if not self.failure:
            self.validation = self._evaluate("validation")
            if test:
                self.test = self._evaluate("test")
            if self.validation.inter_distance < COLLAPSED:
                self.failure = "collapsed: class centres nearer than 1e-3"
        self.history.append(self.validation, self.test)

    def get_state(self) -> dict[str, Any]:
        """Everything that determines how the run goes on, as a copy."""
        return {
            "learner": self.learner.get_state(),
            "bins": self.bins.weights.copy(),
            "history": self.history.copy(),
            "validation": self.validation,
            "test": self.test,
            "steps": self.steps,
            "iterations": self.iterations,
            "batches": list(self._batches),
            "failure": self.failure,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to a state of `get_state`."""
        self.learner.set_state(state["learner"])
        self.bins.weights = state["bins"].copy()
        self.history = state["history"].copy()
        self.validation, self.test = state["validation"], state["test"]
        self.steps, self.iterations = state["steps"], state["iterations"]
        self._batches, self.failure = list(state["batches"]), state["failure"]

    def info(self) -> dict[str, Any]:
        """The evaluations, the bins and the last batches, by the environment's names."""
        evaluations = (("validation", self.validation), ("test", self.test))
        named = {
            f"{part}/{name}": value
            for part, retrieval in evaluations
            for name, value in retrieval.named.items()
        }
        loss, active, not_negative = self._batches
        return named | {
            "bins": self.bins.probabilities,
            "bin_entropy": self.bins.entropy,
            "mean_bin_distance": self.bins.mean_distance,
            "loss": loss,
            "active_pairs": active,
            "not_negative": not_negative,
            "iterations": self.iterations,
            "in_well": self.history.in_well,
            "test_in_well": self.history.test_in_well,
            "failure": self.failure,
        }

    def _train(self, iterations: int) -> None:
        seen = []
        for _ in range(iterations):
            batch = self.learner.train_batch(self.bins.probabilities)
            if not math.isfinite(batch.loss):
                self.failure = f"loss={batch.loss} after {self.iterations} iterations"
                return
            seen.append((batch.loss, batch.active, batch.not_negative))
        self._batches = np.mean(seen, axis=0).tolist()

    def _evaluate(self, part: str) -> Retrieval:
        rows, labels = getattr(self._data, part)
        return evaluate(self.learner.embed(rows), labels)
