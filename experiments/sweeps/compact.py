"""`python -m experiments compact FOLDER`: join the parts that the jobs of an array have left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True)
class CompactOptions:
    """What to join."""

    folder: Positional[Path]
    """Results folder of a sweep; best when no job writes to it any more."""


def main(arguments: list[str]) -> int:
    """Join the parts of a results folder into its three tables.

    Raises:
        ValueError: if there is nothing to join, or a table is damaged or of another version.
    """
    import tyro

    from experiments.sweeps.storage import StorageError, done_runs, join_parts

    options = tyro.cli(
        CompactOptions,
        prog="python -m experiments compact",
        description="Join the parts that `sweep --shard` has left into one set of tables.",
        args=arguments,
    )
    try:
        paths = join_parts(options.folder)
    except StorageError as error:
        print(f"stopped, since results cannot be written ({error}); the parts are still there")
        return 1
    for path in paths:
        print(f"wrote {path}")
    print(f"{len(done_runs(options.folder))} runs")
    return 0
