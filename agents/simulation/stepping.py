"""Exact updates one by one, robust at any depth, with a halt wherever something happens.

This is how `SoftmaxPG` moves between the updates it records. A problem whose action values do not
depend on the policy (one state, or several at discount 0) falls into rows, one for each run and
state, which are updated side by side in the arithmetic of `kernels.jumping`: offsets in
compensated sums, rewards measured from the dominant arm's. After each update every row is looked
at; the first update that crosses an edge of a well, changes the likeliest arm or takes it past
`DOMINANT` ends the stretch, so that whoever watches for escapes and transfers misses none. Bits do
not depend on where stretches end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.escape import DOMINANT
from agents.lower_bounds import reward_path
from agents.simulation.kernels import jumping
from agents.simulation.kernels.compiling import compiled
from agents.simulation.kernels.jumping import LOST, PHI, PI, REWARD, ROWS, TRAVELLED, D, W
from agents.simulation.kernels.lanes import source_digest
from agents.simulation.softmax_bandit import weights
from gw_envs.checks import Floats
from gw_envs.theory import well_edge

STRETCH = 2_000_000  # action-updates between two looks at the clock, the bar and Ctrl-C


def _build(digest: int) -> Any:
    """The compiled kernel; `digest` in its closure ties numba's disk cache to the sources."""
    kernel = compiled(nogil=True, error_model="numpy", fastmath={"contract"})

    @kernel
    def look(work: Any, rewards: Any, best: Any, edge: Any, rate: Any) -> tuple[float, int]:
        """PI and PHI of one row under `rewards` [K]: its sub-optimality, and what is watched."""
        for a in range(rewards.size):
            work[REWARD, a] = rewards[a]
        jumping.update_direction(work, D, rate)
        loss, likeliest = 0.0, 0
        for a in range(rewards.size):
            loss += work[PI, a] * (rewards[best] - rewards[a])
            if work[PI, a] > work[PI, likeliest]:
                likeliest = a
        dominant = work[PI, likeliest] >= DOMINANT
        return loss, (2 * likeliest + dominant) * 2 + (loss >= edge)

    @kernel
    def step_until(
        works: Any, path: Any, rates: Any, weights: Any, best: Any, edges: Any,
        losses: Any, watched: Any, n: Any, end: Any,
    ) -> int:  # fmt: skip
        """Look at policy n, then update to `end` or to the first policy where `watched` changes."""
        states, halt = best.size, False
        while True:
            tick = min(n, path.shape[0] - 1)
            eta = rates[min(n, rates.size - 1)]
            for m in range(works.shape[0]):
                s = m % states
                loss, seen = look(works[m], path[tick, s], best[s], edges[s], eta * weights[s])
                halt |= watched[m] >= 0 and seen != watched[m]
                losses[m], watched[m] = loss, seen
            if halt or n >= end or digest < 0:
                return n
            for m in range(works.shape[0]):
                jumping.add(works[m], PHI)
            n += 1

    return step_until


_step_until = _build(source_digest(__file__, jumping.__file__))


class Stepper:
    """Exact softmax policy gradient, R runs of S states: theta(a) += eta d(s) pi(a)(r(a) - pi.r).

    Args:
        well: one of our environments, at discount 0.
        theta: initial logits [R, S, K].
        rates: eta_0, eta_1, ... > 0; the last one is held.

    Attributes:
        update: n, the number of updates made.
    """

    def __init__(self, well: Any, theta: Floats, rates: Floats) -> None:
        rows = theta.reshape(-1, theta.shape[-1])
        self._start = theta.copy()
        self._works = np.zeros((len(rows), ROWS, theta.shape[-1]))
        self._works[:, W] = weights(rows)
        visits = well.action_values(np.exp(theta[0]), 0)[1][:, 0].copy()
        edges = well_edge(well.reward_gaps)
        rates = np.asarray(rates, dtype=np.float64)
        self._problem = reward_path(well), rates, visits, well.optimal_actions, edges
        self._watched = np.full(len(rows), -1)
        self._losses = np.zeros(len(rows))
        self.update = 0
        self.advance(0)

    @property
    def policy(self) -> Floats:
        """pi_n [R, S, K], accurate to rounding however small an entry is."""
        return self._works[:, PI].reshape(self._start.shape).copy()

    @property
    def suboptimality(self) -> Floats:
        """sum_a pi_n(a)(r_n(a*) - r_n(a)), [R, S]."""
        return self._losses.reshape(self._start.shape[:-1]).copy()

    @property
    def moved(self) -> Floats:
        """theta_n - theta_0 [R, S, K], to full precision even below the spacing of floats there."""
        works = self._works
        moved = works[:, TRAVELLED] + (works[:, D] - works[:, LOST])
        return moved.reshape(self._start.shape)

    @property
    def theta(self) -> Floats:
        """theta_n [R, S, K], rounded."""
        return self._start + self.moved

    def advance(self, end: int) -> None:
        """Update until n = `end` or something happens, for a few hundredths of a second at most.

        Interrupted, it has not moved.
        """
        stretch = max(1, STRETCH // (100 * self._start.size)) * 100
        end = min(end, (self.update // stretch + 1) * stretch)
        works, losses, watched = self._works.copy(), self._losses.copy(), self._watched.copy()
        n = _step_until(works, *self._problem, losses, watched, self.update, end)
        self._works, self._losses, self._watched, self.update = works, losses, watched, n
