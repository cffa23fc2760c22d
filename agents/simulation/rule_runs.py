"""Which update rules `simulate` has compiled, and what such a run refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from agents.simulation.kernels import blocks, rule_kernels
from agents.updates import ExactRule, UpdateRule, exact_rules, make_rule, rule_options
from agents.updates.regularized import log_softmax
from gw_envs.checks import BadInput, Floats, check_choice

COMPILED_RULES = tuple(rule_kernels.LAWS)


def choose_rule(
    update: str, options: Mapping[str, Any] | None, given: Mapping[str, bool]
) -> ExactRule | None:
    """The rule of a compiled run; None for softmax-pg, which has the engine of direct.py.

    Args:
        update: "softmax-pg" or one of `COMPILED_RULES`.
        options: hyper-parameters of the rule.
        given: settings that only softmax-pg has, by their text, and whether they were asked for.

    Raises:
        ValueError: naming the argument.
    """
    compiled = ("softmax-pg", *COMPILED_RULES)
    if update in exact_rules() and update not in compiled:
        raise BadInput(
            f"update={update!r} has no compiled kernel; use agents.simulation.run_rule, or one of "
            f"{compiled}."
        )
    check_choice("update", update, compiled)
    rule = make_rule(update, **rule_options("update_options", options))
    if update == "softmax-pg":
        return None
    for text, asked in given.items():
        if asked:
            raise BadInput(
                f"{text} goes with update='softmax-pg' only; update={update!r} runs with exact "
                "gradients of constant mean_rewards in plain float64."
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


def run_part(
    rule: UpdateRule, begin: int, end: int, problem: blocks.Problem, record: blocks.Record
) -> None:
    """Run trajectories [begin, end) of a compiled rule."""
    numbers = [float(getattr(rule, item.name)) for item in fields(rule)]
    first, second = [*numbers, 0.0, 0.0][:2]
    law = rule_kernels.LAWS[rule.name]
    scratch = np.zeros((3, problem.theta.shape[1]))
    rule_kernels.run_rows(begin, end, law, first, second, scratch, problem, record)
