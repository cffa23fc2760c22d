"""What many runs recorded, on one grid of updates: the plateau, and how it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import metrics
from agents.evaluation import log_spaced
from gw_envs.checks import Floats, check_int


def update_grid(last: int, points: int = 60) -> NDArray[np.int64]:
    """Log-spaced whole updates from 1 to `last`, at most `points`."""
    end = max(check_int("last", last, 0), 1)
    return log_spaced(end, count=check_int("points", points, 1, 10**6))[1:]


def last_seen(
    rows: Any, run_ids: list[str], grid: NDArray[np.int64], column: str = metrics.SUBOPTIMALITY
) -> Floats:
    """What each run last recorded at or before each update; NaN after its end.

    Args:
        rows: the table `trajectories` or `sampling` (pyarrow).
        run_ids: R runs; one that is not in the table gives a row of NaN.
        grid: updates, ascending, [T].
        column: what it recorded; of whole runs, not of their states.

    Returns:
        [R, T].
    """
    import pyarrow.compute as pc

    whole = rows.filter(pc.is_null(rows["state"])) if "state" in rows.schema.names else rows
    encoded = whole["run_id"].combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    updates = whole[metrics.UPDATE].to_numpy()
    values = whole[column].to_numpy()
    order = np.lexsort((updates, codes))
    codes, updates, values = codes[order], updates[order], values[order]
    names = encoded.dictionary.to_pylist()
    begins = np.searchsorted(codes, np.arange(len(names) + 1))
    place = {name: i for i, name in enumerate(names)}
    table = np.full((len(run_ids), len(grid)), np.nan)
    for row, run_id in enumerate(run_ids):
        if run_id in place:
            part = slice(*begins[place[run_id] : place[run_id] + 2])
            at = np.searchsorted(updates[part], grid, side="right") - 1
            seen = (at >= 0) & (grid <= updates[part][-1])
            table[row, seen] = values[part][at[seen]]
    return table


def quartiles(values: Floats) -> Floats:
    """Lower quartile, median and upper quartile over runs [R, T] -> [3, T].

    NaN where fewer than half of the runs are still watched: the rest would be another population.
    """
    known = np.isfinite(values).sum(axis=0)
    result = np.full((3, values.shape[1]), np.nan)
    columns = 2 * known >= max(len(values), 1)
    if columns.any():
        result[:, columns] = np.nanquantile(values[:, columns], [0.25, 0.5, 0.75], axis=0)
    return result
