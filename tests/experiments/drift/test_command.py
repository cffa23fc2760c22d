"""`python -m experiments asr-drift`: measures what is missing, calibrates, draws, and can go on."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from experiments.__main__ import main
from experiments.drift import forking
from experiments.drift.fork_table import read_forks
from experiments.options.config import parse_config
from tests.experiments.drift.synthetic_forks import SyntheticRun

SMALL = "--dataset digits --samples-per-class 12 --epochs 3 --num-seeds 3 --repeats 2 --hold 1"


@pytest.fixture
def synthetic(monkeypatch):
    """The command measures a world with known rewards: fast, and its levels are visited."""
    from experiments.drift import command as asr_drift

    monkeypatch.setattr(asr_drift, "_make_env", lambda options: SyntheticRun(steps=options.epochs))


def line(folder, *words):
    options = "--epochs 100 --num-seeds 4 --stay-prob 0.8 --hold 2 --best-actions 0 1 2"
    return ["asr-drift", *options.split(), "--forks", str(folder / "forks.parquet"), *words]


def test_the_shipped_command_measures_calibrates_and_draws(synthetic, tmp_path, capsys):
    well, figure = tmp_path / "well.yaml", tmp_path / "drift.png"
    assert main(line(tmp_path, "--well", str(well), "--figure", str(figure))) == 0
    out = capsys.readouterr().out
    assert "4 runs forked at 13 clocks" in out
    assert "premise of Theorem 2 fails" in out
    config = parse_config(["--config", str(well), "--max-updates", "10"])
    settings = yaml.safe_load(well.read_text())
    assert config.run.env_id == "ASRWell-v0"
    kwargs = config.env.kwargs()
    assert kwargs["drift"] == settings["drift"]
    assert np.allclose(kwargs["reward_gaps"], (0.05, 0.02, 0.04), atol=0.01)
    assert "# Made by: python -m experiments asr-drift --epochs 100" in well.read_text()
    with Image.open(figure) as image:
        assert min(image.size) > 500
        assert len(np.unique(np.asarray(image.convert("L")))) > 50


def test_the_shipped_well_is_what_the_shipped_forks_give(tmp_path):
    root = Path(__file__).parents[3]
    shipped = yaml.safe_load((root / "configs" / "asr_well_letter.yaml").read_text())
    forks = root / "experiments" / "data" / "asr_drift_letter_normal_high.parquet"
    before = forks.read_bytes()
    well = tmp_path / "well.yaml"
    assert main(["asr-drift", "--forks", str(forks), "--well", str(well)]) == 0
    assert forks.read_bytes() == before
    made = yaml.safe_load(well.read_text())
    assert made["best_actions"] == shipped["best_actions"]
    assert made["reward_gaps"] == pytest.approx(shipped["reward_gaps"], rel=1e-4)
    for law, expected in zip(made["drift"], shipped["drift"], strict=True):
        for term, known in zip(law["terms"], expected["terms"], strict=True):
            assert term.keys() == known.keys()
            assert term.pop("law") == known.pop("law")
            assert term == pytest.approx(known, rel=1e-3)


def test_a_repeated_command_measures_only_what_is_missing(synthetic, tmp_path, monkeypatch):
    calls = []
    real = forking.fork_run

    def counted(env, seed, settings):
        calls.append(seed)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(env, seed, settings)

    monkeypatch.setattr(forking, "fork_run", counted)
    with pytest.raises(KeyboardInterrupt):
        main(line(tmp_path))
    kept, settings = read_forks(tmp_path / "forks.parquet")
    assert sorted(set(kept.seeds.tolist())) == [0, 1]
    assert settings["hold"] == 2
    assert main(line(tmp_path)) == 0
    whole, _ = read_forks(tmp_path / "forks.parquet")
    assert calls == [0, 1, 2, 2, 3]
    assert main(line(tmp_path)) == 0
    assert len(calls) == 5
    straight = [real(SyntheticRun(), s, forking.ForkSettings(8, 4, 2, 0.8)) for s in range(4)]
    assert np.array_equal(whole.scores, forking.Forks.join(straight).scores)
    assert np.array_equal(whole.later_distances, forking.Forks.join(straight).later_distances)
    assert np.array_equal(whole.distances, forking.Forks.join(straight).distances)


def test_real_training_runs_are_forked(tmp_path, capsys):
    """Digits, few steps: enough to be measured, too few clocks to fit a law to."""
    table = tmp_path / "forks.parquet"
    words = f"asr-drift {SMALL} --tilt 1 --spacing 3 --stay-prob 0.7 --forks {table}".split()
    assert main(words) == 2
    assert "error: " in capsys.readouterr().err
    forks, _ = read_forks(table)
    assert forks.scores.shape == (3 * 3, 2, 3, 1)
    assert np.all((forks.scores > 0) & (forks.scores <= 1))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hold", "3"], "was made with hold=2, not 3; name another file"),
        (["--num-seeds", "2"], "num_seeds=2 must be a whole number of at least 3"),
        (["--repeats", "1"], "repeats=1 must"),
        (["--lag", "3"], "lag=3 must be a whole number of at least 1 and at most 2"),
        (["--best-actions", "0", "1"], "must name one action (0, 1 or 2) for each"),
    ],
)
def test_bad_input_ends_with_a_sentence(synthetic, tmp_path, capsys, words, message):
    assert main(line(tmp_path)) == 0
    before = (tmp_path / "forks.parquet").read_bytes()
    assert main([*line(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err
    assert (tmp_path / "forks.parquet").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no table", b"PAR1PAR1"])
def test_a_file_that_is_no_table_is_named(synthetic, tmp_path, capsys, content):
    (tmp_path / "forks.parquet").write_bytes(content)
    assert main(line(tmp_path)) == 2
    assert "is no whole table of forked runs" in capsys.readouterr().err
    assert (tmp_path / "forks.parquet").read_bytes() == content


def test_a_table_of_something_else_is_named(synthetic, tmp_path, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "forks.parquet")
    assert main(line(tmp_path)) == 2
    assert "is no whole table of forked runs" in capsys.readouterr().err
