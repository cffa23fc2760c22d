"""`python -m experiments certify`: verdicts, exit codes and what bad input gets."""

import pytest

from experiments.__main__ import main


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("", 0, "certified: The escape time is 6,296"),
        ("--count 6297", 1, "refuted: Not 6,297: the escape time is 6,296"),
        ("--count 6295", 1, "refuted: Not 6,295"),
        (
            "--initial-policy uniform_suboptimal --optimal-prob 1e-12",
            0,
            "certified: The escape time is 10,416,666,667,107",
        ),
        ("--mean-rewards 1 .9 .1 --optimal-prob 1e-8", 1, "not certified: A direct proof makes"),
    ],
)
def test_verdicts(line, code, words, capsys):
    assert main(["certify", *line.split()]) == code
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--env-id ASRWell-v0", "must be 'SoftmaxWell-v0'"),
        ("--initial-policy normal", "initial_policy='normal'"),
        ("--count -3", "count=-3"),
        ("--method fast", ""),
    ],
)
def test_bad_input_ends_with_code_2(line, words, capsys):
    try:
        code = main(["certify", *line.split()])
    except SystemExit as end:  # the parser's own
        code = end.code
    assert code == 2
    assert words in capsys.readouterr().err


def test_long_work_says_so_first(monkeypatch, capsys):
    import experiments.certify as certify

    monkeypatch.setattr(certify, "SECONDS_PER_UPDATE", 1.0)
    assert main(["certify"]) == 0
    assert "every update in ball arithmetic: up to 6,296 s" in capsys.readouterr().out
