"""What the page shows of training runs on ASRSampling-v0: recall, falls, ways back, returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import metrics
from experiments.analysis.plateaus import last_seen, quartiles
from experiments.analysis.run_table import RunTable, label
from experiments.report import figures
from experiments.report.escapes import methods_of
from gw_envs.checks import Floats

HEADS = ("R@1 start", "R@1 lowest", "R@1 end", "NMI end", "return", "fell @ step", "back @ step")


@dataclass(frozen=True)
class Training:
    """Training runs as curves over the sampler's steps.

    Attributes:
        steps: 0 to the longest run's end, [T].
        recall: recall@1 of test rows, NaN after a run's end, [R, T].
        nmi: of test rows, [R, T].
        returns: sum of the rewards of each whole run, [R].
        fell: step at which validation recall@1 first was below its start by more than the noise,
            NaN where it never was, [R].
        back: step at which it first was back, NaN where it was not, [R].
    """

    steps: NDArray[np.int64]
    recall: Floats
    nmi: Floats
    returns: Floats
    fell: Floats
    back: Floats

    @classmethod
    def from_tables(cls, runs: RunTable, tables: dict[str, Any]) -> Training:
        """From training runs and the tables `trajectories`, `escapes` and `sampling`."""
        ids, steps = runs["run_id"], np.arange(max(runs["updates"]) + 1)
        trajectories, sampling = tables["trajectories"], tables["sampling"]
        return cls(
            steps,
            last_seen(sampling, ids, steps, metrics.TEST_RECALL),
            last_seen(sampling, ids, steps, metrics.TEST_NMI),
            ends(last_seen(trajectories, ids, steps, metrics.EPISODIC_RETURN)),
            *(_first(tables["escapes"], ids, kind) for kind in ("enter", "escape")),
        )

    def columns(self) -> dict[str, Floats]:
        """What is told of each run under the names of `HEADS`, [R] each."""
        lowest = np.fmin.reduce(self.recall, axis=1)
        told = (self.recall[:, 0], lowest, ends(self.recall), ends(self.nmi), self.returns)
        return dict(zip(HEADS, (*told, self.fell, self.back), strict=True))


def ends(values: Floats) -> Floats:
    """The last number of each row that is one, [R]."""
    return np.array([row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan
                     for row in values])  # fmt: skip


def _first(escapes: Any, run_ids: list[str], kind: str) -> Floats:
    """The update of each run's first event of a kind, NaN where there is none, [R]."""
    rows = zip(*(escapes[c].to_pylist() for c in ("run_id", metrics.EVENT_KIND)), strict=True)
    found: dict[str, int] = {}
    for (run_id, its), update in zip(rows, escapes[metrics.EVENT_UPDATE].to_pylist(), strict=True):
        if its == kind:
            found[run_id] = min(update, found.get(run_id, update))
    return np.array([found.get(run_id, np.nan) for run_id in run_ids], dtype=np.float64)


def training_parts(runs: RunTable, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Per problem: recall@1 over steps by method, and the table of methods."""
    names = runs.problem_options()
    parts = []
    for key, part in runs.groups(names).items() if len(runs) else []:
        methods = {
            method: Training.from_tables(group, tables)
            for method, group in methods_of(runs, part).items()
        }
        steps = max((each.steps for each in methods.values()), key=len)
        bands = {method: _padded(quartiles(t.recall), len(steps)) for method, t in methods.items()}
        figure = figures.band_figure(steps, bands, "steps of the sampler", "recall@1 of test rows")
        rows = [_method_row(method, training) for method, training in methods.items()]
        parts.append({"name": label(names, key), "recall": figure, "methods": rows})
    return parts


def _padded(bands: Floats, length: int) -> Floats:
    return np.pad(bands, [(0, 0), (0, length - bands.shape[1])], constant_values=np.nan)


def _method_row(name: str, training: Training) -> list[str]:
    """Name, runs, medians with quartiles of what `columns` tells, how many fell and came back."""
    columns = training.columns()
    told = [_middle(columns[head], ".3f") for head in HEADS[:4]]
    fell, back = (int(np.isfinite(steps).sum()) for steps in (training.fell, training.back))
    return [
        name,
        f"{len(training.returns):,}",
        *told,
        _middle(training.returns, ".3g"),
        f"{fell} of {len(training.fell)}",
        f"{back} of {fell}" if fell else "-",
    ]


def _middle(values: Floats, form: str) -> str:
    """The median, with the quartiles of more than one run."""
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75])
    return f"{middle:{form}}" + (f" ({low:{form}} to {high:{form}})" if len(values) > 1 else "")
