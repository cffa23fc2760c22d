"""CartPole and Acrobot agents at several stages of training, by plain Stable-Baselines3.

Their truth is a return: an agent far below what is known to be possible has a better action
somewhere, one that reaches it has none worth naming. The models are trained once and kept in
`runs/diagnosis_models`, each lesson's in a folder named by its settings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.diagnosis.actors import ModelActor
from agents.diagnosis.prediction import TAKEN
from benchmarks.diagnosis.cases import Case

FOLDER = Path("runs") / "diagnosis_models"
EVALUATED = 100  # episodes behind each label
DECIDED = 0.98  # of the observations must show nothing but rare alternatives for the label `well`
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

    def file(self, stage: int) -> str:
        """The name of the model kept after `stage` steps."""
        return f"{self.algo} {self.env_id} {self.name} {stage}.zip".replace("  ", " ")


LESSONS = (
    Lesson("PPO", "CartPole-v1", (256, 10_240, 102_400), PPO_CARTPOLE),
    Lesson("PPO", "CartPole-v1", (20_480,), {**PPO_CARTPOLE, "learning_rate": 0.1}, "rate 0.1"),
    Lesson("DQN", "CartPole-v1", (1_500, 10_000, 20_000, 30_000, 50_000), DQN_CARTPOLE),
    Lesson("PPO", "Acrobot-v1", (2_048, 20_480, 204_800), PPO_ACROBOT),
    Lesson("DQN", "Acrobot-v1", (2_000, 60_000), DQN_ACROBOT),
)


@dataclass(frozen=True)
class Known:
    """What returns an environment is known to give.

    Attributes:
        best: mean return of a well trained agent (CartPole: the most there is; Acrobot: what
            rl-zoo3's tuned agents reach, about -80).
        poor: below this an agent is far from it.
        good: from this on it has reached it.
        margin: an advantage that counts, in units of return.
    """

    best: float
    poor: float
    good: float
    margin: float


KNOWN = {
    "CartPole-v1": Known(500, 400, 495, 0.0),
    "Acrobot-v1": Known(-80, -120, -90, 10.0),
}


def model_cases() -> Iterator[Case]:
    """Every kept model with the label its return gives it; those in between are left out.

    Budget and states are the defaults of `diagnose`.
    """
    import torch

    torch.set_num_threads(1)  # small networks: threads only cost
    for lesson in LESSONS:
        for stage, model in zip(lesson.stages, trained(lesson), strict=True):
            mean, rare = evaluated(model, lesson.env_id)
            label = label_of(KNOWN[lesson.env_id], mean, rare)
            if label is not None:
                yield Case(
                    f"{lesson.file(stage)[:-4]}, return {mean:.0f}",
                    label,
                    lesson.env_id,
                    model,
                    num_states=8,
                    max_steps=2_000_000,
                    min_advantage=KNOWN[lesson.env_id].margin,
                )


def label_of(known: Known, mean: float, rare: float) -> str | None:
    """The verdict that a mean return calls for; None where it does not settle one.

    Args:
        known: what the environment is known to give.
        mean: the agent's mean return.
        rare: share of the observations at which all but one action are rare (pi <= 0.1).
    """
    if mean >= known.good:
        return "no_better_action"
    if mean > known.poor:
        return None
    return "well" if rare >= DECIDED else "improvable"


def evaluated(model: Any, env_id: str) -> tuple[float, float]:
    """Mean return of the policy, and the share of its observations with rare alternatives only."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    actor, seen = ModelActor(model), []

    def look(scope: dict[str, Any], _: dict[str, Any]) -> None:
        seen.append(scope["observations"][scope["i"]])

    envs = make_vec_env(env_id, n_envs=ENVS, seed=10_000)
    greedy = not actor.is_stochastic
    mean, _ = evaluate_policy(model, envs, EVALUATED, deterministic=greedy, callback=look)
    envs.close()
    second = np.sort(actor.probabilities(seen), axis=1)[:, -2]
    return float(np.mean(mean)), float((second <= TAKEN).mean())


def trained(lesson: Lesson) -> list[Any]:
    """The lesson's models, from the files of an earlier run where there are any."""
    import stable_baselines3

    algorithm = getattr(stable_baselines3, lesson.algo)
    folder = FOLDER / hashlib.sha256(repr(lesson).encode()).hexdigest()[:8]
    files = [folder / lesson.file(stage) for stage in lesson.stages]
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
                    self.model.save(file)
            return True

    files[0].parent.mkdir(parents=True, exist_ok=True)
    count = ENVS if lesson.algo == "PPO" else 1
    envs = make_vec_env(lesson.env_id, n_envs=count, seed=0)
    model = algorithm("MlpPolicy", envs, seed=0, device="cpu", **lesson.settings)
    model.learn(lesson.stages[-1], callback=Keep())
