"""Forked training runs as one Parquet table: a row per run, clock, repeat, action and lag."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from experiments.drift.forking import Forks
from experiments.files import save_table
from experiments.results import read_table
from gw_envs.checks import BadInput

METADATA = b"gravity_wells_forks"
SHIPPED = {  # batches per action: forks on letters from `normal_high`
    3: "asr_drift_letter_normal_high.parquet",
    24: "asr_drift_letter_normal_high_24.parquet",
}
AXES = ("seed", "clock", "repeat", "action", "lag")


def stored_forks(batches: int) -> Forks:
    """The forks of eight training runs on letters from `normal_high`, as shipped.

    Args:
        batches: per action, of `SHIPPED`.
    """
    return read_forks(Path(str(files("experiments") / "data" / SHIPPED[batches])))[0]


def write_forks(path: Path, forks: Forks, settings: dict[str, Any]) -> None:
    """Write forks and the settings that made them; the file is whole or as it was."""
    import pyarrow as pa

    states, repeats, actions, lags = (np.arange(n) for n in forks.scores.shape)
    state, repeat, action, lag = (
        axis.ravel() for axis in np.meshgrid(states, repeats, actions, lags, indexing="ij")
    )
    columns = {
        "seed": forks.seeds[state],
        "clock": forks.clocks[state],
        "repeat": repeat,
        "action": action,
        "lag": lag + 1,
        "distance": forks.distances[state],
        "later_distance": forks.later_distances[state, action, lag],
        "score": forks.scores.ravel(),
    }
    columns |= {name: columns[name].astype(np.int32) for name in AXES}
    table = pa.table(columns).replace_schema_metadata({METADATA: json.dumps(settings)})
    save_table(table, path)


def read_forks(path: Path) -> tuple[Forks, dict[str, Any]]:
    """Forks and the settings that made them.

    Raises:
        ValueError: if the file is damaged or holds something else.
    """
    import pyarrow as pa

    try:
        table = read_table(path)
        settings = json.loads(table.schema.metadata[METADATA])
        columns = {name: table[name].to_numpy() for name in table.column_names}
        shape = [int(columns[name].max()) + 1 for name in ("repeat", "action")]
        shape.append(int(columns["lag"].max()))
        scores = columns["score"].reshape(-1, *shape)
        first = {
            name: columns[name].reshape(scores.shape)[:, 0, 0, 0]
            for name in ("seed", "clock", "distance")
        }
        later = columns["later_distance"].reshape(scores.shape)[:, 0]
        finite = all(np.isfinite(column).all() for column in columns.values())
        if not isinstance(settings, dict) or not finite:
            raise ValueError
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        raise BadInput(
            f"forks={str(path)!r} is no whole table of forked runs ({type(error).__name__}); name "
            "another file, or remove it to measure again."
        ) from None
    return (
        Forks(
            first["seed"].astype(np.int64),
            first["clock"].astype(np.int64),
            first["distance"],
            later,
            scores,
        ),
        settings,
    )
