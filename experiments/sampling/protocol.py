"""The fixed protocol on shipped data: initial distributions x agents x fresh seeds.

Each run trains an embedding for 60 epochs (160 steps of 3 batches of 112) with multipliers
(0.5, 1, 2), margin loss with boundary 1.2 and no self-regularisation. Shipped are on letters seeds
100 to 109 of all combinations, and 110 to 129 of those that statements are about (`JUDGED`); on
digits seeds 100 to 109 of the latter. All were fixed before any was run. `python -m experiments
asr-protocol` makes what is missing, run by run, each whole or absent, and joins it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from agents import metrics
from experiments.files import save_table
from experiments.results import read_table
from gw_envs.checks import BadInput, check_choice, check_int

FIRST_SEED = 100  # earlier looks at this process used seeds below
NUM_SEEDS = 10
WIDE = "normal:0.75:0.35"  # the whole support, [0.1, 1.4]
STORED = {"letter": "asr_protocol_letter.parquet", "digits": "asr_protocol_digits.parquet"}
SETTINGS: dict[str, Any] = {
    "multipliers": (0.5, 1.0, 2.0),
    "epochs": 60,
    "iterations_per_epoch": 8,
    "iterations_per_step": 3,
    "self_regularisation": False,
    "boundary": 1.2,
}
METRICS = ("recall_at_1", "recall_at_2", "recall_at_4", "recall_at_8", "nmi", "f1")
FLOATS = (
    *METRICS,
    "validation_recall_at_1",
    "validation_nmi",
    "loss",
    "active_pairs",
    "mean_bin_distance",
    "bin_entropy",
)
FLAGS = ("in_well", "test_in_well")


@dataclass(frozen=True)
class Cell:
    """One combination of the protocol.

    Attributes:
        name: of the initial distribution, as tables call it.
        distribution: the environment's `initial_distribution`.
        agent: of `agents.sampling_agents`.
        logit_std: spread of the agent's initial logits.
    """

    name: str
    distribution: str
    agent: str
    logit_std: float = 0.0


AGENTS = ("ppo", "sb3-softmax-pg", "frozen", "random")
DISTRIBUTIONS = {
    "normal_high": "normal_high",
    "normal_low": "normal_low",
    "wide": WIDE,
    "uniform_low": "uniform_low",
}
# The last two: the reading in which the *policy* is normal with a high variance. Their controls are
# those of uniform_low, since a control has no logits.
CELLS = (
    *(Cell(name, d, agent) for name, d in DISTRIBUTIONS.items() for agent in AGENTS),
    Cell("logits_wide", "uniform_low", "ppo", 3.0),
    Cell("logits_wide", "uniform_low", "sb3-softmax-pg", 3.0),
)
# What the statements of `findings` are about.
JUDGED = tuple(
    cell
    for cell in CELLS
    if cell.name == "normal_high"
    or (cell.agent == "ppo" and cell.name in ("normal_low", "wide", "logits_wide"))
)


def run_cell(cell: Cell, seed: int, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """One training run: a row at the start and at the first step of each epoch.

    Args:
        cell: what is run.
        seed: fixes the run.
        settings: environment arguments.
    """
    import gymnasium as gym

    import gw_envs  # noqa: F401 - registers the ids
    from agents.sampling_agents import SamplerSettings, train_sampler

    env = gym.make("ASRSampling-v0", initial_distribution=cell.distribution, **settings)
    rows: list[dict[str, Any]] = []
    inner: Any = env.unwrapped

    def on_step(step: int, reward: float, info: dict[str, Any]) -> bool:
        last = step == inner.total_steps or bool(info["failure"])
        epoch = round(info["epoch"]) if last else int(info["epoch"])
        if not rows or epoch > rows[-1]["epoch"]:
            rows.append(_row(cell, seed, epoch, info))
        return False

    train_sampler(inner, cell.agent, seed, on_step, SamplerSettings(logit_std=cell.logit_std))
    return rows


def _row(cell: Cell, seed: int, epoch: int, info: dict[str, Any]) -> dict[str, Any]:
    own = {"distribution": cell.name, "agent": cell.agent, "seed": seed, "epoch": epoch}
    tested = {name: info[metrics.TEST[name]] for name in METRICS}
    validated = {
        f"validation_{name}": info[metrics.VALIDATION[name]] for name in ("recall_at_1", "nmi")
    }
    rest = {name: info[name] for name in (*FLOATS[8:], *FLAGS, "failure")}
    return own | tested | validated | rest


def missing(folder: Path, cells: Sequence[Cell], seeds: Sequence[int]) -> list[tuple[Cell, int]]:
    """The runs that have no file in `folder` yet, seed by seed."""
    return [(c, s) for s in seeds for c in cells if not run_file(folder, c, s).exists()]


def run_file(folder: Path, cell: Cell, seed: int) -> Path:
    """Where the rows of a run are kept."""
    return folder / f"{cell.name}-{cell.agent}-{seed}.parquet"


def run_protocol(
    folder: Path,
    settings: dict[str, Any],
    *,
    cells: Sequence[Cell] = CELLS,
    num_seeds: int = NUM_SEEDS,
    workers: int = 1,
) -> None:
    """Make every run that is missing in `folder`; killed at any time, nothing made is lost.

    Args:
        folder: of the single runs.
        settings: environment arguments.
        cells: what is run.
        num_seeds: of each cell, from `FIRST_SEED` on.
        workers: processes.

    Raises:
        ValueError: if `num_seeds` or `workers` is not at least 1.
    """
    from experiments.options.progress import progress

    seeds = range(FIRST_SEED, FIRST_SEED + check_int("num_seeds", num_seeds, 1))
    check_int("workers", workers, 1)
    tasks = missing(folder, cells, seeds)
    folder.mkdir(parents=True, exist_ok=True)
    work = partial(_run_and_keep, folder, settings)
    done: Iterator[None]
    with progress(total=len(tasks), unit=" runs") as bar:
        if workers == 1:
            for task in tasks:
                work(task)
                bar.update()
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            done = pool.map(work, tasks)
            for _ in done:
                bar.update()


def _run_and_keep(folder: Path, settings: dict[str, Any], task: tuple[Cell, int]) -> None:
    cell, seed = task
    write_rows(run_file(folder, cell, seed), run_cell(cell, seed, settings))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows of the protocol as Parquet, whole or not at all."""
    import pyarrow as pa

    save_table(pa.Table.from_pylist(rows, schema=_row_schema()), path)


def _row_schema() -> Any:
    import pyarrow as pa

    fields = [("distribution", pa.string()), ("agent", pa.string())]
    fields += [("seed", pa.int32()), ("epoch", pa.int32())]
    fields += [(name, pa.float32()) for name in FLOATS] + [(name, pa.bool_()) for name in FLAGS]
    return pa.schema([*fields, ("failure", pa.string())])


def join(folder: Path, path: Path) -> None:
    """Join the runs of a folder into one table, ordered by distribution, agent, seed and epoch.

    Raises:
        ValueError: if the folder holds no run, or a damaged one.
    """
    import pyarrow as pa

    parts = sorted(folder.glob("*.parquet"))
    if not parts:
        raise BadInput(f"results folder {str(folder)!r} holds no runs of the protocol.")
    tables = []
    for part in parts:
        tables.append(read_table(part))
        if tables[-1].schema != _row_schema():
            raise BadInput(f"{str(part)!r} is no run of the protocol; delete it.")
    table = pa.concat_tables(tables)
    order = [(name, "ascending") for name in ("distribution", "agent", "seed", "epoch")]
    table = table.sort_by(order)
    save_table(table, path)


def stored_results(dataset: str = "letter") -> Any:
    """The protocol's results as shipped, a pyarrow Table with a row per run and epoch.

    Columns: `distribution` (`DISTRIBUTIONS` and "logits_wide"), `agent` (`AGENTS`), `seed`, `epoch`
    (0..60); of the test classes `METRICS`; `validation_recall_at_1`, `validation_nmi`; `loss`,
    `active_pairs`, `mean_bin_distance`, `bin_entropy`; `in_well` (judged by validation rows),
    `test_in_well`; `failure` ("" or why the run ended early).

    Args:
        dataset: of `STORED`.

    Raises:
        ValueError: for another one.
    """
    import pyarrow.parquet as pq

    file = STORED[check_choice("dataset", dataset, tuple(STORED))]
    return pq.read_table(str(files("experiments") / "data" / file))
