"""Random numbers for vector environments: one generator per environment, read in blocks.

Environment i of a vector then draws exactly what a scalar environment with its seed would draw,
whatever the number of environments, and a step costs no Python loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gw_envs.checks import BadInput, Floats, check_int

BLOCK = 256

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
        seeds = list(seed)
        if len(seeds) != num_envs:
            raise BadInput(f"seed={seed!r} has {len(seeds)} entries; num_envs={num_envs}.")
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
        self._position = BLOCK

    def draw(self) -> Floats:
        """The next number of every environment, [num_envs]."""
        if self._position == BLOCK:
            for i, generator in enumerate(self._generators):
                self._buffer[:, i] = (
                    generator.standard_normal(BLOCK) if self._normal else generator.random(BLOCK)
                )
            self._position = 0
        numbers = self._buffer[self._position].copy()
        self._position += 1
        return numbers
