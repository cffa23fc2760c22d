"""The comparison of agents: what it measures, how it counts what is censored, what it writes."""

import re

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.__main__ import main
from experiments.options.config import make_config
from experiments.runs.well import make_agents
from experiments.sb3_comparison import (
    SOLVED,
    Cell,
    NothingLeftError,
    Watched,
    load_cells,
    price,
    save_cells,
    table,
)


def test_it_notes_escape_and_solution_in_environment_steps():
    config = make_config(
        agent="softmax-pg",
        gradient="sampled",
        num_seeds=3,
        num_actions=3,
        optimal_prob=0.05,
        batch_size=16,
        learning_rate=1.0,
        max_updates=2_000,
    )
    (agent,) = make_agents(config)
    watched = Watched(agent)
    probs = []

    def see(record):
        probs.append(record.optimal_prob)
        watched(record)

    with pytest.raises(NothingLeftError):
        agent.learn(2_000, record_at=range(2_001), on_record=see)
    solved = np.argmax(np.array(probs) >= SOLVED, axis=0)
    np.testing.assert_array_equal(watched.solved, solved * 16)
    np.testing.assert_array_equal(watched.escapes(), agent.escape_time * 16)
    assert (np.array(watched.escapes()) < watched.solved).all()
    assert agent.updates == solved.max()


def test_censored_runs_are_counted_and_not_averaged():
    cell = Cell("ppo", "uniform", 500, escape=[0.0] * 4, solved=[100.0, np.nan, np.nan, 300.0])
    assert cell.survival("solved").censored == 2
    assert cell.survival("solved").quantile(0.5).value == 300
    cell.solved[3] = np.nan
    row = table([cell]).splitlines()[-1]
    assert "> 500" in row
    assert "3 of 4" in row
    assert "starts outside" in row
    assert "0 of 4" not in row


def test_the_price_of_a_start_is_told_where_both_medians_are_known():
    cells = [
        Cell("ppo", "uniform", 500, [0.0] * 3, [100.0] * 3),
        Cell("ppo", "pi(a*) = 0.01", 500, [200.0] * 3, [310.0] * 3),
        Cell("ppo", "pi(a*) = 0.001", 500, [np.nan] * 3, [np.nan] * 3),
        Cell("dqn", "uniform", 500, [0.0] * 3, [100.0] * 3),
    ]
    assert [price(cell, cells) for cell in cells] == ["-", "3.1 x", "-", "-"]
    assert price(cells[1], cells[1:]) == "-"


def test_stored_runs_are_the_runs(tmp_path):
    cells = [Cell("ppo", "uniform", 500, [0.0, np.nan], [100.0, np.nan], 1.5)]
    save_cells(cells, tmp_path / "sb3.json")
    assert table(load_cells(tmp_path / "sb3.json")) == table(cells)
    assert "NaN" not in (tmp_path / "sb3.json").read_text()


def test_the_command_writes_table_and_figure(tmp_path, capsys):
    line = "sb3 --agents a2c dqn --num-seeds 2 --max-updates 40 --output"
    assert main([*line.split(), str(tmp_path)]) == 0
    out = capsys.readouterr().out
    rows = [r for r in out.splitlines() if r.startswith("| ")][1:]
    assert [r.split(" | ")[0] for r in rows] == ["| A2C"] * 3 + ["| DQN"]
    assert (tmp_path / "sb3.md").read_text() in out
    assert imread(tmp_path / "sb3.png").std() > 0.05


def test_bad_options_are_refused(tmp_path, capsys):
    for line, message in {
        "--agents pp": "agents='pp'.*mean 'ppo'",
        "--num-seeds 0": "num_seeds=0",
        "--max-updates 0": "max_updates=0",
    }.items():
        assert main(["sb3", *line.split(), "--output", str(tmp_path / "x")]) == 2
        assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "x").exists()
