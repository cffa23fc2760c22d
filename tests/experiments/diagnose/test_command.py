"""The command for models as people have them: rl-zoo3's folders, CleanRL's checkpoints, prints."""

import json
import os
import subprocess
import sys
import textwrap

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from experiments.__main__ import main
from experiments.diagnose.loading import load_agent

FAR = """
import os
import gymnasium as gym
import numpy as np

print("imported")


class Far(gym.Env):
    \"\"\"Shows 1000 +- 5 and pays for the side; it prints, in Python and below it.\"\"\"

    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        print("reset")
        self.time = 0
        return self._show(), {}

    def _show(self):
        self.seen = np.array([1000 + self.np_random.uniform(-5, 5)], np.float32)
        return self.seen

    def step(self, action):
        os.write(1, b"step\\n") if self.time == 0 else None
        reward = float(action == int(self.seen[0] > 1000))
        self.time += 1
        return self._show(), reward, self.time == 10, False, {}


if "outside/Far-v0" not in gym.registry:
    gym.register("outside/Far-v0", Far)
"""

AGENT = """
import numpy as np
from torch import nn
from torch.distributions import Categorical


class Agent(nn.Module):
    def __init__(self, envs):
        super().__init__()
        size = int(np.array(envs.single_observation_space.shape).prod())
        self.critic = nn.Linear(size, 1)
        self.actor = nn.Linear(size, envs.single_action_space.n)

    def get_action_and_value(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


class QNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 2)

    def forward(self, x):
        return self.net(x)


class Two(nn.Module):
    def __init__(self, envs, size):
        super().__init__()


def words(envs):
    return "words"
"""

SHORT = ["--max-steps", "20000", "--num-states", "2"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "far_envs.py").write_text(FAR)
    (tmp_path / "agent_like.py").write_text(AGENT)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("far_envs", "agent_like"):
        sys.modules.pop(name, None)
    if str(tmp_path) in sys.path:
        sys.path.remove(str(tmp_path))
    gym.registry.pop("outside/Far-v0", None)


def saved_in_rl_zoo3s_layout(folder):
    """A normalised model where rl-zoo3 would put it; the statistics beside it."""
    sys.path.append(str(folder))
    import far_envs

    env = VecNormalize(DummyVecEnv([far_envs.Far] * 4))
    settings = {"n_steps": 64, "learning_rate": 0.0, "seed": 0, "device": "cpu"}
    model = PPO("MlpPolicy", env, policy_kwargs={"net_arch": []}, **settings)
    model.policy.action_net.weight.data = torch.tensor([[-300.0], [300.0]])
    model.policy.action_net.bias.data.zero_()
    model.learn(1_000)
    place = folder / "logs" / "ppo" / "outside-Far-v0_1"
    (place / "outside-Far-v0").mkdir(parents=True)
    model.save(place / "outside-Far-v0.zip")
    env.save(place / "outside-Far-v0" / "vecnormalize.pkl")
    return place


def test_rl_zoo3s_statistics_are_found_and_json_stays_json(folder, capfd):
    place = saved_in_rl_zoo3s_layout(folder)
    capfd.readouterr()
    words = [str(place / "outside-Far-v0.zip"), "--env-id", "outside/Far-v0"]
    words += ["--gym-packages", "far_envs", *SHORT]
    assert main(["diagnose", *words, "--json"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert found["verdict"] == "no_better_action"
    assert found["mean_episode_return"] > 9.5
    assert "reset" in err
    assert "step" in err
    assert main(["diagnose", *words, "--vec-normalize", "none"]) == 0
    first, second = capfd.readouterr().out.splitlines()[:2]
    assert first.startswith("verdict: ")
    assert "the stochastic policy of a PPO model" in first
    assert "VecNormalize" not in first
    assert "discount 0.99 (the policy's)" in second


def test_statistics_are_asked_for_where_they_are_missing(folder, capfd):
    place = saved_in_rl_zoo3s_layout(folder)
    moved = (place / "outside-Far-v0" / "vecnormalize.pkl").rename(folder / "stats.pkl")
    words = ["diagnose", str(place / "outside-Far-v0.zip"), "--env-id", "outside/Far-v0"]
    words += ["--gym-packages", "far_envs", *SHORT]
    capfd.readouterr()
    assert main(words) == 2
    assert "--vec-normalize FILE" in capfd.readouterr().err
    assert main([*words, "--vec-normalize", str(moved), "--deterministic"]) == 0
    first = capfd.readouterr().out.splitlines()[0]
    assert "no_better_action" in first
    assert "deterministic (most likely action) policy" in first
    assert "VecNormalize" in first


def test_an_unknown_id_names_the_option_that_imports_it(folder, capsys):
    model = PPO("MlpPolicy", "CartPole-v1", device="cpu")
    model.save(folder / "m.zip")
    assert main(["diagnose", str(folder / "m.zip"), "--env-id", "outside/Far-v0"]) == 2
    assert "--gym-packages" in capsys.readouterr().err


def test_a_model_of_nan_is_refused_in_one_line(folder, capsys):
    model = DQN("MlpPolicy", "CartPole-v1", buffer_size=10, device="cpu")
    model.policy.q_net.q_net[0].weight.data[:] = np.nan
    model.save(folder / "m.zip")
    words = ["diagnose", str(folder / "m.zip"), "--algo", "dqn", "--env-id", "CartPole-v1"]
    assert main(words) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert "the model's weights are not finite" in err[-1]
    assert len(err) <= 2


def test_a_recurrent_model_is_refused_with_the_reason(folder, capsys):
    from sb3_contrib import RecurrentPPO

    RecurrentPPO("MlpLstmPolicy", "CartPole-v1", device="cpu").save(folder / "m.zip")
    words = ["diagnose", str(folder / "m.zip"), "--env-id", "CartPole-v1", "--algo", "ppo_lstm"]
    assert main(words) == 2
    assert "recurrent" in capsys.readouterr().err


def make():
    return gym.make("CartPole-v1")


def checkpoint(folder, wrap=lambda state: state):
    sys.path.append(str(folder))
    import agent_like

    torch.manual_seed(0)
    agent = agent_like.Agent(gym.vector.SyncVectorEnv([make]))
    with torch.no_grad():
        agent.actor.weight.zero_()
        agent.actor.bias[:] = torch.tensor([0.0, 9.0])  # always to the right
    torch.save(wrap(agent.state_dict()), folder / "agent.cleanrl_model")
    return folder / "agent.cleanrl_model"


@pytest.mark.parametrize("where", ["agent_like:Agent", "agent_like.py:Agent"])
def test_a_cleanrl_checkpoint_is_diagnosed_unchanged(where, folder, capsys):
    path = checkpoint(folder)
    words = [str(path), "--agent", where, "--env-id", "CartPole-v1", "--discount", "0.99"]
    assert main(["diagnose", *words, "--max-steps", "60000"]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("verdict: well, of the stochastic policy of a torch module Agent")
    assert "discount 0.99 (as asked for)" in second


def test_weights_are_found_beside_other_things_and_never_unpickled(folder):
    path = checkpoint(folder, lambda state: {"step": 3, "model": state})
    agent = load_agent(path, "agent_like:Agent", make)
    assert agent.actor.bias.tolist() == [0.0, 9.0]
    (folder / "evil.pt").write_bytes(b"")
    torch.save(agent, folder / "whole.pt")
    for name, where, message in (
        ("whole.pt", "agent_like:Agent", "weights alone"),
        ("evil.pt", "agent_like:Agent", "weights alone"),
        ("gone.pt", "agent_like:Agent", "does not exist"),
        (path.name, "agent_like:QNetwork", "holds model, step, but"),
        (path.name, "agent_like:Two", "needs envs, size"),
        (path.name, "agent_like:words", "makes a str"),
        (path.name, "agent_like:Nobody", "is no class"),
        (path.name, "nowhere:Agent", "cannot be imported"),
        (path.name, "Agent", "module:Class"),
    ):
        with pytest.raises(ValueError, match=message):
            load_agent(folder / name, where, make)


def test_a_q_network_is_judged_by_its_greedy_action(folder, capsys):
    checkpoint(folder)
    import agent_like

    torch.manual_seed(0)
    torch.save(agent_like.QNetwork().state_dict(), folder / "q.pt")
    words = ["q.pt", "--agent", "agent_like:QNetwork", "--env-id", "CartPole-v1", *SHORT]
    assert main(["diagnose", *words, "--deterministic"]) == 0
    assert "deterministic (most likely action)" in capsys.readouterr().out.splitlines()[0]


def test_help_says_that_loading_runs_code(capsys):
    with pytest.raises(SystemExit):
        main(["diagnose", "--help"])
    assert "runs code" in capsys.readouterr().out


def test_json_is_all_that_the_program_writes_to_stdout(folder):
    place = saved_in_rl_zoo3s_layout(folder)
    words = [sys.executable, "-m", "experiments", "diagnose", str(place / "outside-Far-v0.zip")]
    words += ["--env-id", "outside/Far-v0", "--gym-packages", "far_envs", *SHORT, "--json"]
    root = os.path.dirname(os.path.dirname(os.path.abspath(sys.modules[main.__module__].__file__)))
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(folder)])}
    done = subprocess.run(words, capture_output=True, text=True, env=paths, check=True)
    assert json.loads(done.stdout)["verdict"] == "no_better_action"
    assert textwrap.shorten(done.stderr, 40)
