"""What is run, in which batches, and what becomes of batches that fail."""

import errno
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.results import TABLES
from experiments.sweeps import scheduling
from experiments.sweeps.engines import Lost, SerialEngine
from experiments.sweeps.execution import BatchResult, Failure, execute
from experiments.sweeps.scheduling import ATTEMPTS, Progress, check_points, run_missing
from experiments.sweeps.specification import make_sweep
from experiments.sweeps.storage import StorageError, done_runs

BASE = {"gradient": "sampled", "num_actions": 3, "initial_policy": "normal", "max_updates": 2}
SWEEP = make_sweep({"name": "a", "base": BASE, "grid": {"sigma": [k / 8 for k in range(1, 13)]}})
IDS = [i for point in SWEEP.points for i in point.run_ids]


class ScriptedEngine:
    """Makes empty results, `seconds` a run; `script(batch, call)` may say something else."""

    def __init__(self, script=lambda batch, call: None, slots=1, seconds=0.2):
        self.slots, self.script, self.seconds = slots, script, seconds
        self.batches, self.waiting, self.closed = [], [], 0

    def submit(self, batch):
        assert len(self.waiting) < self.slots
        self.waiting.append(batch)
        self.batches.append([run_id for job in batch for run_id in job.run_ids])

    def next(self):
        batch = self.waiting.pop(0)
        answer = self.script(batch, len(self.batches))
        if answer is None:
            run_ids = tuple(i for job in batch for i in job.run_ids)
            answer = BatchResult(
                run_ids, {name: b"" for name in TABLES}, (), self.seconds * len(run_ids)
            )
        return batch, answer

    def close(self):
        self.closed += 1


@pytest.fixture
def written(monkeypatch):
    """The runs written, in place of files."""
    kept = []
    monkeypatch.setattr(
        scheduling, "write_part", lambda folder, run_ids, tables: kept.extend(run_ids)
    )
    monkeypatch.setattr(scheduling, "done_runs", lambda folder: set(kept))
    return kept


def drive(engine, tmp_path, sweep=SWEEP):
    progress = Progress()
    try:
        run_missing(sweep, tmp_path, lambda: engine, progress)
    finally:
        assert engine.closed == 1
    return progress


def test_batches_grow_to_a_second_and_shrink_at_the_end(tmp_path, written):
    engine = ScriptedEngine(slots=2, seconds=0.4)
    progress = drive(engine, tmp_path)
    assert sorted(written) == sorted(IDS)
    assert (progress.total, progress.made, progress.missing) == (12, 12, 0)
    sizes = [len(batch) for batch in engine.batches]
    assert sizes[:2] == [1, 1]  # nothing is known yet
    assert max(sizes) == 2  # 0.8 s of work
    assert sizes[-1] == 1


def test_only_what_is_missing_is_run(tmp_path, written):
    written.extend(IDS[3:9])
    engine = ScriptedEngine()
    progress = drive(engine, tmp_path)
    assert [i for batch in engine.batches for i in batch] == IDS[:3] + IDS[9:]
    assert (progress.total, progress.kept, progress.made) == (12, 6, 6)


def test_nothing_missing_starts_no_engine(tmp_path, written):
    written.extend(IDS)
    progress = Progress()
    run_missing(SWEEP, tmp_path, lambda: pytest.fail("started"), progress)
    assert (progress.kept, progress.missing) == (12, 0)


@given(st.sets(st.integers(0, 39)))
def test_missing_seeds_are_run_together_where_they_follow_one_another(done):
    sweep = make_sweep({"name": "a", "base": BASE, "seeds": list(range(40))})
    ids = [i for point in sweep.points for i in point.run_ids]
    points = list(scheduling.missing_points(sweep, {ids[k] for k in done}))
    left = [seed for point in points for seed in point.seeds]
    assert left == [k for k in range(40) if k not in done]
    assert [i for point in points for i in point.run_ids] == [ids[k] for k in left]
    joints = itertools.pairwise(points)
    assert all(b.seeds.start > a.seeds.stop or b.seeds.start == 32 for a, b in joints)


def test_the_runs_of_a_lost_batch_are_each_tried_alone(tmp_path, written):
    lost = []

    def lose_one(batch, call):
        if len(batch) > 1 and not lost:
            lost.extend(job.run_ids[0] for job in batch)
            return Lost("killed")
        return None

    engine = ScriptedEngine(lose_one)
    progress = drive(engine, tmp_path)
    assert sorted(written) == sorted(IDS)
    assert progress.failed == []
    assert len(lost) > 1
    assert all([run_id] in engine.batches for run_id in lost)


def test_a_run_that_kills_its_worker_is_given_up_and_no_other(tmp_path, written):
    deadly = IDS[5]
    killed = []

    def die(batch, call):
        if any(deadly in job.run_ids for job in batch):
            killed.append(len(batch))
            return Lost("exit code -9")
        return None

    progress = drive(ScriptedEngine(die, slots=2), tmp_path)
    assert sorted(written) == sorted(set(IDS) - {deadly})
    (failure,) = progress.failed
    assert (failure["run_id"], failure["attempts"]) == (deadly, ATTEMPTS)
    assert failure["error"] == "exit code -9"
    assert failure["axes"] == {"sigma": 0.75}
    assert killed.count(1) == ATTEMPTS
    assert progress.missing == 0


def test_an_error_that_may_pass_is_retried_and_one_that_will_not_is_not(tmp_path, written):
    calls = []

    def fail(batch, call):
        job = batch[0]
        calls.append(job.run_ids[0])
        passing = job.run_ids[0] == IDS[0] and calls.count(IDS[0]) < ATTEMPTS
        if passing or job.run_ids[0] == IDS[1]:
            return BatchResult(failures=(Failure(job, "no", lasting=not passing),), seconds=0.1)
        return None

    progress = drive(ScriptedEngine(fail, seconds=2.0), tmp_path)
    assert calls.count(IDS[0]) == ATTEMPTS
    assert calls.count(IDS[1]) == 1
    assert [(f["run_id"], f["attempts"]) for f in progress.failed] == [(IDS[1], 1)]
    assert sorted(written) == sorted(set(IDS) - {IDS[1]})


def test_seeds_that_fail_together_are_taken_apart(tmp_path, written):
    sweep = make_sweep({"name": "a", "base": BASE, "seeds": [1, 2, 3, 4]})
    ids = sweep.points[0].run_ids

    def fail(batch, call):
        (job,) = batch
        if ids[2] in job.run_ids:
            return BatchResult(failures=(Failure(job, "ValueError: no", lasting=True),))
        return None

    engine = ScriptedEngine(fail)
    progress = drive(engine, tmp_path, sweep)
    assert engine.batches == [list(ids)] + [[run_id] for run_id in ids]
    assert sorted(written) == sorted(set(ids) - {ids[2]})
    (failure,) = progress.failed
    assert (failure["config"]["seed"], failure["config"]["num_seeds"]) == (3, 1)


def test_ctrl_c_keeps_what_was_handed_back_and_the_rest_is_done_next_time(tmp_path, written):
    def stop(batch, call):
        if call == 5:
            raise KeyboardInterrupt
        return None

    with pytest.raises(KeyboardInterrupt):
        drive(ScriptedEngine(stop, seconds=2.0), tmp_path)
    assert written == IDS[:4]
    progress = drive(ScriptedEngine(), tmp_path)
    assert (progress.kept, progress.made) == (4, 8)
    assert sorted(written) == sorted(IDS)


def test_a_full_disk_stops_the_sweep_and_the_rest_is_done_when_there_is_room(tmp_path, monkeypatch):
    write, calls = Path.write_bytes, []

    def full(path, data):
        calls.append(path)
        if len(calls) > 7:  # in the middle of the third part
            write(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(scheduling, "BATCH_SECONDS", 0.0)
    progress = Progress()
    with pytest.raises(StorageError, match="No space left"):
        run_missing(SWEEP, tmp_path, SerialEngine, progress)
    assert len(calls) == 8
    assert (progress.made, progress.missing) == (2, 10)
    monkeypatch.undo()
    assert done_runs(tmp_path) == set(IDS[:2])
    progress = Progress()
    run_missing(SWEEP, tmp_path, SerialEngine, progress)
    assert (progress.kept, progress.made) == (2, 10)
    assert done_runs(tmp_path) == set(IDS)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    engine = ScriptedEngine()
    with pytest.raises(ValueError, match=r"output=.*cannot be written"):
        drive(engine, tmp_path / "file" / "results")
    assert engine.batches == []


def test_every_value_of_every_axis_is_checked_before_anything_runs():
    corner = BASE | {"initial_policy": "corner"}
    grid = {"optimal_prob": [0.1, 0.2, 1.5], "learning_rate": [0.1, 0.2]}
    with pytest.raises(ValueError, match=r"optimal_prob=1\.5"):
        check_points(make_sweep({"name": "a", "base": corner, "grid": grid}))
    grid = {"optimal_prob": [0.1, 0.2], "learning_rate": [0.1, -0.2]}
    with pytest.raises(ValueError, match=r"learning_rate=-0\.2"):
        check_points(make_sweep({"name": "a", "base": corner, "grid": grid}))
    with pytest.raises(ValueError, match="num_actions=1"):
        check_points(make_sweep({"name": "a", "base": BASE | {"num_actions": 1}}))


def test_few_points_are_checked_of_many(monkeypatch):
    made = []
    monkeypatch.setattr(scheduling, "make_run", made.append)
    check_points(
        make_sweep(
            {
                "name": "a",
                "base": BASE,
                "grid": {k: [1, 2, 3, 4, 5] for k in ("sigma", "batch_size")},
            }
        )
    )
    assert len(made) == 9  # of 25


def test_the_serial_engine_runs_in_order():
    engine = SerialEngine()
    batch = (scheduling.make_job(SWEEP.points[0]),)
    engine.submit(batch)
    done, outcome = engine.next()
    assert done == batch
    assert outcome.run_ids == execute(batch).run_ids == SWEEP.points[0].run_ids
