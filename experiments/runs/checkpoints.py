"""Checkpoints of a run: what it was and how far it has come, so that `--resume` can go on.

A checkpoint is a pickle of the learners (an agent's environments and random generators included)
and of their traces: resume only runs that you trust. It is written whole or not at all, replaces
the one before and is removed when the run has finished. A resumed run makes the same updates that
the run would have made, so that its tables are those of a run that was never stopped.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.files import save_text, write_atomically
from experiments.options.config import BOOKKEEPING, SETTINGS_FILE
from gw_envs.checks import BadInput

if TYPE_CHECKING:
    from experiments.options.config import RunConfig
    from experiments.runs.trace import Trace

CHECKPOINT_FILE = "checkpoint.pkl"


def write_settings(folder: Path, config: RunConfig) -> None:
    """Write the run's options into its folder, for `--config` and `--resume`."""
    import yaml

    text = yaml.safe_dump(config.settings(), sort_keys=False)
    save_text(text, folder / SETTINGS_FILE)


def save_checkpoint(
    folder: Path, config: RunConfig, learners: list[Any], groups: list[list[Trace]]
) -> None:
    """Replace the folder's checkpoint; called between two updates."""
    data = pickle.dumps({"settings": decisive(config), "learners": learners, "groups": groups})
    write_atomically(folder / CHECKPOINT_FILE, lambda target: target.write_bytes(data))


def load_checkpoint(folder: Path, config: RunConfig) -> tuple[list[Any], list[list[Trace]]]:
    """The learners and traces of a folder's checkpoint.

    Raises:
        ValueError: if there is none, it is damaged, or it is of other settings.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise BadInput(
            f"resume={str(folder)!r} has no {CHECKPOINT_FILE}: that run has finished, or was "
            "stopped before its first checkpoint; start it again with --config."
        )
    try:
        state: dict[str, Any] = pickle.loads(path.read_bytes())
    except Exception as error:  # a damaged pickle may raise anything
        raise BadInput(f"resume={str(folder)!r}: the checkpoint is damaged ({error}).") from None
    if not isinstance(state, dict) or state.keys() != {"settings", "learners", "groups"}:
        raise BadInput(
            f"resume={str(folder)!r}: the checkpoint is of another version; start the run again "
            "with --config."
        )
    now = decisive(config)
    other = [key for key, value in state["settings"].items() if now.get(key) != value]
    if other or now.keys() != state["settings"].keys():
        changes = ", ".join(f"{k}={now.get(k)!r} (was {state['settings'][k]!r})" for k in other)
        raise BadInput(
            f"resume={str(folder)!r} goes on with the settings it began with: {changes}; leave "
            "these options out, or start a new run."
        )
    return state["learners"], state["groups"]


def decisive(config: RunConfig) -> dict[str, Any]:
    """The options that a resumed run must share."""
    mutable = set(BOOKKEEPING) - {"num_seeds", "exp_name"}
    return {key: value for key, value in config.flat().items() if key not in mutable}


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a run that has finished."""
    (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def set_aside_wandb(folder: Path) -> None:
    """Move the W&B files of the stopped process away: the new ones hold everything once."""
    wandb = folder / "wandb"
    if wandb.is_dir():
        number = 1
        while (folder / f"wandb-stopped-{number}").exists():
            number += 1
        wandb.rename(folder / f"wandb-stopped-{number}")
