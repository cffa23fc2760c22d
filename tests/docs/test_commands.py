"""Command lines and code of README.md and docs/ stand in a table; the short ones run."""

import subprocess
import sys

import pytest

from tests.tools import commands

LINES, ROWS = commands.found(), commands.table()
SHORT = [row for row in ROWS.values() if row.short]


def test_the_table_has_every_command_of_the_pages_and_no_other():
    assert list(ROWS) == list(LINES), "run python -m tests.tools.commands --sync"


def test_what_is_not_run_has_a_time_or_a_reason():
    for row in ROWS.values():
        if row.seconds in ("-", "?"):
            assert row.why and (row.seconds == "?") <= (row.why == commands.UNMEASURED), row
        else:
            short = commands.short(row.command, float(row.seconds.strip(">")))
            assert row.why or short, row
            assert row.why != commands.LONG or not short, row


def test_the_short_ones_are_a_minute_or_two():
    assert len(SHORT) >= 20 and sum(float(row.seconds) for row in SHORT) <= 100


def test_commands_are_found_where_readers_see_them(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "Say `python train.py --help`.\n\n    python -c pass\n\n"
        "```\npython a.py \\\n    --b  # 1,234\na tree/\n```\n\n"
        "```python\nprint(1)  # 99 of 100\n```\n\n```text\npython never\n```\n"
    )
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    found = {line.command: line.numbers for line in commands.lines_of(page)}
    assert found == {
        "blocks of page.md": ("100",),
        "python a.py --b": ("1234",),
        "python -c pass": (),
        "python train.py --help": (),
    }


def test_a_line_that_fails_and_one_that_prints_another_number_are_told(tmp_path):
    for command, numbers, wrong in (
        ("echo 1,234", ("1234",), ""),
        ("echo 1,235", ("1234",), "the page says 1234, it printed: 1,235"),
        ("echo oh; false", (), "code 1: oh"),
    ):
        line = commands.Line(command, "page.md", numbers)
        assert commands.run(line, tmp_path, 60)[1].strip() == wrong
    assert commands.run(commands.Line("sleep 9", "page.md"), tmp_path, 0.1)[1] == "timeout"


def test_processes_of_a_command_that_outlive_it_count():
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    left = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}])"
    code = (
        "import subprocess, sys; from tests.tools import commands as c; c.adopt_orphans();"
        f"subprocess.run([sys.executable, '-c', {left!r}]); c.wait_for_orphans(30);"
        "print(c.cpu_seconds())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=commands.ROOT, capture_output=True, text=True
    )
    assert float(done.stdout) >= 0.5, done.stderr


@pytest.mark.parametrize(
    ("before", "seconds", "wrong", "after"),
    [
        ("?", 5.0, "", ("5.0", "")),
        ("?", 90.4, "", ("90.4", commands.LONG)),
        ("?", 90.4, "timeout", (">90", commands.LONG)),
        (">90", 200.0, "timeout", (">200", commands.LONG)),
        (">90", 200.0, "", ("200.0", commands.LONG)),
        ("300.0", 90.4, "timeout", ("300.0", commands.LONG)),
        ("?", 90.4, "code 1: oh", ("?", commands.UNMEASURED)),
        ("?", 0.1, "timeout", ("?", commands.UNMEASURED)),
    ],
)
def test_the_row_after_a_run(before, seconds, wrong, after):
    row = commands.Row(
        before, "page.md", "echo", commands.UNMEASURED if before == "?" else commands.LONG
    )
    row = commands.measured(row, seconds, wrong)
    assert (row.seconds, row.why) == after


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return commands.checkout(tmp_path_factory.mktemp("pages"))


@pytest.mark.slow
@pytest.mark.parametrize("row", SHORT, ids=lambda row: row.command)
def test_a_short_one_runs_and_prints_the_numbers_of_its_comment(row, checkout):
    _, wrong = commands.run(LINES[row.command], checkout, 300)
    assert not wrong
