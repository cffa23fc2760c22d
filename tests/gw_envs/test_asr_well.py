"""ASRWell-v0: rewards, moves, clock, premise, ground truth, and scalar = vector to the bit."""

import json
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as check_sb3

from gw_envs.asr_well import DEFAULT_DRIFT
from gw_envs.drift import AR1, Constant, Linear

NOISY = {"law": "ar1", "base": 0.5, "std": 0.02, "correlation": 0.5}
VARIANTS = [
    {},
    {"num_states": 1, "drift": 0.3, "horizon": 2},
    {
        "num_states": 5,
        "reward_gaps": [0.1, 0.2, 0.3, 0.2, 0.1],
        "discount": 0.9,
        "drift": NOISY,
        "premise": "ignore",
    },
    {"drift": [0.5, {"law": "seasonal", "mean": 0.5, "amplitude": 0.05, "period": 30}, NOISY]},
    {"move_prob": 0.5, "steps_per_tick": 7, "horizon": 3, "drift_horizon": 20},
]


def make(**kwargs):
    return gym.make("ASRWell-v0", **kwargs).unwrapped


def play(env, actions):
    """Observations, rewards, truncations and infos, resetting where an episode ends."""
    out = []
    for action in actions:
        step = env.step(action)
        out.append(step)
        if step[3]:
            out[-1] = (*step, env.reset()[0])
    return out


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
@pytest.mark.parametrize("kwargs", VARIANTS)
def test_both_checkers_pass_without_a_warning(kwargs, render_mode):
    env = make(render_mode=render_mode, **kwargs)
    check_env(env)
    check_sb3(env)


@pytest.mark.parametrize("kwargs", VARIANTS)
def test_spec_survives_json_and_makes_the_same_environment(kwargs):
    spec = gym.make("ASRWell-v0", **kwargs).spec
    again = gym.make(EnvSpec.from_json(spec.to_json())).unwrapped
    for clock in (0, 9, 10**6):
        np.testing.assert_array_equal(
            again.mean_rewards_at(clock), make(**kwargs).mean_rewards_at(clock)
        )


def test_rewards_are_base_plus_gap_of_the_best_action():
    drift = [Linear(0.2, 0.01), Constant(0.3), AR1(Constant(0.4), 0.01)]
    env = make(
        num_states=4, reward_gaps=[0.1, 0.2, 0.3, 0.4], drift=drift, drift_horizon=20,
        drift_seed=5, premise="ignore",
    )  # fmt: skip
    assert env.optimal_actions.tolist() == [0, 0, 1, 2]
    noise = drift[2].tabulate(20, np.random.SeedSequence(5).spawn(3)[2])
    for t in (0, 7, 20, 33):
        base = np.array([0.2 + 0.01 * min(t, 20), 0.3, noise[min(t, 20)]])
        np.testing.assert_allclose(env.base_rewards(t), base, atol=1e-15)
        expected = np.tile(base, (4, 1))
        expected[[0, 1, 2, 3], [0, 0, 1, 2]] += [0.1, 0.2, 0.3, 0.4]
        np.testing.assert_allclose(env.mean_rewards_at(t), expected, atol=1e-15)
        np.testing.assert_allclose(env.mdp_at(t).rewards, expected, atol=1e-15)


@pytest.mark.parametrize(
    ("num_states", "best"),
    [(1, [1]), (2, [0, 1]), (3, [0, 1, 2]), (5, [0, 0, 1, 2, 2])],
)
def test_default_best_action_leads_to_the_middle(num_states, best):
    assert make(num_states=num_states).optimal_actions.tolist() == best


def test_one_law_is_one_path_and_three_laws_have_noise_of_their_own():
    shared = make(drift=NOISY).rewards.paths
    assert (shared == shared[:, :1]).all()
    own = make(drift=[NOISY] * 3, premise="ignore").rewards.paths - 0.5
    np.testing.assert_allclose(np.corrcoef(own.T), np.eye(3), atol=0.06)
    again = make(drift=[NOISY] * 3, premise="ignore").rewards.paths - 0.5
    np.testing.assert_array_equal(own, again)
    other = make(drift=[NOISY] * 3, premise="ignore", drift_seed=1).rewards.paths - 0.5
    assert not np.array_equal(own, other)


def test_a_step_by_hand():
    env = make(drift=Linear(0.1, 0.01), drift_horizon=20, move_prob=1, horizon=4)
    env.reset(seed=0, options={"state": 0, "clock": 5})
    state, reward, terminated, truncated, info = env.step(0)
    assert (state, terminated, truncated) == (1, False, False)
    assert reward == pytest.approx(0.1 + 0.05 + 0.2)
    assert info == {
        "mean_reward": reward,
        "regret": 0.0,
        "optimal_action": 0,
        "current_best_action": 0,
        "is_success": True,
        "clock": 5,
        "state": 0,
        "hardness": 0.0,
    }
    state, reward, _, _, info = env.step(0)
    assert state == 2
    assert reward == pytest.approx(0.16)
    assert (info["regret"], info["is_success"], info["clock"]) == (pytest.approx(0.2), False, 6)
    assert info["hardness"] == 0.5
    assert env.step(0)[0] == 2  # the ladder ends here
    assert env.step(2)[0] == 1
    assert info.keys() == env.step(1)[4].keys()


def test_info_is_flat_python():
    env = make()
    env.reset(seed=0)
    for action in (0, 1, 2):
        _, reward, terminated, truncated, info = env.step(action)
        assert [type(x) for x in (reward, terminated, truncated)] == [float, bool, bool]
        assert {type(v) for v in info.values()} <= {float, int, bool}
        json.dumps(info)


def test_the_current_best_action_is_shown_beside_the_fixed_one():
    env = make(num_states=1, reward_gaps=0.1, drift=[0.9, 0.3, 0.2], premise="ignore")
    env.reset(seed=0)
    info = env.step(1)[4]
    assert (info["optimal_action"], info["current_best_action"]) == (1, 0)
    assert info["regret"] == pytest.approx(0.5)
    assert info["is_success"] is True


def test_the_clock_restarts_on_a_seed_and_runs_on_without_one():
    env = make(horizon=4, steps_per_tick=3)
    env.reset(seed=3)
    clocks = [step[4]["clock"] for step in play(env, [1] * 10)]
    assert clocks == [n // 3 for n in range(10)]
    env.reset()
    assert env.step(1)[4]["clock"] == 3
    env.reset(seed=3)
    assert env.step(1)[4]["clock"] == 0
    env.reset(options={"clock": 50})
    assert [env.step(1)[4]["clock"] for _ in range(4)] == [50, 50, 50, 51]


def test_an_episode_is_cut_after_its_horizon():
    env = make(horizon=3)
    env.reset(seed=0)
    assert [step[3] for step in play(env, [1] * 7)] == [False, False, True] * 2 + [False]
    assert gym.make_vec("ASRWell-v0", horizon=9, max_episode_steps=4).unwrapped.horizon == 4
    assert gym.make_vec("ASRWell-v0", horizon=3, max_episode_steps=4).unwrapped.horizon == 3


@pytest.mark.parametrize("kwargs", [*VARIANTS, {"horizon": 1}])
def test_row_i_of_the_vector_is_the_scalar_environment_of_seed_plus_i(kwargs):
    vector = gym.make_vec("ASRWell-v0", num_envs=5, **kwargs)
    scalars = [make(**kwargs) for _ in range(5)]
    starts = vector.reset(seed=11)[0]
    singles = [scalar.reset(seed=11 + i)[0] for i, scalar in enumerate(scalars)]
    np.testing.assert_array_equal(starts, singles)
    rng = np.random.default_rng(0)
    for _ in range(300):  # more than two blocks of random numbers
        actions = rng.integers(3, size=5)
        states, rewards, _, truncated, infos = vector.step(actions)
        for i, scalar in enumerate(scalars):
            state, reward, _, cut, info = scalar.step(actions[i])
            columns = infos
            if cut:
                assert infos["final_obs"][i] == state
                columns, state = infos["final_info"], scalar.reset()[0]
            assert (state, reward, cut) == (states[i], rewards[i], truncated[i])
            assert info == {key: columns[key][i] for key in info}


def test_the_vector_form_returns_what_gymnasiums_own_same_step_vector_returns():
    kwargs = {"horizon": 3, "num_states": 4}
    native = gym.make_vec("ASRWell-v0", num_envs=3, **kwargs)
    one = [lambda: gym.make("ASRWell-v0", **kwargs) for _ in range(3)]
    loop = SyncVectorEnv(one, autoreset_mode=AutoresetMode.SAME_STEP)
    assert native.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert native.observation_space == loop.observation_space
    assert native.action_space == loop.action_space
    np.testing.assert_array_equal(native.reset(seed=4)[0], loop.reset(seed=4)[0])
    for n in range(8):
        actions = np.array([n % 3, (n + 1) % 3, 2])
        mine, theirs = native.step(actions), loop.step(actions)
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert mine[4].keys() == theirs[4].keys()
        assert ("final_info" in mine[4]) == (n % 3 == 2)
        if "final_info" in mine[4]:
            np.testing.assert_array_equal(mine[4]["final_obs"], np.stack(theirs[4]["final_obs"]))
            for key, column in theirs[4]["final_info"].items():
                np.testing.assert_array_equal(mine[4]["final_info"][key], column)


def test_moves_and_starts_have_the_law_of_the_mdp():
    env = gym.make_vec("ASRWell-v0", num_envs=2000, num_states=4, move_prob=0.7, horizon=20)
    states, _ = env.reset(seed=1)
    # 2000 starts, p = 1/4: four standard errors are .039.
    np.testing.assert_allclose(np.bincount(states, minlength=4) / 2000, 0.25, atol=0.039)
    counts = np.zeros((4, 3, 4))
    rng = np.random.default_rng(0)
    for _ in range(19):
        actions = rng.integers(3, size=2000)
        after = env.step(actions)[0]
        np.add.at(counts, (states, actions, after), 1)
        states = after
    share = counts / counts.sum(-1, keepdims=True)
    # At least 1900 visits a pair: four standard errors are .042.
    assert counts.sum(-1).min() > 1900
    np.testing.assert_allclose(share, env.unwrapped.mdp.transitions, atol=0.042)
    assert ((share == 0) == (env.unwrapped.mdp.transitions == 0)).all()


@pytest.mark.parametrize("kwargs", VARIANTS)
def test_same_seed_same_bits_and_a_pickle_continues(kwargs):
    env = make(**kwargs)
    actions = np.random.default_rng(2).integers(3, size=200)
    env.reset(seed=7)
    first = play(env, actions)
    env.reset(seed=7)
    copy = pickle.loads(pickle.dumps(env))
    assert play(env, actions) == first
    half = play(copy, actions[:101])
    copy = pickle.loads(pickle.dumps(copy))
    assert half + play(copy, actions[101:]) == first


def test_a_named_state_does_not_shift_the_random_numbers():
    env = make(horizon=50)
    seed = next(s for s in range(20) if env.reset(seed=s)[0] == 1)
    drawn = play(env, [0, 2] * 20)
    assert env.reset(seed=seed, options={"state": 1})[0] == 1
    assert play(env, [0, 2] * 20) == drawn


@given(st.integers(0, 2**32), st.floats(0, 0.98), st.integers(0, 200), st.integers(1, 5))
def test_action_values_are_those_of_the_frozen_mdp(seed, discount, clock, num_states):
    env = make(num_states=num_states, discount=discount, drift_horizon=100)
    policy = np.random.default_rng(seed).dirichlet(np.ones(3), size=(2, num_states))
    values, weight = env.action_values(policy, clock)
    mdp = env.mdp_at(clock)
    np.testing.assert_allclose(values, mdp.action_values(policy), atol=1e-12)
    assert weight.shape == (2, num_states, 1)
    np.testing.assert_allclose((1 - discount) * weight.sum((1, 2)), 1, atol=1e-12)
    state_values = (policy * values).sum(-1, keepdims=True)
    gradient = weight * policy * (values - state_values)
    np.testing.assert_allclose(gradient, mdp.policy_gradient(policy), atol=1e-11)


def test_episodes_have_the_return_and_gradient_of_the_mdp():
    n, horizon = 20_000, 4
    env = gym.make_vec(
        "ASRWell-v0", num_envs=n, horizon=horizon, discount=0.8, move_prob=0.7,
        drift=[0.1, 0.5, 0.3], reward_gaps=[0.4, 0.2, 0.3], premise="ignore",
    )  # fmt: skip
    policy = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3], [0.3, 0.3, 0.4]])
    rng, rows = np.random.default_rng(3), np.arange(n)
    states, _ = env.reset(seed=9)
    scores, returns = np.zeros((horizon, n, 3, 3)), np.zeros((horizon, n))
    for k in range(horizon):
        actions = np.sum(rng.random(n)[:, None] > policy[states].cumsum(1)[:, :2], axis=1)
        scores[k, rows, states] = np.eye(3)[actions] - policy[states]
        states, rewards, *_ = env.step(actions)
        returns[: k + 1] += 0.8**k * rewards
    # REINFORCE with the discount^k weights inside the returns; five standard errors.
    estimates = np.einsum("knsa,kn->nsa", scores, returns)
    mdp = env.unwrapped.mdp
    for sample, exact in (
        (returns[0], mdp.objective(policy, horizon)),
        (estimates, mdp.policy_gradient(policy, horizon)),
    ):
        error = sample.std(axis=0) / np.sqrt(n)
        assert (np.abs(sample.mean(axis=0) - exact) < 5 * error).all()
    assert (np.abs(mdp.policy_gradient(policy, horizon)) > 10 * error).any()


def test_mdp_and_toy_text_are_those_of_the_current_clock():
    env = make(drift=Linear(0.1, 0.01), drift_horizon=20, move_prob=0.8)
    env.reset(seed=0, options={"clock": 4})
    np.testing.assert_array_equal(env.mdp.rewards, env.mdp_at(4).rewards)
    assert env.P[1][0] == [
        (pytest.approx(0.2), 1, pytest.approx(0.14), False),
        (pytest.approx(0.8), 2, pytest.approx(0.14), False),
    ]
    assert env.P[0][2] == [(pytest.approx(1.0), 0, pytest.approx(0.14), False)]
    env.step(1)
    np.testing.assert_array_equal(env.mdp.rewards, env.mdp_at(5).rewards)


def test_well_protocol():
    for env in (make(), gym.make_vec("ASRWell-v0", num_envs=2).unwrapped):
        assert (env.num_states, env.num_actions, env.discount, env.horizon) == (3, 3, 0.0, 10)
        assert env.optimal_actions.dtype == np.int64
        assert env.reward_gaps.tolist() == [0.2, 0.2, 0.2]
        assert env.drift_horizon == 10_000
        assert env.action_names == ("harder", "keep", "easier")
        np.testing.assert_allclose(env.base_rewards(300), DEFAULT_DRIFT.values(300))


def test_the_premise_is_checked_on_both_sides():
    falling = {"drift": [0.5, Linear(0.5, -0.01), 0.5], "num_states": 1, "drift_horizon": 40}
    # Best action 1 falls from .5 + .2 to .1 + .2; the others stay at .5: no beta from t = 21 on.
    with pytest.raises(ValueError, match=r"t=21 arm 0 has had base reward 0\.5"):
        make(**falling)
    with pytest.warns(UserWarning, match="t=21"):
        make(**falling, premise="warn")
    make(**falling, premise="ignore")
    make(**{**falling, "drift_horizon": 20})
    with pytest.raises(ValueError, match=r"t=11 arm 1, the best of state 0, pays 0\.59"):
        make(**falling, ceiling=0.6)
    with pytest.raises(ValueError, match=r"t=0 arm 0 has base reward 0\.5, above ceiling=0\.4"):
        make(**falling, ceiling=0.4)
    make(drift=0.5, ceiling=0.5)
    make(drift=0.5, ceiling=0.7)


def test_the_default_satisfies_the_premise_and_drifts_as_a_well():
    env = make()
    assert env.rewards.premise_failure() is None
    path = env.rewards.paths[:, 0]
    assert path[0] == pytest.approx(0.6, abs=1e-3)
    assert path.min() < 0.51
    assert path[-1] == pytest.approx(0.65, abs=1e-3)


def test_making_one_loads_no_heavy_module():
    code = (
        "import sys, gymnasium as gym, gw_envs, gw_envs.drift.fitting; gym.make('ASRWell-v0');"
        "print([m for m in ('scipy', 'torch', 'numba', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_vector_options_name_a_state_for_each():
    env = gym.make_vec("ASRWell-v0", num_envs=3)
    assert env.reset(seed=0, options={"state": [2, 0, 1]})[0].tolist() == [2, 0, 1]
    assert env.reset(options={"state": 1})[0].tolist() == [1, 1, 1]


def test_renders_text_and_a_frame_that_show_level_and_action():
    text = make(render_mode="ansi", move_prob=1, drift=0.5)
    text.reset(seed=0, options={"state": 0})
    assert "easy o.. hard" in text.render()
    text.step(0)
    assert text.render() == (
        "t=1 easy .o. hard (> last, * best): >harder 0.500  keep*0.700  easier 0.500"
    )
    frames = []
    for state, action in ((0, 1), (2, 1), (2, 2)):
        env = make(render_mode="rgb_array", move_prob=0)
        env.reset(seed=0, options={"state": state})
        env.step(action)
        frames.append(env.render())
    assert frames[0].dtype == np.uint8
    assert frames[0].shape == (240, 240, 3)
    assert (frames[0] != frames[1]).any()
    assert (frames[1] != frames[2]).any()
