"""What every agent reports of its policies, exactly, and at which updates by default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.escape import suboptimality, well_gaps
from agents.policies import entropy
from gw_envs.checks import Floats, check_int


@dataclass(frozen=True)
class Record:
    """The state of every run after `update` updates; arrays are [R] or, per state, [R, S].

    Attributes:
        update: number of updates made.
        global_step: environment steps made by each run (0 for exact gradients).
        objective: J, the expected discounted return of the policy at the current clock, [R].
        episodic_return: mean return of the last episodes; J for exact gradients, [R].
        gradient_norm: Euclidean norm of the exact policy gradient in the logits, [R].
        state_suboptimality: [R, S].
        state_optimal_prob: pi(a*|s), [R, S].
        policy: [R, S, K].
        pass_at_k: chance that one of k answers passes, [R, S]; None where there is no verifier.
    """

    update: int
    global_step: int
    objective: Floats
    episodic_return: Floats
    gradient_norm: Floats
    state_suboptimality: Floats
    state_optimal_prob: Floats
    policy: Floats
    pass_at_k: Floats | None = None

    @property
    def suboptimality(self) -> Floats:
        """Largest sub-optimality over states, [R]."""
        return self.state_suboptimality.max(axis=-1)

    @property
    def optimal_prob(self) -> Floats:
        """Smallest pi(a*|s) over states, [R]."""
        return self.state_optimal_prob.min(axis=-1)

    @property
    def entropy(self) -> Floats:
        """Entropy of the policy in nats, averaged over states, [R]."""
        return entropy(self.policy).mean(axis=-1)


@dataclass(frozen=True)
class Evaluation:
    """Exact values of the policies of R runs, with the rewards of one clock.

    Attributes:
        well: the environment's ground truth.
        policy: [R, S, K].
        values: Q or mean rewards, [R, S, K].
        weight: d(s)/(1-discount), [R, S, 1].
    """

    well: Any
    policy: Floats
    values: Floats
    weight: Floats

    @property
    def suboptimality(self) -> Floats:
        """sum_a pi(a|s)(Q(s,a*) - Q(s,a)), [R, S]."""
        return suboptimality(self.policy, self.values, self.well.optimal_actions)

    @property
    def gaps(self) -> Floats:
        """Delta of each state's well, [R, S]."""
        well = self.well
        return well_gaps(self.values, well.optimal_actions, well.reward_gaps, well.discount)

    @property
    def optimal_prob(self) -> Floats:
        """pi(a*|s), [R, S]."""
        best = self.well.optimal_actions
        return self.policy[:, np.arange(len(best)), best]

    @property
    def objective(self) -> Floats:
        """J, [R]."""
        state_value = np.sum(self.policy * self.values, axis=-1)
        if self.well.num_states == 1:
            return state_value[:, 0]
        return state_value @ self.well.mdp.initial

    @property
    def gradient(self) -> Floats:
        """The policy gradient in the logits, [R, S, K]."""
        state_value = np.sum(self.policy * self.values, axis=-1, keepdims=True)
        return self.weight * self.policy * (self.values - state_value)

    def record(
        self, update: int, global_step: int, episodic_return: Floats | None = None
    ) -> Record:
        """The record of these policies; without episodes, J stands for their return."""
        objective = self.objective
        return Record(
            update=update,
            global_step=global_step,
            objective=objective,
            episodic_return=objective if episodic_return is None else episodic_return,
            gradient_norm=np.sqrt(np.sum(self.gradient**2, axis=(-1, -2))),
            state_suboptimality=self.suboptimality,
            state_optimal_prob=self.optimal_prob,
            policy=self.policy,
            pass_at_k=self.well.pass_at_k(self.policy) if hasattr(self.well, "pass_at_k") else None,
        )


def log_spaced(
    end: float, per_decade: int = 20, *, count: int | None = None, extra: Iterable[float] = ()
) -> NDArray[Any]:
    """0, `end` and whole numbers between them, evenly spaced in the logarithm, ascending.

    Args:
        end: last number, whole, >= 0.
        per_decade: how many there are per factor of ten, where whole numbers allow.
        count: how many there are from 1 to `end`, both included, instead of `per_decade`.
        extra: further whole numbers to put in, where they lie in [0, end].

    Returns:
        Distinct whole numbers [N]: int64 if `end` is an int, float64 if it is a float (exact below
        2^53).

    Raises:
        BadInput: if `end` is an int that int64 does not hold.
    """
    kind = np.float64 if isinstance(end, float) else np.int64
    if kind is np.int64:
        end = check_int("end", end, 0)
    if end < 1:
        return np.zeros(1, dtype=kind)
    if count is None:
        count = int(np.ceil(np.log10(end) * per_decade)) + 1
    inner = np.logspace(0, np.log10(end), count).round()
    given = [x for x in extra if 0 <= x <= end]
    return np.unique(np.array([0, *inner[inner < end].astype(kind), *given, end], dtype=kind))


def evaluate(well: Any, policy: Floats, clock: int) -> Evaluation:
    """Evaluate policies [R, S, K] exactly, with the rewards of `clock`."""
    values, weight = well.action_values(policy, clock)
    return Evaluation(well, policy, values, weight)
