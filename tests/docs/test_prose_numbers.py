"""Every number of a hand-written page that a benchmark or claim makes is the one it has stored."""

import json

import pytest

from benchmarks.__main__ import PAGE, ROWS
from benchmarks.__main__ import page as benchmarks_page
from benchmarks.harness import Result
from benchmarks.stored import Row, load_rows, save_rows
from tests.tools import prose_numbers
from tests.tools.prose_numbers import (
    DOCS,
    marked_numbers,
    pages,
    stored_number,
    unmarked_numbers,
)


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_numbers_with_a_comment_are_the_stored_ones(path):
    wrong = [number for number in marked_numbers(path.read_text()) if not number.agrees]
    assert not wrong


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_no_measured_number_lacks_its_comment(path):
    assert not unmarked_numbers(path.read_text())


def test_some_numbers_have_comments():
    assert sum(len(marked_numbers(path.read_text())) for path in pages()) >= 6


def test_the_page_of_benchmarks_is_its_stored_rows():
    assert PAGE.read_text() == benchmarks_page(load_rows(ROWS))


@pytest.fixture
def stored(tmp_path, monkeypatch):
    results = [
        Result("T = 1e12: time", 1.17, 5, "ms", "jump 1.17 ms/call, closed form 3.52 ms/call"),
        Result("share of a step", 0.986, 0.9, ""),
        Result("over another", 2.38),
        Result("over a third", None, detail="not installed"),
    ]
    path = tmp_path / "rows.json"
    save_rows([Row("deep-well", result, "2026-01-01", "0 0", "m") for result in results], path)
    monkeypatch.setattr(prose_numbers, "ROWS", path)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("text", "agrees"),
    [
        ("1.17 ms<!-- deep-well: T = 1e12: time -->", True),
        ("1.2 ms<!-- deep-well: T = 1e12: time -->", True),
        ("1,170 us<!-- deep-well: T = 1e12: time -->", True),
        ("1.3 ms<!-- deep-well: T = 1e12: time -->", False),
        ("1.1 ms<!-- deep-well: T = 1e12: time -->", False),
        ("about 1.3 ms<!-- deep-well: T = 1e12: time -->", True),
        ("about 1.4 ms<!-- deep-well: T = 1e12: time -->", False),
        ("99 %<!-- deep-well: share of a step -->", True),
        ("98 %<!-- deep-well: share of a step -->", False),
        ("2.4\ntimes<!-- deep-well: over another -->", True),
        ("3.52 ms<!-- deep-well: closed form -->", True),
        ("0.00352 s<!-- deep-well:\nclosed form -->", True),
        ("1 ms<!-- deep-well: no such figure -->", False),
        ("1 ms<!-- deep-well: over a third -->", False),
        ("1.17 ms<!-- no-such-benchmark: T = 1e12: time -->", False),
    ],
)
def test_a_number_is_the_stored_one_to_its_digits(text, agrees):
    (number,) = marked_numbers(text)
    assert number.agrees is agrees


def test_claims_are_stored_numbers_too():
    text = (DOCS / "figures" / "claims" / "theorem-1.json").read_text()
    (finding,) = [f for f in json.loads(text)["findings"] if f["name"] == "explicit-constant"]
    assert stored_number("theorem-1", "explicit-constant") == (finding["value"], "")
    assert stored_number("theorem-1", "no such finding") is None


def test_a_number_without_its_comment_is_found():
    found = unmarked_numbers("It takes 3 ms, twice.\n\n2,000 of 5 seeds.\n\nRuns 9 times as fast.")
    assert [text[:13] for text in found] == ["It takes 3 ms", "Runs 9 times "]
    named = "`python -m benchmarks deep-well`: 5 s of 3 runs.\n\n| a | 7 |\n|---|---|\n| b | 8.5 |"
    assert len(unmarked_numbers(named)) == 3
    assert unmarked_numbers(named.replace("deep-well", "diagnosis")) == []
    assert unmarked_numbers("1.2 ms<!-- deep-well: closed form --> and\n```\n3 ms\n```") == []
