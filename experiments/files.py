"""Files that are whole or absent, whatever kills the process, and whether they can be made."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from gw_envs.checks import BadInput, shown

PARQUET: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


class CannotWrite(OSError, BadInput):  # noqa: N818 - named as the message begins
    """A file could not be written, the disk being full for example; what was there is whole."""


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary path in the same folder, then rename it to `path`.

    What a killed process has left of the same file is removed.

    Args:
        path: the file to make or replace; missing parent folders are made.
        write: writes everything to the path it is given.

    Raises:
        CannotWrite: if the system refuses; `path` is then as it was.
    """
    name = f".{path.name[:40]}.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}.part"
    temporary = path.with_name(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path)
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotWrite(f"{str(path)!r} cannot be written ({reason}).") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` that killed processes of this machine left."""
    begin = f".{path.name[:40]}.{socket.gethostname()}."
    for found in path.parent.iterdir():
        if found.name.startswith(begin) and found.suffix == ".part":
            pid = found.name[len(begin) :].partition(".")[0]
            if pid.isdigit() and not _is_alive(int(pid)):
                found.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        pass
    return True


@contextlib.contextmanager
def locked(option: str, folder: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold a folder, which must be there, against other processes; no file is made for it.

    Args:
        option: what named the folder, for the error.
        folder: the folder.
        shared: whether others may hold it so too.

    Yields:
        Whether it is held: systems without locks of folders are gone on without.

    Raises:
        ValueError: if another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            raise BadInput(
                f"{option}={str(folder)!r} is in use by another process; wait for its end, or name "
                "another folder."
            ) from None
        except OSError:  # some network disks
            held = False
        yield held
    finally:
        os.close(handle)


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
        write_atomically(path, lambda target: pq.write_table(table, target, **PARQUET))


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


def check_file(option: str, path: Path, endings: tuple[str, ...] = ()) -> None:
    """Check that a file could be made or replaced; nothing is left behind.

    Args:
        option: what named it, for the error.
        path: the file.
        endings: those that its name may have, as ".png"; by default any.

    Raises:
        ValueError: if it is a folder, a device or a loop of links, has another ending, or its
            folder cannot be written.
    """
    value = f"{option}={str(path)!r}"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = stat.S_IFREG
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{value} cannot be written ({getattr(error, 'strerror', error)}); name another file."
        ) from None
    if stat.S_ISDIR(mode):
        raise BadInput(f"{value} is a folder; name a file.")
    if not stat.S_ISREG(mode):
        raise BadInput(f"{value} is a device or pipe; name a file.")
    check_folder(option, path.parent, path)
    if endings and path.suffix.lower() not in endings:
        raise BadInput(f"{value} must end in {' or '.join(endings)}.")


def check_files(option: str, folder: Path, names: Iterable[str]) -> None:
    """Check that files of these names could be made or replaced in a folder, which may be missing.

    Raises:
        ValueError: as `check_folder` and `check_file`.
    """
    check_folder(option, folder)
    for name in names:
        check_file(option, folder / name)


def check_name(option: str, value: Any) -> str:
    """Return `value` if it can be the name, or begin the name, of a folder within another.

    Raises:
        ValueError: if it is empty, too long, begins with a dot, or holds a slash or what cannot be
            printed.
    """
    fits = isinstance(value, str) and value.isprintable() and 0 < len(value.encode()) <= 200
    if not fits or value[0] == "." or set("/\\") & set(value):
        raise BadInput(
            f"{option}={shown(value)} must be a word that can name a folder: no / or \\, no dot in "
            "front, at most 200 bytes."
        )
    return str(value)


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
