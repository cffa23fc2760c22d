"""CartPole and Acrobot agents at several stages of training, by plain Stable-Baselines3.

A return alone is no truth about them: an Acrobot agent as good as any known one has states from
which another action gains ten steps, and from most states of a poor one no short probe gains any.
Their truth is therefore that of the states that were probed, found by brute force. The models are
trained once and kept in `runs/diagnosis_models`, each lesson's in a folder named by its settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.diagnosis import Diagnosis
from benchmarks.diagnosis.brute_force import brute_force, stands_still
from benchmarks.diagnosis.cases import IMPROVABLE, UNKNOWN, Case
from experiments.files import write_atomically

FOLDER = Path("runs") / "diagnosis_models"
ENVS = 8

PPO_CARTPOLE = {
    "n_steps": 32,
    "batch_size": 256,
    "gae_lambda": 0.8,
    "gamma": 0.98,
    "n_epochs": 20,
    "learning_rate": 1e-3,
}
PPO_ACROBOT = {"n_steps": 256, "batch_size": 64, "gae_lambda": 0.94, "gamma": 0.99, "n_epochs": 4}
DQN_CARTPOLE = {
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "learning_starts": 1000,
    "target_update_interval": 10,
    "train_freq": 256,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": [256, 256]},
}
DQN_ACROBOT = {
    "learning_rate": 6.3e-4,
    "batch_size": 128,
    "learning_starts": 1000,
    "target_update_interval": 250,
    "train_freq": 4,
    "gradient_steps": 4,
    "exploration_fraction": 0.12,
    "exploration_final_eps": 0.1,
    "policy_kwargs": {"net_arch": [256, 256]},
}


@dataclass(frozen=True)
class Lesson:
    """One training run, and the steps after which its model is kept.

    Attributes:
        algo: "PPO" or "DQN".
        env_id: the environment.
        stages: environment steps, ascending; the last ends the run.
        settings: of the algorithm.
        name: in file names and tables.
    """

    algo: str
    env_id: str
    stages: tuple[int, ...]
    settings: dict[str, Any]
    name: str = ""

    @property
    def folder(self) -> Path:
        """Where its models are kept."""
        return FOLDER / hashlib.sha256(repr(self).encode()).hexdigest()[:8]

    def file(self, stage: int) -> str:
        """The name of the model kept after `stage` steps."""
        return f"{self.algo} {self.env_id} {self.name} {stage}.zip".replace("  ", " ")


LESSONS = (
    Lesson("PPO", "CartPole-v1", (256, 10_240, 102_400), PPO_CARTPOLE),
    Lesson("PPO", "CartPole-v1", (20_480,), {**PPO_CARTPOLE, "learning_rate": 0.05}, "rate 0.05"),
    Lesson("PPO", "CartPole-v1", (20_480,), {**PPO_CARTPOLE, "learning_rate": 0.1}, "rate 0.1"),
    Lesson("DQN", "CartPole-v1", (1_500, 5_000, 10_000, 20_000, 50_000), DQN_CARTPOLE),
    Lesson("PPO", "Acrobot-v1", (2_048, 20_480, 51_200, 204_800), PPO_ACROBOT),
    Lesson("DQN", "Acrobot-v1", (2_000, 10_000, 60_000), DQN_ACROBOT),
)

MARGINS = {"CartPole-v1": 0.0, "Acrobot-v1": 10.0}  # advantages that count, discounted


def model_cases() -> Iterator[Case]:
    """Every kept model, not yet labelled; budget and states are the defaults of `diagnose`."""
    import torch

    torch.set_num_threads(1)  # small networks: threads only cost
    for lesson in LESSONS:
        for stage, model in zip(lesson.stages, trained(lesson), strict=True):
            yield Case(
                lesson.file(stage)[:-4],
                UNKNOWN,
                lesson.env_id,
                model,
                num_states=8,
                max_steps=2_000_000,
                min_advantage=MARGINS[lesson.env_id],
            )


def labelled(case: Case, found: Diagnosis) -> Case:
    """The case with the verdict that the truth about the probed states calls for.

    `improvable`: a probe is better, three standard errors off; `well` if all those are rare, and
    `frozen` if moreover training on changes nothing. `no_signal`: neither a probe nor the policy's
    own luck changes any return. `no_better_action`: no probe is better. `UNKNOWN` stays where brute
    force is not sure.
    """
    truths = brute_force(case.policy, case.env_id, found)
    margin = case.min_advantage
    better = [truth.probe for truth in truths if truth.is_better(margin)]
    label = UNKNOWN
    if better:
        label = "well" if all(probe.is_rare for probe in better) else IMPROVABLE
        if label == "well" and hasattr(case.policy, "rollout_buffer"):
            label = "frozen" if stands_still(case.policy, case.env_id, found) else label
    elif not any(truth.gain or truth.error for truth in truths):
        label = "no_signal" if found.return_spread == 0 else "no_better_action"
    elif all(truth.is_no_better(margin) for truth in truths):
        label = "no_better_action"
    name = f"{case.name}, return {found.mean_episode_return:.0f}"
    return replace(case, name=name, label=label)


def trained(lesson: Lesson) -> list[Any]:
    """The lesson's models, from the files of an earlier run where there are any."""
    import stable_baselines3

    algorithm = getattr(stable_baselines3, lesson.algo)
    files = [lesson.folder / lesson.file(stage) for stage in lesson.stages]
    if not all(file.exists() for file in files):
        train(algorithm, lesson, files)
    return [algorithm.load(file, device="cpu") for file in files]


def train(algorithm: Any, lesson: Lesson, files: list[Path]) -> None:
    """Train once and keep the stages."""
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env

    class Keep(BaseCallback):
        """Saves the model when a stage is reached."""

        def _on_step(self) -> bool:
            for stage, file in zip(lesson.stages, files, strict=True):
                if self.num_timesteps >= stage and not file.exists():
                    write_atomically(file, self.model.save)
            return True

    count = ENVS if lesson.algo == "PPO" else 1
    envs = make_vec_env(lesson.env_id, n_envs=count, seed=0)
    model = algorithm("MlpPolicy", envs, seed=0, device="cpu", **lesson.settings)
    model.learn(lesson.stages[-1], callback=Keep())
