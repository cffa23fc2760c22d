"""What the report's page carries, and what it refuses to report on."""

import json
import math
import re
import shutil

import numpy as np
import pytest

from agents import metrics
from benchmarks.synthetic_results import write_synthetic_results
from experiments.__main__ import main
from experiments.analysis.plateaus import last_seen, quartiles, update_grid
from experiments.analysis.run_table import read_runs
from experiments.options.config import make_config
from experiments.report import command as report
from experiments.report.figures import short
from experiments.report.replay import replay, triangle_runs
from experiments.results import TABLES, read_results, write_results
from experiments.runs.well import Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("my_sweep")
    write_synthetic_results(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    output = folder / "page.html"
    assert main(["report", str(folder), "-o", str(output)]) == 0
    return output.read_text()


@pytest.fixture(scope="module")
def data(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def unpack(column):
    if "values" in column:
        return column["values"]
    return [column["distinct"][code] for code in column["codes"]]


def test_the_table_of_runs_is_the_table_of_the_folder(folder, data):
    shown = {column["name"]: unpack(column) for column in data["runs"]}
    table = read_results(folder, "runs").to_pydict()
    assert shown["run_id"] == table["run_id"]
    assert shown["seed"] == table["seed"]
    assert shown["escape time"] == table[metrics.ESCAPE_TIME]
    assert shown["lower bound"] == [math.floor(bound) for bound in table[metrics.LOWER_BOUND]]
    assert shown["final pi(a*)"] == table[metrics.OPTIMAL_PROB]
    options = [json.loads(text) for text in table["config"]]
    for name in ("optimal_prob", "reward_gap", "update"):
        assert shown[name] == [option[name] for option in options]


def test_curves_end_where_kaplan_meier_ends(folder, data):
    runs = read_runs(folder)
    problems = {part["name"]: part for part in data["problems"]}
    part = problems["optimal_prob=0.01, reward_gap=0.4"]
    group = runs.groups(("optimal_prob", "reward_gap", "update"))[(0.01, 0.4, "softmax-pg")]
    curve = next(t for t in part["escape"]["data"] if t.get("name", "").startswith("softmax-pg"))
    assert curve["y"][-1] == short([group.survival().survival[-1]])[0]
    row = next(row for row in part["methods"] if row[0] == "softmax-pg")
    assert row[1] == "10"
    assert row[3].startswith(f"{group.survival().median.value:,.0f} (")
    pooled = data["problems"][-1]
    assert pooled["name"] == "all 6 problems pooled"
    assert sum(int(row[1]) for row in pooled["methods"]) == len(runs)


def test_figures_are_what_plotly_accepts(data):
    import plotly.graph_objects as go

    figures = [part["escape"] for part in data["problems"]]
    figures += [part["plateau"] for part in data["problems"] if part["plateau"]]
    figures += [{key: f[key] for key in ("data", "layout")} for f in data["scaling"]]
    figures.append({key: data["triangle"][key] for key in ("data", "layout")})
    assert len(figures) == 7 + 6 + 1 + 1
    for figure in figures:
        assert len(go.Figure(figure).data) > 0


def test_the_page_is_one_file_without_addresses_to_load(page):
    own = page.replace(report_plotly(), "")
    assert len(own) < 400_000
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", own)
    assert "http" not in own


def report_plotly():
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def test_facts_options_and_versions_are_on_the_page(page):
    own = page.replace(report_plotly(), "")
    for text in ("120 on 6 problems", "120 finished", "Options that vary", "3.11.0"):
        assert text in own
    assert "<title>my_sweep" in own


def test_text_of_runs_cannot_end_the_script_or_become_markup():
    content = {
        "title": "<b>bold</b>",
        "facts": [("a", "<i>")],
        "policies": True,
        "options": [("drift", "</table><script>", True)],
        "versions": [],
        "data": {"text": "</script><script>alert(1)</script>"},
    }
    page = report.render(content).replace(report_plotly(), "")
    assert page.count("<script") == 3
    assert "<b>" not in page
    assert json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["text"]


def test_a_single_run_makes_a_page(tmp_path):
    config = make_config(
        gradient="exact",
        optimal_prob=0.05,
        num_actions=4,
        max_updates=300,
        track="disabled",
        output=tmp_path,
    )
    folder = Run(config).execute().folder
    assert main(["report", str(folder), "-o", str(tmp_path / "one.html")]) == 0
    assert "the runs differ by their seeds" in (tmp_path / "one.html").read_text()


@pytest.mark.parametrize("gradient", ["exact", "sampled"])
def test_a_replayed_run_is_the_run_that_was_made(gradient, tmp_path):
    config = make_config(
        gradient=gradient,
        num_seeds=3,
        optimal_prob=0.05,
        num_actions=3,
        max_updates=300,
        track="disabled",
        output=tmp_path,
    )
    folder = Run(config).execute().folder
    rows = triangle_runs(read_runs(folder), 2)
    assert len(rows) == (1 if gradient == "exact" else 2)
    row = rows[0]
    again = replay(row)
    np.testing.assert_allclose(again.mean_rewards, [0.7, 0.5, 0.5])
    trajectory = read_results(folder, "trajectories").to_pylist()
    kept = {
        r[metrics.UPDATE]: r[metrics.OPTIMAL_PROB]
        for r in trajectory
        if r["run_id"] == row["run_id"]
    }
    seen = dict(zip(again.updates.tolist(), again.policies[:, 0].tolist(), strict=True))
    common = [n for n in seen if n in kept]
    assert len(common) > 15
    # The exact run was jumped over, the sampled one made again to the bit.
    tolerance = 1e-9 if gradient == "exact" else 0.0
    assert [seen[n] for n in common] == pytest.approx([kept[n] for n in common], rel=tolerance)


def test_runs_of_other_worlds_have_no_triangle(tmp_path):
    write_synthetic_results(tmp_path, num_actions=4, seeds=2)
    assert triangle_runs(read_runs(tmp_path), 6) == []
    assert report.triangle_part(read_runs(tmp_path)) is None


def test_suboptimality_on_a_grid_is_the_last_value_seen(folder):
    runs = read_runs(folder)
    trajectories = read_results(folder, "trajectories")
    grid = update_grid(3_000, 20)
    ids = [*runs["run_id"][:5], "nobody"]
    table = last_seen(trajectories, ids, grid)
    rows = trajectories.to_pylist()
    for run_id, values in zip(ids, table, strict=True):
        own = [(r[metrics.UPDATE], r[metrics.SUBOPTIMALITY]) for r in rows if r["run_id"] == run_id]
        for n, value in zip(grid, values, strict=True):
            seen = [v for update, v in own if update <= n]
            if own and n <= own[-1][0]:
                assert value == seen[-1]
            else:
                assert np.isnan(value)


def test_quartiles_leave_out_what_few_runs_reached():
    values = np.array([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan], [5.0, 6.0, 7.0], [7.0, 8.0, 9.0]])
    low, middle, high = quartiles(values)
    np.testing.assert_allclose(middle, [4.0, 6.0, 8.0])
    np.testing.assert_allclose([low[0], high[0]], [2.5, 5.5])
    assert np.isnan(quartiles(values[:3])[1][2])


def test_short_numbers():
    assert short([1234.567, np.nan, np.inf, 0.5]) == [1235.0, None, None, 0.5]


@pytest.mark.parametrize("name", TABLES)
def test_a_truncated_table_is_refused(name, folder, tmp_path, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    path = damaged / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    refuse(damaged, f"{name}.parquet' is damaged", capsys)


def test_folders_without_runs_are_refused(tmp_path, capsys):
    refuse(tmp_path / "absent", "has no runs.parquet", capsys)
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", "has no runs.parquet", capsys)
    write_results(tmp_path / "nothing", [], [], [])
    refuse(tmp_path / "nothing", "has no run; make some first", capsys)


def test_tables_of_another_schema_are_refused(folder, tmp_path, capsys):
    import pyarrow.parquet as pq

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    table = read_results(folder, "escapes")
    pq.write_table(
        table.replace_schema_metadata({"gravity_wells_schema": "99"}), other / "escapes.parquet"
    )
    refuse(other, "schema version 99", capsys)


def refuse(folder, sentence, capsys):
    output = folder.parent / "refused.html"
    assert main(["report", str(folder), "-o", str(output)]) == 2
    assert sentence in capsys.readouterr().err
    assert not output.exists()
