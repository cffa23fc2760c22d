"""ASRSampling-v0: steer which negatives an embedding network is trained on, while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import gymnasium as gym
import numpy as np

from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int, check_memory
from gw_envs.metric_learning import datasets
from gw_envs.metric_learning.distance_bins import (
    NUM_BINS,
    DistanceBins,
    InitialDistribution,
    check_multipliers,
    initial_bins,
)
from gw_envs.metric_learning.sampling_state import metric_bounds
from gw_envs.metric_learning.settings import LearnerSettings
from gw_envs.threads import one_thread
from gw_envs.vector.actions import whole_numbers
from gw_envs.vector.protocol import check_options
from gw_envs.vector.worker_env import WorkerVectorEnv

if TYPE_CHECKING:
    from gw_envs.metric_learning.learner import Learner
    from gw_envs.metric_learning.process import SampledTraining

ActionMode = Literal["bins", "tilt"]
RewardMode = Literal["sign", "difference", "level"]


def _learner_settings(learner: dict[str, Any]) -> LearnerSettings:
    for name in learner:
        check_choice("argument", name, tuple(LearnerSettings.__dataclass_fields__))
    return LearnerSettings(**learner)


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
    - `dataset` = "letter": letter, digits, folder:PATH, cub200, cars196 or sop.
    - `initial_distribution` = "normal_high": the bins at the start, normal_low, uniform_low, ...,
      random, normal:MEAN:STD or softmax_normal:STD (`distance_bins.initial_bins`); "high" and "low"
      say where the *mean* of the bins lies.
    - `action_mode` = "bins": scale each bin; or "tilt", shift mass to harder or easier negatives.
    - `reward_mode` = "sign": of the change of the score; or "difference", "level".
    - `recall_weight` = 0.5: w of the score, in [0, 1].
    - `multipliers` = (0.5, 1.0, 2.0): alpha, 1, beta. PADS publishes with (0.8, 1, 1.25); its code
      begins with (0.5, 1, 1.5). These are the protocol's, in which the well was measured.
    - `tilt` = 0.1: c > 0 of the tilt action, per bin.
    - `history` = 20: H >= 1, metric vectors the agent sees.
    - `epochs` = 60: length of a training run.
    - `iterations_per_epoch` = 8: batches per epoch.
    - `iterations_per_step` = 3: batches per action (M; PADS 30).
    - `warm_start` = 0: batches before the first action, on all bins alike.
    - `data_root` = None: folder of cub200, cars196 or sop.
    - `class_split` = "alternate": which classes train, the others test; or "halves", "random".
    - `samples_per_class` = 120: rows drawn of every class; None is all.
    - `validation_fraction` = 0.15: share of a training class held out.
    - `split_seed` = 0: fixes the split.
    - `image_size` = 64: side of images, in pixels.
    - `network` = "mlp": one hidden layer of 256; or "cnn", four convolutions; or "module:function",
      called with (input shape, embedding size) for a torch module, e.g. a ResNet.
    - `embedding_size` = 64: dimension of the unit vectors.
    - `loss` = "margin": ranking loss, margin or triplet.
    - `margin` = 0.2: of either loss.
    - `boundary` = 1.2: beta of the margin loss at the start.
    - `boundary_rate` = 0.0005: learning rate of beta.
    - `learning_rate` = 0.001: Adam's, for the embedding network.
    - `classes_per_batch` = 28: drawn with repetition.
    - `rows_per_class` = 4: rows of each class in a batch.
    - `self_regularisation` = False: whether positives and the anchor may be drawn as negatives.
    - `device` = "cpu": of the network, cpu, cuda, cuda:0, ...

    Every argument is checked; a `ValueError` names the argument, its value and what is right. Runs
    are reproducible to the bit on one machine; torch works on one thread inside a step.
    `get_state()` and `set_state(state)` save and restore everything, for forking; `reseed(seed)`
    gives a fork draws of its own.

    ## Vector form
    `gym.make_vec("ASRSampling-v0", num_envs=n)` makes a process per environment, since a step
    trains a network (`gw_envs.vector.worker_env`): call it below `if __name__ == "__main__":`, and
    `close()` it. `reset(seed=s)` seeds environment i with s + i, and its row is the scalar
    environment's to the bit. `reset` has no options but the vector form's `reset_mask`.

    ## Version History
    - v0: first version.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it as a plain dict
    keywords_of: ClassVar[type] = LearnerSettings  # whose fields the arguments `**learner` are

    def __init__(
        self,
        dataset: str = "letter",
        initial_distribution: InitialDistribution = "normal_high",
        *,
        action_mode: ActionMode = "bins",
        reward_mode: RewardMode = "sign",
        recall_weight: float = 0.5,
        multipliers: Sequence[float] = (0.5, 1.0, 2.0),
        tilt: float = 0.1,
        history: int = 20,
        epochs: int = 60,
        iterations_per_epoch: int = 8,
        iterations_per_step: int = 3,
        warm_start: int = 0,
        data_root: str | None = None,
        class_split: datasets.ClassSplit = "alternate",
        samples_per_class: int | None = 120,
        validation_fraction: float = 0.15,
        split_seed: int = 0,
        image_size: int = 64,
        render_mode: str | None = None,
        **learner: Any,
    ) -> None:
        from gw_envs.metric_learning.learner import make_network

        if render_mode is not None:
            raise BadInput(f"render_mode={render_mode!r} is not offered; runs draw their figure.")
        self.action_mode = check_choice("action_mode", action_mode, get_args(ActionMode))
        self.reward_mode = check_choice("reward_mode", reward_mode, get_args(RewardMode))
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
        self.total_steps = -(-self.epochs * self.iterations_per_epoch // self.iterations_per_step)
        check_memory("history", history, 8.0 * 7 * self.history_length)
        self.settings = _learner_settings(learner)
        rows, labels = datasets.load(dataset, image_size=image_size, root=data_root)
        if samples_per_class is not None:
            check_int("samples_per_class", samples_per_class, 4)
        self.data = datasets.split(
            rows,
            labels,
            class_split=class_split,
            rows_per_class=samples_per_class,
            validation_fraction=validation_fraction,
            seed=split_seed,
        )
        make_network(self.settings.network, self.data.input_shape, self.settings.embedding_size)
        high = np.float32(np.append(metric_bounds(self.history_length), np.ones(NUM_BINS + 1)))
        self.observation_space = gym.spaces.Box(np.zeros_like(high), high)
        bins: gym.spaces.Space[Any] = gym.spaces.MultiDiscrete([3] * NUM_BINS)
        self.action_space = bins if action_mode == "bins" else gym.spaces.Discrete(3)
        self._run: SampledTraining | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a training run; a seed fixes it. See the class."""
        from gw_envs.metric_learning.process import SampledTraining

        check_options(options, ())
        super().reset(seed=None if seed is None else check_int("seed", seed, 0))
        run_seed = int(self.np_random.integers(2**63))
        start = initial_bins(self.initial_distribution, self.np_random)
        with one_thread():
            self._run = SampledTraining(
                self.data,
                self.settings,
                DistanceBins(start, self.multipliers, self.tilt),
                seed=run_seed,
                warm_start=self.warm_start,
                history=self.history_length,
            )
            return self._observe(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move the bins, train, evaluate; see the class."""
        whole = whole_numbers(action)
        if whole is None or not self.action_space.contains(whole):
            raise BadInput(f"action={action!r} must be of {self.action_space}.")
        if self.action_mode == "bins":
            self.bins.scale(whole)
        else:
            self.bins.shift(int(whole))
        before, run = self._score(), self.run
        after = (run.iterations + self.iterations_per_step) / self.iterations_per_epoch
        last = run.steps + 1 == self.total_steps
        with one_thread():
            run.advance(self.iterations_per_step, test=last or int(after) > int(self.epoch))
        terminated = bool(run.failure)
        truncated = not terminated and run.steps >= self.total_steps
        return self._observe(), self._reward(before), terminated, truncated, self._info()

    @property
    def run(self) -> SampledTraining:
        """The training run; `reset` begins one."""
        if self._run is None:
            raise gym.error.ResetNeeded("Call reset() before the first step().")
        return self._run

    @property
    def learner(self) -> Learner:
        """The embedding network in training."""
        return self.run.learner

    @property
    def bins(self) -> DistanceBins:
        """The sampler."""
        return self.run.bins

    @property
    def epoch(self) -> float:
        """Epochs trained in this run."""
        return self.run.iterations / self.iterations_per_epoch

    def get_state(self) -> dict[str, Any]:
        """Everything that determines how the run goes on, as a copy."""
        return self.run.get_state() | {"np_random": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go back to a state of `get_state` of this environment; returns observation and info."""
        if self._run is None:
            self.reset()
        self.run.set_state(state)
        self.np_random.bit_generator.state = state["np_random"]
        return self._observe(), self._info()

    def reseed(self, seed: int) -> None:
        """Give the rest of the run draws of its own, so that forks of one state differ by chance.

        Forks with the same seed meet the same chance whatever their actions are.
        """
        self.learner.reseed(check_int("seed", seed, 0))

    def _score(self) -> float:
        w, validation = self.recall_weight, self.run.validation
        return w * validation.recall[0] + (1 - w) * validation.nmi

    def _reward(self, before: float) -> float:
        if self.reward_mode == "level":
            return self._score()
        change = self._score() - before
        return float(np.sign(change)) if self.reward_mode == "sign" else change

    def _observe(self) -> np.ndarray:
        progress = min(1.0, self.run.steps / self.total_steps)
        parts: list[Floats] = [self.run.history.vector(), self.bins.probabilities]
        values = np.concatenate([*parts, [progress]]).astype(np.float32)
        return np.clip(values, 0, self.observation_space.high)  # type: ignore[attr-defined]

    def _info(self) -> dict[str, Any]:
        return self.run.info() | {"epoch": self.epoch}


class ASRSamplingVectorEnv(WorkerVectorEnv):
    """`num_envs` training runs at once, a process each; `ASRSamplingEnv` documents them."""

    def __init__(self, num_envs: int = 1, **arguments: Any) -> None:
        super().__init__(ASRSamplingEnv, num_envs, **arguments)
