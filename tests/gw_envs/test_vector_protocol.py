"""The native vector forms are Gymnasium's SyncVectorEnv of the scalar forms, in every mode."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as wrappers
from hypothesis import given
from hypothesis import strategies as st

import gw_envs  # noqa: F401
from gw_envs.vector.actions import whole_numbers

CASES = {
    "SoftmaxWell-v0": {"reward_noise": "bernoulli"},
    "ASRWell-v0": {"horizon": 4},
    "ChainWell-v0": {"horizon": 5, "start": "uniform"},
    "VerifierWell-v0": {},
}
MODES = list(AutoresetMode)
ACTIONS = {"SoftmaxWell-v0": 6, "ASRWell-v0": 3, "ChainWell-v0": 4, "VerifierWell-v0": 6}


def pair(env_id, mode=AutoresetMode.SAME_STEP, num_envs=3, **kwargs):
    """The native vector environment and Gymnasium's of the same scalar ones."""
    native = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, **kwargs)
    sync = SyncVectorEnv([lambda: gym.make(env_id, **kwargs)] * num_envs, autoreset_mode=mode)
    return native, sync


def assert_same(mine, theirs, path="infos"):
    """Equal dictionaries of arrays, Gymnasium's kind."""
    assert mine.keys() == theirs.keys(), path
    for key, column in theirs.items():
        if isinstance(column, dict):
            assert_same(mine[key], column, f"{path}/{key}")
            continue
        assert mine[key].shape == column.shape, f"{path}/{key}"
        for a, b in zip(mine[key], column, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{path}/{key}")


@pytest.mark.parametrize("observation", ["state", "one_hot"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", CASES)
def test_every_autoreset_mode_is_sync_vector_envs_with_masks_and_options(env_id, mode, observation):
    native, sync = pair(env_id, mode, observation=observation, **CASES[env_id])
    assert native.metadata["autoreset_mode"] is mode
    rng = np.random.default_rng(0)
    options = {"state": 1, "clock": 30} if env_id == "ASRWell-v0" else {}
    waiting = np.zeros(3, dtype=bool)
    for world in (native, sync):
        world.reset(seed=3)
    for n in range(60):
        if (mode is AutoresetMode.DISABLED and waiting.any()) or n % 9 == 4:
            mask = waiting | (np.arange(3) == n % 3)
            seed = [None, n, None] if n % 2 else None
            told = dict(options) if n % 5 == 0 else {}
            mine, theirs = (
                world.reset(seed=seed, options=told | {"reset_mask": mask})
                for world in (native, sync)
            )
            np.testing.assert_array_equal(mine[0], theirs[0])
            assert mine[1] == theirs[1] == {}
        actions = rng.integers(0, ACTIONS[env_id], 3)
        mine, theirs = native.step(actions), sync.step(actions)
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        assert_same(mine[4], theirs[4])
        waiting = mine[2] | mine[3]


def test_a_mask_begins_some_chains():
    """O10."""
    chains = gym.make_vec("ChainWell-v0", num_envs=2)
    chains.reset(seed=0)
    for _ in range(3):
        chains.step(np.array([0, 0]))
    options = {"reset_mask": np.array([True, False])}
    assert chains.reset(options=options)[0].tolist() == [0, 3]
    assert options["reset_mask"].tolist() == [True, False]


@pytest.mark.parametrize(
    "mask",
    [[True, False], np.array([1, 0]), np.array([True]), np.zeros(2, dtype=bool), None, "both"],
    ids=str,
)
def test_a_mask_of_another_form_is_refused(mask):
    chains = gym.make_vec("ChainWell-v0", num_envs=2)
    with pytest.raises(ValueError, match=r"options\['reset_mask'\]=.*array of 2 truth values"):
        chains.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("env_id", CASES)
def test_unknown_options_are_refused_alike(env_id):
    """O11."""
    for world in (gym.make(env_id).unwrapped, gym.make_vec(env_id, num_envs=2)):
        with pytest.raises(ValueError, match="options='level' is unknown"):
            world.reset(options={"level": 1})
        with pytest.raises(ValueError, match=r"options=\['state'\] must be a dictionary"):
            world.reset(options=["state"])
        world.reset(options={})
    with pytest.raises(ValueError, match="options='reset_mask' is unknown"):
        gym.make(env_id).unwrapped.reset(options={"reset_mask": np.array([True])})


NO_ACTIONS = [
    1.9, -0.5, "1", b"1", True, np.True_, None, 10**30, -1, 99, float("nan"), float("inf"),
    1 + 0j, [1], (0, 1), {}, np.array([0, 0]), np.uint64(2**64 - 1), np.float32(0.1), object(),
]  # fmt: skip


@pytest.mark.parametrize("action", NO_ACTIONS, ids=lambda action: type(action).__name__)
@pytest.mark.parametrize("env_id", CASES)
def test_what_is_no_action_is_refused(env_id, action):
    """O12."""
    env = gym.make(env_id).unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action="):
        env.step(action)


@pytest.mark.parametrize(
    "actions",
    [[0.9, 1.9], ["0", "1"], [True, 1], [True, False], [None, 1], [0], [[0, 1]], [0, 10**30],
     [0, [1]], np.array([0.0, np.nan]), np.array([0, 9]), 0, None],
    ids=repr,
)  # fmt: skip
def test_vectors_that_hold_no_actions_are_refused(actions):
    env = gym.make_vec("ASRWell-v0", num_envs=2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action=.* must hold one of 0\.\.2"):
        env.step(actions)


@pytest.mark.parametrize(
    "action",
    [1, 1.0, np.float32(1), np.int8(1), np.uint64(1), np.array(1), np.array(1.0)],
    ids=repr,
)
@pytest.mark.parametrize("env_id", CASES)
def test_whole_numbers_of_any_type_are_actions(env_id, action):
    rewards = []
    for one in (1, action):
        env = gym.make(env_id).unwrapped
        env.reset(seed=0)
        rewards.append(env.step(one)[:4])
    assert rewards[0] == rewards[1]
    vector = gym.make_vec(env_id, num_envs=2)
    vector.reset(seed=0)
    vector.step(np.array([action, action]))
    vector.step([action, action])


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.none(), st.binary()))
def test_whole_numbers_are_told_by_type(value):
    found = whole_numbers([value])
    whole = type(value) is int or (type(value) is float and value.is_integer())
    limit = 2**63 if type(value) is int else 2**53
    if whole and abs(value) < limit:
        assert found is not None
        assert found.tolist() == [int(value)]
    else:  # beyond int64 nothing, or a number that is no action
        assert found is None or found[0] < 0


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("env_id", CASES)
def test_max_episode_steps_cuts_as_time_limit_does(env_id, limit):
    kwargs = CASES[env_id]
    native = gym.make_vec(env_id, num_envs=2, max_episode_steps=limit, **kwargs)
    sync = SyncVectorEnv(
        [lambda: gym.make(env_id, max_episode_steps=limit, **kwargs)] * 2,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    for world in (native, sync):
        world.reset(seed=0)
    cut = 0
    for _ in range(12):
        mine, theirs = (world.step(np.array([0, 1])) for world in (native, sync))
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        cut += int(mine[3][0])
    one_step = env_id in ("SoftmaxWell-v0", "VerifierWell-v0")  # only a limit of 1 cuts there
    wanted = 0 if one_step and limit > 1 else {1: 12, 2: 6, 3: 4}.get(limit, cut)
    assert cut == wanted
    with pytest.raises(ValueError, match="max_episode_steps=0"):
        gym.make_vec(env_id, num_envs=2, max_episode_steps=0)


@pytest.mark.parametrize("env_id", CASES)
def test_one_hot_observations_are_the_states(env_id):
    kwargs = CASES[env_id]
    plain, hot = (gym.make(env_id, observation=o, **kwargs) for o in ("state", "one_hot"))
    size = int(plain.observation_space.n)
    assert hot.observation_space == gym.spaces.Box(0.0, 1.0, (size,), np.float32)
    states, shown = plain.reset(seed=4)[0], hot.reset(seed=4)[0]
    for n in range(20):
        assert shown.dtype == np.float32
        assert shown.tolist() == np.eye(size)[states].tolist()
        assert hot.observation_space.contains(shown)
        shown[:] = -1  # the observation is the caller's
        (states, *told), (shown, *same) = plain.step(n % 3), hot.step(n % 3)
        assert told == same
        if told[1] or told[2]:
            states, shown = plain.reset()[0], hot.reset()[0]
    with pytest.raises(
        ValueError, match=r"observation='onehot' is unknown.*Did you mean 'one_hot'"
    ):
        gym.make(env_id, observation="onehot")


@pytest.mark.parametrize("mode", MODES)
def test_gymnasiums_vector_wrappers_go_around_every_mode(mode):
    def wrap(env):
        env = wrappers.RecordEpisodeStatistics(env)
        env = wrappers.NormalizeReward(env)
        if mode is AutoresetMode.SAME_STEP:  # which Gymnasium's next wrapper refuses
            return env
        env = wrappers.FlattenObservation(env)
        space = gym.spaces.Box(-1.0, 1.0, (3,), np.float64)
        return wrappers.VectorizeTransformObservation(
            env, gym.wrappers.TransformObservation, func=lambda o: o / 2.0, observation_space=space
        )

    native, sync = (wrap(env) for env in pair("ASRWell-v0", mode, horizon=3))
    mine, theirs = (env.reset(seed=1)[0] for env in (native, sync))
    np.testing.assert_array_equal(mine, theirs)
    episodes = 0
    for n in range(20):
        actions = np.array([0, n % 3, 2])
        mine, theirs = native.step(actions), sync.step(actions)
        for a, b in zip(mine[:4], theirs[:4], strict=True):
            np.testing.assert_allclose(a, b)
        for infos in (mine[4], theirs[4]):
            if "episode" in infos:
                infos["episode"].pop("t"), infos["episode"].pop("_t", None)
        assert_same(mine[4], theirs[4])
        ended = mine[2] | mine[3]
        episodes += int(ended.sum())
        if mode is AutoresetMode.DISABLED and ended.any():
            for env in (native, sync):
                env.reset(options={"reset_mask": ended})
    assert episodes > 9


def test_wrappers_that_ask_for_next_step_go_around():
    native = gym.make_vec(
        "ASRWell-v0", num_envs=3, autoreset_mode="NextStep", observation="one_hot"
    )
    env = wrappers.NormalizeObservation(native)
    env.reset(seed=0)
    for _ in range(30):
        observations, *_ = env.step(env.action_space.sample())
        assert np.isfinite(observations).all()


def test_disabled_asks_for_a_reset_and_modes_are_checked():
    env = gym.make_vec("SoftmaxWell-v0", num_envs=2, autoreset_mode="Disabled")
    env.reset(seed=0)
    env.step(np.array([0, 1]))
    with pytest.raises(gym.error.ResetNeeded, match=r"ended in \[0, 1\].*reset_mask"):
        env.step(np.array([0, 1]))
    with pytest.raises(ValueError, match="autoreset_mode='Never' must be one of NextStep"):
        gym.make_vec("SoftmaxWell-v0", num_envs=2, autoreset_mode="Never")
    with pytest.raises(ValueError, match=r"autoreset_mode=.* is of the vector form"):
        gym.make("SoftmaxWell-v0", autoreset_mode="NextStep")


def test_steps_share_no_array_with_the_environment():
    env = gym.make_vec("ASRWell-v0", num_envs=2, horizon=3)
    other = gym.make_vec("ASRWell-v0", num_envs=2, horizon=3)
    for world in (env, other):
        world.reset(seed=0)
    for _ in range(9):
        mine, theirs = (world.step(np.array([0, 2])) for world in (env, other))
        np.testing.assert_array_equal(mine[0], theirs[0])
        assert_same(mine[4], theirs[4])
        for array in mine[:4]:
            array[...] = 1
        for column in mine[4].get("final_info", mine[4]).values():
            column[...] = 1
