"""The report in a real headless Chromium: drawn, usable, without one error on its console."""

import json

import pytest

from benchmarks.synthetic_results import write_synthetic_results
from experiments.report.command import make_report
from tests.tools.chromium import Page, find_or_install

pytestmark = pytest.mark.slow
FIGURES = "document.querySelectorAll('.js-plotly-plot .main-svg').length"


@pytest.fixture(scope="module")
def browser():
    path, reason = find_or_install()
    if path is None:
        pytest.skip(reason)
    return path


@pytest.fixture
def open_report(browser, tmp_path):
    pages = []

    def open_(folder):
        path = tmp_path / "report.html"
        path.write_text(make_report(folder))
        pages.append(Page(browser, tmp_path / "profile"))
        pages[0].open(path.as_uri())
        return pages[0], path

    yield open_
    for page in pages:
        page.__exit__()


def texts(page, selector):
    script = f"JSON.stringify([...document.querySelectorAll({selector!r})].map(e => e.textContent))"
    return json.loads(page.evaluate(script))


def test_everything_is_drawn_and_answers(open_report, tmp_path):
    write_synthetic_results(tmp_path / "results")
    page, path = open_report(tmp_path / "results")
    figures = "['escape', 'plateau', 'triangle'].map(i => document.getElementById(i).data.length)"
    assert page.evaluate(f"JSON.stringify({figures})") == "[8,6,13]"
    assert page.evaluate("document.querySelectorAll('#scaling .js-plotly-plot').length") == 1
    assert page.evaluate("document.querySelector('#escape .main-svg').clientWidth") > 600

    page.evaluate("problem.value = 2; problem.dispatchEvent(new Event('change'))")
    chosen = "JSON.stringify(document.getElementById('escape').data.map(t => t.y))"
    expected = "JSON.stringify(DATA.problems[2].escape.data.map(t => t.y))"
    assert page.evaluate(chosen) == page.evaluate(expected)
    page.evaluate("problem.value = 6; problem.dispatchEvent(new Event('change'))")
    assert page.evaluate("document.getElementById('plateau-part').hidden") is True

    assert texts(page, "#where") == ["page 1 of 5, 120 runs"]
    page.evaluate("forth.click()")
    assert texts(page, "#where") == ["page 2 of 5, 120 runs"]
    page.evaluate("filter.value = 'entropy 0.02'; filter.dispatchEvent(new Event('input'))")
    assert texts(page, "#where") == ["page 1 of 1, 20 runs"]
    assert all("entropy-pg" in row for row in texts(page, "#runs tr")[1:])
    page.evaluate("filter.value = ''; filter.dispatchEvent(new Event('input'))")
    sort = (
        "[...document.querySelectorAll('#runs button')].find(b => b.textContent == 'escape time')"
    )
    page.evaluate(f"{sort}.click()")
    column = texts(page, "#runs th").index("escape time \u25b2")
    times = texts(page, f"#runs td:nth-child({column + 1})")
    numbers = [int(time.replace(",", "")) for time in times]
    assert numbers == sorted(numbers)

    assert page.problems == []
    assert page.requests == [path.as_uri()]


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(width, open_report, tmp_path):
    write_synthetic_results(tmp_path / "results", seeds=2)
    page, path = open_report(tmp_path / "results")
    page.resize(width)
    page.open(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = "[...document.querySelectorAll('.js-plotly-plot')].map(e => e.clientWidth)"
    figures = json.loads(page.evaluate(f"JSON.stringify({wide})"))
    assert len(figures) == 4 and all(0.6 * width < each < width for each in figures)
    assert page.evaluate("document.getElementById('escape')._fullLayout._size.w") > 0.6 * width
    shown = "DATA.problems[0].escape.data.filter(t => t.name && t.showlegend !== false)"
    names = json.loads(page.evaluate(f"JSON.stringify({shown}.map(t => t.name))"))
    assert texts(page, "#escape + .legend li") == (names if width == 400 else [])
    assert page.problems == []


def test_ten_thousand_runs_fit_and_open(open_report, tmp_path):
    count = write_synthetic_results(
        tmp_path / "results",
        optimal_probs=(0.05, 0.02, 0.01, 0.005, 0.002),
        reward_gaps=(0.1, 0.2, 0.3, 0.4),
        updates=("softmax-pg", "entropy-pg", "log-barrier-pg", "delightful-pg"),
        seeds=125,
        max_updates=5_000,
    )
    assert count == 10_000
    page, path = open_report(tmp_path / "results")
    assert path.stat().st_size <= 6_000_000
    assert texts(page, "#where") == ["page 1 of 400, 10,000 runs"]
    assert page.problems == []


def test_the_driver_sees_errors(browser, tmp_path):
    """The check that would catch an error does catch one."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<body data-ready='yes'><script>console.error('one'); missing();</script>"
        "<img src='nowhere.png'></body>"
    )
    with Page(browser, tmp_path / "profile") as page:
        page.open(path.as_uri())
        page.evaluate("1")
        found = "\n".join(page.problems)
    assert "console.error: one" in found
    assert "missing is not defined" in found
    assert "nowhere.png" in found or "request failed" in found
