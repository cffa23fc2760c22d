"""A run's tables are to the bit the same alone and in company."""

import json

import pytest

import train
from agents import metrics
from agents.softmax_pg import log_spaced
from experiments.results import MORE_TABLES, TABLES, read_results
from experiments.runs import picture
from experiments.sweeps.execution import execute
from experiments.sweeps.scheduling import make_job
from experiments.sweeps.specification import make_sweep
from tests.experiments.sweeps.reading import rows_of

WELLS = {
    "one state": {"num_actions": 3, "optimal_prob": 0.05, "max_updates": 400},
    "many states": {"env_id": "ASRWell-v0", "optimal_prob": 0.3, "max_updates": 60},
    "discounted": {"env_id": "ChainWell-v0", "chain_length": 2, "max_updates": 40},
    "stable-baselines3": {"agent": "a2c", "n_envs": 4, "optimal_prob": 0.1, "max_updates": 30},
    "embedding": {
        "env_id": "ASRSampling-v0",
        "agent": "ppo",
        "dataset": "digits",
        "samples_per_class": 12,
        "epochs": 2,
        "iterations_per_epoch": 2,
        "iterations_per_step": 1,
        "history": 1,
        "classes_per_batch": 4,
        "embedding_size": 4,
    },
}
SEEDS = range(3, 6)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They cost more than these runs."""
    for name in ("draw_run", "draw_training"):
        monkeypatch.setattr(picture, name, lambda *arguments: arguments[-1].touch())


def by_run(tables):
    """Rows by run id and table, as text: NaN is NaN."""
    return {
        run["run_id"]: {
            name: repr([row for row in rows if row["run_id"] == run["run_id"]])
            for name, rows in tables.items()
        }
        for run in tables["runs"]
    }


def made(folder, options, seed, num_seeds):
    """The tables that train.py writes."""
    before = set(folder.glob("*"))
    words = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    words += [f"--seed={seed}", f"--num-seeds={num_seeds}", "--track=disabled"]
    assert train.main([*words, f"--output={folder}"]) == 0
    (new,) = set(folder.glob("*")) - before
    names = [n for n in (*TABLES, *MORE_TABLES) if (new / f"{n}.parquet").exists()]
    return {name: read_results(new, name).to_pylist() for name in names}


@pytest.mark.parametrize("name", WELLS)
def test_train_alone_and_in_company(tmp_path, name):
    options = WELLS[name] | ({} if "agent" in WELLS[name] else {"gradient": "sampled"})
    company = made(tmp_path, options, SEEDS.start, len(SEEDS))
    assert len(company["runs"]) == len(SEEDS)
    alone = {}
    for seed in SEEDS:
        alone |= by_run(made(tmp_path, options, seed, 1))
    assert by_run(company) == alone
    assert {json.loads(run["config"])["seed"] for run in company["runs"]} == set(SEEDS)


def test_a_run_keeps_its_marks_and_its_own_escapes_only(tmp_path):
    options = WELLS["one state"] | {"gradient": "sampled"}
    tables = made(tmp_path, options, SEEDS.start, len(SEEDS))
    marks = set(log_spaced(options["max_updates"]).tolist())
    times = {run["run_id"]: run[metrics.ESCAPE_TIME] for run in tables["runs"]}
    assert len(set(times.values()) - marks) >= 2, "no seed escapes where another has no mark"
    for run_id, time in times.items():
        rows = [r[metrics.UPDATE] for r in tables["trajectories"] if r["run_id"] == run_id]
        assert rows == sorted(marks | {time})


@pytest.mark.parametrize("name", WELLS)
def test_a_sweep_alone_in_company_and_by_train(tmp_path, name):
    options = WELLS[name] | ({} if "agent" in WELLS[name] else {"gradient": "sampled"})

    def swept(*seeds):
        sweep = make_sweep({"name": "a", "base": options, "seeds": seeds})
        return [make_job(point) for point in sweep.points]

    together = by_run(rows_of(execute(swept(*SEEDS))))
    apart = {}
    for seed in reversed(SEEDS):
        apart |= by_run(rows_of(execute(swept(seed))))
    assert together == apart
    by_train = by_run(made(tmp_path, options, SEEDS.start, len(SEEDS)))
    for tables in (together, by_train):  # `runs` also tells of the sweep, or of the folder
        for of_run in tables.values():
            del of_run["runs"]
    assert together == by_train
