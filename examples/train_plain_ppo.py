"""Two PPO agents on CartPole, trained by plain Stable-Baselines3: one converges, one gets stuck.

    python examples/train_plain_ppo.py OUTPUT_FOLDER      # under a minute of one core

The script knows nothing of this project. `converged.zip` has sensible settings. `stuck.zip` differs
in its learning rate, a hundred times too large: within a few updates the network saturates, the
policy always pushes the same way, and its return stays flat at about 9. Both learning curves end
flat; `python -m experiments diagnose` tells them apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

SETTINGS = {
    "n_steps": 32,
    "batch_size": 256,
    "gae_lambda": 0.8,
    "gamma": 0.98,
    "n_epochs": 20,
    "seed": 0,
    "device": "cpu",
}


def linear(start: float):
    """A schedule that falls from `start` to 0."""
    return lambda remaining: remaining * start


def train(folder: Path, converged_steps: int = 100_000, stuck_steps: int = 20_000) -> None:
    """Train both and save them."""
    torch.set_num_threads(1)  # small networks: threads only cost
    folder.mkdir(parents=True, exist_ok=True)
    envs = make_vec_env("CartPole-v1", n_envs=8, seed=0)
    model = PPO("MlpPolicy", envs, learning_rate=linear(1e-3), clip_range=linear(0.2), **SETTINGS)
    model.learn(converged_steps)
    model.save(folder / "converged.zip")
    model = PPO("MlpPolicy", envs, learning_rate=0.1, **SETTINGS)
    model.learn(stuck_steps)
    model.save(folder / "stuck.zip")
    print(f"wrote {folder / 'converged.zip'} and {folder / 'stuck.zip'}")


if __name__ == "__main__":
    train(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
