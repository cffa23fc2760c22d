"""A batch of jobs: rows that do not depend on the company they were made in, and failures apart."""

import json

import pytest

from experiments.sweeps.execution import execute
from experiments.sweeps.scheduling import make_job
from experiments.sweeps.specification import INSTEAD, make_sweep
from tests.experiments.sweeps.reading import rows_of

SMALL = {"num_actions": 3, "optimal_prob": 0.05, "max_updates": 120}


def jobs_of(**data):
    sweep = make_sweep({"name": "a", "tags": ["tiny"]} | data)
    return [make_job(point) for point in sweep.points]


def test_seeds_made_together_are_to_the_bit_those_made_alone():
    options = {"base": SMALL | {"gradient": "sampled", "reward_noise": "bernoulli"}}
    (together,) = jobs_of(**options, seeds=[3, 4, 5, 6, 7])
    alone = jobs_of(**options, seeds=[7, 3, 5]) + jobs_of(**options, seeds=[6, 4])
    assert {len(job.run_ids) for job in alone} == {1}
    assert repr(rows_of(execute([together]))) == repr(rows_of(execute(alone)))


def test_the_columns_that_a_sweep_adds():
    grid = {"reward_gap": [0.2, 0.4]}
    jobs = jobs_of(base=SMALL | {"gradient": "sampled"}, grid=grid, seeds=3)
    runs = rows_of(execute(jobs))["runs"]
    assert len(runs) == 6
    for row in runs:
        config, axes = json.loads(row["config"]), json.loads(row["axes"])
        assert axes == {"reward_gap": config["reward_gap"]}
        assert json.loads(row["tags"]) == ["tiny"]
        assert (config["seed"], config["num_seeds"]) == (row["seed"], 1)
        assert row["exp_name"] == "a"
        # What the configuration names is this run again.
        own = {key: value for key, value in config.items() if key not in INSTEAD}
        again = jobs_of(base=own, seeds=[row["seed"]])
        assert again[0].run_ids == (row["run_id"],)


def test_a_job_that_raises_is_told_and_leaves_the_others_whole():
    # Arm 1 wins before the best arm moves: pi(a*) sinks below what float64 can follow.
    sinking = {
        "gradient": "sampled",
        "mean_rewards": [1, 0.9, 0.1],
        "initial_policy": "uniform_suboptimal",
        "optimal_prob": 1.1e-10,
        "update": "entropy-pg",
        "learning_rate": 1.0,
    }
    poison, healthy = jobs_of(base=sinking), jobs_of(base=SMALL | {"gradient": "exact"})
    outcome = execute(poison + healthy)
    assert outcome.run_ids == healthy[0].run_ids
    assert repr(rows_of(outcome)) == repr(rows_of(execute(healthy)))
    (failure,) = outcome.failures
    assert failure.job == poison[0]
    assert failure.error.startswith("FloatingPointError: pi(a*)=")
    assert failure.lasting


def test_a_batch_of_failures_has_no_tables():
    job = jobs_of(base=SMALL | {"gradient": "exact", "learning_rate": -1.0})
    outcome = execute(job)
    assert (outcome.run_ids, outcome.tables) == ((), {})
    assert "learning_rate=-1.0" in outcome.failures[0].error


def test_an_error_of_the_machine_may_pass(monkeypatch):
    def no_memory(config):
        raise MemoryError("no room")

    monkeypatch.setattr("experiments.runs.well.make_agents", no_memory)
    (failure,) = execute(jobs_of(base=SMALL | {"gradient": "exact"})).failures
    assert not failure.lasting


@pytest.mark.parametrize("env_id", ["ASRWell-v0", "ChainWell-v0"])
def test_other_environments(env_id):
    base = {"env_id": env_id, "gradient": "exact", "max_updates": 3}
    grid = {"optimal_prob": [0.01, 0.02]}
    rows = rows_of(execute(jobs_of(base=base, grid=grid)))
    assert {row["env_id"] for row in rows["runs"]} == {env_id}
    assert any(row["state"] is not None for row in rows["trajectories"])
