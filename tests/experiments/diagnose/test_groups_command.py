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
    assert "95 % of runs" in out and "in brackets its ends" in out
    assert "30 groups in 30 steps: 100.0% all wrong, 0.0% all right, 0.00% of answers" in out


def test_the_column_of_runs_is_called_by_its_confidence(tmp_path, capsys):
    rows = [{"step": s, "prompt": "hard", "rewards": [0, 0, 0, 0]} for s in range(30)]
    file = write(tmp_path / "log.jsonl", rows)
    assert main(["groups", file, "--confidence", "0.9"]) == 0
    assert "  90 % of runs\n" in capsys.readouterr().out


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
    (
        [{"step": 0, "prompt": "a", "reward": 0}] * 2,
        ["--prompts-per-step", "0"],
        "prompts_per_step",
    ),
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


def steps_of(prob, steps, prompts=8, size=8, seed=0):
    """Rows of groups at these steps, all of one success probability (or a function of the step)."""
    rng = np.random.default_rng(seed)
    chance = prob if callable(prob) else lambda step: prob
    return [
        {
            "step": s,
            "prompt": f"p{i}",
            "rewards": (rng.random(size) < chance(s)).astype(int).tolist(),
        }
        for s in steps
        for i in range(prompts)
    ]


def answers_of(rows):
    return [
        {"step": row["step"], "prompt": row["prompt"], "reward": reward}
        for row in rows
        for reward in row["rewards"]
    ]


def said(tmp_path, capsys, rows, *words, name="log.jsonl"):
    assert main(["groups", write(tmp_path / name, rows), *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("form", [list, answers_of])
def test_a_log_written_twice_says_no_more_than_once(form, tmp_path, capsys):
    rows = form(steps_of(0.05, range(60)))
    once, twice = (said(tmp_path, capsys, many) for many in (rows, rows + rows))
    assert twice["prompts"] == once["prompts"]
    assert any("written again were left out" in note for note in twice["log"])


def test_from_where_a_log_goes_back_the_later_rows_count(tmp_path, capsys):
    lost, resumed = steps_of(0.0, range(60)), steps_of(0.99, range(10, 70), seed=1)
    found = said(tmp_path, capsys, lost + resumed)
    assert found["verdict"] == "solved"
    assert said(tmp_path, capsys, steps_of(0.99, range(60)) + lost, "--budget", "61")[
        "verdict"
    ] == ("unreachable")


def test_a_log_that_goes_back_with_other_prompts_is_refused(tmp_path, capsys):
    others = [row | {"prompt": "q" + row["prompt"]} for row in steps_of(0.5, range(40))]
    path = write(tmp_path / "log.jsonl", steps_of(0.5, range(60)) + others)
    assert main(["groups", path]) == 2
    assert "goes back from step 59 to step 0 with other prompts" in capsys.readouterr().err


def test_rows_in_no_order_or_the_newest_first_are_sorted(tmp_path, capsys):
    rows = steps_of(lambda step: 0.1 + 0.012 * step, range(50), prompts=16)
    mixed = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    assert {said(tmp_path, capsys, order)["verdict"] for order in (rows[::-1], mixed)} == {
        "learning"
    }


def test_a_last_step_cut_short_is_left_out(tmp_path, capsys):
    rows = answers_of(steps_of(0.97, range(40)))
    for cut in (3, 7):
        found = said(tmp_path, capsys, rows[:-cut])
        assert found["verdict"] == "solved" and any("is incomplete: 1" in n for n in found["log"])


def test_groups_left_out_for_their_silence_leave_no_verdict(tmp_path, capsys):
    rows = steps_of(0.02, range(400))
    mixed = [row for row in rows if 0 < sum(row["rewards"]) < 8]
    for form in (list, answers_of):
        found = said(tmp_path, capsys, form(mixed), "--pace", "1", "--budget", "100000")
        assert found["verdict"] == "unclear" and "dynamic sampling" in found["reason"]
    assert said(tmp_path, capsys, rows, "--pace", "1", "--budget", "100000")["verdict"] == "waiting"


@pytest.mark.parametrize(
    ("change", "words", "sentence"),
    [
        ({"reward": None}, [], "row 0 (step 0) has no reward: a verifier must give every answer"),
        ({"reward": "[1 1 0]"}, [], "rewards='[1 1 0]' in row 0 must be a list with commas"),
        ({"entropy": -0.3}, [], "entropy=-0.3 in row 0 must be an entropy, at least 0 nats"),
        ({}, ["--budget", "5"], "budget=5 must be at least 9, the last step of the log"),
    ],
)
def test_what_would_make_a_verdict_wrong_is_refused(change, words, sentence, tmp_path, capsys):
    rows = answers_of(steps_of(0.5, range(10)))
    rows[0] |= change
    assert main(["groups", write(tmp_path / "log.jsonl", rows), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_an_entropy_that_is_not_finite_tells_nothing(tmp_path, capsys):
    rows = [
        row | {"entropy": float("nan" if row["step"] % 2 else 1e-3)}
        for row in steps_of(0, range(60))
    ]
    assert said(tmp_path, capsys, rows)["verdict"] == "collapsed"
    rows = [row | {"entropy": float("nan")} for row in rows]
    assert said(tmp_path, capsys, rows)["verdict"] == "unclear"


def test_marks_of_spreadsheets_and_spellings_of_sweeps_are_read(tmp_path, capsys):
    path = tmp_path / "log.csv"
    write(path, answers_of(steps_of(1.0, range(30))))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert main(["groups", str(path), "--kl_weight=0.0", "--json=True"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "solved"
