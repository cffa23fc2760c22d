"""`python -m experiments sweep FILE`: run what a sweep describes and its folder lacks."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from gw_envs.checks import BadInput, check_int

if TYPE_CHECKING:
    from experiments.sweeps.engines import Engine
    from experiments.sweeps.scheduling import Progress


@dataclass(frozen=True)
class SweepOptions:
    """Where and how the sweep runs; what it runs stands in FILE."""

    file: Positional[Path]
    """YAML, or Python with a variable SWEEP; docs/experiments.md explains the keys."""
    engine: Literal["process", "ray", "serial"] = "process"
    """A pool of processes, Ray tasks (extra `ray`), or this process alone."""
    workers: int | None = None
    """Processes, or Ray tasks at a time. Default: one per core."""
    address: str | None = None
    """Of a running Ray cluster: host:port, ray://host:port or auto. Default: Ray starts here."""
    shard: str | None = None
    """i/n, i = 0 ... n-1: run only this share, as one job of an array; join with `compact`."""
    output: Path | None = None
    """Folder of the results. Default: runs/ and the sweep's name."""


def main(arguments: list[str]) -> int:
    """Run a sweep; 0: all is done, 1: some runs failed or the disk did, 130: interrupted.

    Raises:
        ValueError: for bad input; nothing is written then.
    """
    import tyro

    from experiments.files import check_folder
    from experiments.sweeps.scheduling import Progress, check_points, run_missing
    from experiments.sweeps.specification import read_sweep
    from experiments.sweeps.storage import StorageError, join_parts, write_failures

    options = tyro.cli(
        SweepOptions,
        prog="python -m experiments sweep",
        description="Run what FILE describes and the folder lacks; the same command goes on.",
        args=arguments,
    )
    make_engine = _engine_maker(options)
    sweep = read_sweep(options.file)
    index, count = (0, 1) if options.shard is None else _parse_shard(options.shard)
    mine, progress = sweep.shard(index, count), Progress()
    check_points(sweep)
    folder = options.output or Path("runs") / sweep.name
    check_folder("output", folder)
    ending, code = "finished", 0
    try:
        with ExitStack() as stack:
            held: list[bool] = []
            engine = _hold(stack, folder, count > 1, make_engine, held)
            run_missing(mine, folder, engine, progress)
            if count == 1 and progress.kept + progress.made:
                join_parts(folder, alone=all(held))
            label = "" if count == 1 else f"-{index}-of-{count}"
            code = int(write_failures(folder, label, progress.failed) is not None)
    except KeyboardInterrupt:
        ending, code = "interrupted", 130
    except StorageError as error:
        ending, code = f"stopped, since results cannot be written ({error})", 1
    _report(progress, folder, ending)
    if code == 0 and count > 1:
        print(f"when every share is done: python -m experiments compact {folder}")
    return code


def _hold(
    stack: ExitStack,
    folder: Path,
    shared: bool,
    make_engine: Callable[[], Engine],
    held: list[bool],
) -> Callable[[], Engine]:
    """Hold the folder against other sweeps; one that is not there yet once an engine is made.

    Whether that worked is added to `held`.
    """
    from experiments.files import locked, make_writable

    if folder.is_dir():
        held.append(stack.enter_context(locked("output", folder, shared=shared)))
        return make_engine

    def make() -> Engine:
        engine = make_engine()
        make_writable("output", folder)
        held.append(stack.enter_context(locked("output", folder, shared=shared)))
        return engine

    return make


def _engine_maker(options: SweepOptions) -> Callable[[], Engine]:
    """A function that starts the engine asked for; the arguments are checked here."""
    if options.workers is not None:
        check_int("workers", options.workers, 1)
    if options.address is not None and options.engine != "ray":
        raise BadInput(f"address={options.address!r} needs engine='ray'.")
    if options.engine == "ray":
        from experiments.sweeps.ray_engine import RayEngine

        return partial(RayEngine, options.workers, options.address)
    from experiments.sweeps.engines import ProcessEngine, SerialEngine

    if options.engine == "serial":
        return SerialEngine
    return partial(ProcessEngine, options.workers or _cores())


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parse_shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not slash or not index.isdigit() or not count.isdigit() or int(index) >= int(count):
        raise BadInput(f"shard={text!r} must be i/n with 0 <= i < n, for example 0/8.")
    return int(index), int(count)


def _report(progress: Progress, folder: Path, ending: str) -> None:
    print(
        f"{ending}: {progress.total} runs, {progress.kept} were there, {progress.made} made, "
        f"{len(progress.failed)} failed, {progress.missing} missing. Results: {folder}"
    )
    errors = Counter(failure["error"] for failure in progress.failed)
    for error, times in errors.most_common(5):
        print(f"{times} failed: {error}", file=sys.stderr)
    if progress.missing:
        print("the same command makes what is missing.")
    elif progress.failed:
        print(f"each failed run and its error: {folder}/failed*.jsonl")
