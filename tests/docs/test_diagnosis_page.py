"""The snippets of docs/diagnosis.md run as they stand."""

import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from torch import nn
from torch.distributions import Categorical

from agents.diagnosis import Diagnosis, diagnose

PAGE = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


class Agent(nn.Module):
    def __init__(self, envs):
        super().__init__()
        self.critic = nn.Linear(4, 1)
        self.actor = nn.Linear(4, int(envs.single_action_space.n))

    def get_action_and_value(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        action = probs.sample() if action is None else action
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


def files(folder):
    """What a user would have."""
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, device="cpu")
    model.learn(32).save(folder / "model")
    agent = Agent(gym.make_vec("CartPole-v1", num_envs=1))
    torch.save(agent.state_dict(), folder / "ppo.cleanrl_model")
    net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))
    torch.save(net.state_dict(), folder / "net.pt")


def test_every_kind_of_policy_has_its_snippet():
    assert len(SNIPPETS) == 4
    lines = [[line for line in snippet.splitlines() if line] for snippet in SNIPPETS]
    assert [len(each) for each in lines] == [3] * 4


@pytest.mark.parametrize("number", range(4))
def test_a_snippet_runs_as_it_stands(number, tmp_path, monkeypatch):
    files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(diagnose.__kwdefaults__, "max_steps", 20_000)
    names = {"gym": gym, "np": np, "torch": torch, "Agent": Agent, "diagnose": diagnose}
    exec(SNIPPETS[number], names)
    assert isinstance(names["found"], Diagnosis)
