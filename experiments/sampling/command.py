"""`python -m experiments asr-protocol`: run what is missing of the protocol, judge, draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.analysis.finding import Finding
from experiments.files import check_folder, save_figure, save_text
from experiments.options.config import parse_options
from experiments.pictures.style import new_figure
from experiments.sampling.findings import Runs, findings
from experiments.sampling.protocol import (
    AGENTS,
    CELLS,
    DISTRIBUTIONS,
    JUDGED,
    NUM_SEEDS,
    SETTINGS,
    STORED,
    join,
    run_protocol,
    stored_results,
)
from gw_envs.checks import check_choice

DRAWN = ("normal_high", "normal_low", "wide")  # uniform_low looks as wide does


@dataclass(frozen=True)
class ProtocolOptions:
    """The ASR protocol on shipped data; see docs/asr.md."""

    dataset: str = "letter"
    """letter or digits."""
    stored: bool = False
    """Judge the results shipped with the package; nothing is run."""
    results: Path = Path("runs/asr_protocol")
    """Folder of the single runs, by data set; those that are there are not made again."""
    distributions: tuple[str, ...] = (*DISTRIBUTIONS, "logits_wide")
    """Which initial distributions to run."""
    judged: bool = False
    """Only the seven combinations that statements are about."""
    num_seeds: int = NUM_SEEDS
    """Seeds per combination."""
    workers: int = 1
    """Processes; each run takes one core."""
    output: Path = Path("runs/asr")
    """Folder for the joined table, the page and the figures."""


def main(arguments: list[str]) -> int:
    """Run, join, judge and draw; without all distributions there is nothing to judge."""
    (options,) = parse_options(
        arguments,
        prog="python -m experiments asr-protocol",
        description="Hold the paper's account of the ASR gravity well against training runs.",
        groups=lambda: {"protocol": ProtocolOptions},
    )
    known = (*DISTRIBUTIONS, "logits_wide")
    for name in options.distributions:
        check_choice("distributions", name, known)
    check_choice("dataset", options.dataset, tuple(STORED))
    check_folder("output", options.output)
    runs = Runs.from_table(stored_results(options.dataset) if options.stored else _run(options))
    if {(c.name, c.agent) for c in JUDGED} <= runs.curves.keys():
        text = page(runs, findings(runs))
        print(text)
        written = options.output / f"asr_findings_{options.dataset}.md"
        save_text(text + "\n", written)
        print(f"\nwrote {written}")
    for path in draw(runs, options.dataset, options.output):
        print(f"wrote {path}")
    return 0


def _run(options: ProtocolOptions) -> object:
    """Make what is missing; the table of all runs that are there."""
    import pyarrow.parquet as pq

    check_folder("results", options.results)
    folder = options.results / options.dataset
    chosen = JUDGED if options.judged else CELLS
    run_protocol(
        folder,
        SETTINGS | {"dataset": options.dataset},
        cells=[cell for cell in chosen if cell.name in options.distributions],
        num_seeds=options.num_seeds,
        workers=options.workers,
    )
    path = options.output / STORED[options.dataset]
    join(folder, path)
    print(f"wrote {path}")
    return pq.read_table(path)


def draw(runs: Runs, dataset: str, folder: Path) -> list[Path]:
    """The curves, and the ways back."""
    from experiments.sampling.plots import draw_protocol, draw_returns

    curves = runs.by_distribution(DRAWN)
    figure = new_figure(15, 2.6 * len(curves))
    draw_protocol(figure, curves)
    paths = [folder / f"asr_curves_{dataset}.png"]
    save_figure(figure, paths[0], dpi=75)
    kinds = [("normal_high", agent) for agent in AGENTS if ("normal_high", agent) in runs.curves]
    returns = {agent: runs.returns((name, agent)) for name, agent in kinds}
    shown = {agent: survival for agent, survival in returns.items() if survival is not None}
    if shown:
        paths.append(folder / f"asr_returns_{dataset}.png")
        draw_returns(shown, paths[1])
    return paths


def page(runs: Runs, found: Sequence[Finding]) -> str:
    """The table of cells and the table of findings, in Markdown."""
    head = ("initial bins", "agent", "n", "R@1 start", "epochs 12-18", "lowest @ epoch", "fell",
            "back", "median epochs to return", "R@1 end", "NMI end")  # fmt: skip
    lines = [_row(head), _row(["---"] * len(head))]
    for kind, curves in runs.curves.items():
        recall = curves["recall_at_1"]
        lowest = f"{recall.min(axis=1).mean():.3f} @ {np.median(runs.lowest_epoch(kind)):.0f}"
        back, fell = runs.came_back(kind)
        survival = runs.returns(kind)
        wait = "-" if survival is None else f"{survival.median.value:.0f}".replace("inf", "> 60")
        cells = (
            *kind,
            len(recall),
            f"{recall[:, 0].mean():.3f}",
            f"{recall[:, 12:19].mean():.3f}",
            lowest,
            f"{fell} of {len(recall)}",
            f"{back} of {fell}" if fell else "-",
            wait,
            f"{runs.end(kind, 'recall_at_1').mean():.3f}",
            f"{runs.end(kind, 'nmi').mean():.3f}",
        )
        lines.append(_row(cells))
    lines += ["", _row(("statement", "number", "95 % interval", "verdict")), _row(["---"] * 4)]
    for finding in found:
        e = finding.estimate
        form = ".3g" if abs(e.value) >= 1 else "+.4f"
        interval = f"[{e.low:{form}}, {e.high:{form}}]"
        what = f"{finding.statement} ({finding.measure})"
        number = "-" if np.isnan(e.value) else f"{e.value:{form}}"
        lines.append(_row((what, number, interval, f"**{finding.verdict}**")))
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
