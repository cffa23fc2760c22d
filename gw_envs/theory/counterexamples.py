"""Five instances on which a printed or a tempting escape bound fails, ready to run.

CE1-CE3 and CE5 satisfy every premise of the paper's Theorem 2 and break its conclusion, each under
other readings of it (`gw_envs.theory.readings`); CE4 breaks the repair that comes to mind first,
C/(largest gap * pi_1(a*)) for every initial policy. All have one state and a* = action 0; eta is 1,
in CE5 0.1. Updates (n, direct iteration) and flow times (gradient flow, eta = 1) are different
clocks and are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gw_envs.checks import (
    BadInput,
    Floats,
    check_float,
    check_int,
    check_memory,
    check_policy,
    check_share,
)
from gw_envs.theory.auditing import StateAudit, audit
from gw_envs.theory.printed_theorem import check_rewards_path


@dataclass(frozen=True)
class Counterexample:
    """An instance, the time a claim allows no escape before, and how to see the escape.

    Attributes:
        name: short name.
        claim: the bound in words and what happens instead.
        rewards: r(t), [T, K], last row held.
        policy: the initial policy, [K].
        reward_gap: Delta.
        claimed_time: updates before which the claim allows no escape.
        escape_is_prob: whether the claim is about pi(a*) > 0.1 (CE4) or about sub-optimality.
        learning_rate: eta.
    """

    name: str
    claim: str
    rewards: Floats
    policy: Floats
    reward_gap: float
    claimed_time: float
    escape_is_prob: bool = False
    learning_rate: float = 1.0

    def audit(self, max_updates: int = 20_000) -> StateAudit:
        """Both theorems against the direct iteration (`gw_envs.theory.audit`)."""
        (report,) = audit(
            self.rewards,
            self.policy,
            self.learning_rate,
            reward_gap=self.reward_gap,
            max_updates=max_updates,
        )
        return report

    def escape_updates(self, max_updates: int = 20_000) -> int | None:
        """First n at which the claim's inequality is broken; None within the budget."""
        report = self.audit(max_updates)
        return report.prob_escape_time if self.escape_is_prob else report.escape_time


def all_arms_equal(optimal_prob: float = 1e-3) -> Counterexample:
    """CE1: b_1 = .5, Delta = .1, b_2 = b_3 = beta = .6. No policy is sub-optimal at all."""
    x0 = _check_start(optimal_prob, 1.0)
    return Counterexample(
        name="CE1 all arms equal",
        claim="sub-optimality >= 0.09 before t0; it is 0 for every policy.",
        rewards=np.array([[0.6, 0.6, 0.6]]),
        policy=np.array([x0, (1 - x0) / 2, (1 - x0) / 2]),
        reward_gap=0.1,
        claimed_time=0.45 / (0.1 * x0),
    )


def arm_above_base() -> Counterexample:
    """CE2: an arm above b_1, which beta allows, makes a gap smaller than Delta.

    K = 3, b_1 = .3, Delta = .3, b_2 = .55, b_3 = 0, beta = .6, pi_1 = (.001, .998, .001).
    """
    return Counterexample(
        name="CE2 an arm above b_1",
        claim="sub-optimality >= 0.27 before t0; it is 0.0505 at the first policy.",
        rewards=np.array([[0.6, 0.55, 0.0]]),
        policy=np.array([0.001, 0.998, 0.001]),
        reward_gap=0.3,
        claimed_time=0.45 / (0.3 * 0.001),
    )


def gap_above_delta(optimal_prob: float = 1e-3, switch: int = 0) -> Counterexample:
    """CE3: a gap larger than Delta speeds the escape. K = 2, Delta = .05, b_1 = .85, b_2 = 0.

    Args:
        optimal_prob: x0.
        switch: clocks during which b_2 = .85 (gap .05) before it falls to 0 (gap .9); 0 has the
            large gap from the start.
    """
    x0 = _check_start(optimal_prob, 1.0)
    quiet = check_int("switch", switch, 0)
    check_memory("switch", switch, 100.0 * quiet)
    return Counterexample(
        name="CE3 a gap larger than Delta",
        claim="sub-optimality >= 0.045 before t0 = 9/x0; it is less after a sixteenth of that.",
        rewards=np.array([[0.9, 0.85]] * quiet + [[0.9, 0.0]]),
        policy=np.array([x0, 1 - x0]),
        reward_gap=0.05,
        claimed_time=0.45 / (0.05 * x0),
    )


def draining_mass(optimal_prob: float = 1e-3, num_medium: int = 400) -> Counterexample:
    """CE4: with unequal arms and any start the wait is x0^(-1/2), not 1/x0.

    r = (1, 0, .5, ..., .5). One bad arm holds all but x0 + sqrt(x0), the medium arms share
    sqrt(x0). The bad arm drains in about 1/sqrt(x0) updates, during which the odds of a* against
    the medium arms hardly move from sqrt(x0): pi(a*) has risen from x0 to sqrt(x0) for free, and
    the rest of the way costs about 1/sqrt(x0) again.

    Args:
        optimal_prob: x0, below about 0.3.
        num_medium: how many arms share the mass sqrt(x0).
    """
    x0 = _check_start(optimal_prob, 0.3)
    m = check_int("num_medium", num_medium, 1)
    check_memory("num_medium", num_medium, 100.0 * m)
    medium = np.sqrt(x0)
    return Counterexample(
        name="CE4 mass draining from a bad arm",
        claim="pi(a*) <= 0.1 for (1/x0 - 10)/(2 G) updates, G = 1 the largest gap; "
        "it takes about 1/sqrt(x0) of the flow's time.",
        rewards=np.array([[1.0, 0.0] + [0.5] * m]),
        policy=np.concatenate([[x0, 1 - x0 - medium], np.full(m, medium / m)]),
        reward_gap=0.5,
        claimed_time=(1 / x0 - 10) / 2,
        escape_is_prob=True,
    )


def alternating_arms(
    optimal_prob: float = 1e-2, second_share: float = 0.5, clocks: int = 20_000
) -> Counterexample:
    """CE5: Delta is the exact gap at every t and every b_i <= b_1, and yet no start waits for t0.

    K = 3, eta = 0.1, b_1 = .95, Delta = .005: r(t) is (.955, .95, 0) and (.955, 0, .95) in turn, so
    that each wrong arm is nearly as good as a* half of the time and on the average far worse.
    Stated for `alternating_starts`, 1e-5 <= pi_1(a*) <= 0.1, where the latest escape comes at .198
    t0. Deeper starts are not claimed: there (T + 1)/t0 rises with the depth, .123, .185 and .268 at
    pi_1(a*) = 1e-5, 3e-6 and 1e-6 from an even split.

    Args:
        optimal_prob: x0.
        second_share: share of the rest that the second arm begins with, in (0, 1).
        clocks: how long the rewards alternate before the last ones are held.
    """
    x0 = _check_start(optimal_prob, 1.0)
    share = check_share("second_share", second_share)
    pairs = -(-check_int("clocks", clocks, 2) // 2)
    check_memory("clocks", clocks, 48 * pairs)
    return Counterexample(
        name="CE5 arms that take turns",
        claim="sub-optimality >= 0.0045 before t0 = 900/x0; it is less after a fifth of that "
        "or sooner, from every start tried.",
        rewards=np.tile([[0.955, 0.95, 0.0], [0.955, 0.0, 0.95]], (pairs, 1)),
        policy=np.array([x0, (1 - x0) * share, (1 - x0) * (1 - share)]),
        reward_gap=0.005,
        claimed_time=0.45 / (0.1 * 0.005 * x0),
        learning_rate=0.1,
    )


def alternating_starts(lowest: float = 1e-5) -> list[tuple[float, float]]:
    """The 66 starts of CE5, (pi_1(a*), share of the second arm): eleven depths, six splits.

    Args:
        lowest: the deepest pi_1(a*), below 0.1.
    """
    depths = np.geomspace(_check_start(lowest, 0.1, "lowest"), 0.1, 11)
    splits = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
    return [(float(x0), share) for x0 in depths for share in splits]


def flow_time(rewards: Floats, policy: Floats, escape_prob: float = 0.1) -> float:
    """Time (eta = 1) at which gradient flow first has pi(a*) = escape_prob; constant rewards.

    Integrates d ln pi/dt = g - pi.g, g = pi (r - pi.r), by an explicit Runge-Kutta method of order
    8 (scipy), relative tolerance 1e-10. a* is action 0. Arms alike in reward and probability stay
    so and are integrated as one.

    Args:
        rewards: r [K] or [1, K].
        policy: initial probabilities [K].
        escape_prob: threshold on pi(a*), above its first value.

    Returns:
        The flow's time, in updates of rate 1.

    Raises:
        ValueError: if the rewards drift, or naming the argument that is out of range.
        RuntimeError: if the flow has not arrived by the general bound it is given.
    """
    from scipy.integrate import solve_ivp

    path = check_rewards_path("rewards", rewards, 0, 1)
    if path.shape[0] != 1:
        raise BadInput(f"rewards of shape {path.shape} must be constant: one row.")
    edge = check_share("escape_prob", escape_prob)
    pi = check_policy("policy", policy)
    if pi.shape != path[0].shape:
        raise BadInput(f"policy of shape {pi.shape} must have a probability for each reward.")
    arms, counts = np.unique(np.stack([path[0], pi])[:, 1:], axis=1, return_counts=True)
    r = np.concatenate([path[0, :1], arms[0]]) - path[0, 0]
    weight = np.concatenate([[1.0], counts])
    start = np.log(np.concatenate([pi[:1], arms[1]]))

    def probabilities(theta: Floats) -> Floats:
        odds = np.exp(theta - theta.max())
        return odds / (weight @ odds)

    def slope(_: float, theta: Floats) -> Floats:
        pi = probabilities(theta)
        return pi * (r - (weight * pi) @ r)  # exactly 0 for equal arms, where r is 0

    def arrival(_: float, theta: Floats) -> float:
        return float(probabilities(theta)[0] - edge)

    arrival.terminal = True  # type: ignore[attr-defined]
    end = 1e4 / float(pi[0])
    flow = solve_ivp(slope, (0, end), start, "DOP853", events=arrival, rtol=1e-10, atol=1e-12)
    if flow.t_events[0].size == 0:
        raise RuntimeError(f"pi(a*) has not reached {edge} by the flow's time {end:.3g}.")
    return float(flow.t_events[0][0])


def _check_start(optimal_prob: float, below: float, name: str = "optimal_prob") -> float:
    return check_float(name, optimal_prob, 0, below, open_low=True, open_high=True)
