"""ASRSampling-v0: spaces, rewards, endings, determinism, forks."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from gw_envs.asr_sampling import ASRSamplingEnv
from gw_envs.metric_learning.distance_bins import steps_to_unstarve
from gw_envs.metric_learning.sampling_state import WellWatch

SMALL = {
    "dataset": "digits",
    "samples_per_class": 20,
    "epochs": 2,
    "iterations_per_epoch": 4,
    "history": 3,
    "classes_per_batch": 5,
    "embedding_size": 8,
}
KEEP = np.ones(29, dtype=np.int64)


def make(**arguments):
    return gym.make("ASRSampling-v0", **(SMALL | arguments)).unwrapped


def run(env, seed=0, action=KEEP):
    """Observations, rewards and information of an episode."""
    trace = [(*env.reset(seed=seed), 0.0)]
    ended = False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(action)
        trace.append((observation, info, reward))
        ended = terminated or truncated
    return trace


@pytest.mark.parametrize("action_mode", ["bins", "tilt"])
def test_both_checkers_are_content(action_mode):
    env = make(action_mode=action_mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)
        check_env_sb3(env)


def test_the_observation_is_laid_out_as_documented():
    env = make(warm_start=4)
    trace = run(env)
    observation, info, _ = trace[-1]
    keys = [f"recall_at_{k}" for k in (1, 2, 4, 8)] + ["nmi", "intra_distance", "inter_distance"]
    vectors = [[info_[f"validation/{key}"] for key in keys] for _, info_, _ in trace]
    assert observation.shape == (7 * 7 + 30,)
    assert np.allclose(observation[:7], vectors[-1])
    assert np.allclose(observation[7:14], vectors[-2])
    assert np.allclose(observation[21:28], np.mean(vectors[-2:], axis=0), atol=1e-6)
    padded = [vectors[0]] * 32 + vectors[1:]
    assert np.allclose(observation[42:49], np.mean(padded[-32:], axis=0), atol=1e-6)
    assert np.allclose(observation[49:78], info["bins"])
    assert observation[-1] == 1
    assert trace[0][0][-1] == 0
    assert len(make(history=20).reset(seed=0)[0]) == 198
    assert len(make(history=10).reset(seed=0)[0]) == 128


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_the_three_rewards_are_one_score(weight):
    traces = {
        mode: run(make(reward_mode=mode, recall_weight=weight))
        for mode in ("level", "difference", "sign")
    }
    scores = [
        weight * info["validation/recall_at_1"] + (1 - weight) * info["validation/nmi"]
        for _, info, _ in traces["level"]
    ]
    for mode, values in (("level", scores[1:]), ("difference", np.diff(scores))):
        assert [reward for *_, reward in traces[mode][1:]] == pytest.approx(list(values))
    assert [reward for *_, reward in traces["sign"][1:]] == np.sign(np.diff(scores)).tolist()
    assert all(isinstance(reward, float) for *_, reward in traces["sign"])


def test_an_episode_is_the_whole_training_run():
    env = make(epochs=3, iterations_per_epoch=4, iterations_per_step=5)
    trace = run(env)
    assert len(trace) - 1 == env.total_steps == 3  # ceil(12 / 5)
    assert trace[-1][1]["iterations"] == 15
    assert trace[-1][1]["epoch"] == 15 / 4


def test_same_seed_same_bits_and_another_seed_another_run():
    one, two, other = run(make(), 5), run(make(), 5), run(make(), 6)
    for (a, info_a, r_a), (b, info_b, r_b) in zip(one, two, strict=True):
        assert a.tobytes() == b.tobytes()
        assert (r_a, info_a["test/nmi"]) == (r_b, info_b["test/nmi"])
    assert one[-1][0].tobytes() != other[-1][0].tobytes()


def test_a_saved_state_goes_on_to_the_same_bits_also_elsewhere():
    env = make()
    env.reset(seed=1)
    env.step(KEEP)
    state = env.get_state()
    once = [env.step(KEEP)[0] for _ in range(2)]
    elsewhere = make()
    for place in (env, elsewhere):
        place.set_state(state)
        again = [place.step(KEEP)[0] for _ in range(2)]
        assert [a.tobytes() for a in again] == [o.tobytes() for o in once]
    env.set_state(state)
    assert env.step(np.zeros(29, dtype=np.int64) + KEEP)[0].tobytes() == once[0].tobytes()
    env.reset()
    env.set_state(state)
    assert (
        env.reset()[0].tobytes() == (elsewhere.set_state(state), elsewhere.reset())[1][0].tobytes()
    )


def test_actions_move_the_bins():
    env = make(initial_distribution="normal_low")
    env.reset(seed=0)
    before = env.bins.probabilities
    *_, info = env.step(np.where(np.arange(29) == 0, 2, 1))
    odds = (info["bins"][0] / info["bins"][9]) / (before[0] / before[9])
    assert odds == pytest.approx(2.0)
    tilted = make(action_mode="tilt", initial_distribution="random")
    _, info = tilted.reset(seed=0)
    assert tilted.step(0)[-1]["mean_bin_distance"] < info["mean_bin_distance"]


def test_the_starvation_bound_holds_in_the_environment_and_is_reached():
    env = make(epochs=20, iterations_per_step=2, multipliers=(0.5, 1, 1.5))
    _, info = env.reset(seed=0)
    start = info["bins"]
    bound = steps_to_unstarve(start, 0, env.multipliers)
    assert bound == 32
    fastest = np.where(np.arange(29) == 28, 0, 1)
    fastest[0] = 2
    for step in range(1, bound + 1):
        info = env.step(fastest)[-1]
        assert (info["bins"][0] >= info["bins"][28]) == (step == bound)


def test_a_run_is_in_the_well_when_paired_hits_say_so():
    start = np.array([True] * 90 + [False] * 10)
    worse, same = start.copy(), start.copy()
    worse[:20] = False
    same[:3], same[-3:] = False, True
    better_than_worst = worse.copy()
    better_than_worst[:15] = True
    watch = WellWatch(start)
    seen = []
    for hits in (start, same, worse, better_than_worst, start, same):
        watch.see(hits)
        seen.append(watch.inside)
    assert seen == [False, False, True, True, False, False]


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_metrics_before():
    env = make()
    env.reset(seed=0)
    *_, before = env.step(KEEP)
    for parameter in env.learner.network.parameters():
        parameter.data[:] = float("nan")
    _, reward, terminated, truncated, info = env.step(KEEP)
    assert terminated
    assert not truncated
    assert reward == 0
    assert info["failure"].startswith("loss=nan after 3 iterations")
    assert info["validation/nmi"] == before["validation/nmi"]


def test_a_collapsed_embedding_ends_the_run():
    env = make()
    env.reset(seed=0)
    layer = env.learner.network[-1]
    layer.weight.data[:], layer.bias.data[:] = 0.0, 1.0
    env.learner.optimizer.param_groups[0]["lr"] = 0.0
    terminated, info = env.step(KEEP)[2::2]
    assert terminated
    assert info["failure"].startswith("collapsed")


def test_importing_the_package_loads_no_torch():
    import subprocess
    import sys

    code = "import gw_envs, sys; assert not {'torch', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": "leter"}, "dataset='leter' is unknown"),
        ({"initial_distribution": "normal_hi"}, "initial_distribution='normal_hi' is unknown"),
        ({"action_mode": "bin"}, "action_mode='bin' is unknown"),
        ({"reward_mode": "signs"}, "reward_mode='signs' is unknown"),
        ({"recall_weight": 2}, "recall_weight=2 must"),
        ({"multipliers": (1, 1, 1)}, "multipliers=.* not all alike"),
        ({"tilt": 0}, "tilt=0 must"),
        ({"history": 0}, "history=0 must be"),
        ({"epochs": 0}, "epochs=0 must be"),
        ({"iterations_per_step": 0.5}, "iterations_per_step=0.5 must be"),
        ({"warm_start": -1}, "warm_start=-1 must be"),
        ({"learnin_rate": 1.0}, "argument='learnin_rate' is unknown.*'learning_rate'"),
        ({"network": "cnn"}, "network='cnn' needs images"),
        ({"samples_per_class": 3}, "samples_per_class=3 must be"),
    ],
)
def test_refuses_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        gym.make("ASRSampling-v0", **(SMALL | arguments))


def test_refuses_a_render_mode():
    with pytest.raises(ValueError, match="render_mode='human' is not offered"):
        ASRSamplingEnv(render_mode="human", **SMALL)


def test_refuses_actions_that_are_none():
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action=3 must be of MultiDiscrete"):
        env.step(3)


def test_a_row_of_the_vector_form_is_the_scalar_environment():
    envs = gym.make_vec("ASRSampling-v0", num_envs=2, **SMALL)
    try:
        observations, _ = envs.reset(seed=7)
        scalars = [make(), make()]
        for i, env in enumerate(scalars):
            assert observations[i].tobytes() == env.reset(seed=7 + i)[0].tobytes()
        actions = np.stack([KEEP, np.where(np.arange(29) == 0, 2, 1)])
        for _ in range(scalars[0].total_steps):
            observations, rewards, terminated, truncated, infos = envs.step(actions)
            for i, env in enumerate(scalars):
                observation, reward, ended, cut, info = env.step(actions[i])
                if cut:
                    assert infos["final_obs"][i].tobytes() == observation.tobytes()
                    assert infos["final_info"]["loss"][i] == info["loss"]
                    observation, _ = env.reset()
                else:
                    assert infos["loss"][i] == info["loss"]
                    assert infos["bins"][i].tolist() == info["bins"].tolist()
                assert observations[i].tobytes() == observation.tobytes()
                assert (rewards[i], terminated[i], truncated[i]) == (reward, ended, cut)
        assert cut
    finally:
        envs.close()


def test_the_vector_form_refuses_before_it_starts_processes():
    with pytest.raises(ValueError, match="epochs=0 must be"):
        gym.make_vec("ASRSampling-v0", num_envs=2, **(SMALL | {"epochs": 0}))
    with pytest.raises(ValueError, match="num_envs=0 must be"):
        gym.make_vec("ASRSampling-v0", num_envs=0, **SMALL)
