"""Workers and drivers killed in mid-sweep: nothing lost, nothing doubled, nobody left behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from experiments.results import TABLES
from experiments.sweeps.engines import SerialEngine
from experiments.sweeps.scheduling import Progress, run_missing
from experiments.sweeps.specification import read_sweep
from experiments.sweeps.storage import done_runs, join_parts

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
RUNS = 40
# Long enough that, on a fast machine too, most batches are still to come when the first are there.
DATA = {
    "base": {"gradient": "sampled", "num_actions": 3, "max_updates": 5000},
    "grid": {"reward_gap": [round(0.1 + 0.01 * k, 3) for k in range(RUNS)]},
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The sweep's file, and the tables that it must lead to."""
    folder = tmp_path_factory.mktemp("reference")
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(DATA))
    run_missing(read_sweep(path), folder / "results", SerialEngine, Progress())
    join_parts(folder / "results")
    return path, tables(folder / "results")


def tables(folder):
    return [(folder / f"{name}.parquet").read_bytes() for name in TABLES]


def start(path, output, engine):
    command = [sys.executable, "-m", "experiments", "sweep", str(path), "--engine", engine]
    command += ["--workers", "2", "--output", str(output)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        # what a shell starts in the background ignores Ctrl-C, and hands that down to its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for_parts(process, folder, number=2):
    """Wait until some batches are there and more are being made."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob("parts/*/runs.parquet"))) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no results appeared"
        time.sleep(0.02)


def children(pid):
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def descendants(pid):
    """Process ids below one, outermost first."""
    return [p for child in children(pid) for p in (child, *descendants(child))]


def workers(process, engine):
    """The processes that run batches."""
    below = descendants(process.pid)
    if engine == "process":  # the leaves below the server that forks them
        return [p for p in below if p not in children(process.pid)]
    names = {p: Path(f"/proc/{p}/cmdline").read_bytes() for p in below}
    return [p for p, name in names.items() if name.startswith(b"ray::execute")]


def counts(output):
    """Runs in all, there before, made now."""
    return [int(n) for n in re.search(r"(\d+) runs, (\d+) were there, (\d+) made", output).groups()]


def gone(pids):
    """Whether all of some processes end within a few seconds."""
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() and not zombie(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("engine", ["process", "ray"])
def test_a_killed_worker_costs_its_batch_only(tmp_path, reference, engine):
    path, expected = reference
    process = start(path, tmp_path / "out", engine)
    wait_for_parts(process, tmp_path / "out")
    victims = workers(process, engine)
    assert victims
    os.kill(victims[0], signal.SIGKILL)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert counts(said) == [RUNS, 0, RUNS]
    assert tables(tmp_path / "out") == expected


@pytest.mark.parametrize("engine", ["process", "ray"])
def test_a_killed_driver_leaves_whole_batches_and_the_rest_is_run(tmp_path, reference, engine):
    path, expected = reference
    process = start(path, tmp_path / "out", engine)
    wait_for_parts(process, tmp_path / "out")
    running, below = workers(process, engine), descendants(process.pid)
    process.kill()
    process.communicate()
    assert gone(running), "workers outlived their driver"
    for pid in below:  # two of Ray's own agents take minutes to notice
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    kept = len(done_runs(tmp_path / "out"))
    assert 0 < kept < RUNS
    said, errors = start(path, tmp_path / "out", engine).communicate(timeout=120)
    assert counts(said) == [RUNS, kept, RUNS - kept], errors
    assert tables(tmp_path / "out") == expected


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_termination_end_cleanly(tmp_path, reference, how, code):
    path, expected = reference
    process = start(path, tmp_path / "out", "process")
    wait_for_parts(process, tmp_path / "out")
    below = descendants(process.pid)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: to the workers too
    else:
        process.send_signal(how)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    if how == signal.SIGINT:
        assert f"interrupted: {RUNS} runs" in said
        assert "the same command makes what is missing" in said
    assert gone(below)
    kept = len(done_runs(tmp_path / "out"))
    assert 0 < kept < RUNS
    said, _ = start(path, tmp_path / "out", "process").communicate(timeout=120)
    assert counts(said) == [RUNS, kept, RUNS - kept]
    assert tables(tmp_path / "out") == expected
