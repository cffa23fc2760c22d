"""WellVecEnv: the same episodes as SB3's DummyVecEnv of the same environments, without its loop."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import gw_envs  # noqa: F401
from agents.sb3.vec_env import WellVecEnv

CASES = {
    "SoftmaxWell-v0": {"reward_noise": "bernoulli"},
    "ASRWell-v0": {"horizon": 4},
    "ChainWell-v0": {"horizon": 5},
}


@pytest.mark.parametrize("env_id", CASES)
@pytest.mark.filterwarnings("ignore:.*you specified.*:UserWarning")
def test_sb3s_checker_accepts_the_scalar_environments(env_id):
    check_env(gym.make(env_id, **CASES[env_id]).unwrapped)


@pytest.mark.parametrize("env_id", CASES)
def test_the_episodes_are_dummy_vec_envs_to_the_bit(env_id):
    ours = WellVecEnv(env_id, 3, **CASES[env_id])
    dummy = DummyVecEnv([lambda: gym.make(env_id, **CASES[env_id])] * 3)
    for env in (ours, dummy):
        env.seed(7)
    np.testing.assert_array_equal(ours.reset(), dummy.reset())
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(12):
        actions = rng.integers(0, ours.action_space.n, 3)
        mine, theirs = ours.step(actions), dummy.step(actions)
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1].astype(np.float32), theirs[1])
        np.testing.assert_array_equal(mine[2], theirs[2])
        ended += int(mine[2][0])
        for my_info, their_info in zip(mine[3], theirs[3], strict=True):
            for key in ("TimeLimit.truncated", "terminal_observation"):
                if mine[2][0]:
                    assert my_info[key] == their_info[key]
    assert ended >= 2


def test_the_first_environment_tells_of_the_mean_episode():
    env = WellVecEnv("ASRWell-v0", 5, horizon=3, drift=0.3)
    env.seed(0)
    env.reset()
    total = np.zeros(5)
    for k in range(3):
        _, rewards, dones, infos = env.step(np.arange(5) % 3)
        total += rewards
        assert dones.all() == (k == 2)
    assert rewards.dtype == np.float64
    assert infos[0]["episode"]["r"] == pytest.approx(total.mean())
    assert infos[0]["episode"]["l"] == 3
    assert 0 <= infos[0]["is_success"] <= 1
    assert all("episode" not in info for info in infos[1:])


def test_a_horizon_that_is_a_true_end_is_not_bootstrapped():
    for bootstrap in (True, False):
        env = WellVecEnv("ASRWell-v0", 2, horizon=2, bootstrap=bootstrap)
        env.reset()
        env.step(np.zeros(2, int))
        _, _, dones, infos = env.step(np.zeros(2, int))
        assert dones.all()
        assert [info["TimeLimit.truncated"] for info in infos] == [bootstrap] * 2
        assert all("terminal_observation" in info for info in infos)


def test_a_monitor_around_it_counts_every_episode():
    env = VecMonitor(WellVecEnv("SoftmaxWell-v0", 4))
    env.reset()
    _, rewards, _, infos = env.step(np.array([0, 1, 2, 0]))
    assert [info["episode"]["r"] for info in infos] == pytest.approx(rewards.tolist())


def test_the_clock_goes_on_through_episodes_and_restarts_with_a_seed():
    env = WellVecEnv("ASRWell-v0", 2, horizon=2, steps_per_tick=3)
    env.reset()
    for _ in range(7):
        env.step(np.zeros(2, int))
    assert env.well.clock == 2
    env.reset()
    assert env.well.clock == 2
    env.seed(0)
    env.reset()
    assert env.well.clock == 0


def test_episodes_that_end_apart_are_refused(monkeypatch):
    env = WellVecEnv("SoftmaxWell-v0", 2)
    env.reset()
    step = env.well.step

    def apart(actions):
        observations, rewards, ended, cut, infos = step(actions)
        ended[1] = False
        return observations, rewards, ended, cut, infos

    monkeypatch.setattr(env.well, "step", apart)
    with pytest.raises(RuntimeError, match=r"SoftmaxWell-v0 ended some episodes alone.*Dummy"):
        env.step(np.zeros(2, int))


def test_attributes_are_reached_as_in_any_vec_env():
    env = WellVecEnv("SoftmaxWell-v0", 3)
    assert env.get_attr("num_actions") == [6, 6, 6]
    assert env.get_attr("num_actions", indices=0) == [6]
    env.set_attr("tag", 1)
    assert env.get_attr("tag", indices=[0, 2]) == [1, 1]
    with pytest.raises(ValueError, match=r"indices=\[0\].*share 'tag'"):
        env.set_attr("tag", 2, indices=[0])
    assert env.env_is_wrapped(gym.Wrapper) == [False] * 3
    assert env.env_method("close") == [None] * 3


def test_sb3s_own_maker_serves_too():
    """`make_vec_env` of the id: SB3's own wrapping; the callback finds the ground truth."""
    from agents.sb3.ground_truth import ground_truth

    env = make_vec_env("SoftmaxWell-v0", n_envs=2)
    assert ground_truth(env).optimal_actions.tolist() == [0]
    assert ground_truth(VecMonitor(WellVecEnv("ASRWell-v0", 1))).num_states == 3
