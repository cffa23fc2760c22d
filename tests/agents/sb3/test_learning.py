"""Every algorithm learns where learning is easy: 95 % of the optimal return in a stated budget."""

import numpy as np
import pytest
from stable_baselines3.common.env_util import make_vec_env

from agents.evaluation import evaluate
from agents.sb3.ground_truth import policy_table
from agents.sb3.softmax_pg import SoftmaxPG
from agents.sb3.stock import make_baseline
from agents.sb3.vec_env import WellVecEnv

WELLS = {
    "SoftmaxWell-v0": {"mean_rewards": (0.9, 0.3, 0.1), "reward_noise": "bernoulli"},
    "ASRWell-v0": {"drift": 0.1, "reward_gaps": 0.7},
}
# Algorithm: environment steps in SoftmaxWell and ASRWell, environments, settings.
BUDGETS = {
    "softmax-pg": (4_000, 12_000, 16, {"learning_rate": 1.0, "n_steps": 2}),
    "softmax-pg mlp": (8_000, 16_000, 16, {"learning_rate": 3e-3, "n_steps": 8}),
    "ppo": (8_000, 12_000, 32, {"learning_rate": 5e-3, "n_epochs": 5}),
    "a2c": (16_000, 32_000, 32, {"learning_rate": 7e-3}),
    "dqn": (6_000, 6_000, 8, {"learning_rate": 3e-3, "learning_starts": 200}),
    "trpo": (16_000, 16_000, 32, {"target_kl": 0.05}),
}


def build(name, env):
    settings = BUDGETS[name][3]
    if not name.startswith("softmax-pg"):
        return make_baseline(name, env, seed=0, **settings)
    policy = "MlpPolicy" if name.endswith("mlp") else "TabularPolicy"
    return SoftmaxPG(policy, env, gamma=env.well.discount, seed=0, device="cpu", **settings)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in ("dqn", "trpo") else n for n in BUDGETS],
)
@pytest.mark.parametrize("env_id", WELLS)
def test_it_reaches_95_percent_of_the_optimal_return(name, env_id):
    softmax_steps, asr_steps, n_envs, _ = BUDGETS[name]
    env = WellVecEnv(env_id, n_envs, **WELLS[env_id])
    model = build(name, env)
    best = np.eye(env.well.num_actions)[env.well.optimal_actions]
    optimum = evaluate(env.well, best[None], 0).objective[0]
    start = evaluate(env.well, policy_table(model)[None], 0).objective[0]
    model.learn(softmax_steps if env_id == "SoftmaxWell-v0" else asr_steps, log_interval=None)
    reached = evaluate(env.well, policy_table(model)[None], 0).objective[0]
    assert start < 0.6 * optimum
    assert reached >= 0.95 * optimum


def test_a_network_learns_two_choices_at_once():
    """MultiDiscrete actions: reward only for the pair (2, 1), from 1/6 to 0.95 in 8,000 steps."""
    import gymnasium as gym
    from gymnasium import spaces

    class Pair(gym.Env):
        observation_space = spaces.Box(0, 1, (1,), np.float32)
        action_space = spaces.MultiDiscrete([3, 2])

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(1, np.float32), {}

        def step(self, action):
            return np.zeros(1, np.float32), float(tuple(action) == (2, 1)), True, False, {}

    env = make_vec_env(Pair, n_envs=16, seed=0)
    model = SoftmaxPG("MlpPolicy", env, learning_rate=1e-2, n_steps=4, seed=0, device="cpu")
    model.learn(8_000, log_interval=None)
    pulls, _ = model.predict(np.zeros((400, 1), np.float32))
    assert np.mean((pulls == (2, 1)).all(axis=1)) >= 0.95
