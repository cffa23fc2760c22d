"""Wells of the literature that separate one way out from another, each with its start.

One-state wells are `WellInstance`s; `SharedBernoulli` is two states with one shared parameter. The
chain of states is an environment, ChainWell-v0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gw_envs.checks import (
    BadInput,
    Floats,
    check_float,
    check_int,
    check_numbers,
    check_share,
    shown,
)


@dataclass(frozen=True)
class WellInstance:
    """A bandit, a start and what counts as out.

    Attributes:
        name: key of `INSTANCES`.
        mean_rewards: r [K] in [0, 1].
        policy: initial probabilities [K].
        escape_prob: out means pi(a*) > this.
        source: where it comes from and what it shows.
    """

    name: str
    mean_rewards: tuple[float, ...]
    policy: tuple[float, ...]
    escape_prob: float
    source: str


def equal_gaps(
    num_actions: int = 6, reward_gap: float = 0.2, optimal_prob: float = 1e-3
) -> WellInstance:
    """r = (0.5 + Delta, 0.5, ..., 0.5), the other arms equally likely: the paper's well.

    Args:
        num_actions: K >= 2.
        reward_gap: Delta in (0, 0.5].
        optimal_prob: pi(a*) at the start, in (0, 0.1).
    """
    k = check_int("num_actions", num_actions, 2)
    gap = check_float("reward_gap", reward_gap, 0, 0.5, open_low=True)
    x0 = check_float("optimal_prob", optimal_prob, 0, 0.1, open_low=True, open_high=True)
    return WellInstance(
        "equal-gaps",
        (0.5 + gap, *[0.5] * (k - 1)),
        (x0, *[(1 - x0) / (k - 1)] * (k - 1)),
        0.1,
        "the paper, equation 2; escape times known in closed form (gw_envs.theory)",
    )


def verdict(num_actions: int = 6, optimal_prob: float = 1e-3) -> WellInstance:
    """r = (1, 0, ..., 0), the other arms equally likely: one answer passes, all others fail.

    Args:
        num_actions: K >= 2.
        optimal_prob: pi(a*) at the start, in (0, 0.1).
    """
    k = check_int("num_actions", num_actions, 2)
    x0 = check_float("optimal_prob", optimal_prob, 0, 0.1, open_low=True, open_high=True)
    return WellInstance(
        "verdict",
        (1.0, *[0.0] * (k - 1)),
        (x0, *[(1 - x0) / (k - 1)] * (k - 1)),
        0.1,
        "a prompt whose only right answer is rare; rewards of a verifier",
    )


def harmful_arm(reward_gap: float = 0.5) -> WellInstance:
    """r = (1, 1-D, 0) from softmax(-1, 5, 1): a corner with an arm worse than it beside it.

    The harmful third arm keeps pushing pi(a*) down while the second still holds the mass.

    Args:
        reward_gap: D in (0, 1).
    """
    gap = check_share("reward_gap", reward_gap)
    weights = np.exp(np.array([-1.0, 5.0, 1.0]))
    return WellInstance(
        "harmful-arm",
        (1.0, 1.0 - gap, 0.0),
        tuple(float(p) for p in weights / weights.sum()),
        0.5,
        "Osband 2026, arXiv 2603.14608 (start given there by its logits)",
    )


def two_plateaus(optimal_prob: float = 0.01) -> WellInstance:
    """r = (1, 0.9, 0.1) from the third arm's corner: first the second arm takes over, then a*.

    Args:
        optimal_prob: pi(a*) at the start, in (0, 0.05); the second arm has 0.05, the third the
            rest.
    """
    x0 = check_float("optimal_prob", optimal_prob, 0, 0.05, open_low=True, open_high=True)
    return WellInstance(
        "two-plateaus",
        (1.0, 0.9, 0.1),
        (x0, 0.05, 0.95 - x0),
        0.5,
        "rewards of Mei et al., ICML 2020; the start is ours (softmax-pg at eta = 1 is through"
        " the literature's (.05, .01, .94) in 15 updates, without a plateau)",
    )


INSTANCES: dict[str, Callable[[], WellInstance]] = {
    "equal-gaps": equal_gaps,
    "verdict": verdict,
    "harmful-arm": harmful_arm,
    "two-plateaus": two_plateaus,
}


@dataclass(frozen=True)
class SharedBernoulli:
    """Two equally likely states that share one parameter theta: p = sigmoid(theta) in both.

    Action 1 pays `rewards[s]` in state s, action 0 nothing. The gradient of the return is
    (mean of the rewards) * p(1-p), negative for (10, -100), so the best policy is p = 0. A rule
    that weighs actions by more than their gradient has other fixed points: delightful PG stops at
    p = 1/11 at temperature 0 and .11613 at temperature 1.

    Source: Osband 2026 (arXiv 2603.14608), shared-parameter counterexample.

    Attributes:
        rewards: reward of action 1 in each state.
    """

    rewards: tuple[float, float] = (10.0, -100.0)

    def __post_init__(self) -> None:
        if check_numbers("rewards", self.rewards).shape != (2,):
            raise BadInput(f"rewards={shown(self.rewards)} must be two numbers, one per state.")

    def logits(self, theta: float) -> Floats:
        """The tabular logits [2 states, 2 actions] = (0, theta) in each state."""
        return np.array([[0.0, theta]] * 2)

    def values(self) -> Floats:
        """Q(s, a), [2, 2]."""
        return np.array([[0.0, reward] for reward in self.rewards])

    def weight(self) -> Floats:
        """d(s), [2, 1]: each state half of the time, discount 0."""
        return np.full((2, 1), 0.5)

    def shared_change(self, tabular_change: Floats) -> float:
        """What a change of the tabular logits [2, 2] does to theta: the chain rule's sum."""
        return float(np.sum(tabular_change[:, 1]))
