"""`python -m experiments`: the audit's table and verdicts, and what bad input gets."""

import pytest

from experiments.__main__ import main

CE3 = "--num-states 1 --best-actions 1 --reward-gaps 0.05 --learning-rate 1 --premise ignore"


def row_of(out, state):
    line = next(x for x in out.splitlines() if x.split()[:1] == [str(state)])
    cells = line.replace(",", "").split()
    names = ("printed", "bound", "escape", "within")
    return dict(zip(names, (float(cells[4]), float(cells[5]), *cells[6:8]), strict=True))


def test_the_failure_of_the_printed_theorem_is_visible(capsys):
    assert main(["audit", "--counterexample", "CE3"]) == 0
    out = capsys.readouterr().out
    row = row_of(out, 0)
    assert row["printed"] == 9000
    assert row["escape"] == "579"
    assert 0 < row["bound"] < 579
    assert "broken" in out


def test_each_reading_is_explained_once_and_has_a_verdict_for_every_state(capsys):
    from gw_envs.theory.counterexamples import gap_above_delta

    readings = gap_above_delta().audit(600).readings
    assert main(["audit", "--optimal-prob", "0.01", "--max-updates", "3000"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert [out.count(reading.meaning) for reading in readings] == [1] * 4
    head = next(i for i, line in enumerate(lines) if line.endswith("   every start"))
    assert [line.split() for line in lines[head + 1 :]] == [
        [state, "true", "true", "true", "not", "decided"] for state in "012"
    ]

    assert main(["audit", "--counterexample", "CE3"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split() == ["0", "true", "true", "not", "decided", "refuted"]


def test_a_drift_that_the_user_names_is_audited(capsys):
    assert main(["audit", *CE3.split(), "--drift", "[0.0, 0.85, 0.0]"]) == 0
    row = row_of(capsys.readouterr().out, 0)
    assert 0 < row["bound"] < int(row["escape"]) < row["printed"]


def test_every_state_has_its_row_and_its_sentence(capsys):
    line = ["audit", "--optimal-prob", "0.01", "--max-updates", "3000"]
    assert main(line) == 0
    out = capsys.readouterr().out
    for state in range(3):
        row = row_of(out, state)
        assert row["bound"] < int(row["escape"])
        assert f"State {state}: " in out


def test_equal_gaps_are_left_within_both_bounds(capsys):
    line = "audit --env-id SoftmaxWell-v0 --initial-policy uniform_suboptimal --optimal-prob 0.01"
    assert main(line.split()) == 0
    row = row_of(capsys.readouterr().out, 0)
    first, last = (int(end) for end in row["within"].split(".."))
    assert first <= int(row["escape"]) <= last <= first + 5


def test_a_drift_of_the_reader_moves_what_the_common_one_does_not(capsys):
    rows = {}
    # A law for each action: gaps move, and with them escape and bound. One law for all is a shift.
    shared, apart = "0.3", "[0.0, {law: linear, start: 0.4, slope: -0.001, clip: [0, 0.4]}, 0.0]"
    for law in (None, shared, apart):
        drift = [] if law is None else ["--drift", law, "--premise", "ignore"]
        assert main(["audit", "--optimal-prob", "0.01", *drift]) == 0
        rows[law] = row_of(capsys.readouterr().out, 0)
    assert rows[None] == rows[shared]
    assert rows[apart]["within"] == "-"
    assert rows[apart]["escape"] != rows[None]["escape"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("audti", "command='audti' is unknown; choose one of"),
        ("audit --drift {law:", "is not YAML"),
        ("audit --drift 1.5", r"\[0, 1\]"),
        ("audit --drift [0.6,0.2,0.2]", "premise"),
        ("audit --reward-gaps 0.1 0.2", "reward_gaps"),
        ("audit --learning-rate 0", "learning_rate=0"),
        ("audit --discount 1", "discount=1"),
        ("audit --drift {law:lniear,start:1,slope:0}", "unknown"),
    ],
)
def test_bad_input_ends_with_code_2_and_one_sentence(line, message, capsys):
    import re

    words = line.replace(":", ": ").split(" ") if "{law:" in line else line.split()
    if "{law:" in line:
        words = ["audit", "--drift", " ".join(words[2:])]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert re.search(message, err)


def test_help_names_every_command(capsys):
    assert main([]) == 0
    assert "audit" in capsys.readouterr().out


def test_the_options_of_a_run_will_do(capsys):
    assert main(["audit", "--config", "configs/asr_well_letter.yaml", "--max-updates", "300"]) == 0
    assert "State 2: " in capsys.readouterr().out


def test_an_option_that_no_command_has_is_still_refused(tmp_path, capsys):
    path = tmp_path / "run.yaml"
    path.write_text("env_id: ASRWell-v0\ngradeint: exact\n")
    assert main(["audit", "--config", str(path)]) == 2
    assert "gradeint" in capsys.readouterr().err


def test_an_environment_and_one_policy_for_every_state_are_audited():
    import gymnasium as gym

    import gw_envs  # noqa: F401 - registers the ids
    from gw_envs.theory import audit

    env = gym.make("ASRWell-v0", reward_gaps=[0.1, 0.2, 0.3], premise="ignore")
    reports = audit(env, [0.01, 0.01, 0.98], 0.4, max_updates=200)
    assert [r.reward_gap for r in reports] == [0.1, 0.2, 0.3]
    assert [r.optimal_action for r in reports] == env.unwrapped.optimal_actions.tolist()
