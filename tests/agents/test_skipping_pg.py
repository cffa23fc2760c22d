"""The agent that draws when sampled runs leave, against the one that makes every update."""

import numpy as np
import pytest
from scipy.stats import kstest

import train
from agents.simulation import sampled_escape_times
from agents.skipping_pg import SkippingPG
from agents.softmax_pg import SoftmaxPG
from experiments.results import read_table
from gw_envs.theory import sampled_escape_law

WELL = {"mean_rewards": [0.9, 0.4]}
HOW = {"gradient": "sampled", "baseline": "none", "learning_rate": 0.2}


def start(optimal_prob):
    return {"initial_policy": "uniform_suboptimal", "optimal_prob": optimal_prob}


@pytest.mark.parametrize("noise", ["none", "bernoulli"])
def test_escapes_have_the_law_of_runs_that_make_every_update(noise):
    """Two-sample Kolmogorov-Smirnov on fixed seeds."""
    well, seeds = WELL | {"reward_noise": noise}, range(400)
    skipping = SkippingPG("SoftmaxWell-v0", well, **HOW, **start(0.03), seeds=seeds)
    skipping.learn()
    direct = SoftmaxPG("SoftmaxWell-v0", well, **HOW, **start(0.03), seeds=range(1000, 1400))
    direct.learn(20_000, record_at=[])
    assert (skipping.escape_time > 0).all() and (direct.escape_time > 0).mean() > 0.99
    late = np.where(direct.escape_time < 0, 10**9, direct.escape_time)
    assert kstest(skipping.escape_time, late).pvalue > 0.01


def test_deep_wells_follow_the_law():
    agent = SkippingPG("SoftmaxWell-v0", WELL, **HOW, **start(1e-9), seeds=range(300))
    agent.learn()
    law = sampled_escape_law([0.9, 0.4], 1e-9, 0.2)
    below = [(agent.escape_time <= law.quantile(q)).mean() for q in (0.1, 0.5, 0.9)]
    np.testing.assert_allclose(below, [0.1, 0.5, 0.9], atol=3 * np.sqrt(0.25 / 300))


def test_a_run_depends_on_its_seed_only_and_is_known_at_its_start_and_its_escape():
    records, events = [], []
    agent = SkippingPG("SoftmaxWell-v0", WELL, **HOW, **start(1e-4), seeds=(3, 8))
    agent.learn(on_record=records.append, on_event=events.append)
    alone = [
        sampled_escape_times([0.9, 0.4], np.log([1e-4, 1 - 1e-4]), 0.2, 1, seed=seed)[0]
        for seed in (3, 8)
    ]  # fmt: skip
    assert agent.escape_time.tolist() == alone
    assert [event.update for event in events] == sorted(alone)
    assert all(event.kind == "escape" and event.is_first_escape for event in events)
    assert [record.update for record in records] == [0, *sorted(alone)]
    for event, record in zip(events, records[1:], strict=True):
        # One rewarded pull of the best arm multiplies the odds by exp(-2 eta r (1-p)) at most.
        prob = record.optimal_prob[event.run]
        assert 0.1 < prob < 1 / (1 + 9 * np.exp(-0.36))
        assert event.optimal_prob == prob
    assert agent.global_step == agent.updates == max(alone)


def test_budgets_censor():
    agent = SkippingPG("SoftmaxWell-v0", WELL, **HOW, **start(1e-6), seeds=range(20))
    agent.learn(10_000_000 // 40)
    assert (agent.escape_time < 0).sum() > 10
    assert agent.updates == 250_000


def test_train_draws_the_escapes_of_all_seeds(tmp_path):
    line = (
        "--gradient sampled --baseline none --until-escape --mean-rewards 0.9 0.4 --num-seeds 4 "
        "--initial-policy uniform_suboptimal --optimal-prob 1e-7 --track disabled --output"
    )
    assert train.main([*line.split(), str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    runs = read_table(folder / "runs.parquet").to_pydict()
    assert min(runs["escape/time"]) > 10**5 and min(runs["policy/optimal_prob"]) > 0.1
    assert len(read_table(folder / "trajectories.parquet")) == 8
    assert (folder / "run.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "value"}, "baseline='value'"),
        ({"batch_size": 2}, "batch_size=2"),
        ({"gradient": "exact", "baseline": "value"}, "gradient='exact'"),
        ({"learning_rate": [0.1, 0.2]}, "a learning_rate that changes"),
        ({"update": "entropy-pg"}, "update='entropy-pg'"),
        ({"env_kwargs": {"mean_rewards": [0.9, 0.4, 0.1]}}, "mean_rewards has 3 arms"),
        ({"env_id": "ASRWell-v0", "env_kwargs": {}}, "ASRWell-v0"),
        ({"env_kwargs": WELL | {"reward_noise": "gaussian", "noise_std": 0.1}}, "gaussian"),
    ],
)
def test_what_cannot_be_skipped_is_refused(change, message):
    good = {"env_id": "SoftmaxWell-v0", "env_kwargs": WELL, **HOW, **start(1e-3)}
    with pytest.raises(ValueError, match=message):
        SkippingPG(**{**good, **change})


def test_learn_is_called_once_without_marks():
    agent = SkippingPG("SoftmaxWell-v0", WELL, **HOW, **start(1e-3))
    with pytest.raises(ValueError, match="record_at must be None"):
        agent.learn(record_at=[1])
    with pytest.raises(ValueError, match="max_updates=0"):
        agent.learn(0)
