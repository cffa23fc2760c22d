"""ChainWell: its dynamics step by step, its exact values, and the vanishing that it is for."""

import gymnasium as gym
import mpmath
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_sb3

from agents.policies import softmax
from agents.updates import make_rule
from gw_envs.chain_well import ChainWellEnv, ChainWellVectorEnv, chain_mdp
from gw_envs.theory.line_walk import line_walk


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
@pytest.mark.parametrize("start", ["first", "uniform"])
def test_both_checkers_pass(start, render_mode):
    spec = EnvSpec("ChainWell-v0", entry_point="gw_envs.chain_well:ChainWellEnv")
    env = gym.make(spec, render_mode=render_mode, start=start).unwrapped
    check_env(env)
    check_sb3(env)


def test_the_walk_is_the_published_chain():
    """H=2: four states; action 0 right, the others left; paid on the last self-loop alone."""
    env = ChainWellEnv(chain_length=2, horizon=9)
    assert env.reset(seed=0) == (0, {})
    path = [(1, 0, 0.0), (0, 1, 0.0), (2, 0, 0.0), (0, 1, 0.0), (0, 2, 0.0), (3, 1, 0.0)]
    path += [(0, 2, 0.0), (0, 3, 0.0), (0, 3, 1.0)]
    for i, (action, state, pay) in enumerate(path):
        observation, reward, terminated, truncated, info = env.step(action)
        assert (int(observation), reward, terminated) == (state, pay, False)
        assert type(reward) is float and type(truncated) is bool
        assert truncated == (i == 8)
        assert info == {"optimal_action": 0, "is_success": state == 3}
    assert env.discount == pytest.approx(2 / 3)


def test_the_arrays_are_the_walk():
    env, mdp = ChainWellEnv(chain_length=3), chain_mdp(3)
    for state in range(5):
        for action in range(4):
            env.reset(seed=0)
            for _ in range(state):
                env.step(0)
            after, reward, *_ = env.step(action)
            assert mdp.transitions[state, action, after] == 1.0
            assert mdp.rewards[state, action] == reward
    assert mdp.initial.tolist() == [1, 0, 0, 0, 0]


def test_row_i_of_the_vector_is_the_scalar_environment_of_seed_plus_i():
    options = {"chain_length": 4, "start": "uniform", "horizon": 7}
    vector = ChainWellVectorEnv(5, **options)
    scalars = [ChainWellEnv(**options) for _ in range(5)]
    starts, _ = vector.reset(seed=11)
    assert starts.tolist() == [int(s.reset(seed=11 + i)[0]) for i, s in enumerate(scalars)]
    rng = np.random.default_rng(0)
    for _ in range(1000):  # more than one block of random starts
        actions = rng.integers(4, size=5) * rng.integers(2, size=5)
        states, rewards, _, ended, _ = vector.step(actions)
        for i, scalar in enumerate(scalars):
            after, reward, _, truncated, _ = scalar.step(actions[i])
            if truncated:
                after, _ = scalar.reset()
            assert (after, reward, truncated) == (states[i], rewards[i], ended[i])


def test_the_vector_form_returns_what_gymnasiums_own_same_step_vector_returns():
    native = ChainWellVectorEnv(3, chain_length=2, horizon=3)
    make = [lambda: ChainWellEnv(chain_length=2, horizon=3) for _ in range(3)]
    loop = SyncVectorEnv(make, autoreset_mode=AutoresetMode.SAME_STEP)
    assert native.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert native.observation_space == loop.observation_space
    assert native.action_space == loop.action_space
    np.testing.assert_array_equal(native.reset(seed=4)[0], loop.reset(seed=4)[0])
    for actions in ([0, 1, 2], [0, 0, 3], [0, 0, 0], [0, 0, 1]):
        mine, theirs = native.step(np.array(actions)), loop.step(np.array(actions))
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert mine[4].keys() == theirs[4].keys()
        inner = (mine[4].get("final_info", mine[4]), theirs[4].get("final_info", theirs[4]))
        for key, column in inner[1].items():
            if key != "final_obs":
                np.testing.assert_array_equal(inner[0][key], column)
        if "final_obs" in mine[4]:
            np.testing.assert_array_equal(mine[4]["final_obs"], list(theirs[4]["final_obs"]))


def test_starts_are_uniform_and_a_seed_restarts_them():
    vector = ChainWellVectorEnv(5000, chain_length=3, start="uniform")
    first, _ = vector.reset(seed=1)
    counts = np.bincount(first, minlength=5)
    assert np.abs(counts - 1000).max() <= 4 * np.sqrt(5000 * 0.2 * 0.8)
    assert (vector.reset()[0] != first).any()
    np.testing.assert_array_equal(vector.reset(seed=1)[0], first)


@pytest.mark.parametrize("chain_length", [1, 2, 5, 12])
@pytest.mark.parametrize("start", ["first", "uniform"])
def test_exact_values_agree_with_the_general_solver(chain_length, start):
    well = ChainWellVectorEnv(1, chain_length=chain_length, start=start)
    policies = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, chain_length + 2))
    values, weight = well.action_values(policies)
    assert weight.shape == (3, chain_length + 2, 1)
    np.testing.assert_allclose(values, well.mdp.action_values(policies), atol=1e-14 * well.horizon)
    visits = well.mdp.visitation(policies) / (1 - well.discount)
    np.testing.assert_allclose(weight[..., 0], visits, atol=1e-14 * well.horizon)


def test_small_values_keep_their_relative_precision():
    """40 states under pi(right)=.2: V(s_0) ~ 1e-22 against 60-digit arithmetic."""
    size, discount = 40, 39 / 40
    values, visits = line_walk(np.full(size, 0.2), np.eye(size)[0], discount)
    with mpmath.workdps(60):
        p, gamma = mpmath.mpf(0.2), mpmath.mpf(discount)
        system = mpmath.eye(size)
        for s in range(size):
            system[s, min(s + 1, size - 1)] -= gamma * p
            system[s, max(s - 1, 0)] -= gamma * (1 - p)
        pay = mpmath.zeros(size, 1)
        pay[size - 1] = p
        start = mpmath.zeros(size, 1)
        start[0] = 1
        expected = [float(v) for v in mpmath.lu_solve(system, pay)]
        seen = [float(v) for v in mpmath.lu_solve(system.T, start)]
    assert expected[0] < 1e-20
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_allclose(visits, seen, rtol=1e-12)


@pytest.mark.parametrize("chain_length", [1, 10, 100])
def test_best_value_is_its_closed_form(chain_length):
    """H+1 moves, then 1 for ever: V*(s_0) = (H+1)(H/(H+1))^{H+1}; a step back costs discount^2."""
    h = chain_length
    well = ChainWellVectorEnv(1, chain_length=h)
    best = np.eye(4)[well.optimal_actions]
    gamma = h / (h + 1)
    expected = (h + 1) * gamma ** (h + 1 - np.arange(h + 2))
    np.testing.assert_allclose(well.action_values(best)[0][:, 0], expected, rtol=1e-12)
    gaps = expected * np.where(np.arange(h + 2) == 0, 1 - gamma, 1 - gamma**2)
    np.testing.assert_allclose(well.reward_gaps, gaps, rtol=1e-9)


def test_all_gradients_vanish_while_most_of_the_value_is_missing():
    """Agarwal et al. at H=600, the smallest round H whose bound covers first derivatives."""
    h = 600
    assert h / (40 * np.log(2 * h)) - 1 >= 1
    well = ChainWellVectorEnv(1, chain_length=h)
    policy = np.tile([0.2499, *[0.7501 / 3] * 3], (h + 2, 1))
    values, weight = well.action_values(policy)
    largest = np.max(weight * values)  # dV/dpi(a|s) = visits(s) Q(s, a), all >= 0
    assert largest > 0
    assert largest * np.sqrt(values.size) <= (1 / 3) ** (h / 4)
    missing = (h + 1) * (h / (h + 1)) ** (h + 1) - np.sum(policy * values, axis=-1)[0]
    assert missing >= (h + 1) / 8 - (h + 1) ** 2 / 3.0**h


def updates_to_half(name, learning_rate, chain_length, **options):
    """Updates from the uniform policy until V(s_0) exceeds half of V*(s_0)."""
    well, rule = ChainWellVectorEnv(1, chain_length=chain_length), make_rule(name, **options)
    theta = rule.theta_from_policy(np.full((chain_length + 2, 4), 0.25))
    best = (chain_length + 1) * well.discount ** (chain_length + 1)
    for update in range(5000):
        policy = softmax(theta)
        values, weight = well.action_values(policy)
        if np.sum(policy[0] * values[0]) > best / 2:
            return update
        theta = rule.step(theta, values, learning_rate, weight)
    return None


def test_softmax_needs_exponentially_many_updates_and_mirror_rules_do_not():
    """The counts are those of docs/ways_out.md; what they must show is the doubling with H."""
    counts = [updates_to_half("softmax-pg", 1.0, h) for h in (4, 5, 6)]
    np.testing.assert_allclose(counts, [313, 643, 1409], atol=1)
    assert min(counts[1] / counts[0], counts[2] / counts[1]) > 1.9
    for name, rate, expected in (
        ("natural-pg", 1.0, [3, 3, 3]),
        ("normalized-pg", 1 / 6, [33, 36, 39]),
        ("mirror-ascent", 0.1, [38, 38, 38]),
    ):
        counts = [updates_to_half(name, rate, h) for h in (4, 5, 6)]
        np.testing.assert_allclose(counts, expected, atol=1)


def test_renders_where_the_walker_is():
    text = ChainWellEnv(chain_length=2, render_mode="ansi")
    text.reset(seed=0)
    text.step(0)
    assert text.render() == "chain (o here, $ pays): .o..$"
    frames = []
    for action in (0, 1):
        env = ChainWellEnv(render_mode="rgb_array")
        env.reset(seed=0)
        env.step(action)
        frames.append(env.render())
    assert (frames[0] != frames[1]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chain_length": 0}, "chain_length=0"),
        ({"start": "last"}, "start='last' is unknown"),
        ({"horizon": 0}, "horizon=0"),
        ({"render_mode": "human"}, "render_mode='human'"),
    ],
)
def test_refuses_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        ChainWellEnv(**options)


def test_refuses_actions_that_are_none():
    env = ChainWellEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"must hold one of 0\.\.3"):
        env.step(4)
