"""Random numbers for vector environments: one generator per environment, read in blocks.

Environment i of a vector then draws exactly what a scalar environment with its seed would draw,
whatever the number of environments, and a step costs no Python loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_int, shown

BLOCK = 256

Rows = slice | NDArray[np.bool_]  # which environments of a vector: all, or those of a mask
ALL = slice(None)
Seed = int | Sequence[int | None] | None


def make_generators(seed: Seed, num_envs: int) -> list[np.random.Generator]:
    """One generator per environment: seed+i for an int, one seed each for a list, fresh for None.

    They are built as Gymnasium builds `Env.np_random`.

    Raises:
        ValueError: for a negative seed or a list of the wrong length.
    """
    if seed is None:
        seeds: list[int | None] = [None] * num_envs
    elif isinstance(seed, Sequence):
        if isinstance(seed, (str, bytes)) or len(seed) != num_envs:
            raise BadInput(f"seed={shown(seed)} must be one seed, or num_envs={num_envs} of them.")
        seeds = [None if s is None else check_int(f"seed[{i}]", s, 0) for i, s in enumerate(seed)]
    else:
        first = check_int("seed", seed, 0)
        seeds = [first + i for i in range(num_envs)]
    return [np.random.Generator(np.random.PCG64(np.random.SeedSequence(s))) for s in seeds]


class Streams:
    """Numbers per environment, uniform on [0, 1) or standard normal, each from its own generator.

    Args:
        generators: one per environment.
        kind: "uniform" or "normal".
    """

    def __init__(self, generators: Sequence[np.random.Generator], kind: str = "uniform") -> None:
        self._generators = list(generators)
        self._normal = kind == "normal"
        self._buffer = np.empty((BLOCK, len(self._generators)))  # a row is what one step draws
        self._position = BLOCK  # of all environments while they draw together
        self._positions: NDArray[np.int64] | None = None  # of each, once they have parted

    def draw(self, rows: Rows = ALL) -> Floats:
        """The next number of each of these environments, [num_envs]; the others' are not drawn."""
        if self._positions is not None or rows is not ALL:
            return self._draw_apart(rows)
        if self._position == BLOCK:
            for i in range(len(self._generators)):
                self._refill(i)
            self._position = 0
        numbers = self._buffer[self._position].copy()
        self._position += 1
        return numbers

    def replace(self, rows: NDArray[np.bool_], generators: Sequence[np.random.Generator]) -> None:
        """Draw from these generators, one per environment, from now on where `rows` says so."""
        positions = self._parted()
        for i in np.flatnonzero(rows).tolist():
            self._generators[i] = generators[i]
        positions[rows] = BLOCK

    def _draw_apart(self, rows: Rows) -> Floats:
        positions = self._parted()
        drawing = np.arange(len(positions))[rows]
        for i in drawing[positions[drawing] == BLOCK]:
            self._refill(i)
            positions[i] = 0
        numbers = np.zeros(len(positions))
        numbers[drawing] = self._buffer[positions[drawing], drawing]
        positions[drawing] += 1
        if (positions == positions[0]).all():
            self._position, self._positions = int(positions[0]), None
        return numbers

    def _parted(self) -> NDArray[np.int64]:
        if self._positions is None:
            self._positions = np.full(len(self._generators), self._position)
        return self._positions

    def _refill(self, i: int) -> None:
        generator = self._generators[i]
        self._buffer[:, i] = (
            generator.standard_normal(BLOCK) if self._normal else generator.random(BLOCK)
        )
