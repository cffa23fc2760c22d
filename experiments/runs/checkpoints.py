"""Checkpoints of a run: what it was and how far it has come, so that `--resume` can go on.

A checkpoint is a pickle of the learners (an agent's environments and random generators included)
and of their traces: resume only runs that you trust. It is written whole or not at all, replaces
the one before and is removed when the run has finished. A resumed run makes the same updates that
the run would have made, so that its tables are those of a run that was never stopped.
"""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.files import remove_abandoned, save_text, write_atomically
from experiments.options.config import BOOKKEEPING, SETTINGS_FILE
from experiments.options.yaml_text import dump_yaml
from gw_envs.checks import BadInput

if TYPE_CHECKING:
    from experiments.options.config import RunConfig
    from experiments.runs.trace import Trace

CHECKPOINT_FILE = "checkpoint.pkl"
SEAL = b"sha256:"
SEAL_BYTES = len(SEAL) + 32


def write_settings(folder: Path, config: RunConfig) -> None:
    """Write the run's options into its folder, for `--config` and `--resume`."""
    save_text(dump_yaml(config.settings()), folder / SETTINGS_FILE)


def save_checkpoint(
    folder: Path, config: RunConfig, learners: list[Any], groups: list[list[Trace]]
) -> None:
    """Replace the folder's checkpoint; called between two updates."""
    data = pickle.dumps({"settings": decisive(config), "learners": learners, "groups": groups})
    data += _seal(data)
    write_atomically(folder / CHECKPOINT_FILE, lambda target: target.write_bytes(data))


def load_checkpoint(
    folder: Path, config: RunConfig, fresh: list[Any]
) -> tuple[list[Any], list[list[Trace]]]:
    """The learners and traces of a folder's checkpoint.

    Args:
        folder: of the run.
        config: its configuration.
        fresh: the learners as they are at the start of such a run: the stored ones are alike.

    Raises:
        ValueError: if there is none, it is damaged, or it is of other settings.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise BadInput(
            f"resume={str(folder)!r} has no {CHECKPOINT_FILE}: that run has finished, or was "
            "stopped before its first checkpoint; start it again with --config."
        )
    data = path.read_bytes()
    again = "start the run again with --config."
    damaged = BadInput(f"resume={str(folder)!r}: the checkpoint is damaged; {again}")
    body, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if not seal.startswith(SEAL) and data.endswith(pickle.STOP):
        raise BadInput(f"resume={str(folder)!r}: the checkpoint is of another version; {again}")
    if seal != _seal(body):  # before it is unpickled
        raise damaged
    try:
        state: dict[str, Any] = pickle.loads(body)
    except Exception:  # of classes that have changed since, for example
        raise damaged from None
    is_dict = isinstance(state, dict) and state.keys() == {"settings", "learners", "groups"}
    if not is_dict or not isinstance(state["settings"], dict):
        raise damaged
    now = decisive(config)
    other = [key for key, value in state["settings"].items() if now.get(key) != value]
    if other or now.keys() != state["settings"].keys():
        changes = ", ".join(f"{k}={now.get(k)!r} (was {state['settings'][k]!r})" for k in other)
        raise BadInput(
            f"resume={str(folder)!r} goes on with the settings it began with: {changes}; leave "
            "these options out, or start a new run."
        )
    if not _fits(state, fresh):
        raise damaged
    return state["learners"], state["groups"]


def _seal(data: bytes) -> bytes:
    """What stands behind the pickle, so that a damaged one is not read as right."""
    return SEAL + hashlib.sha256(data).digest()


def _fits(state: dict[str, Any], fresh: list[Any]) -> bool:
    """Whether a checkpoint has the learners and traces of such a run."""
    from experiments.runs.trace import Trace

    learners, groups = state["learners"], state["groups"]
    if not all(isinstance(value, list) for value in (learners, groups)):
        return False
    alike = [type(one) for one in learners] == [type(one) for one in fresh]
    lists = all(isinstance(group, list) and group for group in groups)
    of_traces = lists and all(isinstance(trace, Trace) for group in groups for trace in group)
    return alike and of_traces and len(groups) <= len(learners)


def decisive(config: RunConfig) -> dict[str, Any]:
    """The options that a resumed run must share."""
    mutable = set(BOOKKEEPING) - {"num_seeds", "exp_name"}
    return {key: value for key, value in config.flat().items() if key not in mutable}


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a run that has finished, and what killed writers left of one."""
    remove_abandoned(folder / CHECKPOINT_FILE)
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def set_aside_tracked(folder: Path) -> None:
    """Move the stopped process's files of W&B or TensorBoard away: the new ones hold all of it."""
    for kind in ("wandb", "tensorboard"):
        if (folder / kind).is_dir():
            number = 1
            while (folder / f"{kind}-stopped-{number}").exists():
                number += 1
            (folder / kind).rename(folder / f"{kind}-stopped-{number}")
