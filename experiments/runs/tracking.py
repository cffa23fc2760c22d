"""Where a run's rows go: to W&B, TensorBoard or nowhere.

Trackers write what they have once a second; a process that is killed outright loses at most that
second. On SIGTERM nothing is lost: `graceful_termination` turns it into SystemExit, so that
`finish` runs. The Parquet tables, not a tracker's files, are the record of truth, and so a tracker
that fails is dropped with a sentence (`Guarded`): training goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from experiments.runs.tracker import Guarded, NullTracker, TrackerFactory
from gw_envs.checks import check_extra

if TYPE_CHECKING:
    from experiments.options.config import RunConfig
    from experiments.options.run import RunOptions


def tracker_factory(config: RunConfig, folder: Path, names: Sequence[str] = ()) -> TrackerFactory:
    """Trackers as `config.run.track` says, with their files under `folder`, or none.

    Args:
        config: the configuration.
        folder: of the run.
        names: of all the runs that will be tracked.
    """
    make: TrackerFactory
    if config.run.track == "disabled":
        return lambda name, settings: NullTracker()
    if config.run.track == "tensorboard":
        from experiments.runs.tensorboard import TensorBoardTracker

        make = TensorBoardTracker.factory(folder)
    else:
        from experiments.runs.wandb_tracker import wandb_factory

        make = wandb_factory(config, folder, names)
    return lambda name, settings: Guarded(name, lambda: make(name, settings))


def check_track(options: RunOptions) -> None:
    """Refuse a tracker that cannot be had, before anything is written.

    Raises:
        ValueError: where TensorBoard is not installed; where W&B has no key for "online", or
            refuses the project or a variable of the environment.
    """
    if options.track == "tensorboard":
        check_extra("track", "tensorboard", "tensorboard", "tensorboard")
    elif options.track != "disabled":
        from experiments.runs.wandb_tracker import check_wandb

        check_wandb(options)


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
