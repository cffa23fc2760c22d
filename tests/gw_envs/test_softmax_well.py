"""SoftmaxWell-v0: the checkers, the spec, the noise laws, and scalar = vector to the bit."""

import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_sb3

import gw_envs

NOISES = [{}, {"reward_noise": "bernoulli"}, {"reward_noise": "gaussian", "noise_std": 0.3}]


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
@pytest.mark.parametrize("noise", NOISES)
def test_both_checkers_pass_without_a_warning(noise, render_mode):
    env = gym.make("SoftmaxWell-v0", render_mode=render_mode, **noise).unwrapped
    check_env(env)
    check_sb3(env)


def test_is_made_by_module_name_and_registers_twice_without_harm():
    gw_envs.register_envs()
    observation, info = gym.make("gw_envs:SoftmaxWell-v0").reset()
    assert (observation, info) == (0, {})


@pytest.mark.parametrize("kwargs", [{}, {"mean_rewards": (1.0, 0.9, 0.1)}, NOISES[2]])
def test_spec_survives_json_and_makes_the_same_environment(kwargs):
    spec = gym.make("SoftmaxWell-v0", **kwargs).spec
    again = gym.make(EnvSpec.from_json(spec.to_json()))
    assert EnvSpec.from_json(spec.to_json()).to_json() == spec.to_json()
    expected = gym.make("SoftmaxWell-v0", **kwargs).unwrapped.mean_rewards
    np.testing.assert_array_equal(again.unwrapped.mean_rewards, expected)


def test_default_rewards_are_those_of_the_paper():
    env = gym.make("SoftmaxWell-v0").unwrapped
    np.testing.assert_allclose(env.mean_rewards, [0.7, 0.5, 0.5, 0.5, 0.5, 0.5], rtol=0, atol=1e-15)
    assert env.optimal_action == 0
    assert env.reward_gap == pytest.approx(0.2, abs=1e-15)
    moved = gym.make("SoftmaxWell-v0", num_actions=3, optimal_action=2, base_reward=0.1).unwrapped
    np.testing.assert_allclose(moved.mean_rewards, [0.1, 0.1, 0.3], rtol=0, atol=1e-15)


def test_info_is_flat_python_and_has_the_same_keys_every_step():
    env = gym.make("SoftmaxWell-v0")
    env.reset(seed=0)
    for action in (0, 3):
        _, reward, terminated, truncated, info = env.step(action)
        assert type(reward) is float
        assert terminated is True
        assert truncated is False
        assert {key: type(v) for key, v in info.items()} == {
            "mean_reward": float,
            "regret": float,
            "optimal_action": int,
            "is_success": bool,
        }
        assert info["is_success"] == (action == 0)
        assert info["regret"] == pytest.approx(0.0 if action == 0 else 0.2)
        env.reset()


@pytest.mark.parametrize("noise", NOISES)
def test_row_i_of_the_vector_is_the_scalar_environment_of_seed_plus_i(noise):
    vector = gym.make_vec("SoftmaxWell-v0", num_envs=5, **noise)
    scalars = [gym.make("SoftmaxWell-v0", **noise) for _ in range(5)]
    vector.reset(seed=11)
    for i, scalar in enumerate(scalars):
        scalar.reset(seed=11 + i)
    rng = np.random.default_rng(0)
    for _ in range(300):  # more than two blocks of random numbers
        actions = rng.integers(6, size=5)
        rewards = vector.step(actions)[1]
        single = []
        for scalar, action in zip(scalars, actions, strict=True):
            single.append(scalar.step(action)[1])
            scalar.reset()
        np.testing.assert_array_equal(rewards, single)


def test_the_vector_form_returns_what_gymnasiums_own_same_step_vector_returns():
    native = gym.make_vec("SoftmaxWell-v0", num_envs=3, reward_noise="bernoulli")
    make = [lambda: gym.make("SoftmaxWell-v0", reward_noise="bernoulli") for _ in range(3)]
    loop = SyncVectorEnv(make, autoreset_mode=AutoresetMode.SAME_STEP)
    assert native.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert native.observation_space == loop.observation_space
    assert native.action_space == loop.action_space
    np.testing.assert_array_equal(native.reset(seed=4)[0], loop.reset(seed=4)[0])
    for actions in ([0, 1, 2], [5, 0, 0]):
        mine, theirs = native.step(np.array(actions)), loop.step(np.array(actions))
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert mine[4].keys() == theirs[4].keys()
        assert mine[4]["final_info"].keys() == theirs[4]["final_info"].keys()
        for key, column in theirs[4]["final_info"].items():
            np.testing.assert_array_equal(mine[4]["final_info"][key], column)


def test_a_run_of_pulls_loses_none_to_the_autoreset():
    vector = gym.make_vec("SoftmaxWell-v0", num_envs=64)
    vector.reset(seed=0)
    total = sum(vector.step(np.zeros(64, dtype=int))[1].sum() for _ in range(100))
    assert total == pytest.approx(64 * 100 * 0.7)


@pytest.mark.parametrize("noise", NOISES)
def test_noise_has_the_mean_and_spread_it_claims(noise):
    vector = gym.make_vec("SoftmaxWell-v0", num_envs=1000, **noise)
    vector.reset(seed=1)
    draws = np.concatenate([vector.step(np.full(1000, 2))[1] for _ in range(100)])
    spread = {"bernoulli": 0.5, "gaussian": 0.3}.get(noise.get("reward_noise"), 0.0)
    error = spread / np.sqrt(draws.size)
    assert abs(draws.mean() - 0.5) <= 4 * error
    assert draws.std() == pytest.approx(spread, rel=0.02)
    if spread == 0.5:
        assert set(np.unique(draws)) == {0.0, 1.0}


@pytest.mark.parametrize("noise", NOISES[1:])
def test_a_seed_restarts_the_noise_and_a_pickle_continues_it(noise):
    env = gym.make("SoftmaxWell-v0", **noise)

    def pulls(count):
        out = []
        for _ in range(count):
            out.append(env.step(1)[1])
            env.reset()
        return out

    env.reset(seed=7)
    first = pulls(200)
    env.reset(seed=7)
    assert pulls(200) == first
    env.reset(seed=8)
    assert pulls(200) != first
    copy = pickle.loads(pickle.dumps(env))
    assert [copy.step(1)[1]] == pulls(1)


def test_vector_reset_without_seed_continues_and_takes_a_list_of_seeds():
    vector = gym.make_vec("SoftmaxWell-v0", num_envs=2, reward_noise="gaussian", noise_std=1.0)
    vector.reset(seed=[5, 5])
    one = [vector.step(np.array([1, 1]))[1] for _ in range(3)]
    assert all(row[0] == row[1] for row in one)
    vector.reset(seed=[5, 5])
    two = []
    for _ in range(3):
        two.append(vector.step(np.array([1, 1]))[1])
        vector.reset()
    np.testing.assert_array_equal(one, two)


def test_renders_text_and_a_frame_that_show_the_pull():
    text = gym.make("SoftmaxWell-v0", render_mode="ansi")
    text.reset(seed=0)
    text.step(3)
    assert "0*0.700" in text.render()
    assert ">3" in text.render()
    frames = []
    for action in (0, 3):
        env = gym.make("SoftmaxWell-v0", render_mode="rgb_array")
        env.reset(seed=0)
        env.step(action)
        frames.append(env.render())
    assert frames[0].dtype == np.uint8
    assert frames[0].ndim == 3
    assert (frames[0] != frames[1]).any()


def test_action_values_are_the_mean_rewards():
    well = gym.make_vec("SoftmaxWell-v0", num_envs=1).unwrapped
    policy = np.full((4, 1, 6), 1 / 6)
    values, weight = well.action_values(policy)
    np.testing.assert_array_equal(values[2, 0], well.mean_rewards)
    np.testing.assert_array_equal(weight, np.ones((4, 1, 1)))
    np.testing.assert_allclose(well.mdp.action_values(policy), values, rtol=0, atol=1e-15)
