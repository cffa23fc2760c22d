"""Rules that remember: how their memory lies behind the logits on theta's last axis."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from agents.policies import softmax
from agents.updates.rule import Real, UpdateRule
from gw_envs.checks import Floats


class Remembering(UpdateRule):
    """A rule whose theta holds K logits, then `rows` vectors of K numbers, then `numbers` numbers.

    Attributes:
        rows: vectors remembered, one number for each arm.
        numbers: single numbers remembered.
    """

    rows: ClassVar[int] = 1
    numbers: ClassVar[int] = 0

    def recall(self, theta: Floats) -> list[Floats]:
        """The parts of theta: logits [..., K], the vectors [..., K], the numbers [..., 1]."""
        k = (theta.shape[-1] - self.numbers) // (1 + self.rows)
        edges = [k * (i + 1) for i in range(self.rows + 1)]
        edges += [edges[-1] + i + 1 for i in range(self.numbers)]
        return [theta[..., low:high] for low, high in zip([0, *edges], edges, strict=False)]

    def keep(self, logits: Floats, *memory: Floats) -> Floats:
        """The parts as one array, the inverse of `recall`."""
        return np.concatenate([logits, *memory], axis=-1)

    def first_memory(self, logits: Floats) -> list[Floats]:
        """What is remembered before the first update: zeros."""
        rows = [np.zeros_like(logits) for _ in range(self.rows)]
        return rows + [np.zeros_like(logits[..., :1]) for _ in range(self.numbers)]

    def policy(self, theta: Floats) -> Floats:
        """softmax of the logits, [..., K]."""
        return softmax(self.recall(theta)[0])

    def theta_from_policy(self, policy: Floats) -> Floats:
        """ln pi and the first memory."""
        logits = np.log(policy)
        return self.keep(logits, *self.first_memory(logits))

    def move(self, theta: Floats, direction: Floats, learning_rate: Real) -> Floats:
        """learning_rate * direction for the logits, nothing for the memory."""
        _, *memory = self.recall(theta)
        return self.keep(learning_rate * direction, *(np.zeros_like(part) for part in memory))
