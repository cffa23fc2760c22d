"""Agents of Stable-Baselines3 in a sweep: one run per seed, the same tables from every engine."""

import pytest

from experiments.results import TABLES, read_results
from experiments.sweeps.engines import ProcessEngine, SerialEngine
from experiments.sweeps.scheduling import Progress, run_missing
from experiments.sweeps.specification import make_sweep
from experiments.sweeps.storage import join_parts

SWEEP = make_sweep(
    {
        "name": "a",
        "base": {"max_updates": 4, "num_actions": 3},
        "points": [{"agent": "sb3-softmax-pg", "gradient": "exact"}, {"agent": "ppo"}],
        "seeds": [0, 1],
    }
)


@pytest.mark.slow
def test_torch_agents_give_the_same_tables_in_every_process(tmp_path):
    for name, make_engine in (("process", lambda: ProcessEngine(2)), ("serial", SerialEngine)):
        progress = Progress()
        run_missing(SWEEP, tmp_path / name, make_engine, progress)
        assert (progress.made, progress.failed) == (4, [])
        join_parts(tmp_path / name)
    runs = read_results(tmp_path / "serial", "runs").to_pylist()
    assert sorted((row["agent"], row["seed"]) for row in runs) == [
        ("ppo", 0),
        ("ppo", 1),
        ("sb3-softmax-pg", 0),
        ("sb3-softmax-pg", 1),
    ]
    for table in TABLES:
        written = [tmp_path / name / f"{table}.parquet" for name in ("serial", "process")]
        assert written[0].read_bytes() == written[1].read_bytes()


@pytest.mark.parametrize("option", ["checkpoint_seconds", "resume"])
def test_options_of_a_single_run_are_refused(option):
    with pytest.raises(ValueError, match=f"option '{option}' is the sweep's own"):
        make_sweep({"name": "a", "base": {option: 1}})
