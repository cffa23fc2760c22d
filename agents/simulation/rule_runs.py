"""Which update rules `simulate` has compiled, and what such a run refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agents.simulation.kernels import blocks, rule_kernels
from agents.updates import RULES, UpdateRule, make_rule
from gw_envs.checks import BadInput, check_choice

# Name: the kernel's number and the rule's hyper-parameters as two numbers.
_KERNELS: dict[str, tuple[int, Callable[[Any], tuple[float, float]]]] = {
    "entropy-pg": (rule_kernels.ENTROPY, lambda rule: (rule.temperature, 0.0)),
    "log-barrier-pg": (rule_kernels.LOG_BARRIER, lambda rule: (rule.barrier, 0.0)),
    "delightful-pg": (rule_kernels.DELIGHTFUL, lambda rule: (rule.temperature, 0.0)),
    "escort-pg": (rule_kernels.ESCORT, lambda rule: (rule.power, rule.scaled)),
}
COMPILED_RULES = tuple(_KERNELS)


def choose_rule(update: str, options: Mapping[str, Any] | None, **given: bool) -> UpdateRule | None:
    """The rule of a compiled run; None for softmax-pg, which has the engine of direct.py.

    Args:
        update: "softmax-pg" or one of `COMPILED_RULES`.
        options: hyper-parameters of the rule.
        **given: settings that only softmax-pg has, by their text, and whether they were asked for.

    Raises:
        ValueError: naming the argument.
    """
    if update in RULES and update not in ("softmax-pg", *COMPILED_RULES):
        raise BadInput(
            f"update={update!r} has no compiled kernel; use agents.updates.run_rule, or one of "
            f"{('softmax-pg', *COMPILED_RULES)}."
        )
    check_choice("update", update, ("softmax-pg", *COMPILED_RULES))
    if options is not None and not isinstance(options, Mapping):
        raise BadInput(f"update_options={options!r} must be a dict of the rule's options.")
    rule = make_rule(update, **(options or {}))
    if update == "softmax-pg":
        return None
    for text, asked in given.items():
        if asked:
            raise BadInput(
                f"{text} goes with update='softmax-pg' only; update={update!r} runs with exact "
                "gradients of constant mean_rewards in plain float64."
            )
    return rule


def run_part(
    rule: UpdateRule, begin: int, end: int, problem: blocks.Problem, record: blocks.Record
) -> None:
    """Run trajectories [begin, end) of a compiled rule."""
    law, numbers = _KERNELS[rule.name]
    first, second = (float(x) for x in numbers(rule))
    scratch = np.zeros((3, problem.theta.shape[1]))
    rule_kernels.run_rows(begin, end, law, first, second, scratch, problem, record)
