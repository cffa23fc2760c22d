"""Who steers the negatives on ASRSampling-v0: PPO, REINFORCE, and the controls that do not learn.

A training run is one episode, so an agent learns within the run it is judged by. Both learners
update after every step, from that one transition, with PADS's policy (two hidden layers of 128,
ReLU; Adam, learning rate 0.01; PPO clip 0.2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gw_envs.checks import check_choice, check_float, check_int
from gw_envs.threads import one_thread

SAMPLING_AGENTS = ("ppo", "sb3-softmax-pg", "frozen", "random")
OnStep = Callable[[int, float, dict[str, Any]], bool]


@dataclass(frozen=True)
class SamplerSettings:
    """How a learning sampler is set; the controls have none.

    Attributes:
        learning_rate: Adam's.
        clip_range: of PPO.
        epochs_per_update: gradient steps PPO makes on a transition. (PADS's number is not known.)
        discount: of PPO, which bootstraps with its critic. REINFORCE takes the reward of the step
            alone, less the mean reward so far: waiting for the end of a run would leave it one
            update.
        logit_std: s; at the start N(0, s^2) is added to every action logit. 0 leaves SB3's nearly
            uniform start.
    """

    learning_rate: float = 0.01
    clip_range: float = 0.2
    epochs_per_update: int = 4
    discount: float = 0.99
    logit_std: float = 0.0

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ValueError: naming the one that is out of range.
        """
        check_float("learning_rate", self.learning_rate, 0, open_low=True)
        check_float("clip_range", self.clip_range, 0, open_low=True)
        check_int("epochs_per_update", self.epochs_per_update, 1)
        check_float("discount", self.discount, 0, 1)
        check_float("logit_std", self.logit_std, 0)


def train_sampler(
    env: Any,
    agent: str,
    seed: int,
    on_step: OnStep,
    settings: SamplerSettings | None = None,
) -> None:
    """One training run under an agent.

    Args:
        env: an ASRSampling-v0 environment (unwrapped or not).
        agent: one of `SAMPLING_AGENTS`: "ppo" and "sb3-softmax-pg" learn, "frozen" leaves the bins
            as they began, "random" takes uniformly random actions.
        seed: fixes the run and the agent.
        on_step: called with (step, reward, info), from (0, 0, info) on; True ends the run.
        settings: of the learning agents.

    Raises:
        ValueError: for an unknown agent.
    """
    check_choice("agent", agent, SAMPLING_AGENTS)
    check_int("seed", seed, 0)
    with one_thread():
        if agent in ("frozen", "random"):
            _control(env, agent, seed, on_step)
        else:
            _learn(env, agent, seed, on_step, settings or SamplerSettings())


def _control(env: Any, agent: str, seed: int, on_step: OnStep) -> None:
    """A run under an agent that does not learn."""
    _, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    keep = np.ones(env.action_space.shape, dtype=np.int64)
    step, ended = 0, on_step(0, 0.0, info)
    while not ended:
        action = keep if agent == "frozen" else env.action_space.sample()
        _, reward, terminated, truncated, info = env.step(action)
        step += 1
        ended = on_step(step, reward, info) or terminated or truncated


def _learn(env: Any, agent: str, seed: int, on_step: OnStep, settings: SamplerSettings) -> None:
    """A run under an SB3 agent; SB3 sees the one episode and is stopped at its end."""
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import DummyVecEnv

    class Reporter(BaseCallback):
        """Passes every step on."""

        def _on_training_start(self) -> None:
            on_step(0, 0.0, self.training_env.reset_infos[0])

        def _on_step(self) -> bool:
            info, reward = self.locals["infos"][0], float(self.locals["rewards"][0])
            return not (on_step(self.num_timesteps, reward, info) or self.locals["dones"][0])

    model = _make_model(agent, DummyVecEnv([lambda: env]), seed, settings)
    if settings.logit_std > 0:
        _spread_logits(model.policy, settings.logit_std, seed)
    model.learn(env.unwrapped.total_steps, callback=Reporter())


def _make_model(agent: str, env: Any, seed: int, settings: SamplerSettings) -> Any:
    import torch

    network = {"net_arch": [128, 128], "activation_fn": torch.nn.ReLU}
    shared: dict[str, Any] = {
        "learning_rate": settings.learning_rate,
        "n_steps": 1,
        "policy_kwargs": network,
        "seed": seed,
        "device": "cpu",
    }
    if agent == "ppo":
        from stable_baselines3 import PPO

        return PPO(
            "MlpPolicy",
            env,
            batch_size=1,
            n_epochs=settings.epochs_per_update,
            gamma=settings.discount,
            clip_range=settings.clip_range,
            normalize_advantage=False,  # a batch of one has no spread
            **shared,
        )
    from agents.sb3.softmax_pg import SoftmaxPG

    return SoftmaxPG("MlpPolicy", env, gamma=0.0, baseline="average", **shared)


def _spread_logits(policy: Any, std: float, seed: int) -> None:
    """Add N(0, std^2) to the bias of every action logit."""
    import torch

    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    with torch.no_grad():
        bias = policy.action_net.bias
        bias += torch.from_numpy(rng.normal(0, std, len(bias))).to(bias)
