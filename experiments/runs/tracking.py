"""Where a run's rows go: a three-method Tracker; Weights & Biases or nothing behind it.

W&B keeps rows in a buffer that it writes once a second; a process that is killed outright loses at
most that second. On SIGTERM nothing is lost: `graceful_termination` turns it into SystemExit, so
that `finish` runs. The Parquet tables, not W&B, are the record of truth.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from agents.metrics import AXES, ESCAPE_COLUMNS, ESCAPE_TABLE, FIGURE, GLOBAL_STEP, UPDATE
from gw_envs.checks import BadInput

if TYPE_CHECKING:
    from experiments.options.config import RunConfig

FLUSH_SECONDS = 1.0


class Tracker(Protocol):
    """What a run needs of a tracker; by themselves these methods track nothing."""

    def define(self) -> None:
        """Declare the axes of the keys; called once, before the first row."""
        return None

    def log(self, row: Mapping[str, Any]) -> None:
        """Take one row; it holds the axes `update` and `global_step` beside what they index."""
        return None

    def finish(
        self,
        summary: Mapping[str, Any],
        escapes: Sequence[Mapping[str, Any]] = (),
        figure: Path | None = None,
        exit_code: int = 0,
    ) -> None:
        """Close the run with its summary, the table of its events and its picture."""
        return None


TrackerFactory = Callable[[str, Mapping[str, Any]], Tracker]


class NullTracker(Tracker):
    """Tracks nothing, as the protocol's own methods do: `track="disabled"`."""


class WandbTracker(Tracker):
    """One Weights & Biases run.

    Args:
        mode: "offline" or "online".
        folder: where W&B makes its `wandb/` folder.
        project: its project.
        group: the experiment's name.
        name: the run's name.
        config: the whole configuration.
    """

    def __init__(
        self,
        mode: str,
        folder: Path,
        *,
        project: str,
        group: str,
        name: str,
        config: Mapping[str, Any],
    ) -> None:
        # wandb takes our package `agents` for another SDK of that name and would advertise Weave.
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")
        import wandb

        settings = wandb.Settings(
            x_transaction_log_flush_interval=FLUSH_SECONDS,
            x_disable_stats=True,
            disable_git=True,
            x_save_requirements=False,
            console="off",
            silent=True,
        )
        self._run: Any = wandb.init(
            mode=mode,  # type: ignore[arg-type]
            dir=folder,
            project=project,
            group=group,
            name=name,
            config=dict(config),
            settings=settings,
            reinit="create_new",
        )

    def define(self) -> None:
        """Declare `update` as the axis of every family of keys."""
        self._run.define_metric(UPDATE)
        self._run.define_metric(GLOBAL_STEP)
        for keys, axis in AXES.items():
            self._run.define_metric(keys, step_metric=axis)

    def log(self, row: Mapping[str, Any]) -> None:
        """Log the row as one history record."""
        self._run.log(dict(row))

    def finish(
        self,
        summary: Mapping[str, Any],
        escapes: Sequence[Mapping[str, Any]] = (),
        figure: Path | None = None,
        exit_code: int = 0,
    ) -> None:
        """Log the event table and the picture once, write the summary, close the run."""
        import wandb

        closing: dict[str, Any] = {}
        if escapes:
            data = [[event[column] for column in ESCAPE_COLUMNS] for event in escapes]
            closing[ESCAPE_TABLE] = wandb.Table(columns=list(ESCAPE_COLUMNS), data=data)
        if figure is not None:
            closing[FIGURE] = wandb.Image(str(figure))
        if closing:
            self._run.log(closing)
        self._run.summary.update(dict(summary))
        self._run.finish(exit_code=exit_code)


def tracker_factory(config: RunConfig, folder: Path) -> TrackerFactory:
    """Trackers as `config.run.track` says: Weights & Biases files under `folder`, or none."""
    options = config.run
    if options.track == "disabled":
        return lambda name, settings: NullTracker()
    return lambda name, settings: WandbTracker(
        options.track,
        folder,
        project=options.wandb_project,
        group=config.exp_name,
        name=name,
        config=settings,
    )


def check_track(track: str) -> None:
    """Refuse `track="online"` where W&B has no key.

    Raises:
        ValueError: naming what to do.
    """
    if track == "online" and not has_key():
        raise BadInput(
            "track='online' needs a Weights & Biases key: set WANDB_API_KEY, or use "
            "track='offline' and `wandb sync` later."
        )


def has_key() -> bool:
    """Whether this machine knows a W&B key."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import wandb

    return bool(wandb.api.api_key)


@contextmanager
def graceful_termination() -> Iterator[None]:
    """Within it, SIGTERM raises SystemExit(143), so that `finally` blocks and `finish` run.

    Where Python swallows what is raised (in a callback of a weak reference, in `__del__`), the
    signal is sent again: neither SIGTERM nor Ctrl-C is lost, and no traceback is printed.
    """

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def send_again(swallowed: Any) -> None:
        signals = {SystemExit: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}
        signum = signals.get(swallowed.exc_type)
        if signum is None:
            told(swallowed)
            return
        timer = threading.Timer(0.01, os.kill, (os.getpid(), signum))
        timer.daemon = True
        timer.start()

    before, told = signal.signal(signal.SIGTERM, terminate), sys.unraisablehook
    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = told
        signal.signal(signal.SIGTERM, before)
