"""Policies from files: models of Stable-Baselines3, checkpoints of torch agents.

A model's zip and a pickle of statistics run code that they hold when they are loaded; of
checkpoints only weights are read.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from gw_envs.checks import BadInput, check_choice

ALGORITHMS = {
    "a2c": ("stable_baselines3", "A2C"),
    "ars": ("sb3_contrib", "ARS"),
    "dqn": ("stable_baselines3", "DQN"),
    "maskable_ppo": ("sb3_contrib", "MaskablePPO"),
    "ppo": ("stable_baselines3", "PPO"),
    "ppo_lstm": ("sb3_contrib", "RecurrentPPO"),  # loaded to be refused with the reason
    "qrdqn": ("sb3_contrib", "QRDQN"),
    "trpo": ("sb3_contrib", "TRPO"),
}


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Whatever is printed within goes to stderr, also by compiled code: stdout is the result's."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def import_module(name: str, option: str) -> ModuleType:
    """A module by its name, also of the current folder, or by the path of its .py file.

    Raises:
        ValueError: naming the option, if it cannot be imported.
    """
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        if not name.endswith(".py"):
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        if spec is None or spec.loader is None:
            raise ImportError(f"{name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (ImportError, OSError) as error:
        raise BadInput(f"{option}={name!r} cannot be imported: {error}.") from None


def load_model(path: Path, algo: str) -> Any:
    """A model saved by Stable-Baselines3 or sb3-contrib.

    Raises:
        ValueError: for an unknown algorithm, a missing file, or one that is no such model.
    """
    package, name = ALGORITHMS[check_choice("algo", algo, tuple(ALGORITHMS))]
    if not path.is_file():
        raise BadInput(f"model={str(path)!r} does not exist; give the .zip that save() wrote.")
    try:
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None and "data" in archive.namelist()
    except zipfile.BadZipFile:
        whole = False
    if not whole:
        raise BadInput(
            f"model={str(path)!r} is not a Stable-Baselines3 model, or the file is damaged; give "
            "the .zip that save() wrote (a torch checkpoint needs --agent)."
        )
    try:
        algorithm = getattr(importlib.import_module(package), name)
    except ImportError:
        raise BadInput(f"algo={algo!r} needs {package}; it is not installed.") from None
    try:
        return algorithm.load(path, device="cpu")
    except Exception as error:  # whatever a foreign pickle raises, it is the file or --algo
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"model={str(path)!r} cannot be loaded as algo={algo!r}: {reason}") from None


def load_agent(path: Path, agent: str, make: Callable[[], Any]) -> Any:
    """A torch module with the weights of a checkpoint.

    Args:
        path: what `torch.save(agent.state_dict(), path)` wrote; the state_dict may stand in a
            dictionary beside other things.
        agent: `module:Class` or `file.py:Class`, made by `Class(envs)`, envs a vector environment
            as CleanRL has it, or by `Class()` where it needs no argument.
        make: makes the environment.

    Raises:
        ValueError: for a class that is missing or cannot be made, and a checkpoint that is missing,
            holds more than weights, or belongs to another network.
    """
    module = _make_agent(agent, make)
    weights = _weights(path)
    names = set(module.state_dict())
    nested = [part for part in weights.values() if isinstance(part, dict)]
    for found in (weights, *nested):
        if set(found) == names:
            try:
                module.load_state_dict(found)
            except RuntimeError as error:
                reason = " ".join(str(error).split())[:200]
                raise BadInput(f"model={str(path)!r} does not fit {agent}: {reason}") from None
            return module
    raise BadInput(
        f"model={str(path)!r} holds {_some(weights)}, but agent={agent!r} has {_some(names)}; give "
        "the class it was saved from."
    )


def _make_agent(agent: str, make: Callable[[], Any]) -> Any:
    import gymnasium as gym
    import torch

    name, _, attribute = agent.rpartition(":")
    if not name or not attribute:
        raise BadInput(f"agent={agent!r} must be module:Class or file.py:Class.")
    maker = getattr(import_module(name, "agent"), attribute, None)
    if not callable(maker):
        raise BadInput(f"agent={agent!r} is no class or function of that module.")
    needs = [
        parameter.name
        for parameter in inspect.signature(maker).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(needs) > 1:
        raise BadInput(
            f"agent={agent!r} needs {', '.join(needs)}; it must be made by Class(envs) or Class(). "
            "Write a function of envs that makes it, and name that."
        )
    envs = gym.vector.SyncVectorEnv([make])
    try:
        module = maker(envs) if needs else maker()
    except Exception as error:  # a foreign class may raise anything
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"agent={agent!r} cannot be made for this env: {reason}") from None
    finally:
        envs.close()
    if not isinstance(module, torch.nn.Module):
        raise BadInput(f"agent={agent!r} makes a {type(module).__name__}, no torch module.")
    return module


def _weights(path: Path) -> dict[str, Any]:
    import torch

    if not path.is_file():
        raise BadInput(f"model={str(path)!r} does not exist; give the checkpoint.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file, or pickled objects, which are not unpickled
        reason = str(error).strip().splitlines()[:1]
        raise BadInput(
            f"model={str(path)!r} cannot be read as weights alone ({' '.join(reason)[:120]}); save "
            "agent.state_dict()."
        ) from None
    if not isinstance(found, dict):
        raise BadInput(f"model={str(path)!r} holds a {type(found).__name__}, no state_dict.")
    return found


def _some(names: Any) -> str:
    listed = sorted(map(str, names))
    return ", ".join(listed[:4]) + (", ..." if len(listed) > 4 else "")
