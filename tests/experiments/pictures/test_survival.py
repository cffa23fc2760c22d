"""Escape curves and scaling pictures: what stands on the axes, and the commands that draw."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from benchmarks.synthetic_results import write_synthetic_results
from experiments.__main__ import main
from experiments.analysis.run_table import read_runs
from experiments.analysis.scaling import scalings
from experiments.analysis.statistics import kaplan_meier
from experiments.pictures.command import PICTURES
from experiments.pictures.survival import escape_curves_on, medians_on, steps
from experiments.report.command import ReportOptions
from experiments.sb3_comparison import ComparisonOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_synthetic_results(folder)
    return folder


def test_steps_begin_at_one_and_end_where_watching_ended():
    curve = kaplan_meier([3, 5, 8, 8], [False, False, True, True])
    x, value, low, high = steps(curve, 1)
    np.testing.assert_allclose(x, [1, 3, 5, 8])
    np.testing.assert_allclose(value, [1, 0.75, 0.5, 0.5])
    assert (low <= value).all()
    assert (value <= high).all()
    x, value, *_ = steps(kaplan_meier([9, 9], [True, True]), 1)
    np.testing.assert_allclose(x, [1, 9])
    np.testing.assert_allclose(value, [1, 1])


def test_curves_are_labelled_with_runs_and_censored():
    axes = Figure().subplots()
    groups = {
        "a": kaplan_meier([3, 5, 8], [False, False, True]),
        "b": kaplan_meier([4], [False]),
    }
    escape_curves_on(axes, groups, {"a": 2.0, "b": np.nan})
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["a (3 runs, 1 censored)", "b (1 run)", "lower bound (exact gradient)"]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata())]
    assert [line.get_xdata()[0] for line in dashed] == [2.0]


def test_medians_stand_on_the_axes(folder):
    axes = Figure().subplots()
    series = scalings(read_runs(folder), "optimal_prob")[:1]
    medians_on(axes, series)
    drawn = axes.containers[0].lines[0]
    known = [np.isfinite(m.value) for m in series[0].medians]
    np.testing.assert_allclose(drawn.get_xdata(), series[0].x[known])
    np.testing.assert_allclose(
        drawn.get_ydata(), [m.value for m in series[0].medians if np.isfinite(m.value)]
    )


def test_a_median_beyond_the_budget_is_an_arrow_at_the_budget(tmp_path):
    write_synthetic_results(tmp_path, max_updates=30, seeds=5, updates=("softmax-pg",))
    axes = Figure().subplots()
    series = scalings(read_runs(tmp_path), "optimal_prob")
    medians_on(axes, series)
    beyond = sum(np.isinf(m.value) for s in series for m in s.medians)
    arrows = [line for line in axes.lines if "arrow" in str(line.get_marker())]
    assert beyond > 0
    assert [line.get_ydata()[0] for line in arrows if len(line.get_ydata())] == [30] * beyond


@pytest.mark.parametrize(
    "words",
    [
        ["simplex", "--gradient", "sampled", "--max-updates", "300"],
        ["landscape"],
        ["animation", "--frames", "8", "--max-updates", "20000", "--seed", "3"],
        ["survival", "--results", "FOLDER"],
        ["survival", "--results", "FOLDER", "--by", "optimal_prob", "update"],
        ["scaling", "--results", "FOLDER"],
    ],
)
def test_every_picture_has_a_command(words, folder, tmp_path, capsys):
    output = tmp_path / ("picture.gif" if words[0] == "animation" else "picture.png")
    words = [str(folder) if word == "FOLDER" else word for word in words]
    assert main(["plots", *words, "--output", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    if output.suffix == ".png":
        assert imread(output).ndim == 3
    else:
        assert output.read_bytes()[:6] == b"GIF89a"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["simples"], "Did you mean 'simplex'"),
        (["simplex", "--gradient", "exct"], "Did you mean 'exact'"),
        (["simplex", "--mean-rewards", "1", "1", "0"], "one best arm"),
        (["simplex", "--starts", "0.5", "0.5", "0.5"], "must sum to 1"),
        (["animation", "--learning-rate", "0"], "learning_rate=0"),
        (["survival", "--results", "nowhere"], "'nowhere' has no runs"),
        (["survival", "--results", "FOLDER", "--by", "updates_"], "Did you mean"),
        (["scaling", "--results", "FOLDER", "--axis", "sigma"], "option='sigma'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(words, named, folder, tmp_path, capsys):
    output = tmp_path / ("picture.gif" if words[0] == "animation" else "picture.png")
    words = [str(folder) if word == "FOLDER" else word for word in words]
    assert main(["plots", *words, "--output", str(output)]) == 2
    assert named in capsys.readouterr().err
    assert not output.exists()


def test_pictures_go_where_git_does_not_look():
    assert {options.output.parent for options, _ in PICTURES.values()} == {Path("runs")}
    assert ReportOptions(()).output.parent == ComparisonOptions().output.parent == Path("runs")


def test_help_lists_the_pictures(capsys):
    assert main(["plots", "--help"]) == 0
    assert "scaling" in capsys.readouterr().out
