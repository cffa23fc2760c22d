"""Forked runs: known b_k(t) and Delta(s) come back, forks share their luck and leave no trace."""

from dataclasses import fields, replace

import gymnasium as gym
import numpy as np
import pytest
from scipy import stats

from experiments.drift.calibration import calibrate_well
from experiments.drift.estimates import Interval, estimate_from_forks
from experiments.drift.forking import Forks, ForkSettings, fork_run
from gw_envs.asr_well import ASRWellVectorEnv
from gw_envs.drift import Constant
from tests.experiments.drift.synthetic_forks import EDGES, LAWS, WELL, SyntheticRun

SETTINGS = ForkSettings(spacing=5, repeats=4, hold=1, stay_prob=0.8)


def estimate(env, seeds=range(12), settings=SETTINGS, **analysis):
    forks = Forks.join([fork_run(env, seed, settings) for seed in seeds])
    return estimate_from_forks(forks, **({"edges": EDGES} | analysis))


def bases(laws, clocks):
    return np.stack([law.values(clocks) for law in laws], axis=1)


def test_without_noise_everything_comes_back_exactly():
    env = SyntheticRun(noise=0, run_sd=0)
    found = estimate(env)
    assert found.best_actions.tolist() == [0, 1, 2]
    assert np.allclose(found.gaps.value, env.gaps, atol=1e-12)
    assert np.allclose(found.base.value, bases(LAWS, found.clocks), atol=1e-12)
    assert np.allclose(found.gaps.low, found.gaps.high, atol=1e-9)
    assert np.allclose(found.mean.value + found.offsets.value.T, found.base.value.T, atol=1e-12)
    assert found.clocks.tolist() == list(range(0, 100, 5))
    assert 0.2 < found.move_prob < 0.4


def test_the_gap_is_what_is_left_when_actions_differ_at_every_level():
    """Harder pays most everywhere through b_k; the bonus still sits where it was put."""
    laws = (Constant(0.7), Constant(0.5), Constant(0.4))
    found = estimate(SyntheticRun(laws, noise=0.003))
    assert found.advantages.value.argmax(axis=1).tolist() == [0, 0, 0]
    assert found.best_actions.tolist() == [0, 1, 2]
    assert np.all(np.abs(found.gaps.value - (0.05, 0.02, 0.04)) < 0.005)


def test_with_one_best_action_its_base_is_the_mean_of_the_bases_on_average():
    laws = (Constant(0.5), Constant(0.5), Constant(0.5))
    env = SyntheticRun(laws, best=(1, 1, 1), noise=0, run_sd=0)
    found = estimate(env, best_actions=(1, 1, 1))
    assert np.allclose(found.gaps.value, env.gaps)
    assert np.allclose(found.base.value, 0.5)


def test_intervals_cover_the_truth_as_often_as_they_say():
    env = SyntheticRun()
    covered, errors = [], []
    for study in range(30):
        found = estimate(env, range(100 * study, 100 * study + 6), best_actions=(0, 1, 2))
        truth = bases(LAWS, found.clocks)
        for interval, true in ((found.gaps, env.gaps), (found.base, truth)):
            covered.append(
                (np.mean((interval.low <= true) & (true <= interval.high)), true is truth)
            )
        errors.append(found.gaps.value - env.gaps)
    for is_base in (False, True):
        share = np.mean([c for c, base in covered if base == is_base])
        # Of 90 gaps, 95 %: standard error 2.3 %; the bases of a study are correlated.
        assert 0.87 < share <= 1
    bias, error = np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1) / np.sqrt(30)
    assert np.all(np.abs(bias) < 3.5 * error)


def test_choosing_the_best_action_does_not_make_nothing_look_like_a_gap():
    """No gaps at all: chosen and estimated on different repeats, they average to zero."""
    env = SyntheticRun((Constant(0.5),) * 3, gaps=(0, 0, 0), run_sd=0)
    honest, naive = [], []
    for study in range(30):
        seeds = range(100 * study, 100 * study + 5)
        forks = Forks.join([fork_run(env, seed, SETTINGS) for seed in seeds])
        found = estimate_from_forks(forks, edges=EDGES)
        honest.append(found.gaps.value.mean())
        even = replace(forks, scores=forks.scores[:, ::2])
        again = estimate_from_forks(even, edges=EDGES, best_actions=found.best_actions.tolist())
        naive.append(again.gaps.value.mean())
    error = np.std(honest, ddof=1) / np.sqrt(30)
    assert abs(np.mean(honest)) < 3 * error
    assert np.mean(naive) > 5 * error


def test_the_interval_of_a_mean_is_students():
    env = SyntheticRun(gaps=(0, 0, 0))
    forks = Forks.join([fork_run(env, seed, SETTINGS) for seed in range(6)])
    found = estimate_from_forks(forks, edges=(0.6, 1.0), best_actions=(0, 1, 2))
    level = forks.scores[forks.clocks == 0].mean(axis=(1, 2, 3))
    # With the gaps put in, b(0) is the mean level less what the gaps make of it.
    states = (forks.distances[forks.clocks == 0][:, None] < np.array(EDGES)).sum(axis=1)
    plain = level.mean() - found.gaps.value[states].mean() / 3
    assert found.mean.value[0] == pytest.approx(plain, abs=1e-12)
    low, high = stats.t.interval(0.95, 5, level.mean(), level.std(ddof=1) / np.sqrt(6))
    assert found.mean.high[0] - found.mean.low[0] == pytest.approx(high - low, rel=0.1)


def test_a_calibrated_well_pays_what_was_measured():
    laws = (WELL, WELL, WELL)
    env = SyntheticRun(laws, run_sd=0.002, noise=0.002)
    found = estimate(env, best_actions=(0, 1, 2))
    well = calibrate_well(found)
    assert well.level_fit.family == "well"
    assert well.level_fit.r2 > 0.99
    made = gym.make("ASRWell-v0", **well.kwargs).unwrapped
    truth = np.array([law.values(np.arange(96)) for law in laws]).T
    fitted = np.array([made.base_rewards(t) for t in range(96)])
    assert np.abs(fitted - truth).max() < 0.01
    assert np.allclose(made.reward_gaps, env.gaps, atol=0.003)
    # b falls by more than Delta, so no beta is below every best reward: the premise fails.
    assert well.kwargs["premise"] == "ignore"
    assert "no beta is left" in well.premise_failure


def test_a_gap_that_was_not_measured_becomes_the_largest_that_data_allow():
    found = estimate(SyntheticRun(), range(4), best_actions=(0, 1, 2))
    gaps = found.gaps
    value = np.where([False, True, False], -0.001, gaps.value)
    found = replace(found, gaps=Interval(value, value - 0.01, value + 0.01))
    well = calibrate_well(found)
    assert well.measured.tolist() == [True, False, True]
    assert well.kwargs["reward_gaps"][1] == pytest.approx(0.009)
    assert ASRWellVectorEnv(**well.kwargs).reward_gaps[1] > 0


def digits(**arguments):
    small = {
        "dataset": "digits",
        "samples_per_class": 20,
        "epochs": 2,
        "iterations_per_epoch": 9,
        "history": 3,
        "classes_per_batch": 5,
        "embedding_size": 8,
        "action_mode": "tilt",
        "reward_mode": "level",
    }
    return gym.make("ASRSampling-v0", **(small | arguments)).unwrapped


def test_forks_leave_the_run_as_it_was():
    env = digits()
    fork_run(env, 3, ForkSettings(spacing=1, repeats=2, hold=2, stay_prob=0.5))
    often = env.get_state()
    fork_run(env, 3, ForkSettings(spacing=100, repeats=2, hold=2, stay_prob=0.5))
    seldom = env.get_state()
    assert often["steps"] == seldom["steps"] == 4
    assert often["learner"]["rng"] == seldom["learner"]["rng"]
    for name, weights in often["learner"]["network"].items():
        assert np.array_equal(weights.numpy(), seldom["learner"]["network"][name].numpy())


def test_actions_share_their_luck_and_repeats_do_not():
    settings = ForkSettings(spacing=4, repeats=3, hold=1)
    env = digits(learning_rate=0.01, tilt=1e-12)
    forks = fork_run(env, 0, settings)
    # So small a tilt changes no draw: the actions differ in nothing.
    assert np.all(forks.scores == forks.scores[:, :, :1])
    assert len(np.unique(forks.scores[0])) > 1
    again = fork_run(env, 0, settings)
    assert np.array_equal(forks.scores, again.scores)
    assert np.array_equal(forks.later_distances, again.later_distances)


def test_a_strong_tilt_is_felt():
    wide = digits(tilt=3.0, learning_rate=0.01, initial_distribution="random")
    forks = fork_run(wide, 0, ForkSettings(spacing=3, repeats=2, hold=2))
    assert np.all(forks.later_distances[0, 0] < forks.distances[0])
    assert np.all(forks.later_distances[0, 2] > forks.distances[0])
    assert not np.array_equal(forks.scores[:, :, 0], forks.scores[:, :, 2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ForkSettings(repeats=1), "repeats=1 must be a whole number of at least 2"),
        (lambda: ForkSettings(spacing=0), "spacing=0 must"),
        (lambda: ForkSettings(hold=0.5), "hold=0.5 must"),
        (lambda: ForkSettings(stay_prob=1.5), r"stay_prob=1.5 must be a finite number in \[0, 1\]"),
        (lambda: fork_run(digits(action_mode="bins"), 0), "action_mode='bins'.*use 'tilt'"),
        (lambda: fork_run(digits(reward_mode="sign"), 0), "reward_mode='sign' must be 'level'"),
        (
            lambda: fork_run(digits(), 0, ForkSettings(hold=7)),
            "hold=7 must be at most the 6 steps",
        ),
        (
            lambda: fork_run(digits(learning_rate=1e30), 5, ForkSettings(hold=1)),
            "seed=5 failed at clock 1 .*lower its learning_rate",
        ),
        (lambda: estimate(SyntheticRun(), [4, 4]), "1 runs give no intervals; fork at least 3"),
        (lambda: estimate(SyntheticRun(), [0, 1]), "2 runs give no intervals; fork at least 3"),
        (lambda: estimate(SyntheticRun(), lag=2), "lag=2 must be .* at most 1"),
        (lambda: estimate(SyntheticRun(), edges=(1.0, 0.6)), "must be 1 to 4 ascending"),
        (lambda: estimate(SyntheticRun(), edges=(0.1, 1.0)), "level 2 .* was visited by 0"),
        (lambda: estimate(SyntheticRun(), edges=(0.6, "x")), "edges='x' must be"),
        (lambda: estimate(SyntheticRun(), best_actions=(0, 1)), "best_actions=.*num_states=3"),
        (lambda: estimate(SyntheticRun(), best_actions=(0, 1, 7)), r"best_actions\[2\]=7 must"),
        (lambda: estimate(SyntheticRun(), confidence=1), "confidence=1 must"),
        (
            lambda: calibrate_well(estimate(SyntheticRun(), best_actions=(2, 0, 1))),
            r"best_actions\[\d\]=\d pays less than the others",
        ),
        (
            lambda: calibrate_well(estimate(SyntheticRun(steps=30))),
            "at least 10",
        ),
    ],
)
def test_bad_input_is_told_what_is_right(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_ties_in_the_distances_have_no_terciles():
    forks = Forks.join([fork_run(SyntheticRun(), seed, SETTINGS) for seed in range(3)])
    with pytest.raises(ValueError, match=r"edges=None gives the terciles .* ascending"):
        estimate_from_forks(replace(forks, distances=np.ones_like(forks.distances)))


def test_every_run_is_forked_at_the_same_clocks():
    forks = Forks.join([fork_run(SyntheticRun(), seed, SETTINGS) for seed in range(4)])
    part = Forks(*(getattr(forks, field.name)[:-1] for field in fields(forks)))
    with pytest.raises(ValueError, match="every run at the same clocks"):
        estimate_from_forks(part, edges=EDGES)
