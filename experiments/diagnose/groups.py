"""`python -m experiments groups FILE`: is a run with verified rewards waiting, held or lost?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from agents.diagnosis.groups import GroupReport, GroupSettings, judge
from agents.diagnosis.groups.sentences import number, span
from experiments.diagnose.group_logs import read_columns, read_history
from experiments.options.parsing import spelt_out
from gw_envs.checks import BadInput

MOST_ROWS = 12
COLUMNS = """\
success: interval of the share of right answers. Steps to escape: from the last step of the log,
median of a run like this one, and in brackets its ends over all that is uncertain of success and
pace. Last column: when that share of such runs escapes, luck included. Unknown,
inf: no answer was right yet."""
WIDTH = 24  # characters of a prompt's name


@dataclass(frozen=True)
class GroupsOptions:
    """What log is read, and how the run was trained."""

    file: tyro.conf.Positional[Path]
    """Parquet, JSON lines or CSV: a row for each answer (step, prompt, reward), for each group \
(step, prompt, rewards: a list), or for each step (an export of a W&B history: mean reward and \
share of groups without signal)."""
    rule: str = "grpo"
    """How answers were scored: grpo, dr-grpo, rloo, max-rl."""
    kl_weight: float = 0.0
    """beta of TRL and verl, tau elsewhere."""
    kl_form: str = "k3"
    """k3 (a loss term) or reverse (taken off the reward)."""
    budget: int | None = None
    """Steps of the whole run; without it nothing is called unreachable."""
    pace: float | None = None
    """Log-odds that a score of 1 on average moves; default: fitted to the log."""
    success_at: float | None = None
    """Rewards of at least this are successes; without it they must be 0 or 1."""
    escape_prob: float = 0.5
    """Success probability at which a prompt counts as escaped."""
    confidence: float = 0.95
    """Of every interval."""
    reward_column: str | None = None
    """Column of rewards; default reward, rewards, score or what trainers call it."""
    prompt_column: str | None = None
    """Column of prompts; default prompt, prompt_id, uid."""
    step_column: str | None = None
    """Column of steps; default step, global_step."""
    group_size: int | None = None
    """Answers in a group, where the log does not tell."""
    prompts_per_step: int | None = None
    """Groups in a step, for logs with one row a step."""
    json: bool = False
    """Print everything as JSON."""


def main(arguments: list[str]) -> int:
    """Read the log the arguments name and print verdict, table and notes."""
    options: GroupsOptions = tyro.cli(
        GroupsOptions,
        prog="python -m experiments groups",
        description="What a log of training with groups and verified rewards says: how long the "
        "wait will be, and whether it ends.",
        args=spelt_out(arguments, (GroupsOptions,)),
    )
    settings = GroupSettings(
        rule=options.rule,
        pace=options.pace,
        kl_weight=options.kl_weight,
        kl_form=options.kl_form,
        budget=options.budget,
        escape_prob=options.escape_prob,
        success_at=options.success_at,
        confidence=options.confidence,
    )
    history, notes = read_history(
        read_columns(options.file),
        success_at=options.success_at,
        reward=options.reward_column,
        prompt=options.prompt_column,
        step=options.step_column,
        group_size=options.group_size,
        prompts_per_step=options.prompts_per_step,
    )
    last = int(history.column("step")[-1])
    if options.budget is not None and last > options.budget:
        raise BadInput(
            f"budget={options.budget} must be at least {last}, the last step of the log; name the "
            "column of update steps with --step-column."
        )
    found = judge(history, settings)
    if options.json:
        print(json.dumps(found.as_dict() | {"log": list(notes)}, indent=1, default=str))
        return 0
    print_report(found, notes, options.confidence)
    right, answers = history.column("right"), history.column("answers")
    print(
        f"{len(history):,} groups in {len(set(history.column('step').tolist())):,} steps: "
        f"{(right == 0).mean():.1%} all wrong, {(right == answers).mean():.1%} all right, "
        f"{right.sum() / answers.sum():.2%} of answers right"
    )
    return 0


def print_report(found: GroupReport, notes: tuple[str, ...], confidence: float) -> None:
    """The verdict, the prompts that wait longest, and what the log lacks."""
    print(f"verdict: {found.verdict}\n{found.reason}\n")
    open_prompts = [row for row in found.prompts if row.verdict != "solved" and row.groups > 1]
    open_prompts.sort(key=lambda row: -row.escape[0])
    if open_prompts:
        runs = f"{100 * confidence:.4g} % of runs"
        heads = ("prompt", "verdict", "groups", "success", "steps to escape", runs)
        print("{:>24} {:>11} {:>6} {:>20} {:>26} {:>18}".format(*heads))
    for row in open_prompts[:MOST_ROWS]:
        name = str(row.prompt)
        name = name if len(name) <= WIDTH else name[: WIDTH - 3] + "..."
        low, middle, high = map(number, row.escape)
        ends = " to ".join(map(number, row.range)).replace("infinitely many", "inf")
        wait = f"{middle} ({low} to {high})".replace("infinitely many", "inf")
        print(
            f"{name:>24} {row.verdict:>11} {row.groups:>6,} {span(row.success):>20} {wait:>26} "
            f"{ends:>18}"
        )
    if len(open_prompts) > MOST_ROWS:
        print(f"... and {len(open_prompts) - MOST_ROWS:,} more that are not solved")
    if open_prompts:
        print(f"{COLUMNS}\n")
    for note in (*notes, *found.notes):
        print(f"note: {note}")
