"""`python -m experiments compact FOLDER`: join the parts that the jobs of an array have left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from gw_envs.checks import BadInput


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

    from experiments.files import locked
    from experiments.sweeps.storage import StorageError, done_runs, join_parts

    options = tyro.cli(
        CompactOptions,
        prog="python -m experiments compact",
        description="Join the parts that `sweep --shard` has left into one set of tables.",
        args=arguments,
    )
    if not options.folder.is_dir():
        raise BadInput(f"folder={str(options.folder)!r} is no folder: no results to join.")
    try:
        with locked("folder", options.folder) as alone:
            paths = join_parts(options.folder, alone=alone)
    except StorageError as error:
        print(f"stopped, since results cannot be written ({error}); the parts are still there")
        return 1
    for path in paths:
        print(f"wrote {path}")
    print(f"{len(done_runs(options.folder))} runs")
    return 0
