"""The options of each environment on the command line; `ENV_OPTIONS` names the dataclass of each.

The comment below a field is its help text. `kwargs` gives the constructor's arguments.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from experiments.options.agents import AGENT_OPTIONS
from experiments.options.sampling import SAMPLING_AGENT_OPTIONS
from gw_envs.checks import BadInput


class EnvOptions:
    """Shared by all: the options are the constructor's arguments; `agents` may act there."""

    agents: ClassVar[dict[str, Any]] = AGENT_OPTIONS

    def kwargs(self) -> dict[str, Any]:
        """Arguments for `gym.make`."""
        return asdict(self)  # type: ignore[call-overload]


@dataclass(frozen=True)
class SoftmaxWellOptions(EnvOptions):
    """SoftmaxWell-v0: the one-state bandit."""

    num_actions: int = 6
    """K, the number of arms."""
    base_reward: float = 0.5
    """b, the mean reward of every sub-optimal arm."""
    reward_gap: float = 0.2
    """Delta, what the best arm pays above b."""
    optimal_action: int = 0
    """The best arm."""
    mean_rewards: tuple[float, ...] | None = None
    """Any K mean rewards in [0, 1], instead of the four above."""
    reward_noise: Literal["none", "bernoulli", "gaussian"] = "none"
    """Law of a pull's reward around its mean."""
    noise_std: float = 0.0
    """Standard deviation of gaussian noise."""


@dataclass(frozen=True)
class ASRWellOptions(EnvOptions):
    """ASRWell-v0: levels of hardness, rewards that drift."""

    num_states: int = 3
    """Levels of hardness."""
    reward_gaps: tuple[float, ...] | None = None
    """Delta(s): one number, or one per state. Default: 0.3 0.2 0.25 for three states, else 0.2."""
    drift: str | None = None
    """How the base rewards move: one law, or a list of three (harder, keep, easier), as a number
    or YAML, e.g. '{law: linear, start: 0.5, slope: -0.00002}'. Default: a fall and a recovery."""
    move_prob: float = 0.9
    """Probability that an action moves the level."""
    discount: float = 0.0
    """Discount in [0, 1)."""
    horizon: int = 10
    """Steps per episode."""
    best_actions: tuple[int, ...] | None = None
    """The best action of each state: 0 harder, 1 keep, 2 easier."""
    ceiling: float | None = None
    """beta of the theorem's premise; default: any that will do."""
    drift_horizon: int = 10_000
    """Ticks over which the laws run; then they hold still."""
    drift_seed: int = 0
    """Fixes the noise of the laws."""
    premise: Literal["require", "warn", "ignore"] = "require"
    """What happens where b_i(t) <= beta <= b_1(t) + Delta(s) fails."""

    def kwargs(self) -> dict[str, Any]:
        """Arguments for `gym.make`: the drift read from its text, gaps as the constructor has them.

        Raises:
            ValueError: if the drift is no YAML.
        """
        arguments = asdict(self)
        gaps = self.reward_gaps or ((0.3, 0.2, 0.25) if self.num_states == 3 else (0.2,))
        arguments["reward_gaps"] = gaps[0] if len(gaps) == 1 else gaps
        if self.drift is None:
            del arguments["drift"]
        else:
            arguments["drift"] = _read_law(self.drift)
        return arguments


def _read_law(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise BadInput(
            f"drift={text!r} is no YAML; write a number, {{law: name, ...}} or a list of three."
        ) from None


@dataclass(frozen=True)
class ChainWellOptions(EnvOptions):
    """ChainWell-v0: the chain of vanishing gradients."""

    chain_length: int = 10
    """H: states s_0 ... s_{H+1}, discount H/(H+1)."""
    start: Literal["first", "uniform"] = "first"
    """Where episodes begin: s_0 or anywhere."""
    horizon: int | None = None
    """Steps per episode; default 10 (H+1)."""


@dataclass(frozen=True)
class ASRSamplingOptions(EnvOptions):
    """ASRSampling-v0: which negatives an embedding network is trained on."""

    agents: ClassVar[dict[str, Any]] = SAMPLING_AGENT_OPTIONS

    dataset: str = "letter"
    """letter, digits, folder:PATH, cub200, cars196 or sop."""
    initial_distribution: str = "normal_high"
    """Bins at the start: normal_high, normal_low, uniform_low, ..., random, normal:MEAN:STD or
    softmax_normal:STD."""
    action_mode: Literal["bins", "tilt"] = "bins"
    """Scale each bin, or shift the mass to harder or easier negatives."""
    reward_mode: Literal["sign", "difference", "level"] = "sign"
    """Of the change of validation performance, the change, or the level itself."""
    recall_weight: float = 0.5
    """w of the score w recall@1 + (1-w) NMI."""
    multipliers: tuple[float, float, float] = (0.5, 1.0, 2.0)
    """alpha, 1, beta: what the three actions multiply a bin by."""
    tilt: float = 0.1
    """c of the tilt action, per bin."""
    history: int = 20
    """Metric vectors the agent sees."""
    epochs: int = 60
    """Length of a training run."""
    iterations_per_epoch: int = 8
    """Batches per epoch."""
    iterations_per_step: int = 3
    """Batches per action."""
    warm_start: int = 0
    """Batches before the first action, on all bins alike."""
    data_root: str | None = None
    """Folder of cub200, cars196 or sop."""
    class_split: Literal["alternate", "halves", "random"] = "alternate"
    """Which classes train; the others test."""
    samples_per_class: int | None = 120
    """Rows drawn of every class."""
    validation_fraction: float = 0.15
    """Share of a training class held out."""
    split_seed: int = 0
    """Fixes the split."""
    image_size: int = 64
    """Side of images, in pixels."""
    network: str = "mlp"
    """mlp, cnn or module:function."""
    embedding_size: int = 64
    """Dimension of the embedding."""
    loss: Literal["margin", "triplet"] = "margin"
    """Ranking loss."""
    margin: float = 0.2
    """Of the loss."""
    boundary: float = 1.2
    """beta of the margin loss at the start."""
    learner_rate: float = 1e-3
    """Learning rate of the embedding network."""
    classes_per_batch: int = 28
    """Classes of a batch, drawn with repetition."""
    rows_per_class: int = 4
    """Rows of each class in a batch."""
    self_regularisation: bool = False
    """Whether positives and the anchor may be drawn as negatives."""
    device: str = "cpu"
    """cpu or cuda."""

    def kwargs(self) -> dict[str, Any]:
        """Arguments for `gym.make`; `learner_rate` is its `learning_rate`."""
        arguments = asdict(self)
        arguments["learning_rate"] = arguments.pop("learner_rate")
        return arguments


ENV_OPTIONS: dict[str, type] = {
    "SoftmaxWell-v0": SoftmaxWellOptions,
    "ASRWell-v0": ASRWellOptions,
    "ChainWell-v0": ChainWellOptions,
    "ASRSampling-v0": ASRSamplingOptions,
}
