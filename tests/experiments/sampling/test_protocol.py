"""The protocol: runs one by one, resumed, joined; the shipped results."""

import pytest

from experiments.__main__ import main
from experiments.sampling import protocol
from experiments.sampling.protocol import (
    CELLS,
    JUDGED,
    Cell,
    join,
    missing,
    run_cell,
    run_protocol,
)

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
    run_protocol(tmp_path, TINY, cells=[CELL], num_seeds=1)
    assert len(missing(tmp_path, [CELL], range(100, 102))) == 1
    made = []
    real = protocol.run_cell
    monkeypatch.setattr(protocol, "run_cell", lambda *a: made.append(a[1]) or real(*a))
    run_protocol(tmp_path, TINY, cells=[CELL], num_seeds=2)
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
        run_protocol(tmp_path, TINY, num_seeds=0)


@pytest.mark.parametrize(
    ("dataset", "seeds"),
    [
        ("letter", {cell: 30 if cell in JUDGED else 10 for cell in CELLS}),
        ("digits", dict.fromkeys(JUDGED, 10)),
    ],
)
def test_the_shipped_results_are_whole(dataset, seeds):
    """Every seed that was fixed beforehand is there, and no other."""
    table = protocol.stored_results(dataset)
    names = ("distribution", "agent", "seed", "epoch")
    keys = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    expected = {
        (cell.name, cell.agent, 100 + i, epoch)
        for cell, count in seeds.items()
        for i in range(count)
        for epoch in range(61)
    }
    assert len(keys) == len(expected) and set(keys) == expected
    assert set(table["failure"].to_pylist()) == {""}
    recall = dict(zip(keys, table["recall_at_1"].to_pylist(), strict=True))
    starts = {(seed, value) for (_, _, seed, epoch), value in recall.items() if epoch == 0}
    assert len(starts) == max(seeds.values())  # one start per seed, whatever the cell


def test_results_of_other_data_are_not_shipped():
    with pytest.raises(ValueError, match=r"dataset='letters' is unknown.*'letter'"):
        protocol.stored_results("letters")


@pytest.mark.slow
def test_the_command_judges_and_draws_the_stored_digits(tmp_path, capsys):
    words = ["asr-protocol", "--stored", "--dataset", "digits", "--output", str(tmp_path)]
    assert main(words) == 0
    assert "| normal_low | ppo | 10 | 0.979 |" in capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()}
    names = ("findings_digits.md", "curves_digits.png", "returns_digits.png")
    assert written == {f"asr_{name}" for name in names}
    assert main(["asr-protocol", "--dataset", "digit"]) == 2
    assert "dataset='digit' is unknown" in capsys.readouterr().err
