"""The report of 10,000 runs: how long it takes to write, how large it is, how fast it opens."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Result
from benchmarks.synthetic_results import write_synthetic_results
from experiments.analysis.run_table import read_runs
from experiments.report.command import make_report
from tests.tools.chromium import Page, find

TITLE = "the report of 10,000 synthetic runs (20 problems, 4 methods); openings are wall time"
OPENINGS = 5
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
DRAWN = "performance.now()"


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder, page = Path(name), Path(name) / "report.html"
        write_synthetic_results(
            folder / "results",
            optimal_probs=(0.05, 0.02, 0.01, 0.005, 0.002),
            reward_gaps=(0.1, 0.2, 0.3, 0.4),
            updates=("softmax-pg", "entropy-pg", "log-barrier-pg", "delightful-pg"),
            seeds=125,
            max_updates=5_000,
        )
        start = time.process_time()
        runs = len(read_runs(folder / "results"))
        reading = time.process_time() - start
        start = time.process_time()
        page.write_text(make_report(folder / "results"))
        writing = time.process_time() - start
        size = page.stat().st_size / 1e6
        opened = openings(page, folder)
    return [
        Result("table of 10,000 runs read", reading, 1, "s", f"{runs} runs", True),
        Result("report of 10,000 runs written", writing, None, "s", "with 4 runs made again"),
        Result("its size", size, 6, "MB", "4.8 MB of it plotly.js", at_most=True),
        *opened,
    ]


def openings(page: Path, folder: Path) -> list[Result]:
    """Seconds from navigation to load event and last figure; medians of fresh browsers."""
    browser = find()
    what = ("opens in headless Chromium, readable", "and every figure drawn")
    if browser is None:
        return [Result(name, None, 3, "s", "no Chromium here", at_most=True) for name in what]
    loaded, drawn = [], []
    for number in range(OPENINGS):
        with Page(browser, folder / f"profile{number}") as tab:
            tab.open(page.as_uri())
            drawn.append(tab.evaluate(DRAWN) / 1000)
            loaded.append(tab.evaluate(LOADED) / 1000)
    results = []
    for name, times in zip(what, (loaded, drawn), strict=True):
        spread = f"{min(times):.2f} to {max(times):.2f} s"
        results.append(Result(name, statistics.median(times), 3, "s", spread, at_most=True))
    return results
