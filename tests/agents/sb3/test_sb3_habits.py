"""SB3's own habits hold with our SoftmaxPG and WellVecEnv: saving, loading, callbacks.

After the pattern of SB3's `test_save_load.py` and `test_callbacks.py`.
"""

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnNoModelImprovement,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

import gw_envs  # noqa: F401
from agents.sb3 import SoftmaxPG, WellVecEnv

POLICIES = ("TabularPolicy", "MlpPolicy")
GRADIENTS = ("sampled", "exact")


def make(policy="TabularPolicy", env=None, gradient="sampled", **kwargs):
    env = WellVecEnv("ASRWell-v0", 2, horizon=4) if env is None else env
    return SoftmaxPG(policy, env, 0.1, 4, 0.0, gradient=gradient, seed=0, device="cpu", **kwargs)


def parameters(model):
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


def assert_same(mine, theirs):
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert th.equal(value, theirs[name]), name


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_saved_model_loads_and_learns_on(policy, gradient, tmp_path):
    model = make(policy, gradient=gradient)
    model.learn(80)
    observations = np.array([0, 1, 2])
    before, chosen = parameters(model), model.predict(observations, deterministic=True)[0]
    old = model.get_parameters()
    for name, value in old["policy"].items():  # other parameters, and back
        old["policy"][name] = th.rand_like(value)
    model.set_parameters(old, exact_match=True)
    assert any(not th.equal(value, before[name]) for name, value in parameters(model).items())
    old["policy"] = before
    model.set_parameters(old, exact_match=True)
    assert_same(parameters(model), before)
    with pytest.raises(ValueError):
        model.set_parameters({"nothing": {}}, exact_match=True)
    model.save(tmp_path / "model.zip")
    loaded = SoftmaxPG.load(tmp_path / "model", env=model.get_env(), device="cpu")
    assert_same(parameters(loaded), before)
    np.testing.assert_array_equal(loaded.predict(observations, deterministic=True)[0], chosen)
    for key in ("update", "gradient", "baseline", "gamma", "n_steps", "learning_rate", "vf_coef"):
        assert getattr(loaded, key) == getattr(model, key), key
    loaded.learn(80)
    assert any(not th.equal(value, before[name]) for name, value in parameters(loaded).items())
    alone = SoftmaxPG.load(tmp_path / "model", device="cpu")
    alone.set_env(WellVecEnv("ASRWell-v0", 2, horizon=4))
    alone.learn(80, reset_num_timesteps=False)
    assert alone.num_timesteps == model.num_timesteps + 80


@pytest.mark.parametrize("policy", POLICIES)
def test_a_saved_policy_loads_alone(policy, tmp_path):
    model = make(policy)
    model.learn(40)
    model.policy.save(tmp_path / "policy.pkl")
    loaded = type(model.policy).load(tmp_path / "policy.pkl", device="cpu")
    assert_same(loaded.state_dict(), parameters(model))
    observations = np.array([0, 1, 2, 0])
    np.testing.assert_array_equal(
        loaded.predict(observations, deterministic=True)[0],
        model.predict(observations, deterministic=True)[0],
    )


class Counting(BaseCallback):
    """Notes how often it is called, and when."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _on_step(self):
        self.seen.append(self.num_timesteps)
        assert len(self.locals["infos"]) == len(self.locals["dones"]) == self.training_env.num_envs
        assert all("mean_reward" in info for info in self.locals["infos"])
        return True


@pytest.mark.filterwarnings("ignore:Training and eval env are not of the same type")
@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("policy", POLICIES)
def test_callbacks_are_called_at_every_step(policy, gradient, tmp_path):
    env = WellVecEnv("ASRWell-v0", 1, horizon=4)
    model = make(policy, env, gradient)
    counting, on_timer = Counting(), Counting()
    checkpoint = CheckpointCallback(save_freq=50, save_path=str(tmp_path))
    event_checkpoint = CheckpointCallback(1, str(tmp_path), name_prefix="event")
    event = EveryNTimesteps(n_steps=25, callback=CallbackList([event_checkpoint, on_timer]))
    evaluation = EvalCallback(
        VecMonitor(WellVecEnv("ASRWell-v0", 1, horizon=4)),
        callback_on_new_best=StopTrainingOnRewardThreshold(reward_threshold=100.0),
        callback_after_eval=StopTrainingOnNoModelImprovement(1000),
        best_model_save_path=str(tmp_path),
        log_path=str(tmp_path),
        eval_freq=20,
        n_eval_episodes=2,
        verbose=0,
    )
    longest = StopTrainingOnMaxEpisodes(max_episodes=1000)
    callback = CallbackList([checkpoint, evaluation, event, longest, counting])
    model.learn(100, callback=callback)
    assert counting.seen == list(range(1, 101))
    assert on_timer.seen == [25, 50, 75, 100]
    assert event.n_calls == event.num_timesteps == model.num_timesteps == 100
    assert checkpoint.locals["new_obs"] is callback.locals["new_obs"]
    assert event_checkpoint.locals["new_obs"] is callback.locals["new_obs"]
    assert env.observation_space.contains(callback.locals["new_obs"][0])
    assert longest.n_episodes == 25
    assert np.load(tmp_path / "evaluations.npz")["timesteps"].tolist() == [20, 40, 60, 80, 100]
    assert {p.name for p in tmp_path.glob("*_steps.zip")} == {
        "rl_model_50_steps.zip",
        "rl_model_100_steps.zip",
        *(f"event_{n}_steps.zip" for n in (25, 50, 75, 100)),
    }
    assert SoftmaxPG.load(tmp_path / "event_50_steps", env=env).num_timesteps == 50
    model.learn(20, callback=[counting])
    model.learn(20, callback=lambda _locals, _globals: True)


@pytest.mark.parametrize("n_envs", [1, 3])
def test_training_stops_when_enough_episodes_have_ended(n_envs):
    model = make(env=WellVecEnv("ASRWell-v0", n_envs, horizon=4))
    stop = StopTrainingOnMaxEpisodes(max_episodes=5)
    model.learn(10_000, callback=stop)
    assert stop.n_episodes == 5 * n_envs
    assert model.num_timesteps == 5 * 4 * n_envs


@pytest.mark.parametrize("algorithm", [SoftmaxPG, A2C])
def test_a_callback_on_a_timer_sees_as_many_steps_as_with_dummy_vec_env(algorithm):
    seen = []
    for env in (WellVecEnv("SoftmaxWell-v0", 4), make_vec_env("SoftmaxWell-v0", 4)):
        timer = Counting()
        model = algorithm("MlpPolicy", env, n_steps=5, seed=0, device="cpu")
        model.learn(400, callback=EveryNTimesteps(n_steps=4, callback=timer))
        seen.append(timer.seen)
    assert seen[0] == seen[1] == list(range(4, 401, 4))


def test_success_and_returns_reach_the_logger():
    model = make(env=WellVecEnv("ASRWell-v0", 3, horizon=4))
    model.learn(3 * 4 * 20)
    assert len(model.ep_success_buffer) > 20
    assert set(model.ep_success_buffer) <= {True, False}
    assert len(model.ep_info_buffer) == 20


def test_evaluation_and_normalisation_wrap_it(tmp_path):
    env = VecNormalize(WellVecEnv("ASRWell-v0", 3, horizon=4, observation="one_hot"))
    model = make("MlpPolicy", env)
    model.learn(60)
    returns, lengths = evaluate_policy(
        model, VecMonitor(WellVecEnv("ASRWell-v0", 3, horizon=4, observation="one_hot")), 6,
        return_episode_rewards=True,
    )  # fmt: skip
    assert lengths == [4] * 6
    assert len(returns) == 6
    env.save(str(tmp_path / "normalise.pkl"))
    again = VecNormalize.load(
        str(tmp_path / "normalise.pkl"), WellVecEnv("ASRWell-v0", 3, observation="one_hot")
    )
    np.testing.assert_array_equal(again.obs_rms.mean, env.obs_rms.mean)


def test_the_scalar_environments_train_alike():
    model = make(env=gym.make("ChainWell-v0", chain_length=2))
    model.learn(40)
    assert model.num_timesteps == 40
