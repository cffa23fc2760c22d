"""The table `runs` in memory, with every option a column: what varies, groups, escape curves.

A *method* is how one learns, a *problem* is what is to be learnt and from where; both are read off
the options that differ between the runs.

An escape time is one of a run that began in a well: a start outside it, whose time is stored as 0,
has escaped from nothing (`in_wells`). A run of an exact gradient from a fixed start is no draw of
anything (`by_chance`): its number has no interval and is compared with no test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import metrics
from experiments.analysis.statistics import Survival, kaplan_meier
from experiments.options.config import BOOKKEEPING
from experiments.options.environments import env_options
from experiments.results import Folders, find_folders, read_all
from gw_envs.checks import BadInput, Floats, check_choice, shown

TRAINING = "ASRSampling-v0"  # its runs are of an embedding, with a well of their own
START_OPTIONS = ("initial_policy", "optimal_prob", "corner_action", "sigma")
# What is not asked about: names of things, seeds, and the budget, which decides only what is seen.
NOT_ASKED = (*BOOKKEEPING, "seed", "max_updates", "until_escape")
NEVER_NULL = ("config", "gradient", "env_id", "updates", metrics.CENSORED, "versions", "status")
# Options whose values say of themselves what they are.
SPEAKING = ("env_id", "agent", "gradient", "update", "initial_policy")


@dataclass(frozen=True)
class RunTable:
    """Runs as columns.

    Attributes:
        columns: name -> one value per run; the columns of `runs`, then the options.
        options: names of the options, `NOT_ASKED` left out.
    """

    columns: dict[str, list[Any]]
    options: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.columns["run_id"])

    def __getitem__(self, name: str) -> list[Any]:
        return self.columns[check_choice("column", name, tuple(self.columns))]

    def take(self, rows: Sequence[int]) -> RunTable:
        """The table of some runs, by their numbers."""
        return RunTable(
            {name: [column[i] for i in rows] for name, column in self.columns.items()},
            self.options,
        )

    def varying(self) -> tuple[str, ...]:
        """Options that differ between the runs.

        One that is set to a single value, and only where another option has it so (the temperature
        of a rule beside a rule without), tells nothing more and is left out.
        """
        differ = {name: set(self.columns[name]) for name in self.options}
        switches = [name for name, found in differ.items() if len(found) == 2 and None in found]
        plain = [name for name, f in differ.items() if len(f) > 1 and name not in switches]
        own = [name for name in switches if not any(self._decides(p, name) for p in plain)]
        return tuple(name for name in self.options if name in plain or name in own)

    def _decides(self, name: str, switch: str) -> bool:
        """Whether the value of one option says if the other is set."""
        pairs = zip(self.columns[name], self.columns[switch], strict=True)
        return len({(a, b is None) for a, b in pairs}) == len(set(self.columns[name]))

    def problem_options(self) -> tuple[str, ...]:
        """Varying options of the environment and of the initial policy."""
        own = set(START_OPTIONS) | {"env_id"}
        for env_id in set(self.columns["env_id"]):
            own |= {field.name for field in fields(env_options(env_id))}
        return tuple(name for name in self.varying() if name in own)

    def method_options(self) -> tuple[str, ...]:
        """The other varying options: how the runs learn."""
        problem = self.problem_options()
        return tuple(name for name in self.varying() if name not in problem)

    def groups(self, by: Sequence[str]) -> dict[tuple[Any, ...], RunTable]:
        """The runs with equal values in the columns `by`, largest group first."""
        keys = list(zip(*(self[name] for name in by), strict=True)) or [()] * len(self)
        rows: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(keys):
            rows.setdefault(key, []).append(i)
        ordered = sorted(rows.items(), key=lambda item: (-len(item[1]), in_order(item[0])))
        return {key: self.take(members) for key, members in ordered}

    def policies(self) -> RunTable:
        """The runs that are not training runs of an embedding."""
        return self.take([i for i, name in enumerate(self["env_id"]) if name != TRAINING])

    def training(self) -> RunTable:
        """The training runs of an embedding."""
        return self.take([i for i, name in enumerate(self["env_id"]) if name == TRAINING])

    def in_wells(self) -> RunTable:
        """The runs of policies that began in a well, those of which an escape can be told."""
        runs = self.policies()
        return runs.take([i for i, time in enumerate(runs[metrics.ESCAPE_TIME]) if time != 0])

    @property
    def by_chance(self) -> bool:
        """Whether every run is a draw: of samples, of a random start or of a network."""
        options = ("gradient", "initial_policy", "policy")
        columns = (self.columns.get(name, [None] * len(self)) for name in options)
        return all(
            gradient != "exact" or start == "normal" or network == "mlp"
            for gradient, start, network in zip(*columns, strict=True)
        )

    def survival(self) -> Survival:
        """Kaplan-Meier curve of the escape times; not `by_chance` its ends are the curve itself."""
        curve = kaplan_meier(*self.times())
        if self.by_chance:
            return curve
        return replace(curve, low=curve.survival, high=curve.survival, first_low=1.0)

    def times(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Escape time, or updates watched, and whether the run is censored, [N] each."""
        censored = np.array(self.columns[metrics.CENSORED], dtype=bool)
        pairs = zip(self.columns[metrics.ESCAPE_TIME], self.columns["updates"], strict=True)
        times = [updates if time is None else time for time, updates in pairs]
        return np.array(times, dtype=np.float64), censored

    def median_bound(self) -> float:
        """Median of the runs' lower bounds; NaN where that promises not even one update."""
        middle = float(np.median(np.array(self.columns[metrics.LOWER_BOUND], dtype=np.float64)))
        return middle if 1 <= middle < math.inf else math.nan

    def common_bound(self) -> float:
        """The lower bound that all these runs share; NaN if they share none."""
        bounds = self.columns[metrics.LOWER_BOUND]
        return self.median_bound() if len(set(bounds)) == 1 else math.nan


def read_runs(folders: Folders) -> RunTable:
    """The runs of one results folder or of several.

    Raises:
        ValueError: if a table is missing, damaged, of another schema version or without a run.
    """
    table = read_all(folders, "runs")
    if table.num_rows == 0:
        raise BadInput(f"{_named(folders)} has no run; make some first.")
    columns = table.to_pydict()
    pairs = zip(columns["config"], columns["gradient"], strict=True)
    for name in NEVER_NULL:
        if None in columns[name]:
            raise BadInput(f"{_named(folders)} has a run without {name!r}.")
    configs = [_read_config(text, gradient) for text, gradient in pairs]
    names = dict.fromkeys(name for config in configs for name in config)
    read = {name: [config.get(name) for config in configs] for name in names}
    options = [name for name in dict.fromkeys([*names, "gradient"]) if name not in NOT_ASKED]
    return RunTable(read | columns, tuple(options))


def read_escapes(folders: Folders) -> RunTable:
    """The runs of `read_runs` that began in a well.

    Raises:
        ValueError: as `read_runs`; or if none did.
    """
    runs = read_runs(folders).in_wells()
    if not len(runs):
        raise BadInput(
            f"{_named(folders)} has no run of a policy that began in a well: there is no escape to "
            "draw; of runs on ASRSampling-v0 `report` shows recall and returns."
        )
    return runs


def label(names: Sequence[str], values: Sequence[Any]) -> str:
    """`name=value, ...` of what tells groups apart; options that are not set are left out."""
    words = []
    for name, value in zip(names, values, strict=True):
        if value is not None:
            text = f"{value:g}" if _is_number(value) else str(value)
            words.append(text if name in SPEAKING else f"{name}={text}")
    return ", ".join(words) or "all runs"


def in_order(values: Sequence[Any]) -> tuple[Any, ...]:
    """A sorting key for values of any kinds: unset ones last, numbers by size."""
    return tuple((v is None, "" if _is_number(v) else type(v).__name__, v) for v in values)


def count_problems(runs: RunTable) -> str:
    """`1 problem` or `n problems`: how many different ones the runs are about."""
    count = len(runs.groups(runs.problem_options()))
    return f"{count:,} problem{'s' if count > 1 else ''}"


def _read_config(text: str, gradient: str) -> dict[str, Any]:
    """The options of a run; those without effect on it are unset."""
    try:
        config = json.loads(text)
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise BadInput(f"runs.parquet holds config={shown(text)}, which must be a JSON object.")
    options = {name: _hashable(value) for name, value in config.items()}
    if options.get("initial_policy") != "normal":
        options["sigma"] = None
    if gradient == "exact":
        options |= dict.fromkeys(("baseline", "baseline_value", "batch_size"))
    return options


def _named(folders: Folders) -> str:
    return "runs.parquet in " + shown(", ".join(str(folder) for folder in find_folders(folders)))


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
