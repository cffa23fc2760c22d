"""What is said of long work where nobody watches a bar."""

from experiments.options import progress as module
from experiments.options.progress import progress


def test_short_work_says_nothing(capsys):
    assert list(progress(range(5), desc="rules")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_long_work_says_what_is_left_on_lines_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr(module, "LINE_SECONDS", 0.0)
    for _ in progress(range(3), desc="rules"):
        pass
    said = [line.strip("\r") for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert said[0].startswith("rules: 0 of 3, ") and said[-1].startswith("rules: 3 of 3, ")
    assert all(line.endswith(" to go") for line in said)


def test_silence_is_silence(capsys, monkeypatch):
    assert list(progress(range(3), disable=True)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
