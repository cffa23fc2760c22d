"""`python -m experiments groups`: logs of every form, and what is no log."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.__main__ import main
from experiments.diagnose.group_logs import counts_of_means


def log_rows(form, steps=60, prompts=6, size=8, seed=0):
    """The same groups, a row for each answer or each group."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(steps):
        for prompt in range(prompts):
            rewards = (rng.random(size) < 0.96).astype(float).tolist()
            here = {"step": step, "prompt": f"p{prompt}"}
            if form == "groups":
                rows.append(here | {"rewards": rewards})
            else:
                rows += [here | {"reward": reward} for reward in rewards]
    return rows


def write(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        names = list(rows[0])
        lines = [",".join(names), *(",".join(str(row[n]) for n in names) for row in rows)]
        path.write_text("\n".join(lines))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def diagnosed(capsys, *words):
    assert main(["groups", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("form", ["groups", "answers"])
@pytest.mark.parametrize("ending", ["parquet", "jsonl", "json"])
def test_rows_of_groups_and_of_answers_say_the_same(form, ending, tmp_path, capsys):
    file = write(tmp_path / f"log.{ending}", log_rows(form))
    found = diagnosed(capsys, file)
    assert found["verdict"] == "solved"
    right = [row["right"] for row in found["prompts"]]
    assert [row["prompt"] for row in found["prompts"]] == [f"p{i}" for i in range(6)]
    if form == "groups":
        assert [row["groups"] for row in found["prompts"]] == [60] * 6
        exact = np.array([row["rewards"] for row in log_rows(form)]).reshape(60, 6, 8)
        assert right == exact.sum(axis=(0, 2)).tolist()


def test_the_table_shows_what_is_not_solved(tmp_path, capsys):
    rows = [{"step": s, "prompt": "hard", "rewards": [0, 0, 0, 0]} for s in range(30)]
    file = write(tmp_path / "log.jsonl", rows)
    assert main(["groups", file, "--budget", "32"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("verdict: unreachable\n") and "hard" in out and "note: " in out
    assert "30 groups in 30 steps: 100.0% all wrong, 0.0% all right, 0.00% of answers" in out


def test_a_history_of_means_gives_counts_and_says_what_it_lacks(tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = []
    for step in range(80):
        rewards = (rng.random((16, 8)) < 0.004 * step).astype(float)
        silent = float(np.mean(np.ptp(rewards, axis=1) == 0))
        rows.append(
            {
                "train/global_step": step,
                "train/reward": float(rewards.mean()),
                "train/frac_reward_zero_std": silent,
                "train/entropy": 1.0,
            }
        )
    file = write(tmp_path / "history.csv", rows)
    found = diagnosed(capsys, file, "--group-size", "8", "--prompts-per-step", "16")
    assert found["verdict"] == "learning"
    assert "nothing is known of single prompts" in found["log"][0]


@pytest.mark.parametrize(
    ("rewards", "size"),
    [
        ([[0, 0], [1, 1], [0, 1]], 2),
        ([[0, 0, 0, 0], [0, 1, 0, 0]], 4),
        ([[1] * 4, [1] * 4, [0, 1, 1, 1], [0] * 4], 4),
    ],
)
def test_counts_fit_the_means(rewards, size):
    groups = np.array(rewards)
    silent = float(np.mean(np.ptp(groups, axis=1) == 0))
    counts = counts_of_means(float(groups.mean()), silent, size, len(groups))
    assert sum(counts) == groups.sum() and len(counts) == len(groups)
    assert np.mean([c in (0, size) for c in counts]) == silent


def test_steps_that_are_missing_are_said(tmp_path, capsys):
    rows = [row for row in log_rows("groups") if not 20 <= row["step"] < 30]
    found = diagnosed(capsys, write(tmp_path / "log.jsonl", rows))
    assert any("missing in 1 places" in note for note in found["notes"])


GOOD = {"step": 0, "prompt": "a", "rewards": [0, 1]}
BAD = [
    ([GOOD, {"step": 1, "prompt": "a", "rewards": [0]}], [], "groups of 1 answer"),
    ([GOOD, {"step": 1, "prompt": "a", "rewards": [0.5, 0]}], [], "no verdict"),
    ([{"step": 0, "prompt": "a", "reward": "nan"}] * 2, [], "is NaN"),
    ([{"step": 0, "reward": 1}], [], "--group-size"),
    ([{"step": 0, "prompt": "a", "reward": 1}] * 3, ["--group-size", "2"], "no whole groups of 2"),
    ([{"prompt": "a", "rewards": [0, 1]}], [], "--step-column"),
    ([{"step": 0.5, "rewards": [0, 1]}], [], "whole number"),
    ([{"step": 0, "other": 1}], [], "--reward-column"),
    ([GOOD], ["--reward-column", "score"], "reward='score' is no column"),
    ([{"step": 0, "reward": 0.1, "frac_reward_zero_std": 0.5}], [], "--prompts-per-step"),
    ([{"step": 0, "prompt": "a", "reward": "good"}] * 2, [], "must be a number"),
    ([{"step": None, "prompt": "a", "rewards": [0, 1]}], [], "no row has a step"),
    ([GOOD], ["--rule", "grop"], "Did you mean 'grpo'"),
]


@pytest.mark.parametrize(("rows", "words", "sentence"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_logs_are_one_sentence(rows, words, sentence, tmp_path, capsys):
    assert main(["groups", write(tmp_path / "log.jsonl", rows), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and sentence in error


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("none.jsonl", None, "does not exist"),
        ("log.txt", "", "must end in"),
        ("log.jsonl", "", "it holds none"),
        ("log.jsonl", "{not json", "cannot be read as .jsonl"),
        ("log.jsonl", "[1, 2]", "rows with named columns"),
        ("log.parquet", "no parquet", "cannot be read as .parquet"),
    ],
)
def test_what_is_no_log_is_one_sentence(name, text, sentence, tmp_path, capsys):
    if text is not None:
        (tmp_path / name).write_text(text)
    assert main(["groups", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and sentence in error
