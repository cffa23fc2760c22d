"""The door: exit codes, the table it prints, the files it names."""

import re
from pathlib import Path

import train

SMALL = "--num-actions 3 --optimal-prob 0.02 --max-updates 600 --num-seeds 2 --track disabled"


def test_prints_the_table_and_names_the_files_it_wrote(tmp_path, capsys):
    assert train.main([*SMALL.split(), "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines() if line.startswith(("exact", "sampled"))]
    assert [line[:2] for line in lines] == [["exact", "0"], ["sampled", "0"], ["sampled", "1"]]
    assert 0 < float(lines[0][3]) < int(lines[0][2])
    written = [Path(p) for p in re.findall(r"^wrote (\S+)$", out, flags=re.M)]
    assert {p.name for p in written} == {
        "runs.parquet",
        "trajectories.parquet",
        "escapes.parquet",
        "run.png",
    }
    assert all(p.exists() for p in written)


def test_a_run_that_stays_is_called_censored(tmp_path, capsys):
    options = [*SMALL.split(), "--max-updates", "2", "--gradient", "exact"]
    assert train.main([*options, "--output", str(tmp_path)]) == 0
    assert re.search(r"^exact +0 +censored", capsys.readouterr().out, flags=re.M)


def test_float_trouble_stops_with_a_sentence_and_keeps_what_was_done(tmp_path, capsys):
    options = "--mean-rewards 1 .9 .1 --initial-policy uniform_suboptimal --optimal-prob 1.2e-10"
    more = "--update entropy-pg --learning-rate 1 --gradient exact --track disabled --output"
    assert train.main([*options.split(), *more.split(), str(tmp_path)]) == 1
    assert "agents.simulation" in capsys.readouterr().err
    assert len(list(tmp_path.glob("*/runs.parquet"))) == 1


def test_until_escape_follows_a_plateau_of_any_length(tmp_path, capsys):
    line = "--until-escape --num-actions 2 --reward-gap 0.5 --learning-rate 0.2 --track disabled"
    start = "--initial-policy uniform_suboptimal --optimal-prob 1e-12 --output"
    assert train.main([*line.split(), *start.split(), str(tmp_path)]) == 0
    row = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("exact"))
    assert row.split()[2] == "5,000,000,000,218"


def test_until_escape_refuses_what_cannot_be_jumped(tmp_path, capsys):
    line = f"--until-escape --agent ppo --track disabled --output {tmp_path}"
    assert train.main(line.split()) == 2
    assert "cannot be jumped over" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
