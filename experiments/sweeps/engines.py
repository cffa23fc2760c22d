"""Where batches run: in this process or in a pool of our own. `ray_engine` has the third place.

An engine takes batches up to its `slots` and hands back one after the other what became of them:
a `BatchResult`, or a `Lost` where the worker died. Which batch was lost is known exactly, since a
worker of the pool has one batch at a time; only the dead worker is replaced.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, Protocol

from tqdm import tqdm

from experiments.sweeps.execution import BatchResult, Job, execute

Batch = tuple[Job, ...]


@dataclass(frozen=True)
class Lost:
    """A batch whose worker died: what is known of the death."""

    reason: str


class Engine(Protocol):
    """What the scheduler needs of an engine.

    Attributes:
        slots: how many batches it takes at a time.
    """

    slots: int

    def submit(self, batch: Batch) -> None:
        """Take a batch; never called with `slots` of them on their way."""
        ...

    def next(self) -> tuple[Batch, BatchResult | Lost]:
        """Wait for a batch, any of those on their way, and hand it back."""
        ...

    def close(self) -> None:
        """Stop at once; what is on its way is dropped."""
        ...


class SerialEngine:
    """Runs batches in this process, one at a time."""

    slots = 1

    def __init__(self) -> None:
        self._waiting: deque[Batch] = deque()

    def submit(self, batch: Batch) -> None:
        """Keep the batch until `next`."""
        self._waiting.append(batch)

    def next(self) -> tuple[Batch, BatchResult | Lost]:
        """Run the batch."""
        batch = self._waiting.popleft()
        return batch, execute(batch)

    def close(self) -> None:
        """Nothing runs."""
        self._waiting.clear()


class _Worker:
    """A process and our end of the pipe to it."""

    def __init__(self, context: BaseContext) -> None:
        self.connection, theirs = context.Pipe()
        self.process: Any = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs,), daemon=True
        )
        self.process.start()
        theirs.close()
        self.batch: Batch = ()

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


class ProcessEngine:
    """A pool of processes on this machine.

    Args:
        workers: how many, >= 1.
    """

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._context = _context()
        self._workers: list[_Worker] = []

    def submit(self, batch: Batch) -> None:
        """Send the batch to an idle worker, a new one if need be."""
        for worker in [w for w in self._workers if not w.batch]:
            if self._send(worker, batch):
                return
        worker = _Worker(self._context)
        self._workers.append(worker)
        self._send(worker, batch)

    def next(self) -> tuple[Batch, BatchResult | Lost]:
        """Receive from the first worker that answers or dies."""
        busy = {w.connection: w for w in self._workers if w.batch}
        worker = busy[wait(list(busy))[0]]  # type: ignore[index]
        batch, worker.batch = worker.batch, ()
        try:
            return batch, worker.connection.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            worker.stop()
            return batch, Lost(f"the worker process died (exit code {worker.process.exitcode})")

    def close(self) -> None:
        """Kill the workers; they write nothing, so nothing is left half-written."""
        for worker in self._workers:
            worker.stop()
        self._workers.clear()

    def _send(self, worker: _Worker, batch: Batch) -> bool:
        """Whether the worker still lives to take the batch."""
        try:
            worker.connection.send(batch)
        except OSError:
            self._workers.remove(worker)
            worker.stop()
            return False
        worker.batch = batch
        return True


def _context() -> BaseContext:
    """Processes forked from one that has done the imports; fresh ones where there is no fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "experiments.runs.well"])
    return context


def _serve(connection: Connection) -> None:
    """A worker's life: batches in, outcomes out, until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's business
    threading.Thread(target=_die_with_parent, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its default leaks a semaphore when the worker is killed
    try:
        while True:
            connection.send(execute(connection.recv()))
    except (EOFError, OSError):
        return


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
