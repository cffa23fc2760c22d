"""Batches as Ray tasks, on this machine or a cluster. Needs the extra `ray`."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from experiments.sweeps.engines import Batch, Lost
from experiments.sweeps.execution import BatchResult, execute
from gw_envs.checks import BadInput, check_extra

SECONDS_TO_CONNECT = 5.0


class RayEngine:
    """Ray core tasks, one core each, twice as many on their way as there are cores.

    Ray's own retries are off: the scheduler's are the same for every engine. Workers need this
    package, not our disk.

    Args:
        workers: cores of a Ray started here; with an address, tasks at a time (None: its cores).
        address: of a running cluster ("host:port", "ray://host:port" or "auto"), or None.

    Raises:
        ValueError: if Ray is not installed or nothing answers at the address.
    """

    def __init__(self, workers: int | None, address: str | None = None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # as the other engine's processes
        check_extra("engine", "ray", "ray", "ray")
        import ray

        if address is not None:
            _check_address(address)
        self._ray: Any = ray
        try:
            ray.init(
                address=address or "local",
                num_cpus=workers if address is None else None,
                include_dashboard=False if address is None else None,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except ConnectionError as error:
            raise BadInput(
                f"address={address!r}: no Ray cluster answers ({error}). A cluster that asks for a "
                "token needs RAY_AUTH_MODE=token in the environment."
            ) from None
        cores = int(ray.cluster_resources().get("CPU", 1))
        self.slots = 2 * (workers or cores)
        self._execute = ray.remote(num_cpus=1, max_retries=0)(execute)
        self._on_the_way: dict[Any, Batch] = {}

    def submit(self, batch: Batch) -> None:
        """Start a task."""
        self._on_the_way[self._execute.remote(batch)] = batch

    def next(self) -> tuple[Batch, BatchResult | Lost]:
        """Wait for a task."""
        ready, _ = self._ray.wait(list(self._on_the_way), num_returns=1)
        batch = self._on_the_way.pop(ready[0])
        try:
            return batch, self._ray.get(ready[0])
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)  # of a task that raised: what it raised
            lines = str(error if cause is None else cause).strip().splitlines()
            return batch, Lost(lines[0] if cause is None else f"{type(cause).__name__}: {lines[0]}")

    def close(self) -> None:
        """Drop the tasks and leave the cluster; one that was started here ends."""
        self._on_the_way.clear()
        self._ray.shutdown()


def _check_address(address: str) -> None:
    """Refuse at once what Ray would try for minutes."""
    if address in ("auto", "local"):
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        raise BadInput(f"address={address!r} must be host:port, ray://host:port or auto.")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise BadInput(f"address={address!r}: nothing answers there ({error}).") from None
