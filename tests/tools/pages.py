"""Pages of docs/ that the code writes: `python tests/tools/pages.py`.

environments.md is the docstrings of the environments, with what `render_mode="rgb_array"` shows;
commands.md is what `--help` of every command says.
"""

import contextlib
import importlib
import inspect
import io
import os
from pathlib import Path
from unittest import mock

import gymnasium as gym
import numpy as np

from experiments.__main__ import COMMANDS, main
from gw_envs.registration import ENVIRONMENTS

DOCS = Path(__file__).parents[2] / "docs"
WIDTH = 96

ENVIRONMENTS_HEAD = """\
# Environments

Each section is the environment's class docstring (`python tests/tools/pages.py` writes this page).
Every environment has a vector form, `gym.make_vec(ID, num_envs=...)`, whose row i equals the scalar
environment of seed s + i to the bit: arrays without a Python loop for the wells, a process each for
ASRSampling-v0.

The pictures are what `render_mode="rgb_array"` shows after one step. SoftmaxWell-v0: a bar per arm,
as high as its mean reward, the best one blue, a mark under the arm that was pulled. ASRWell-v0: the
levels of hardness with a mark under the present one, below them the three actions likewise.
ChainWell-v0: the positions, the goal blue, a mark under the walker.
"""
COMMANDS_HEAD = """\
# Commands

What `--help` says (`python tests/tools/pages.py` writes this page). `python -m experiments COMMAND`
and, where the package is installed, `gravity-wells COMMAND` are the same; `python train.py` is
`python -m experiments train`. {}
"""


def environments_page() -> str:
    """The docstrings of all environments under their names, a picture each where one is drawn."""
    parts = [ENVIRONMENTS_HEAD]
    for env_id, (entry_point, _) in ENVIRONMENTS.items():
        module, name = entry_point.split(":")
        env_class = getattr(importlib.import_module(module), name)
        parts.append(f"## {env_id}\n")
        if "rgb_array" in env_class.metadata["render_modes"]:
            parts.append(f"![What render shows of {env_id}](figures/env_{env_id}.png)\n")
        text = inspect.getdoc(env_class) or ""
        parts.append(text.replace("\n## ", "\n### ") + "\n")
    return "\n".join(parts)


def draw_environments() -> None:
    """The pictures of the page: each environment after one step, as its render method draws it."""
    from PIL import Image

    for env_id, (entry_point, _) in ENVIRONMENTS.items():
        module, name = entry_point.split(":")
        if "rgb_array" in getattr(importlib.import_module(module), name).metadata["render_modes"]:
            env = gym.make(env_id, render_mode="rgb_array")
            env.reset(seed=0)
            env.step(env.action_space.dtype.type(1))
            picture = Image.fromarray(np.asarray(env.render()))
            picture.save(DOCS / "figures" / f"env_{env_id}.png", optimize=True)


def help_of(command: str) -> str:
    """The help of a command, at a fixed width, without colours."""
    out = io.StringIO()
    fixed = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    with (
        mock.patch.dict(os.environ, fixed),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        main([command, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def commands_page() -> str:
    """The help of every command under its name, and a line for each in front."""
    listed = "They are:\n\n| command | what it does |\n|---|---|\n" + "\n".join(
        f"| [{name}](#{name}) | {text} |" for name, (_, text) in COMMANDS.items()
    )
    parts = [COMMANDS_HEAD.format(listed)]
    parts += [f"## {name}\n\n```text\n{help_of(name)}\n```\n" for name in COMMANDS]
    return "\n".join(parts)


PAGES = {"environments.md": environments_page, "commands.md": commands_page}

if __name__ == "__main__":
    draw_environments()
    for file, make in PAGES.items():
        (DOCS / file).write_text(make())
