"""Row: one environment of a vector environment, reached as its scalar form would be."""

from __future__ import annotations

from typing import Any

import numpy as np

from gw_envs.checks import BadInput

# What the scalar environment is told the index 0 for, and what it has as an array of one.
BY_INDEX = ("frame", "line", "last_action", "clock_of")
COLUMNS = ("states", "steps")
# What the rows of a vector environment cannot do, or do not have, alone.
TOGETHER = (
    "step",
    "step_one",
    "advance",
    "begin",
    "drawn",
    "start_episodes",
    "seed_streams",
    "np_random",
    "np_random_seed",
)


class Row:
    """Environment `index` of a `WellVecEnv`: what `get_attr`, `set_attr` and `env_method` act on.

    Attributes that are set on it and that the environment does not have itself are its own; those
    that it has belong to all rows. An episode of one row may be begun, its numbers reseeded and its
    picture drawn; a step of one row alone is refused.
    """

    def __init__(self, venv: Any, index: int) -> None:
        self._venv, self._index = venv, index

    def __getattr__(self, name: str) -> Any:
        """What the environment knows, of this row."""
        if name.startswith("_"):
            raise AttributeError(name)
        well, i = self._venv.well, self._index
        if name in TOGETHER:
            raise BadInput(
                f"{name!r} of environment {i} alone is not there: the copies of a WellVecEnv are "
                "stepped as one; use SB3's DummyVecEnv."
            )
        if name in BY_INDEX:
            return lambda index=0: getattr(well, name)(i)
        value = getattr(well, name)
        return value[i : i + 1] if name in COLUMNS else value

    @property
    def observation_space(self) -> Any:
        """The space of its observations."""
        return self._venv.observation_space

    @property
    def action_space(self) -> Any:
        """The space of its actions."""
        return self._venv.action_space

    @property
    def num_envs(self) -> int:
        """One."""
        return 1

    @property
    def unwrapped(self) -> Row:
        """Itself."""
        return self

    @property
    def clock(self) -> int:
        """Its drift clock."""
        return int(self._venv.well.clock_of(self._index))

    @property
    def mdp(self) -> Any:
        """Its Markov decision process at its clock."""
        return self._venv.well.mdp_at(self.clock)

    @property
    def P(self) -> Any:  # noqa: N802 - the name Gymnasium's toy_text environments use
        """`mdp` as Gymnasium's toy_text environments have it."""
        return self.mdp.P

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in this row."""
        return self._venv.reset_row(self._index, seed, options)[self._index], {}

    def reseed(self, seed: int) -> None:
        """Fresh random numbers for this row."""
        mask = np.arange(self._venv.num_envs) == self._index
        self._venv.well.reseed([seed] * self._venv.num_envs, mask)

    def render(self) -> Any:
        """Its picture or line, as `render_mode` says."""
        frames = self._venv.well.render()
        return None if frames is None else frames[self._index]

    def close(self) -> None:
        """Nothing: the rows are closed together."""

    def get_wrapper_attr(self, name: str) -> Any:
        """An attribute."""
        return getattr(self, name)

    def has_wrapper_attr(self, name: str) -> bool:
        """Whether there is such an attribute."""
        return hasattr(self, name)

    def set_wrapper_attr(self, name: str, value: Any, **_: Any) -> bool:
        """Set an attribute of its own."""
        self._venv.set_attr(name, value, [self._index])
        return True
