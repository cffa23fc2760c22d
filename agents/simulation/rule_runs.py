"""The exact rules in `simulate`, but softmax-pg, which has kernels: batched numpy."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agents.simulation.kernels import blocks
from agents.simulation.settings import check_options
from agents.updates import ExactRule, UpdateRule
from agents.updates.regularized import log_softmax
from gw_envs.checks import BadInput, Floats, check_seconds
from gw_envs.theory import in_well

LEAST_SECONDS = 2e-5  # of an update in numpy, whatever the batch


def choose_rule(
    update: str, options: Mapping[str, Any] | None, gradient: str, dtype: str, robust: bool | None
) -> ExactRule | None:
    """The exact rule of a run; None for softmax-pg, which has kernels of its own.

    Args:
        update: its name.
        options: its hyper-parameters.
        gradient: "sampled", as the next two, goes with softmax-pg only.
        dtype: "float32".
        robust: True.

    Raises:
        ValueError: naming the argument.
    """
    rule = check_options(update, options)
    if update == "softmax-pg":
        return None
    only_softmax = {
        f"gradient={gradient!r}": gradient == "sampled",
        f"dtype={dtype!r}": dtype == "float32",
        f"robust={robust!r}": bool(robust),
    }
    for text, asked in only_softmax.items():
        if asked:
            raise BadInput(
                f"{text} goes with update='softmax-pg' only; update={update!r} runs with exact "
                "gradients in plain float64."
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


def iterate(rule: ExactRule, problem: blocks.Problem, best: Any, record: blocks.Record) -> None:
    """Run the whole batch with the rule's own class, which also holds what the rule remembers.

    Args:
        rule: any exact rule.
        problem: theta [B, N] and rewards as the kernels have them, but arms in any order.
        best: a* of each trajectory [B].
        record: what is written.

    Raises:
        ValueError: for a budget of more than a day.
    """
    budget = int(problem.marks[-1])
    check_seconds("max_updates", budget, LEAST_SECONDS * budget)
    rows, marks, rate = np.arange(len(problem.theta)), problem.marks, problem.learning_rate
    moved, mark, lowest = np.zeros_like(problem.theta), 0, record.lowest_prob
    record.escape_time[:], lowest[:] = -1, 1.0
    resting = np.zeros(len(rows), dtype=bool)
    for n in range(budget + 1):
        policy = rule.policy(problem.theta + moved)
        values = problem.rewards
        if problem.path_length:
            values = np.broadcast_to(values[min(n, problem.path_length - 1)], policy.shape)
        if n == 0:
            _warn_if_stuck(rule, policy, values, problem)
        prob, losses = policy[rows, best], values[rows, best][:, None] - values
        inside = in_well((policy * losses).sum(axis=1), problem.gaps, problem.fraction)
        inside &= prob <= problem.escape_prob
        if not inside.all():
            record.escape_time[~inside & (record.escape_time < 0)] = n
            resting |= ~inside & problem.stop
        np.minimum(lowest, prob, out=lowest, where=inside & ~resting)
        still = resting.all() or lowest.min() < problem.floor
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


def _warn_if_stuck(rule: ExactRule, policy: Floats, values: Floats, problem: Any) -> None:
    edge = 1 - problem.fraction if problem.escape_prob > 1 else problem.escape_prob
    stuck = rule.stuck(policy, values, edge)
    if stuck:
        warnings.warn(stuck, stacklevel=5)
