"""The pool of processes: same tables as in one process, and workers that die are replaced."""

import multiprocessing
import os
import signal
import time

import pytest

from experiments.results import TABLES
from experiments.sweeps.engines import Lost, ProcessEngine, SerialEngine
from experiments.sweeps.scheduling import Progress, make_job, run_missing
from experiments.sweeps.specification import make_sweep
from experiments.sweeps.storage import join_parts

BASE = {"gradient": "exact", "num_actions": 3, "optimal_prob": 0.05, "max_updates": 100}
SWEEP = make_sweep(
    {
        "name": "a",
        "blocks": [
            {"base": BASE, "grid": {"reward_gap": [0.1, 0.2, 0.3, 0.4, 0.5]}},
            {"base": BASE | {"gradient": "sampled"}, "seeds": 5, "tags": ["sampled"]},
        ],
    }
)
ENDLESS = BASE | {"gradient": "sampled", "max_updates": 10**9}
LONG = make_job(make_sweep({"name": "a", "base": ENDLESS}).points[0])


@pytest.fixture
def engine():
    engine = ProcessEngine(2)
    yield engine
    engine.close()
    assert not multiprocessing.active_children()


def kill_workers():
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)


def test_tables_are_those_of_the_serial_engine_to_the_byte(tmp_path):
    for name, make_engine in (("serial", SerialEngine), ("process", lambda: ProcessEngine(2))):
        run_missing(SWEEP, tmp_path / name, make_engine, Progress())
        join_parts(tmp_path / name)
    for table in TABLES:
        written = [tmp_path / name / f"{table}.parquet" for name in ("serial", "process")]
        assert written[0].read_bytes() == written[1].read_bytes()


def test_a_worker_that_is_killed_is_told_with_its_batch_and_replaced(engine):
    short = (make_job(SWEEP.points[0]),)
    engine.submit((LONG,))
    time.sleep(0.2)
    kill_workers()
    batch, outcome = engine.next()
    assert batch == (LONG,)
    assert outcome == Lost("the worker process died (exit code -9)")
    engine.submit(short)
    batch, outcome = engine.next()
    assert (batch, outcome.run_ids) == (short, SWEEP.points[0].run_ids)


def test_a_worker_that_died_while_idle_costs_nothing(engine):
    short = (make_job(SWEEP.points[0]),)
    engine.submit(short)
    engine.next()
    kill_workers()
    for process in multiprocessing.active_children():
        process.join()
    engine.submit(short)
    assert engine.next()[1].run_ids == SWEEP.points[0].run_ids


def test_closing_stops_work_at_once(engine):
    engine.submit((LONG,))
    began = time.monotonic()
    engine.close()
    assert not multiprocessing.active_children()
    assert time.monotonic() - began < 60
