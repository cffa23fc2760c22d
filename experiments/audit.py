"""`python -m experiments audit`: does the paper's Theorem 2 hold here, and what bound is true?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from experiments.options.config import parse_well_command
from experiments.options.start import StartOptions
from experiments.options.values import check_unread
from gw_envs.theory.auditing import StateAudit, audit
from gw_envs.theory.counterexamples import (
    all_arms_equal,
    alternating_arms,
    arm_above_base,
    draining_mass,
    gap_above_delta,
)

COUNTEREXAMPLES = {
    "CE1": all_arms_equal,
    "CE2": arm_above_base,
    "CE3": gap_above_delta,
    "CE4": draining_mass,
    "CE5": alternating_arms,
}

COLUMNS = """\
printed t0: the paper promises the well before it, where its premise holds. True bound: the
corrected theorem allows no escape up to it. Escape: the update after which the policy was outside
the well. Within: where all gaps are equal, pi(a*) passes 0.1 between these updates."""
READINGS = """\
The paper says: "there exists an initialization and a positive constant C" such that the well holds
until t0 = C/(Delta pi(a*)). There are four ways to read that:"""
VERDICTS = """\
What this run says of them ("not decided": it is one start, and ends with its budget):"""


@dataclass(frozen=True)
class AuditOptions(StartOptions):
    """What is audited. Both theorems speak of exact gradients with a constant step size."""

    env_id: str = "ASRWell-v0"
    """The environment whose instance is audited; its options follow below."""
    counterexample: Literal["CE1", "CE2", "CE3", "CE4", "CE5"] | None = None
    """Audit a ready-made instance on which a bound fails, instead of an environment."""
    learning_rate: float = 0.4
    """Step size eta."""
    constant: float | None = None
    """The C of the printed t0 = C/(Delta pi(a*)); default 0.45/eta."""
    max_updates: int = 20_000
    """Updates to make; what has not happened by then counts as not seen."""


def main(arguments: list[str]) -> int:
    """Audit the instance the arguments name and print table and verdicts."""
    options, env = parse_well_command(
        arguments, "audit", AuditOptions, "Hold the paper's second theorem against an instance."
    )
    if options.counterexample is not None:
        reason = f"is not read with counterexample={options.counterexample!r}"
        check_unread(options, reason, ("counterexample", "max_updates"))
        check_unread(env, reason)
        example = COUNTEREXAMPLES[options.counterexample]()
        print(f"{example.name}: {example.claim}\n")
        print_audit((example.audit(options.max_updates),))
    else:
        print_audit(audit_environment(options, env))
    return 0


def audit_environment(options: AuditOptions, env: Any) -> tuple[StateAudit, ...]:
    """Both theorems in every state of an environment, under the exact drifting gradient."""
    from agents.softmax_pg import SoftmaxPG

    agent = SoftmaxPG(
        options.env_id,
        env.kwargs(),
        learning_rate=options.learning_rate,
        initial_policy=options.start,
    )
    well = agent.well
    return audit(
        well.mdp_at,
        agent.policy[0],
        options.learning_rate,
        optimal_action=well.optimal_actions,
        reward_gap=well.reward_gaps,
        constant=options.constant,
        max_updates=options.max_updates,
        drift_horizon=min(well.drift_horizon, options.max_updates),
    )


def print_audit(reports: tuple[StateAudit, ...]) -> None:
    """A line of numbers and a sentence per state, then what they say of each reading."""
    print(f"{'state':>5} {'pi(a*)':>9} {'Delta':>7} {'gaps seen':>17} {'printed t0':>12}", end="")
    print(f" {'true bound':>12} {'escape':>10} {'within':>16}  premise")
    for r in reports:
        gaps = f"{r.effective_gaps[0]:.3g}..{r.effective_gaps[1]:.3g}"
        within = "-" if r.prob_range is None else "{:,}..{:,}".format(*r.prob_range)
        escape = "censored" if r.escape_time is None else f"{r.escape_time:,}"
        print(
            f"{r.state:>5} {r.optimal_prob:>9.3g} {r.reward_gap:>7.3g} {gaps:>17} "
            f"{r.printed_time:>12,.1f} {r.well_bound:>12,.1f} {escape:>10} {within:>16}  "
            f"{'holds' if r.premise_holds else 'fails'}"
        )
    print(f"\n{COLUMNS}\n")
    for r in reports:
        print(r.verdict)
    _print_readings(reports)


def _print_readings(reports: tuple[StateAudit, ...]) -> None:
    """The readings of the printed sentence, once; then a row per state."""
    print(f"\n{READINGS}")
    readings = reports[0].readings
    for reading in readings:
        print(f"  {reading.name + ':':<13}{reading.meaning}")
    print(f"\n{VERDICTS}\n{'state':>5}" + "".join(f"{reading.name:>14}" for reading in readings))
    for r in reports:
        print(f"{r.state:>5}" + "".join(f"{reading.verdict:>14}" for reading in r.readings))
