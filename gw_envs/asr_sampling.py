"""ASRSampling-v0: steer which negatives an embedding network is trained on, while it trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int
from gw_envs.metric_learning import datasets
from gw_envs.metric_learning.distance_bins import (
    NUM_BINS,
    DistanceBins,
    InitialDistribution,
    check_multipliers,
    initial_bins,
)
from gw_envs.metric_learning.retrieval import METRICS, Retrieval, evaluate
from gw_envs.metric_learning.sampling_state import MetricHistory
from gw_envs.metric_learning.threads import one_thread

ACTION_MODES = ("bins", "tilt")
REWARD_MODES = ("sign", "difference", "level")
COLLAPSED = 1e-3  # distance between class centres below which an embedding has collapsed


class ASRSamplingEnv(gym.Env[np.ndarray, Any]):
    """Adaptive sampling of negatives for metric learning: the process in which ASR's well was seen.

    ## Description
    A *learner*, an embedding network, is trained with a ranking loss on triplets. A *sampler*, a
    probability mass over 29 bins of distance, says which negatives an anchor is shown. The agent
    watches the validation metrics, rescales the bins, and is rewarded by what that does to
    validation performance. One step applies the action, trains `iterations_per_step` batches and
    evaluates; a whole training run is one episode (Roth, Milbich and Ommer, CVPR 2020, "PADS",
    restated by ASR, Dou et al. 2022; where ASR does not say, PADS's values are the defaults).

    *In the well*: a run falls into a well when its validation recall@1 is below that of its start
    by more than the noise, and leaves when it is back. The noise is measured: two standard errors
    of the paired difference of hits on the validation rows (`sampling_state.WellWatch`). A bin that
    starts on the floor is starved for `distance_bins.steps_to_unstarve` steps at least, whatever
    the agent does.

    ## Action Space
    `action_mode="bins"`: `MultiDiscrete([3] * 29)`, each bin times alpha, 1 or beta.
    `action_mode="tilt"`: `Discrete(3)`, mass to nearer (harder) negatives, keep, or farther ones.

    ## Observation Space
    `Box(float32)` of 7 (H+4) + 30 numbers; a metric vector is recall@1, 2, 4, 8, NMI (in [0, 1]),
    mean distance within classes and between class centres (in [0, 2]).
    - 7 i ... 7 i + 6, i < H: the metric vector i steps ago; before the start, that of the start;
    - 7 H ... 7 H + 27: running means of the metric vector over the last 2, 8, 16, 32 steps;
    - 7 H + 28 ... 7 H + 56: probabilities of the 29 bins, nearest first;
    - 7 H + 57: progress, iterations made / iterations in all.

    ## Rewards
    With the score w recall@1 + (1-w) NMI on validation rows, w = `recall_weight`: "sign" pays the
    sign of its change over the step, "difference" the change, "level" the score itself, which is
    the r(t) in [0, 1] of the paper's Theorem 2.

    ## Starting State
    A fresh network, after `warm_start` iterations on all bins alike, and the bins of
    `initial_distribution`. `reset()` begins another run, `reset(seed=...)` a given one.

    ## Episode End
    `truncated` after `epochs` (ceil(epochs * iterations_per_epoch / iterations_per_step) steps);
    `terminated` if the loss is not finite or the embedding has collapsed (class centres nearer than
    1e-3), which `info["failure"]` names; the metrics are then those before.

    ## Information
    At `reset` and every step: `validation/` and `test/` recall_at_1, 2, 4, 8, nmi, f1,
    intra_distance, inter_distance (test rows are evaluated at the first step of each epoch, and
    hold in between); `bins` [29], `bin_entropy` (nats), `mean_bin_distance`; of the step's batches
    the mean `loss`, `active_pairs` (share with a loss above 0) and `not_negative` (share of drawn
    negatives that are of the anchor's class); `epoch`, `iterations`, `in_well`, `test_in_well` (the
    same judged by test rows), `failure` ("").

    ## Arguments
    - `dataset` = "letter": or "digits", "folder:PATH", "cub200", "cars196", "sop" with `data_root`.
    - `initial_distribution` = "normal_high": see `distance_bins.initial_bins`; its names say where
      the *mean* of the bins lies. ("normal", mean, std) and ("softmax_normal", s) set the spread.
    - `action_mode` = "bins", `reward_mode` = "sign", `recall_weight` = 0.5.
    - `multipliers` = (0.5, 1, 1.5): alpha, 1, beta; published runs use (0.8, 1, 1.25).
    - `tilt` = 0.1: c > 0 of the tilt action, per bin.
    - `history` = 20: H >= 1.
    - `epochs` = 60, `iterations_per_epoch` = 8, `iterations_per_step` = 3 (M; PADS 30).
    - `warm_start` = 0: iterations.
    - `network`, `embedding_size`, `loss`, `margin`, `boundary`, `learning_rate`,
      `classes_per_batch`, `rows_per_class`, `self_regularisation`, `device`: see
      `learner.LearnerSettings`.
    - `class_split`, `samples_per_class` = 120, `validation_fraction` = 0.15, `split_seed` = 0,
      `image_size` = 64: see `datasets.split` and `datasets.load`.

    Every argument is checked; a `ValueError` names the argument, its value and what is right. Runs
    are reproducible to the bit on one machine; torch works on one thread inside a step.
    `get_state()` and `set_state(state)` save and restore everything, for forking; `reseed(seed)`
    gives a fork draws of its own.

    ## Version History
    - v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it as a plain dict

    def __init__(
        self,
        dataset: str = "letter",
        initial_distribution: InitialDistribution = "normal_high",
        *,
        action_mode: str = "bins",
        reward_mode: str = "sign",
        recall_weight: float = 0.5,
        multipliers: Sequence[float] = (0.5, 1.0, 1.5),
        tilt: float = 0.1,
        history: int = 20,
        epochs: int = 60,
        iterations_per_epoch: int = 8,
        iterations_per_step: int = 3,
        warm_start: int = 0,
        data_root: str | None = None,
        class_split: str = "alternate",
        samples_per_class: int | None = 120,
        validation_fraction: float = 0.15,
        split_seed: int = 0,
        image_size: int = 64,
        render_mode: str | None = None,
        **learner: Any,
    ) -> None:
        from gw_envs.metric_learning.learner import LearnerSettings, make_network

        if render_mode is not None:
            raise BadInput(f"render_mode={render_mode!r} is not offered; runs draw their figure.")
        self.render_mode = None
        self.action_mode = check_choice("action_mode", action_mode, ACTION_MODES)
        self.reward_mode = check_choice("reward_mode", reward_mode, REWARD_MODES)
        self.recall_weight = check_float("recall_weight", recall_weight, 0, 1)
        self.multipliers = check_multipliers(multipliers)
        self.tilt = check_float("tilt", tilt, 0, open_low=True)
        self.history_length = check_int("history", history, 1)
        self.epochs = check_int("epochs", epochs, 1)
        self.iterations_per_epoch = check_int("iterations_per_epoch", iterations_per_epoch, 1)
        self.iterations_per_step = check_int("iterations_per_step", iterations_per_step, 1)
        self.warm_start = check_int("warm_start", warm_start, 0)
        initial_bins(initial_distribution, np.random.default_rng(0))  # only to check it
        self.initial_distribution = initial_distribution
        self.total_steps = math.ceil(epochs * iterations_per_epoch / iterations_per_step)
        for name in learner:
            check_choice("argument", name, tuple(LearnerSettings.__dataclass_fields__))
        self.settings = LearnerSettings(**learner)
        rows, labels = datasets.load(dataset, image_size=image_size, root=data_root)
        self.data = datasets.split(
            rows,
            labels,
            class_split=class_split,
            rows_per_class=samples_per_class,
            validation_fraction=validation_fraction,
            seed=split_seed,
        )
        make_network(self.settings.network, self.data.input_shape, self.settings.embedding_size)
        self.observation_space = self._observations()
        self.action_space = self._actions()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a training run; a seed fixes it. See the class."""
        super().reset(seed=seed)
        with one_thread():
            self._begin()
            return self._observe(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move the bins, train, evaluate; see the class."""
        if not self.action_space.contains(action):
            raise BadInput(f"action={action!r} must be of {self.action_space}.")
        if self.action_mode == "bins":
            self.bins.scale(np.asarray(action, dtype=np.int64))
        else:
            self.bins.shift(int(action))
        before = self._score(self._validation)
        with one_thread():
            self._advance()
        terminated = bool(self._failure)
        truncated = not terminated and self._steps >= self.total_steps
        return self._observe(), self._reward(before), terminated, truncated, self._info()

    @property
    def iterations(self) -> int:
        """Batches trained on in this run, the warm start left out."""
        return self._steps * self.iterations_per_step

    @property
    def epoch(self) -> float:
        """Epochs trained in this run."""
        return self.iterations / self.iterations_per_epoch

    def get_state(self) -> dict[str, Any]:
        """Everything that determines how the run goes on, as a copy."""
        return {
            "learner": self.learner.get_state(),
            "bins": self.bins.weights.copy(),
            "history": self._history.copy(),
            "validation": self._validation,
            "test": self._test,
            "steps": self._steps,
            "batches": list(self._batches),
            "failure": self._failure,
            "np_random": self.np_random.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go back to a state of `get_state` of this environment; returns observation and info."""
        if getattr(self, "learner", None) is None:
            self.reset()
        self.learner.set_state(state["learner"])
        self.bins.weights = state["bins"].copy()
        self._history = state["history"].copy()
        self._validation, self._test = state["validation"], state["test"]
        self._steps, self._failure = state["steps"], state["failure"]
        self._batches = list(state["batches"])
        self.np_random.bit_generator.state = state["np_random"]
        return self._observe(), self._info()

    def reseed(self, seed: int) -> None:
        """Give the rest of the run draws of its own, so that forks of one state differ by chance.

        Forks with the same seed meet the same chance whatever their actions are.
        """
        self.learner.reseed(check_int("seed", seed, 0))

    def _begin(self) -> None:
        """A fresh learner, its warm start and its first evaluation."""
        from gw_envs.metric_learning.learner import Learner

        rows, labels = self.data.train
        run_seed = int(self.np_random.integers(2**63))
        self.learner = Learner(rows, labels, self.settings, run_seed)
        self.bins = DistanceBins(
            initial_bins(self.initial_distribution, self.np_random), self.multipliers, self.tilt
        )
        for _ in range(self.warm_start):
            self.learner.train_batch(np.full(NUM_BINS, 1 / NUM_BINS))
        self._steps, self._batches, self._failure = 0, [math.nan] * 3, ""
        self._test = self._evaluate("test")
        self._validation = self._evaluate("validation")
        self._history = MetricHistory(self._validation, self._test, self.history_length)

    def _advance(self) -> None:
        """Train, evaluate, note what came of it."""
        epoch_before = self.epoch
        self._train()
        self._steps += 1
        if not self._failure:
            self._validation = self._evaluate("validation")
            if int(self.epoch) > int(epoch_before) or self._steps == self.total_steps:
                self._test = self._evaluate("test")
            if self._validation.inter_distance < COLLAPSED:
                self._failure = "collapsed: class centres nearer than 1e-3"
        self._history.append(self._validation, self._test)

    def _train(self) -> None:
        """`iterations_per_step` batches; a loss that is not finite ends the run."""
        seen = []
        for _ in range(self.iterations_per_step):
            batch = self.learner.train_batch(self.bins.probabilities)
            if not math.isfinite(batch.loss):
                self._failure = f"loss={batch.loss} after {self.iterations} iterations"
                return
            seen.append((batch.loss, batch.active, batch.not_negative))
        self._batches = np.mean(seen, axis=0).tolist()

    def _evaluate(self, part: str) -> Retrieval:
        rows, labels = getattr(self.data, part)
        return evaluate(self.learner.embed(rows), labels)

    def _score(self, retrieval: Retrieval) -> float:
        w = self.recall_weight
        return w * retrieval.recall[0] + (1 - w) * retrieval.nmi

    def _reward(self, before: float) -> float:
        score = self._score(self._validation)
        if self.reward_mode == "level":
            return score
        change = score - before
        return float(np.sign(change)) if self.reward_mode == "sign" else change

    def _actions(self) -> gym.spaces.Space[Any]:
        if self.action_mode == "bins":
            return gym.spaces.MultiDiscrete([3] * NUM_BINS)
        return gym.spaces.Discrete(3)

    def _observations(self) -> gym.spaces.Box:
        highest = np.array([2.0 if name.endswith("distance") else 1.0 for name in METRICS])
        high = np.concatenate([np.tile(highest, self.history_length + 4), np.ones(NUM_BINS + 1)])
        return gym.spaces.Box(np.zeros(len(high), np.float32), high.astype(np.float32))

    def _observe(self) -> np.ndarray:
        progress = min(1.0, self._steps / self.total_steps)
        parts: list[Floats] = [
            self._history.vector(),
            self.bins.probabilities,
            np.array([progress]),
        ]
        values = np.concatenate(parts).astype(np.float32)
        return np.clip(values, 0, self.observation_space.high)  # type: ignore[attr-defined]

    def _info(self) -> dict[str, Any]:
        loss, active, not_negative = self._batches
        info: dict[str, Any] = {}
        for part, retrieval in (("validation", self._validation), ("test", self._test)):
            info |= {f"{part}/{name}": value for name, value in retrieval.named.items()}
        return info | {
            "bins": self.bins.probabilities,
            "bin_entropy": self.bins.entropy,
            "mean_bin_distance": self.bins.mean_distance,
            "loss": loss,
            "active_pairs": active,
            "not_negative": not_negative,
            "epoch": self.epoch,
            "iterations": self.iterations,
            "in_well": self._history.in_well,
            "test_in_well": self._history.test_in_well,
            "failure": self._failure,
        }
