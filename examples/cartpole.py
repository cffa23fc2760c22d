"""The theory's algorithm on CartPole: SoftmaxPG with SB3's network, from SB3's own environments.

    python examples/cartpole.py

trains for 200,000 steps and prints the mean return of 20 episodes of the policy as it acts; 500 is
the most an episode gives. It takes about 20 seconds.
"""

from __future__ import annotations

import argparse

import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import LinearSchedule

from agents.sb3.softmax_pg import SoftmaxPG

BUDGET = 200_000


def train(total_timesteps: int = BUDGET, seed: int = 0, progress_bar: bool = False) -> SoftmaxPG:
    """A trained model: 16 environments, 64 steps each per update, Adam from 0.005 down to 0."""
    env = make_vec_env("CartPole-v1", n_envs=16, seed=seed)
    model = SoftmaxPG(
        "MlpPolicy",
        env,
        learning_rate=LinearSchedule(5e-3, 0.0, 1.0),
        n_steps=64,
        gamma=0.99,
        gae_lambda=0.95,
        max_grad_norm=0.5,
        seed=seed,
        device="cpu",
    )
    return model.learn(total_timesteps, log_interval=20, progress_bar=progress_bar)


def mean_return(model: SoftmaxPG, episodes: int = 20) -> float:
    """Mean return of whole episodes of the stochastic policy."""
    env = make_vec_env("CartPole-v1", n_envs=8, seed=1_000)
    mean, _ = evaluate_policy(model, env, n_eval_episodes=episodes, deterministic=False)
    return float(mean)


def main(arguments: list[str] | None = None) -> None:
    """Train and evaluate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--total-timesteps", type=int, default=BUDGET)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--progress-bar", action="store_true", help="needs the package rich")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # a small network: threads cost more than they bring
    model = train(options.total_timesteps, options.seed, options.progress_bar)
    print(f"mean return {mean_return(model):.1f} after {model.num_timesteps:,} steps")


if __name__ == "__main__":
    main()
