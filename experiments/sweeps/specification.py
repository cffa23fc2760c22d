"""A sweep as data: which configurations, which seeds, under which tags.

    name: my_sweep                  # default: the file's name
    base: {gradient: sampled}       # options that all runs share
    grid: {optimal_prob: [0.1, 0.01], reward_gap: [0.1, 0.2]}   # every combination
    points: [{num_actions: 3}, {num_actions: 6, sigma: 2}]      # a list; a grid multiplies each
    seeds: 20                       # seeds derived from each configuration; or a list: these seeds
    tags: [first-try]
    blocks: [{base: ..., grid: ..., points: ..., seeds: ..., tags: ...}, ...]

Options are those of train.py. A block inherits what stands outside: its base and grid are laid over
it, its tags are added, its points and seeds replace. Without blocks the file is one block.

A run is a configuration and a seed; its id is the hash of both in canonical form, so that equal
settings have equal ids however they were written. `seeds: n` gives a configuration the seeds s,
s+1, ..., s+n-1 with s from the configuration's hash: other configurations have other random
numbers. A list gives every configuration the same seeds, which is what paired comparisons need.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import runpy
import traceback
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.files import check_name
from experiments.options.config import RunConfig, make_config
from experiments.options.yaml_text import read_yaml
from gw_envs.checks import BadInput, check_choice, check_instance, check_int

BLOCK_KEYS = ("base", "grid", "points", "seeds", "tags")
KEYS = ("name", *BLOCK_KEYS, "blocks")
MOST_RUNS = 1_000_000
SEEDS_TOGETHER = 32  # sampled runs of one configuration that one agent makes at once
INSTEAD = {  # options that a sweep sets itself, and what to write for them
    "seed": "`seeds`",
    "num_seeds": "`seeds`",
    "exp_name": "`name`",
    "output": "the command's --output",
    "track": "nothing: a sweep's record is its tables",
    "wandb_project": "nothing: a sweep's record is its tables",
    "checkpoint_seconds": "nothing: a sweep's runs are made again, not continued",
    "resume": "nothing: the same command makes what is missing",
}


@dataclasses.dataclass(frozen=True)
class Point:
    """Runs of one configuration with consecutive seeds, which are made together.

    Attributes:
        config: its `seed` is the first seed, its `num_seeds` how many there are.
        axes: the options that the sweep varies, with this point's values.
        tags: words to find the runs by.
    """

    config: RunConfig
    axes: Mapping[str, Any]
    tags: tuple[str, ...]

    @property
    def seeds(self) -> range:
        """The runs' seeds."""
        first = self.config.run.seed
        return range(first, first + self.config.run.num_seeds)

    @cached_property
    def run_ids(self) -> tuple[str, ...]:
        """The id of each seed's run."""
        gradient = run_gradient(self.config)
        return tuple(self.config.run_id(gradient, seed) for seed in self.seeds)

    def with_seeds(self, seeds: range) -> Point:
        """The same configuration with other seeds."""
        run = dataclasses.replace(self.config.run, seed=seeds.start, num_seeds=len(seeds))
        return dataclasses.replace(self, config=dataclasses.replace(self.config, run=run))


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A checked sweep.

    Attributes:
        name: of the experiment and of the default output folder.
        points: what is to be run; no run occurs twice.
    """

    name: str
    points: tuple[Point, ...]

    def shard(self, index: int, count: int) -> Sweep:
        """The share `index` of `count`: whole points, dealt out by their ids.

        Raises:
            ValueError: unless 0 <= index < count.
        """
        check_int("shard count", count, 1)
        check_int("shard index", index, 0, count - 1)
        mine = [p for p in self.points if int(p.run_ids[0], 16) % count == index]
        return Sweep(self.name, tuple(mine))


def read_sweep(path: Path | str) -> Sweep:
    """The sweep in a YAML file, or in a Python file's variable `SWEEP` (the same mapping).

    Raises:
        ValueError: naming the file, key or option that is wrong.
    """
    path = Path(path)
    name = f"sweep file {str(path)!r}"
    data = _run_python(path, name) if path.suffix == ".py" else read_yaml(path, name)
    if not isinstance(data, Mapping):
        what = "a variable SWEEP with a mapping" if path.suffix == ".py" else "`key: value` lines"
        raise BadInput(f"{name} must hold {what}: {', '.join(KEYS)}.")
    return make_sweep({"name": path.stem} | dict(data))


def _run_python(path: Path, name: str) -> Any:
    """The variable SWEEP of a Python file; what the file raises is told as the file's.

    Raises:
        ValueError: naming the file, the line and the error.
    """
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{name} is a folder, a device or a pipe; name a file.")
        path.open().close()
    except OSError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}.") from None
    try:
        return runpy.run_path(str(path)).get("SWEEP")
    except BadInput:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = getattr(error, "lineno", None) or frames[-1].lineno
        own = [frame.lineno for frame in frames if frame.filename == str(path)]
        said = " ".join(str(error).split())
        raise BadInput(
            f"{name} raised {type(error).__name__} in line {own[-1] if own else line}: "
            f"{said or 'no message'}."
        ) from error


def make_sweep(data: Mapping[str, Any]) -> Sweep:
    """The sweep that a mapping describes (see the module's docstring); `name` is needed.

    Raises:
        ValueError: for an unknown key or option, a value of the wrong type, a run that occurs
            twice or a sweep of no run.
    """
    check_instance("data", data, Mapping, f"a mapping with {', '.join(KEYS)}")
    for key in data:
        check_choice("sweep key", key, KEYS)
    name = check_name("name", data.get("name"))
    outside = {key: data[key] for key in BLOCK_KEYS if key in data}
    blocks = _list("blocks", data.get("blocks", [{}]))
    points: dict[str, tuple[int, Point]] = {}
    for number, block in enumerate(blocks, 1):
        for point in _block_points(name, _inherit(outside, _mapping("block", block))):
            for run_id in point.run_ids:
                if run_id in points:
                    first = points[run_id][0]
                    where = f"blocks {first} and {number}" if first != number else f"block {number}"
                    raise BadInput(
                        f"point {json.dumps(dict(point.axes))} occurs twice ({where}), "
                        "with the same seeds; leave one out."
                    )
                points[run_id] = (number, point)
    if not points:
        raise BadInput("the sweep has no run: a grid axis, `points` or `blocks` is empty.")
    unique = {id(point): point for _, point in points.values()}
    return Sweep(name, tuple(unique.values()))


def run_gradient(config: RunConfig) -> str:
    """The gradient of a configuration's runs, as it stands in their ids.

    Raises:
        ValueError: for "both", which is two runs.
    """
    gradient = getattr(config.agent, "gradient", "sampled")
    if gradient != "both":
        return str(gradient)
    if config.run.until_escape:
        return "exact"
    raise BadInput(
        "gradient='both' is two runs; choose exact or sampled, or vary it: "
        "grid: {gradient: [exact, sampled]}."
    )


def _inherit(outside: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    """A block with what it inherits."""
    for key in block:
        check_choice("block key", key, BLOCK_KEYS)
    merged = {**outside, **block}
    for key in ("base", "grid"):
        given = (_mapping(key, side.get(key, {})) for side in (outside, block))
        merged[key] = {k: v for side in given for k, v in side.items()}
    merged["tags"] = [t for side in (outside, block) for t in _list("tags", side.get("tags", []))]
    return merged


def _block_points(name: str, block: Mapping[str, Any]) -> Iterator[Point]:
    """The points of one block, in the order of the file; the last grid axis changes fastest."""
    grid = {key: _list(f"grid axis {key!r}", values) for key, values in block["grid"].items()}
    _check_size(grid, block)
    tags = tuple(map(str, block["tags"]))
    for listed in _list("points", block.get("points", [{}])):
        own = dict(_mapping("point", listed))
        for values in itertools.product(*grid.values()):
            swept = own | dict(zip(grid, values, strict=True))
            options = dict(block["base"]) | swept
            _refuse_own(options)
            config = make_config(**options, exp_name=name, track="disabled", num_seeds=1)
            flat = config.flat()
            axes = {key: flat[key] for key in swept}
            for seeds in _seed_ranges(config, block.get("seeds", 1)):
                yield Point(config, axes, tags).with_seeds(seeds)


def _check_size(grid: Mapping[str, list[Any]], block: Mapping[str, Any]) -> None:
    """Refuse a block of more runs than a sweep can hold, before one of them is made."""
    seeds = block.get("seeds", 1)
    each = len(seeds) if isinstance(seeds, list | tuple) else check_int("seeds", seeds, 1)
    points = math.prod(map(len, grid.values())) * len(_list("points", block.get("points", [{}])))
    if points * each > MOST_RUNS:
        raise BadInput(
            f"the sweep's grid, points and seeds are {points:,} configurations of {each:,} seeds, "
            f"{points * each:,} runs; a sweep holds at most {MOST_RUNS:,}."
        )


def _refuse_own(options: Mapping[str, Any]) -> None:
    for key in options:
        if key in INSTEAD:
            raise BadInput(f"option {key!r} is the sweep's own; write {INSTEAD[key]}.")


def _seed_ranges(config: RunConfig, seeds: Any) -> Iterator[range]:
    """Runs of consecutive seeds that are made together."""
    gradient = run_gradient(config)
    makes_batches = config.run.agent == "softmax-pg" and gradient == "sampled"
    together = SEEDS_TOGETHER if makes_batches else 1
    if isinstance(seeds, list | tuple):
        wanted = [check_int("seeds", seed, 0) for seed in seeds]
    else:
        first = int(config.run_id(gradient, 0), 16) % 2**31
        wanted = list(range(first, first + check_int("seeds", seeds, 1)))
    while wanted:
        count = 1
        while count < min(together, len(wanted)) and wanted[count] == wanted[0] + count:
            count += 1
        yield range(wanted[0], wanted[0] + count)
        wanted = wanted[count:]


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput(f"{name}={value!r} must be a mapping of options.")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise BadInput(f"{name}={value!r} must be a list.")
    return list(value)
