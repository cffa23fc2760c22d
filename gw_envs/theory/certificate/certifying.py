"""Is this count the escape time? A proof, a refutation, or "not certified".

The statement is about real numbers: softmax policy gradient with exact gradients from the float64
arguments as they are, no update rounded. Everything is done with balls of python-flint's Arb, which
hold the true number for certain; where a ball is too wide to tell, the precision is raised, and if
that does not help nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import (
    BadInput,
    check_choice,
    check_float,
    check_int,
    check_mean_rewards,
    check_numbers,
    check_seconds,
    check_share,
    shown,
)
from gw_envs.theory.certificate.direct import Balls, follow_classes, follow_logit
from gw_envs.theory.wells import best_arm_and_gap, escape_threshold, well_edge

CERTIFIED, REFUTED, UNDECIDED = "certified", "refuted", "not certified"
METHODS = ("auto", "direct", "series")
MOST_DIRECT = 10_000_000
MOST_DIGITS = 1000  # of a count
BITS = (128, 512, 2048)  # of direct updates; the series adds those of the count


@dataclass(frozen=True)
class Certificate:
    """What was proved of a claimed escape time.

    Attributes:
        count: the claim.
        verdict: "certified" (it is the escape time), "refuted" (it is not) or "not certified"
            (nothing was proved).
        escape_time: the escape time where it was proved, else None.
        method: "direct" (every update in ball arithmetic) or "series" (the telescoped series up to
            a level, every update from there).
        made: updates made in ball arithmetic.
        reason: the verdict in one sentence.
    """

    count: int
    verdict: str
    escape_time: int | None
    method: str
    made: int
    reason: str


@dataclass(frozen=True)
class _Problem:
    """A bandit by classes of arms with the same reward and logit, class 0 the best arm alone.

    Attributes:
        rewards: float64 of each class.
        sizes: arms of each class.
        rate: eta.
        theta: float64 logit of each class; None: from `optimal_prob`.
        optimal_prob: x0, where the wrong arms are alike; None: from `theta`.
        edge: pi(a*) above which a policy is out, or the sub-optimality below which it is.
        by_prob: which of them.
    """

    rewards: list[float]
    sizes: list[int]
    rate: float
    theta: list[float] | None
    optimal_prob: float | None
    edge: float
    by_prob: bool

    @property
    def alike(self) -> bool:
        """Whether the wrong arms are, so that the logit of pi(a*) is the whole state."""
        return len(self.rewards) == 2

    def logit_map(self) -> tuple[Any, Any, Any]:
        """v_0, h and the level of v at the edge as balls, wrong arms alike."""
        from flint import arb

        others = self.sizes[1]
        gap = arb(self.rewards[0]) - self.rewards[1]
        h = gap * self.rate * (others + 1) / others
        if self.theta is None:
            v = _logit(arb(self.optimal_prob))
        else:
            v = arb(self.theta[0]) - self.theta[1] - arb(others).log()
        edge = arb(self.edge)
        return v, h, _logit(edge) if self.by_prob else -_logit(edge / gap)

    def balls(self) -> Balls:
        """The bandit at the precision of the moment."""
        from flint import arb

        rewards = [arb(r) for r in self.rewards]
        return Balls(rewards, self.sizes, arb(self.rate), arb(self.edge), self.by_prob)


def certify_equal_gap_escape_time(
    count: int,
    optimal_prob: float,
    reward_gap: float,
    learning_rate: float,
    num_actions: int = 2,
    escape_prob: float | None = None,
    *,
    method: str = "auto",
    max_updates: int = MOST_DIRECT,
) -> Certificate:
    """Prove that `equal_gap_escape_time` of the same arguments is `count`, or that it is not.

    Args:
        count: the claim T >= 0, in updates, of any size.
        optimal_prob: x0 = pi_1(a*) in (0, 1); the others are equally likely.
        reward_gap: Delta in (0, 1].
        learning_rate: eta > 0, constant.
        num_actions: K >= 2.
        escape_prob: edge on pi(a*) in (0, 1); default the well's .1.
        method: "direct", "series", or "auto": the series where it reaches, else direct.
        max_updates: at most so many updates are made one by one.

    Returns:
        The certificate.

    Raises:
        ValueError: naming the argument that is out of range, or if python-flint is missing.
    """
    gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    others = check_int("num_actions", num_actions, 2) - 1
    x0 = check_share("optimal_prob", optimal_prob)
    edge = _edge(escape_prob)
    problem = _Problem([gap, 0.0], [1, others], eta, None, x0, edge, True)
    return _certify(count, problem, method, max_updates)


def certify_escape_time(
    count: int,
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    learning_rate: float,
    escape_prob: float | None = None,
    *,
    method: str = "auto",
    max_updates: int = MOST_DIRECT,
) -> Certificate:
    """Prove that `agents.simulation.solve_escape_time` has to answer `count`, or that it must not.

    Any rewards and any start: every update is made, at most `max_updates`, about 20 us each.
    Where the wrong arms are alike in reward and logit, the series proves any depth in milliseconds.

    Args:
        count: the claim T >= 0, in updates.
        mean_rewards: r [K] in [0, 1], one best arm.
        initial_theta: logits [K], finite.
        learning_rate: eta > 0, constant.
        escape_prob: edge on pi(a*) in (0, 1); default the edge of the well, sub-optimality
            < `well_edge(Delta)`, the float64 number.
        method: "direct", "series", or "auto": the series where it reaches, else direct.
        max_updates: at most so many updates are made one by one.

    Returns:
        The certificate.

    Raises:
        ValueError: naming the argument that is out of range, or if python-flint is missing.
    """
    r = check_mean_rewards("mean_rewards", mean_rewards)
    theta = check_numbers("initial_theta", initial_theta)
    if theta.shape != r.shape:
        raise BadInput(f"initial_theta of shape {theta.shape} must be [K] = {r.shape}.")
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    best, gap = best_arm_and_gap(r)
    edge = well_edge(gap) if escape_prob is None else _edge(escape_prob)
    arms = np.column_stack([np.delete(r, best), np.delete(theta, best)])
    classes, sizes = np.unique(arms, axis=0, return_counts=True)
    problem = _Problem(
        [float(r[best]), *classes[:, 0].tolist()],
        [1, *sizes.tolist()],
        eta,
        [float(theta[best]), *classes[:, 1].tolist()],
        None,
        float(edge),
        escape_prob is not None,
    )
    return _certify(count, problem, method, max_updates)


def _edge(escape_prob: float | None) -> float:
    """The edge on pi(a*), checked."""
    if escape_prob is None:
        return escape_threshold()
    return check_share("escape_prob", escape_prob)


def check_flint() -> None:
    """Refuse where the extra is missing.

    Raises:
        ValueError: saying how to install it.
    """
    try:
        import flint  # noqa: F401 - is it there?
    except ImportError:
        raise BadInput(
            "A certificate needs python-flint, which is not installed: "
            "pip install 'gravity-wells[certify]'."
        ) from None


def _certify(count: int, problem: _Problem, method: str, max_updates: int) -> Certificate:
    """Try the ways to a proof, from the quickest."""
    claim = check_int("count", count, 0, math.inf)
    if claim >= 10**MOST_DIGITS:
        raise BadInput(f"count={shown(count)} must have at most {MOST_DIGITS} digits.")
    check_choice("method", method, METHODS)
    most = check_int("max_updates", max_updates, 0)
    check_flint()
    made = 0
    for way in ("series", "direct") if method == "auto" else (method,):
        tries = _series(problem, claim, most) if way == "series" else _direct(problem, claim, most)
        for n, out, steps in tries:
            made += steps
            if out is not None and (out or n >= claim):
                return _certificate(claim, n, out, way, made)
    return Certificate(claim, UNDECIDED, None, way, made, _why_not(problem, claim, method, most))


def _certificate(claim: int, n: int, out: bool, way: str, made: int) -> Certificate:
    """What follows if the first policy that is out is that of update n, or a later one."""
    if not out:
        reason = f"Not {claim:,}: after {n:,} updates the policy is still in the well."
        return Certificate(claim, REFUTED, None, way, made, reason)
    if n == claim:
        reason = f"The escape time is {n:,}: the first policy outside the well is that one."
        return Certificate(claim, CERTIFIED, n, way, made, reason)
    reason = f"Not {claim:,}: the escape time is {n:,}."
    return Certificate(claim, REFUTED, n, way, made, reason)


def _why_not(problem: _Problem, claim: int, method: str, most: int) -> str:
    """Why nothing was proved."""
    if method == "series" and not problem.alike:
        return "The series needs wrong arms with the same reward and logit."
    if claim > most and method != "series":
        deep = "" if problem.alike else ", and the series needs wrong arms alike"
        return f"A direct proof makes {claim:,} updates, more than max_updates={most:,}{deep}."
    if method == "series":
        return "The start is beyond the small steps that the series needs, or balls are too wide."
    return "A policy is too near to the edge for the balls to tell its side."


def _direct(problem: _Problem, claim: int, most: int) -> Iterator[tuple[int, bool | None, int]]:
    """Every update, at rising precision: (n, whether policy n is the first out, updates made)."""
    import flint

    if claim > most:
        return
    check_seconds("count", claim, claim * 1e-6)
    for bits in BITS:
        with flint.ctx.workprec(bits):
            if problem.alike:
                at_edge = problem.optimal_prob == problem.edge
                n, out = follow_logit(*problem.logit_map(), claim, on_level=at_edge)
            else:
                theta = [flint.arb(t) for t in problem.theta or ()]
                n, out = follow_classes(theta, problem.balls(), claim)
        yield n, out, n
        if out is False:
            return


def _series(problem: _Problem, claim: int, most: int) -> Iterator[tuple[int, bool | None, int]]:
    """The series up to a level, every update from there; as `_direct`."""
    import flint

    from gw_envs.theory.certificate.series import LEVELS, first_beyond

    if not problem.alike:
        return
    with flint.ctx.workprec(BITS[0]):
        v, h, _ = problem.logit_map()
        size = abs(v).max(0) / flint.arb(2).log() + abs((1 / h).log()) / flint.arb(2).log()
        depth = int(size.upper().ceil().unique_fmpz())
    for bits in BITS:
        for step in LEVELS:
            with flint.ctx.workprec(bits + depth):
                v, h, edge = problem.logit_map()
                level = _level(h, edge, step)
                if not v < level:
                    continue
                jump = first_beyond(v, h, level)
                if jump is None:
                    continue
                n, v = jump
                left = min(most, max(claim - n, round(2 / step)))
                further, out = (0, True) if level is edge else follow_logit(v, h, edge, left)
            yield n + further, out, further
            if out is False:  # certainly further than can be followed, at any precision
                return


def _level(h: Any, edge: Any, step: float) -> Any:
    """The logit up to which the series is used: that of the edge, or where updates reach `step`."""
    import flint

    highest = edge if edge < 0 else flint.arb(0)
    if h < 4 * step:
        return highest
    p = flint.arb(step) / h
    level = _logit(p.mid())
    return level if level < highest else highest


def _logit(p: Any) -> Any:
    """ln(p/(1-p)) of a ball."""
    return (p / (1 - p)).log()
