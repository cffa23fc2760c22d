"""Files that are whole or absent, whatever kills the process, and whether they can be made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gw_envs.checks import BadInput


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path in the same folder, then rename it to `path`.

    Args:
        path: the file to make or replace; missing parent folders are made.
        write: writes everything to the path it is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_text(text: str, path: Path) -> None:
    """Write text as UTF-8."""
    write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))


def save_figure(figure: Any, path: Path, dpi: int) -> None:
    """Write a matplotlib figure as PNG, `dpi` pixels to the inch."""
    write_atomically(path, lambda target: figure.savefig(target, dpi=dpi, format="png"))


def save_table(table: Any, path: Path) -> None:
    """Write a pyarrow Table: as CSV to a path that ends in .csv, else as Parquet."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    if path.suffix == ".csv":
        write_atomically(path, lambda target: pc.write_csv(table, target))
    else:
        write_atomically(path, lambda target: pq.write_table(table, target, compression="zstd"))


def check_folder(option: str, folder: Path, value: Path | None = None) -> None:
    """Check that files can be made in a folder, which need not be there yet; nothing is left in it.

    Args:
        option: what named it, for the error.
        folder: the folder; missing parents do not matter.
        value: what the option said, if that is not the folder.

    Raises:
        ValueError: if something else stands in its place or on the way, or writing is forbidden.
    """
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            pass
    except OSError as error:
        raise _not_writable(option, value or folder, error) from None


def check_file(option: str, path: Path) -> None:
    """Check that a file could be made or replaced; nothing is left behind.

    Raises:
        ValueError: if it is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise BadInput(f"{option}={str(path)!r} is a folder; name a file.")
    check_folder(option, path.parent, path)


def make_writable(option: str, folder: Path, value: Path | None = None) -> None:
    """Make a folder, with its parents, in which files can be made; see `check_folder`."""
    check_folder(option, folder, value)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(option, value or folder, error) from None


def _nearest(folder: Path) -> Path:
    """The folder, or what stands nearest to it on the way there, be it a link to nowhere."""
    try:
        folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return _nearest(folder.absolute().parent)
    return folder


def _not_writable(option: str, value: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{option}={str(value)!r} cannot be written ({error.strerror}); "
        "name a folder you may write to."
    )
