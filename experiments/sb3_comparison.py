"""`python -m experiments sb3`: numpy agent, SB3 twin and stock SB3 algorithms in one well.

Every agent starts from the same policies; what is measured is the environment steps until its
policy has left the well, and until pi(a*) >= 0.9. Runs that do neither within the budget are
censored (Kaplan-Meier).
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agents.evaluation import Record
from agents.interface import Agent
from experiments.analysis.statistics import Survival, kaplan_meier
from experiments.files import check_files, save_figure, save_text
from experiments.options.config import make_config, parse_options
from experiments.pictures.style import BLUE, GREEN, ORANGE, PINK, RED, SKY, legend, new_figure
from experiments.runs.well import make_agents
from gw_envs.checks import Floats, check_choice, check_extra, check_int

SOLVED = 0.9
STARTS = {"uniform": None, "pi(a*) = 0.01": 1e-2, "pi(a*) = 0.001": 1e-3}
STEPS = ("escape", "solved")
SMALL_STEP = {"learning_rate": 0.4}
# Agent: name in the table, budget in updates, options.
CONTESTANTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "softmax-pg": (
        "numpy SoftmaxPG",
        10_000,
        SMALL_STEP | {"gradient": "sampled", "batch_size": 64},
    ),
    "sb3-softmax-pg": ("SB3 SoftmaxPG, table", 10_000, SMALL_STEP | {"n_envs": 64}),
    "ppo": ("PPO", 500, {}),
    "a2c": ("A2C", 3_000, {}),
    "trpo": ("TRPO", 500, {}),
    "dqn": ("DQN", 5_000, {}),
}


@dataclass(frozen=True)
class ComparisonOptions:
    """What is compared: SoftmaxWell-v0 with Bernoulli rewards, K = 6, r = (0.7, 0.5, ...)."""

    num_seeds: int = 20
    """Seeds per agent and start."""
    agents: tuple[str, ...] = tuple(CONTESTANTS)
    """The agents to compare."""
    max_updates: int | None = None
    """Budget of every run in updates, instead of each agent's own."""
    output: Path = Path("runs/sb3")
    """Folder for the runs (sb3.json), their table (sb3.md) and the figure (sb3.png)."""


@dataclass
class Cell:
    """The runs of one agent from one start: environment steps, NaN where censored, and budget.

    A run that started outside the well has escaped from nothing: its step is 0.
    """

    agent: str
    start: str
    budget: int
    escape: list[float] = field(default_factory=list)
    solved: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def starts_outside(self) -> bool:
        """Whether the start, which all seeds share, is outside the well."""
        return all(step == 0 for step in self.escape)

    def survival(self, what: str) -> Survival:
        """Kaplan-Meier over the seeds, for "escape" or "solved"."""
        times: Floats = np.array(getattr(self, what))
        censored = np.isnan(times)
        return kaplan_meier(np.where(censored, self.budget, times), censored)


class Watched:
    """Notes when the runs of an agent leave the well and when they have solved it."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.solved: Floats = np.full(len(agent.seeds), np.nan)
        self.steps_per_update = 0

    def __call__(self, record: Record) -> None:
        """Take a record of every update; end the training once every run has solved the well."""
        if record.update == 1:
            self.steps_per_update = record.global_step
        first = np.isnan(self.solved) & (record.optimal_prob >= SOLVED)
        self.solved[first] = record.global_step
        if not np.isnan(self.solved).any() and (self.agent.escape_time >= 0).all():
            raise NothingLeftError

    def escapes(self) -> list[float]:
        """Environment steps at each run's escape; NaN where there was none."""
        times = self.agent.escape_time.astype(float)
        return list(np.where(times < 0, np.nan, times * self.steps_per_update))


class NothingLeftError(Exception):
    """Ends the training of runs about which nothing more is to be learnt."""


def main(arguments: list[str]) -> int:
    """Compare, print the table, write it and the figure."""
    (options,) = parse_options(
        arguments,
        prog="python -m experiments sb3",
        description="The numpy agent, its SB3 twin and stock SB3 algorithms in one well.",
        groups=lambda: {"comparison": ComparisonOptions},
    )
    for name in options.agents:
        check_choice("agents", name, tuple(CONTESTANTS))
        if name == "trpo":
            check_extra("agents", name, "contrib", "sb3_contrib")
    check_int("num_seeds", options.num_seeds, 1)
    if options.max_updates is not None:
        check_int("max_updates", options.max_updates, 1)
    names = ("sb3.json", "sb3.md", "sb3.png")
    check_files("output", options.output, names)
    cells = compare(options)
    text = table(cells)
    print(text)
    save_cells(cells, options.output / "sb3.json")
    save_text(text, options.output / "sb3.md")
    draw(cells, options.output / "sb3.png")
    for name in names:
        print(f"wrote {options.output / name}")
    return 0


def save_cells(cells: list[Cell], path: Path) -> None:
    """Write the runs as JSON, a line per cell; a censored step is null."""

    def plain(cell: Cell) -> dict[str, Any]:
        steps = {k: [None if np.isnan(x) else x for x in getattr(cell, k)] for k in STEPS}
        return asdict(cell) | steps

    lines = ",\n".join(json.dumps(plain(cell), allow_nan=False) for cell in cells)
    save_text(f"[\n{lines}\n]\n", path)


def load_cells(path: Path) -> list[Cell]:
    """What `save_cells` has written."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row in rows:
        row |= {k: [np.nan if x is None else x for x in row[k]] for k in STEPS}
    return [Cell(**row) for row in rows]


def compare(options: ComparisonOptions) -> list[Cell]:
    """Every agent from every start; DQN, whose policy has no start to set, from its own."""
    from experiments.options.progress import progress

    plan = [
        (agent, start)
        for agent in options.agents
        for start in (STARTS if agent != "dqn" else ["uniform"])
    ]
    return [
        run_cell(agent, start, options) for agent, start in progress(plan, desc="agents and starts")
    ]


def run_cell(agent: str, start: str, options: ComparisonOptions) -> Cell:
    """All seeds of one agent from one start."""
    _, budget, own = CONTESTANTS[agent]
    budget = budget if options.max_updates is None else options.max_updates
    if agent != "dqn":
        prob = STARTS[start]
        own = own | {"initial_policy": "uniform" if prob is None else "corner"}
        own = own | ({} if prob is None else {"optimal_prob": prob})
    config = make_config(
        agent=agent,
        reward_noise="bernoulli",
        num_seeds=options.num_seeds,
        max_updates=budget,
        **own,
    )
    cell, began = Cell(agent, start, 0), time.process_time()
    for runs in make_agents(config):
        watched = Watched(runs)
        with contextlib.suppress(NothingLeftError):
            runs.learn(budget, record_at=range(budget + 1), on_record=watched)
        cell.escape += watched.escapes()
        cell.solved += list(watched.solved)
        cell.budget = budget * watched.steps_per_update
    cell.seconds = (time.process_time() - began) / options.num_seeds
    return cell


def table(cells: list[Cell]) -> str:
    """Median environment steps with 95 % intervals, as Markdown.

    The price of a start is its median until solved over that of the agent's uniform start.
    """
    lines = [
        "| agent | start | left the well | pi(a*) >= 0.9 | price | never left | never solved "
        "| budget | s per seed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells:
        escape, solved = cell.survival("escape"), cell.survival("solved")
        outside = cell.starts_outside
        columns = (
            CONTESTANTS[cell.agent][0],
            "its own" if cell.agent == "dqn" else cell.start,
            "starts outside" if outside else _median(escape),
            _median(solved),
            price(cell, cells),
            "-" if outside else f"{escape.censored} of {escape.runs}",
            f"{solved.censored} of {solved.runs}",
            f"{cell.budget:,}",
            f"{cell.seconds:.1f}",
        )
        lines.append(f"| {' | '.join(columns)} |")
    return "\n".join(lines) + "\n"


def price(cell: Cell, cells: list[Cell]) -> str:
    """How many times the steps of its agent's uniform start, "-" where either median is open."""
    bases = [c for c in cells if c.agent == cell.agent and c.start == "uniform"]
    if not bases or cell.start == "uniform":
        return "-"
    own, base = (c.survival("solved").median.value for c in (cell, bases[0]))
    return f"{own / base:.3g} x" if np.isfinite(own) and np.isfinite(base) else "-"


def _median(survival: Survival) -> str:
    """The median with its interval; ">" where the curve does not come down to it."""
    estimate = survival.median
    ends = (f"{x:,.0f}" if np.isfinite(x) else "?" for x in (estimate.low, estimate.high))
    value = f"{estimate.value:,.0f}" if np.isfinite(estimate.value) else f"> {survival.last:,.0f}"
    return f"{value} ({' to '.join(ends)})"


def draw(cells: list[Cell], path: Path) -> None:
    """Steps until solved against the start, a line per agent: the price of a saturated start."""
    figure = new_figure(7.5, 4.8)
    panel = figure.subplots()
    colors = dict(zip(CONTESTANTS, (BLUE, SKY, ORANGE, GREEN, PINK, RED), strict=True))
    markers = dict(zip(CONTESTANTS, "os^vDX", strict=True))
    shifts = dict(zip(CONTESTANTS, np.linspace(-0.12, 0.12, len(CONTESTANTS)), strict=True))
    places = list(STARTS)
    for agent in dict.fromkeys(cell.agent for cell in cells):
        mine = [cell for cell in cells if cell.agent == agent]
        at = [places.index(cell.start) + shifts[agent] for cell in mine]
        ends = [_clipped(cell) for cell in mine]
        style: dict[str, Any] = {"color": colors[agent], "marker": markers[agent], "ms": 7}
        panel.plot(at, [e[1] for e in ends], lw=1.6, label=CONTESTANTS[agent][0], **style)
        for x, (low, middle, high), cell in zip(at, ends, mine, strict=True):
            panel.plot([x, x], [low, high], color=colors[agent], lw=1)
            if middle == cell.budget:
                panel.plot(x, middle, mfc="white", zorder=4, **style)
                panel.plot([], [], "o", mfc="white", mec="black", label="more than the budget")
    panel.set_yscale("log")
    panel.set_xticks(range(len(places)), places)
    panel.set_xlabel("start of the policy (corner; DQN: its own)")
    panel.set_ylabel("environment steps until pi(a*) >= 0.9\nmedian and 95 % interval")
    runs = cells[0].survival("solved").runs
    panel.set_title(f"The price of a saturated start: SoftmaxWell-v0, Bernoulli, {runs} seeds")
    panel.grid(alpha=0.3)
    legend(panel)
    save_figure(figure, path, dpi=120)


def _clipped(cell: Cell) -> tuple[float, float, float]:
    """Lower end, median and upper end of the steps until solved; the budget where unknown."""
    estimate = cell.survival("solved").median
    ends = (estimate.low, estimate.value, estimate.high)
    low, middle, high = (x if np.isfinite(x) else float(cell.budget) for x in ends)
    return low, middle, high
