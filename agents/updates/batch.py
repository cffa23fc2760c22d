"""What a sampled update learns from: the episodes that each run's policy has just played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import Floats


@dataclass(frozen=True)
class Batch:
    """N = R * G episodes of H steps: G of each of R runs, a run's group standing together.

    Attributes:
        policy: the policies that played, [R, S, K].
        states: int64 [H, N].
        actions: int64 [H, N].
        returns: the discounted return from each step on, [H, N].
        baseline: b of each state, [R, S, 1].
        discount: per step, in [0, 1).
    """

    policy: Floats
    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    returns: Floats
    baseline: Floats
    discount: float

    @property
    def group_size(self) -> int:
        """G, the episodes of one run."""
        return self.returns.shape[1] // len(self.policy)

    def mean(self, estimate: Callable[..., Floats], policy: Floats | None = None) -> Floats:
        """The mean over a run's episodes of sum_k discount^k estimate(step k), [R, S, K].

        Args:
            estimate: `SampledRule.estimate`, or what takes the same arguments.
            policy: the policies to estimate at, [R, S, K]; default those that played.
        """
        policy = self.policy if policy is None else policy
        total = np.zeros_like(policy)
        run = np.repeat(np.arange(len(policy)), self.group_size)
        for k, (states, actions, returns) in enumerate(
            zip(self.states, self.actions, self.returns, strict=True)
        ):
            discount = self.discount**k
            if discount == 0:
                break
            here = run, states
            part = estimate(policy[here], actions, returns, self.baseline[here][:, 0])
            np.add.at(total, here, discount / self.group_size * part)
        return total
