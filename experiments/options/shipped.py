"""`files`: the sweeps, configurations and examples that the docs run, for who has no checkout."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from gw_envs.checks import BadInput, shown

FOLDERS = ("configs", "examples", "hyperparams", "sweeps")


def shipped_folder() -> Path:
    """The folder with `FOLDERS`: inside the installed package, or the checkout itself."""
    package = Path(__file__).parents[1]
    installed = package / "shipped"
    return installed if installed.is_dir() else package.parent


def main(arguments: list[str]) -> int:
    """Copy the files into a folder of the user's; nothing that exists is written over."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments files",
        description="Copy sweeps/, configs/, examples/ and hyperparams/ to where you can run and "
        "change them. A checkout of the repository has them already.",
    )
    parser.add_argument("--output", type=Path, default=Path(), help="folder to copy them into")
    output = parser.parse_args(arguments).output
    try:
        taken = [str(output / name) for name in FOLDERS if (output / name).exists()]
        if taken:
            raise BadInput(f"output={str(output)!r} has {taken[0]!r} already; name another folder.")
        for name in FOLDERS:
            shutil.copytree(
                shipped_folder() / name,
                output / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
    except OSError as error:
        raise BadInput(
            f"output={shown(str(output))} cannot be written ({error.strerror}); name a folder "
            "you may write to."
        ) from error
    print("\n".join(f"wrote {output / name}" for name in FOLDERS))
    return 0
