"""The kill storm: 100 commands stopped at random moments, by SIGKILL, SIGTERM and SIGINT.

A stopped command leaves whole files or none. Made or gone on with again, it leads to the tables of
a command that nothing has stopped: nothing doubled, nothing unreadable, no temporary file.
"""

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from experiments.results import TABLES, read_results
from tests.invalid.forked import finish, kill_during, moments

pytestmark = pytest.mark.slow
pytest.importorskip("plotly")
KILLS = 20  # of each command
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {
    signal.SIGKILL: {-signal.SIGKILL},
    signal.SIGTERM: {128 + signal.SIGTERM, -signal.SIGTERM},  # the second: before it is caught
    signal.SIGINT: {130},
}
TRAIN = "train --track disabled --num-actions 3 --num-seeds 2 --max-updates 500 --exp-name storm"
TRAIN += " --gradient sampled --checkpoint-seconds 0.02 --output out"
SWEEP = {
    "name": "storm",
    "base": {"gradient": "sampled", "num_actions": 3, "max_updates": 40},
    "grid": {"reward_gap": [round(0.1 + 0.01 * k, 3) for k in range(6)]},
}
SHARDS = 2


def rows(folder):
    """What the tables say, as text, in which a missing number equals itself."""
    return {name: repr(read_results(folder, name).to_pylist()) for name in TABLES}


def stale(folder):
    """Temporary files, and checkpoints of runs that have finished."""
    return [str(p) for p in folder.rglob("*") if p.suffix == ".part" or p.name == "checkpoint.pkl"]


def only(folder):
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The files that cases begin with, what each command leads to, and its seconds."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    finish(TRAIN.split(), folder)
    shutil.rmtree(folder / "out")
    seconds, made = {}, {}
    for name, words in commands(folder).items():
        for line in words[:-1]:
            assert finish(line.split(), folder)[0] == 0, (folder / "said.txt").read_text()
        code, seconds[name] = finish(words[-1].split(), folder)
        assert code == 0, (folder / "said.txt").read_text()
    made["train"] = made["resume"] = rows(only(folder / "out"))
    made["sweep"], made["compact"] = rows(folder / "swept"), rows(folder / "sharded")
    made["report"] = (folder / "page.html").read_bytes()
    assert made["sweep"]["runs"] == made["compact"]["runs"]
    for shard in range(SHARDS):
        shard_line = f"sweep sweep.yaml --engine serial --output parts --shard {shard}/{SHARDS}"
        assert finish(shard_line.split(), folder)[0] == 0
    seconds["resume"] = seconds["train"]
    return folder, seconds, made


def commands(folder):
    shards = [
        f"sweep sweep.yaml --engine serial --output sharded --shard {i}/{SHARDS}"
        for i in range(SHARDS)
    ]
    return {
        "train": [TRAIN],
        "sweep": ["sweep sweep.yaml --engine serial --output swept"],
        "compact": [*shards, "compact sharded"],
        "report": ["report swept --output page.html"],
    }


def check_stopped(folder, how, code):
    said = (folder / "said.txt").read_text()
    assert code in CODES[how], (how, code, said)
    assert "Traceback" not in said, said
    for path in folder.rglob("*.parquet"):  # each is whole or absent
        if not path.name.startswith("."):
            read_results(path.parent, path.stem)
    if how != signal.SIGKILL:
        assert not [path for path in folder.rglob("*.part")], said


def go_on_training(folder):
    """Resume, or begin again where the run was stopped before its first checkpoint."""
    runs = list((folder / "out").glob("*")) if (folder / "out").exists() else []
    if runs and (runs[0] / "checkpoint.pkl").exists():
        return f"train --resume {runs[0]} --track disabled".split()
    shutil.rmtree(folder / "out", ignore_errors=True)
    return TRAIN.split()


def case_train(folder, base, how, rng, twice=False):
    _, seconds, made = base

    def reset():
        shutil.rmtree(folder / "out", ignore_errors=True)

    code = kill_during(TRAIN.split(), folder, how, rng, seconds["train"], reset)
    check_stopped(folder, how, code)
    if twice:  # the resumed run is stopped as well
        words = go_on_training(folder)
        if (folder / "out").exists():
            shutil.copytree(folder / "out", folder / "copy")

        def put_back():
            reset()
            if (folder / "copy").exists():
                shutil.copytree(folder / "copy", folder / "out")

        code = kill_during(words, folder, how, rng, seconds["train"] / 2, put_back)
        shutil.rmtree(folder / "copy", ignore_errors=True)
        check_stopped(folder, how, code)
    finished = (folder / "out").exists() and not stale(folder) and rows_or_none(folder)
    if finished != made["train"]:
        code, _ = finish(go_on_training(folder), folder)
        assert code == 0, (folder / "said.txt").read_text()
    assert rows(only(folder / "out")) == made["train"]


def rows_or_none(folder):
    try:
        return rows(only(folder / "out"))
    except ValueError:
        return None


def case_resume(folder, base, how, rng):
    case_train(folder, base, how, rng, twice=True)


def case_sweep(folder, base, how, rng):
    source, seconds, made = base
    shutil.copy(source / "sweep.yaml", folder)
    words = ["sweep", "sweep.yaml", "--engine", "serial", "--output", "swept"]

    def reset():
        shutil.rmtree(folder / "swept", ignore_errors=True)

    check_stopped(folder, how, kill_during(words, folder, how, rng, seconds["sweep"], reset))
    assert finish(words, folder)[0] == 0, (folder / "said.txt").read_text()
    assert rows(folder / "swept") == made["sweep"]


def case_compact(folder, base, how, rng):
    source, seconds, made = base

    def reset():
        shutil.rmtree(folder / "sharded", ignore_errors=True)
        shutil.copytree(source / "parts", folder / "sharded")

    reset()
    words = ["compact", "sharded"]
    check_stopped(folder, how, kill_during(words, folder, how, rng, seconds["compact"], reset))
    assert finish(words, folder)[0] == 0, (folder / "said.txt").read_text()
    assert rows(folder / "sharded") == made["compact"]


def case_report(folder, base, how, rng):
    source, seconds, made = base
    shutil.copytree(source / "swept", folder / "swept")
    words = ["report", "swept", "--output", "page.html"]

    def reset():
        (folder / "page.html").unlink()

    check_stopped(folder, how, kill_during(words, folder, how, rng, seconds["report"], reset))
    page = folder / "page.html"
    assert not page.exists() or page.read_bytes() == made["report"]
    assert finish(words, folder)[0] == 0
    assert page.read_bytes() == made["report"]


CASES = {
    "train": case_train,
    "resume": case_resume,
    "sweep": case_sweep,
    "compact": case_compact,
    "report": case_report,
}


@pytest.mark.parametrize("command", CASES)
def test_a_stopped_command_is_made_good(command, base, tmp_path):
    def one(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        seed = [list(CASES).index(command), number]
        CASES[command](folder, base, SIGNALS[number % 3], moments(seed))
        assert stale(folder) == []
        return number

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(KILLS))) == list(range(KILLS))


def test_the_storm_has_a_hundred_kills():
    assert KILLS * len(CASES) == 100 and Path(__file__).exists()
