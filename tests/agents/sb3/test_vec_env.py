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


def both(env_id, num_envs, **kwargs):
    """Ours and SB3's of the same environments, seeded alike and reset."""
    ours = WellVecEnv(env_id, num_envs, **kwargs)
    dummy = DummyVecEnv([lambda: gym.make(env_id, **kwargs).unwrapped] * num_envs)
    for env in (ours, dummy):
        env.seed(7)
    np.testing.assert_array_equal(ours.reset(), dummy.reset())
    return ours, dummy


def assert_same_step(mine, theirs):
    """To the bit but for `episode`, which is ours alone, and float32, which is theirs."""
    np.testing.assert_array_equal(mine[0], theirs[0])
    np.testing.assert_array_equal(mine[1].astype(np.float32), theirs[1])
    np.testing.assert_array_equal(mine[2], theirs[2])
    for my_info, their_info in zip(mine[3], theirs[3], strict=True):
        assert my_info.keys() - {"episode"} == their_info.keys()
        for key, value in their_info.items():
            np.testing.assert_array_equal(my_info[key], value, err_msg=key)
            assert isinstance(my_info[key], type(value)), key


@pytest.mark.parametrize("observation", ["state", "one_hot"])
@pytest.mark.parametrize("env_id", CASES)
def test_infos_are_dummy_vec_envs_at_every_step_also_where_episodes_end_apart(env_id, observation):
    ours, dummy = both(env_id, 3, observation=observation, **CASES[env_id])
    rng = np.random.default_rng(1)
    apart = 0
    for n in range(40):
        if n % 7 == 2:  # as in DummyVecEnv, one environment may be begun alone
            mine, theirs = (e.env_method("reset", indices=[n % 3])[0] for e in (ours, dummy))
            np.testing.assert_array_equal(mine[0], theirs[0])
            assert mine[1] == theirs[1] == {}
        actions = rng.integers(0, ours.action_space.n, 3)
        mine, theirs = ours.step(actions), dummy.step(actions)
        assert_same_step(mine, theirs)
        apart += int(0 < mine[2].sum() < 3)
        told = [info["episode"] for info in mine[3] if "episode" in info]
        assert len(told) == int(mine[2].any())
    assert apart > 5 or env_id == "SoftmaxWell-v0"


def test_the_infos_of_two_steps_are_two_dictionaries():
    env = WellVecEnv("ASRWell-v0", 2, horizon=3)
    env.reset()
    seen = []
    for _ in range(6):
        infos = env.step(np.ones(2, int))[3]
        assert all("mark" not in info for info in infos)
        for info in infos:
            info["mark"] = info["mean_reward"] = -1.0
        seen += infos
    assert len({id(info) for info in seen}) == 12
    env.reset()
    env.reset_infos[0]["mark"] = 1
    assert env.reset_infos[1] == {}


def test_what_scalar_environments_tell_reaches_a_monitor_by_keyword():
    env = VecMonitor(WellVecEnv("SoftmaxWell-v0", 2), info_keywords=("regret", "is_success"))
    env.reset()
    infos = env.step(np.array([0, 1]))[3]
    assert [info["episode"]["regret"] for info in infos] == pytest.approx([0.0, 0.2])
    assert [info["episode"]["is_success"] for info in infos] == [True, False]


def test_options_are_set_for_each_environment_and_used_once():
    """O9."""
    env = WellVecEnv("ASRWell-v0", 3)
    env.set_options([{"state": 0}, {"state": 1}, {"state": 2}])
    assert env.reset().tolist() == [0, 1, 2]
    env.set_options({"state": 2})
    assert env.reset().tolist() == [2, 2, 2]
    ours, dummy = both("ASRWell-v0", 3)
    for options in ([{"state": 1}, {}, {"clock": 40}], {}, [{}, {"clock": 7, "state": 0}, {}]):
        for e in (ours, dummy):
            e.set_options(options)
        np.testing.assert_array_equal(ours.reset(), dummy.reset())
        assert ours.get_attr("clock") == dummy.get_attr("clock")
        for _ in range(25):
            assert_same_step(ours.step(np.array([0, 1, 2])), dummy.step(np.array([0, 1, 2])))
    env.set_options([{}, {"stat": 1}, {}])
    with pytest.raises(ValueError, match=r"'stat' is unknown.*Did you mean 'state'"):
        env.reset()


@pytest.mark.parametrize("options", [[{"state": 0}], [{}] * 4, "state", [{}, {}, 1]])
def test_options_that_leave_an_environment_out_are_refused(options):
    env = WellVecEnv("ASRWell-v0", 3)
    with pytest.raises(ValueError, match="must be a dictionary, or a list of 3, one for each"):
        env.set_options(options)


def test_attributes_are_reached_as_in_any_vec_env():
    env, dummy = both("ASRWell-v0", 3)
    assert env.get_attr("num_actions") == dummy.get_attr("num_actions") == [3, 3, 3]
    assert env.get_attr("num_actions", indices=0) == [3]
    for e in (env, dummy):
        e.env_method("reset", indices=[1], options={"clock": 5})
        e.set_attr("tag", 1)
        e.set_attr("tag", 2, indices=[0])
        e.set_attr("move_prob", 0.5)
        assert e.get_attr("tag") == [2, 1, 1]
        assert e.get_attr("move_prob", indices=[0, 2]) == [0.5, 0.5]
        assert e.get_attr("clock") == [0, 5, 0]
    with pytest.raises(ValueError, match=r"indices=\[0\].*share 'move_prob'"):
        env.set_attr("move_prob", 0.1, indices=[0])
    with pytest.raises(AttributeError, match="nothing"):
        env.get_attr("nothing")
    assert env.env_is_wrapped(gym.Wrapper) == [False] * 3
    for name in ("observation_space", "action_space", "discount", "num_envs", "render_mode"):
        assert env.get_attr(name) == dummy.get_attr(name), name
    for name in ("optimal_actions", "reward_gaps", "states"):
        np.testing.assert_array_equal(env.get_attr(name), dummy.get_attr(name), err_msg=name)


def test_methods_are_called_by_index():
    env, dummy = both("ASRWell-v0", 3, render_mode="ansi")
    for e in (env, dummy):
        e.env_method("reset", indices=[2], options={"clock": 300, "state": 1})
        e.env_method("reseed", 11, indices=[0, 2])
    assert env.env_method("render") == dummy.env_method("render")
    assert env.env_method("line", 0, indices=[2]) == dummy.env_method("line", 0, indices=[2])
    for _ in range(30):
        assert_same_step(env.step(np.array([0, 2, 1])), dummy.step(np.array([0, 2, 1])))
    mine, theirs = (e.env_method("mean_rewards_at", 9, indices=1)[0] for e in (env, dummy))
    np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(env.get_attr("mdp"), dummy.get_attr("mdp"), strict=True):
        np.testing.assert_array_equal(mine.rewards, theirs.rewards)
    for name, argument in (("get_wrapper_attr", "discount"), ("has_wrapper_attr", "nothing")):
        assert env.env_method(name, argument) == dummy.env_method(name, argument)
    assert env.env_method("close") == [None] * 3
    with pytest.raises(ValueError, match=r"'step' of environment 1 alone.*DummyVecEnv"):
        env.env_method("step", 0, indices=[1])


def test_another_autoreset_is_refused():
    with pytest.raises(ValueError, match="autoreset_mode='NextStep' does not go with WellVecEnv"):
        WellVecEnv("ASRWell-v0", 2, autoreset_mode="NextStep")


def test_sb3s_own_maker_serves_too():
    """`make_vec_env` of the id: SB3's own wrapping; the callback finds the ground truth."""
    from agents.sb3.ground_truth import ground_truth

    env = make_vec_env("SoftmaxWell-v0", n_envs=2)
    assert ground_truth(env).optimal_actions.tolist() == [0]
    assert ground_truth(VecMonitor(WellVecEnv("ASRWell-v0", 1))).num_states == 3
