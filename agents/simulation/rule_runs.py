"""The exact rules in `simulate`, but softmax-pg, which has kernels: batched numpy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agents.precision import LOWEST_OPTIMAL_PROB, report_imprecision
from agents.simulation.kernels import blocks
from agents.simulation.settings import check_options
from agents.updates import ExactRule, UpdateRule
from agents.updates.regularized import log_softmax
from gw_envs.checks import BadInput, Floats, check_seconds
from gw_envs.theory import in_well

LEAST_SECONDS = 2e-5  # of an update in numpy, whatever the batch


def choose_rule(update: str, options: Mapping[str, Any] | None, gradient: str) -> ExactRule | None:
    """The exact rule of a run with these hyper-parameters; None for softmax-pg, which has kernels.

    Raises:
        ValueError: naming the argument.
    """
    rule = check_options(update, options)
    if update == "softmax-pg":
        return None
    if gradient == "sampled":
        raise BadInput(
            f"gradient='sampled' goes with update='softmax-pg' only; update={update!r} runs with "
            "exact gradients."
        )
    return rule


def log_map(rule: UpdateRule | None) -> Callable[[Floats], Floats]:
    """From a rule's parameters to ln pi, -inf where pi is 0; None: softmax-pg."""
    if rule is None or type(rule).policy is UpdateRule.policy:
        return log_softmax

    def log_policy(theta: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.log(rule.policy(theta))

    return log_policy


def iterate(
    rule: ExactRule, problem: blocks.Problem, best: Any, record: blocks.Record, on_precision: str
) -> None:
    """Run the whole batch with the rule's own class, which also holds what the rule remembers.

    Args:
        rule: any exact rule.
        problem: theta [B, N] and rewards as the kernels have them, but arms in any order.
        best: a* of each trajectory [B].
        record: what is written.
        on_precision: "raise" stops at a pi(a*) that plain float64 is not trusted with.

    Raises:
        ValueError: for a budget of more than a day, or that pi(a*).
    """
    budget = int(problem.marks[-1])
    check_seconds("max_updates", budget, LEAST_SECONDS * budget)
    rows, marks, rate = np.arange(len(problem.theta)), problem.marks, problem.learning_rate
    moved, mark, lowest = np.zeros_like(problem.theta), 0, record.lowest_prob
    record.escape_time[:], lowest[:] = -1, 1.0
    floor = LOWEST_OPTIMAL_PROB["float64"] if on_precision == "raise" else 0.0
    resting = np.zeros(len(rows), dtype=bool)
    for n in range(budget + 1):
        policy, values = rule.policy(problem.theta + moved), problem.rewards
        if n == 0:
            _warn_if_stuck(rule, policy, values, problem)
        prob, losses = policy[rows, best], values[rows, best][:, None] - values
        inside = in_well((policy * losses).sum(axis=1), problem.gaps, problem.fraction)
        inside &= prob <= problem.escape_prob
        if not inside.all():
            record.escape_time[~inside & (record.escape_time < 0)] = n
            resting |= ~inside & problem.stop
        np.minimum(lowest, prob, out=lowest, where=inside & ~resting)
        still = resting.all() or lowest.min() < floor
        while mark < marks.size and (n == marks[mark] or still):
            if record.history.shape[0]:
                record.history[mark] = moved
            mark += 1
        if mark == marks.size:
            break
        with np.errstate(all="ignore"):  # a rate that is too large is told below
            step = rule.increment(problem.theta + moved, values, rate)
        moved = moved + np.where(resting[:, None], 0.0, step)
        if not math.isfinite(moved.sum()):
            raise BadInput(f"learning_rate={rate!r} is too large: the parameters left float64.")
    record.moved[:] = moved
    report_imprecision(lowest, rule.name, on_precision)


def _warn_if_stuck(rule: ExactRule, policy: Floats, values: Floats, problem: Any) -> None:
    edge = 1 - problem.fraction if problem.escape_prob > 1 else problem.escape_prob
    stuck = rule.stuck(policy, values, edge)
    if stuck:
        warnings.warn(stuck, stacklevel=4)
