"""The protocol: runs one by one, resumed, joined; the shipped results."""

import numpy as np
import pytest

from experiments.sampling import protocol
from experiments.sampling.protocol import CELLS, Cell, join, missing, run_cell, run_protocol

TINY = {
    "dataset": "digits",
    "samples_per_class": 12,
    "epochs": 2,
    "iterations_per_epoch": 2,
    "iterations_per_step": 1,
    "history": 1,
    "classes_per_batch": 4,
    "embedding_size": 4,
}
CELL = Cell("normal_high", "normal_high", "frozen")


def test_a_run_has_a_row_per_epoch_and_depends_on_its_seed_only():
    one, same, other = (run_cell(CELL, seed, TINY) for seed in (1, 1, 2))
    assert [row["epoch"] for row in one] == [0, 1, 2]
    assert one == same
    assert one != other


@pytest.mark.parametrize("agent", ["ppo", "sb3-softmax-pg", "random"])
def test_all_agents_start_a_seed_from_the_same_network(agent):
    controlled = run_cell(CELL, 3, TINY)
    learned = run_cell(Cell("normal_high", "normal_high", agent, 1.0), 3, TINY)
    assert len(learned) == len(controlled)
    for metric in protocol.METRICS:
        assert learned[0][metric] == controlled[0][metric]


def test_what_is_there_is_not_made_again(tmp_path, monkeypatch):
    run_protocol(tmp_path, cells=[CELL], num_seeds=1, settings=TINY)
    assert len(missing(tmp_path, [CELL], range(100, 102))) == 1
    made = []
    real = protocol.run_cell
    monkeypatch.setattr(protocol, "run_cell", lambda *a: made.append(a[1]) or real(*a))
    run_protocol(tmp_path, cells=[CELL], num_seeds=2, settings=TINY)
    assert made == [101]
    path = tmp_path / "joined" / "all.parquet"
    path.parent.mkdir()
    join(tmp_path, path)
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    assert table.num_rows == 6
    assert table["seed"].to_pylist() == [100] * 3 + [101] * 3


def test_refuses_folders_without_runs_or_with_a_damaged_one(tmp_path):
    with pytest.raises(ValueError, match="holds no runs of the protocol"):
        join(tmp_path, tmp_path / "all.parquet")
    (tmp_path / "normal_high-ppo-1.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match="is damaged"):
        join(tmp_path, tmp_path / "all.parquet")
    with pytest.raises(ValueError, match="num_seeds=0"):
        run_protocol(tmp_path, num_seeds=0)


def test_the_shipped_results_are_whole():
    table = protocol.stored_results()
    assert table.num_rows == len(CELLS) * 10 * 61
    kinds = set(zip(table["distribution"].to_pylist(), table["agent"].to_pylist(), strict=True))
    assert kinds == {(cell.name, cell.agent) for cell in CELLS}
    assert set(table["failure"].to_pylist()) == {""}
    starts = np.asarray(table["recall_at_1"])[np.asarray(table["epoch"]) == 0]
    assert len(np.unique(starts)) == 10  # one start per seed, whatever the cell
