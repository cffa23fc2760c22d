"""What a sampled update learns from: the episodes that each run's policy has just played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
    def batch_size(self) -> int:
        """G, the episodes of one run."""
        return self.returns.shape[1] // len(self.policy)

    def mean(
        self, estimate: Callable[..., Floats], policy: Floats | None = None, *more: Floats
    ) -> Floats:
        """The mean over a run's episodes of sum_k discount^k estimate(step k), [R, S, K].

        Args:
            estimate: `SampledRule.estimate`, or what takes its arguments and then those of `more`.
            policy: the policies to estimate at, [R, S, K]; default those that played.
            *more: what else is known of every run and state, each [R, S, ...]; handed on as the
                rows of the states visited.
        """
        policy = self.policy if policy is None else policy
        total = np.zeros_like(policy)
        run = np.repeat(np.arange(len(policy)), self.batch_size)
        for k, (states, actions, returns) in enumerate(
            zip(self.states, self.actions, self.returns, strict=True)
        ):
            discount = self.discount**k
            if discount == 0:
                break
            here = run, states
            rows = [array[here] for array in more]
            part = estimate(policy[here], actions, returns, self.baseline[here][:, 0], *rows)
            np.add.at(total, here, discount / self.batch_size * part)
        return total

    def groups(self, size: int) -> NDArray[np.int64]:
        """Episodes [n, size] in groups of one run that begin in one state, in their order.

        Episodes that fill no group are in none.
        """
        run = np.repeat(np.arange(len(self.policy)), self.batch_size)
        key = run * self.policy.shape[1] + self.states[0]
        order = np.argsort(key, kind="stable")
        _, begin, count = np.unique(key[order], return_index=True, return_counts=True)
        place = np.arange(len(key)) - np.repeat(begin, count)
        complete = place < np.repeat(count // size * size, count)
        return order[complete].reshape(-1, size)

    def scored(self, score: Callable[[Floats], Floats], size: int) -> Batch:
        """This batch with scores for returns and no baseline, so that `mean` is a mean over groups.

        Args:
            score: from the returns [..., size] of a group, at the same step of each episode, what
                each counts; NaN in a whole group leaves it out.
            size: episodes in a group; those outside every group count nothing.
        """
        members = self.groups(size)
        scores = score(self.returns[:, members])
        used = ~np.isnan(scores).any(axis=(0, 2))
        members, scores = members[used], scores[:, used]
        # `mean` divides by the episodes of a run: the share of them that counts is made up for.
        groups = np.bincount(members[:, 0] // self.batch_size, minlength=len(self.policy))
        share = self.batch_size / (size * np.maximum(groups, 1))
        returns = np.zeros_like(self.returns)
        returns[:, members] = scores * share[members // self.batch_size]
        return replace(self, returns=returns, baseline=np.zeros_like(self.baseline))
