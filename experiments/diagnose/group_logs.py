"""Logs of group training, read after the fact: one answer, one group or one step a row."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from agents import metrics
from agents.diagnosis.groups import GroupHistory
from gw_envs.checks import BadInput, check_int, check_unused, shown

ENDINGS = (".parquet", ".jsonl", ".json", ".csv")
STEPS = ("step", "global_step", "train/global_step", "_step")
PROMPTS = ("prompt", "prompt_id", "uid", "problem_id", "id")
REWARDS = ("rewards", "reward", "score", "train/reward", "critic/score/mean")
SILENT = ("frac_reward_zero_std", "train/frac_reward_zero_std", metrics.PLATEAU_SILENT)
ENTROPY = ("entropy", "train/entropy", metrics.PLATEAU_ENTROPY, "actor/entropy")
Columns = dict[str, list[Any]]
MOST_RESTARTS = 20  # a log that goes back more often was never in order


def read_columns(path: Path) -> Columns:
    """The columns of a Parquet, JSON lines or CSV file; what a row lacks is None.

    Raises:
        ValueError: for a file that is missing, empty, or not what its ending says.
    """
    if path.suffix not in ENDINGS:
        raise BadInput(f"file={str(path)!r} must end in {', '.join(ENDINGS)}.")
    if not path.is_file():
        raise BadInput(f"file={str(path)!r} does not exist, or is no file.")
    try:
        rows = _rows(path)
    except (OSError, ValueError, csv.Error) as error:
        text = " ".join(str(error).split())[:150]
        raise BadInput(f"file={str(path)!r} cannot be read as {path.suffix}: {text}.") from None
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"file={str(path)!r} must hold rows with named columns; it holds none.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as parquet

        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return found
    with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a mark
        if path.suffix == ".csv":
            return list(csv.DictReader(file))
        text = file.read()
    if text.lstrip().startswith("["):
        rows: list[dict[str, Any]] = json.loads(text)
        return rows
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def read_history(
    columns: Columns,
    *,
    success_at: float | None,
    reward: str | None,
    prompt: str | None,
    step: str | None,
    group_size: int | None,
    prompts_per_step: int | None,
) -> tuple[GroupHistory, tuple[str, ...]]:
    """The groups of a log, and sentences on what it does not tell.

    Args:
        columns: of `read_columns`.
        success_at: least reward of a success.
        reward: column of rewards; None: the first of `REWARDS` that is there.
        prompt: column of prompts; None: likewise; without one all groups are of one prompt each.
        step: column of steps; None: likewise.
        group_size: G, where rows are answers of several groups of one prompt, or whole steps.
        prompts_per_step: groups in a step, where rows are whole steps.

    Raises:
        ValueError: naming the column that is missing or holds what cannot be used.
    """
    rewards = columns[_column("reward", columns, reward, REWARDS)]
    steps = _whole(columns, _column("step", columns, step, STEPS))
    name = prompt if prompt is not None else next((n for n in PROMPTS if n in columns), None)
    ids = None if name is None else columns[_column("prompt", columns, name, PROMPTS)]
    order, notes = _one_run(steps, ids)
    history = GroupHistory(success_at)
    silent = next((n for n in SILENT if n in columns), None)
    if silent is not None and not isinstance(rewards[order[0]], list):
        notes += _add_means(
            history, columns, steps, order, rewards, columns[silent], group_size, prompts_per_step
        )
    else:
        reason = "goes with a log that has a row for each step, without the answers"
        check_unused(reason, {"prompts_per_step": prompts_per_step}, {})
        notes += _add_groups(history, steps, order, ids, rewards, group_size)
    told = next((n for n in ENTROPY if n in columns), None)
    if told is not None:
        history.entropy = _entropies(columns[told], told, steps, order)
    if not len(history):
        raise BadInput("the log holds no group: no row with a step has rewards.")
    return history, notes


def _one_run(
    steps: Sequence[int | None], ids: Sequence[Any] | None
) -> tuple[list[int], tuple[str, ...]]:
    """The rows of one run in order of steps, and what was left out.

    A log that is written on goes back where a run was resumed from a checkpoint, begun anew, or
    copied: from there on the later rows count. That they tell of the same groups is seen by their
    prompts; else they may be those of another worker, and nobody can say.

    Raises:
        ValueError: for no row with a step, or a log that goes back with other prompts.
    """
    rows = [i for i, here in enumerate(steps) if here is not None]
    if not rows:
        raise BadInput("the log holds no group: no row has a step.")
    at = [int(steps[i] or 0) for i in rows]
    back = [k for k in range(1, len(at)) if at[k] < at[k - 1]]
    if back and not any(a < b for a, b in pairwise(at)):  # the newest first
        return rows[::-1], ()
    if not back or len(back) > MOST_RESTARTS:
        order = [i for _, i in sorted(zip(at, rows, strict=True))]
        return order, ("Rows were sorted by their steps.",) if back else ()
    kept: list[int] = []
    for begin, end in zip([0, *back], [*back, len(rows)], strict=True):
        segment, first = rows[begin:end], at[begin]
        old = {(steps[i], _name(ids, i)) for i in kept if int(steps[i] or 0) >= first}
        new = {(steps[i], _name(ids, i)) for i in segment}
        shared = {here for here, _ in old} & {here for here, _ in new}
        again = sum(here in shared for here, _ in new)
        if len(old & new) < 0.5 * again:
            raise BadInput(
                f"the log goes back from step {at[begin - 1]} to step {first} with other prompts: "
                "these rows replace earlier ones (a resumed run) or belong beside them (another "
                "worker). Leave out the earlier rows, or sort the log by step."
            )
        kept = [i for i in kept if int(steps[i] or 0) < first] + segment
    return kept, (
        f"The log goes back {len(back)} times (a run resumed, begun anew or written twice): "
        f"{len(rows) - len(kept):,} rows that were written again were left out.",
    )


def _name(ids: Sequence[Any] | None, row: int) -> Any:
    return None if ids is None else _hashable(ids[row])


def _entropies(
    values: Sequence[Any], name: str, steps: Sequence[int | None], order: Sequence[int]
) -> list[tuple[int, float]]:
    """(step, nats) where a log tells them.

    Raises:
        ValueError: for a number below 0, which is no entropy of answers (a loss term, say).
    """
    found: dict[int, float] = {}
    for i in order:
        value = _number(values[i], name, i)
        if value is not None and value < 0:
            raise BadInput(f"{name}={value:g} in row {i} must be an entropy, at least 0 nats.")
        if value is not None and math.isfinite(value):
            found[int(steps[i] or 0)] = value
    return list(found.items())


def _column(what: str, columns: Columns, name: str | None, usual: Sequence[str]) -> str:
    found = name if name is not None else next((n for n in usual if n in columns), None)
    if found not in columns:
        looked = repr(name) if name is not None else f"one of {', '.join(usual)}"
        raise BadInput(
            f"{what}={looked} is no column of the log, which has "
            f"{', '.join(sorted(columns))[:200]}; name the column of {what}s with --{what}-column."
        )
    return str(found)


def _number(value: Any, name: str, row: int) -> float | None:
    """A number, NaN kept; None where there is nothing."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{name}={shown(value)} in row {row} must be a number.") from None


def _whole(columns: Columns, name: str) -> list[int | None]:
    values = [_number(value, name, row) for row, value in enumerate(columns[name])]
    for row, value in enumerate(values):
        if value is not None and (not math.isfinite(value) or value != int(value) or value < 0):
            raise BadInput(f"{name}={value!r} in row {row} must be a whole number of at least 0.")
    return [None if value is None else int(value) for value in values]


def _add_groups(
    history: GroupHistory,
    steps: Sequence[int | None],
    order: Sequence[int],
    ids: Sequence[Any] | None,
    rewards: Sequence[Any],
    group_size: int | None,
) -> tuple[str, ...]:
    """Rows that are groups (a list of rewards) or answers (one reward); what was left out."""
    groups: dict[tuple[int, Any], list[Any]] = {}
    missing: list[int] = []
    for i in order:
        here, value = steps[i], rewards[i]
        assert here is not None
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = _listed(value, i)
        if isinstance(value, list):
            name = f"row {i}" if ids is None else _hashable(ids[i])
            history.add([value], step=here, prompts=[name])
            continue
        if value is None or value == "":
            missing.append(i)
            continue
        if ids is None and group_size is None:
            raise BadInput(
                "the log has a reward in each row and neither prompts nor group_size; give "
                "--prompt-column or --group-size, to tell groups apart."
            )
        key = (here, "all" if ids is None else _hashable(ids[i]))
        groups.setdefault(key, []).append(_number(value, "reward", i))
    _refuse_gaps(groups, missing, steps, ids)
    notes = _leave_incomplete(groups) if group_size is None else ()
    for (here, name), values in groups.items():
        size = len(values) if group_size is None else check_int("group_size", group_size, 2)
        if len(values) % size:
            raise BadInput(
                f"step {here} has {len(values)} answers to prompt {shown(name)}, which are no "
                f"whole groups of {size}."
            )
        rows = [values[j : j + size] for j in range(0, len(values), size)]
        names = [f"{here}.{j}" if ids is None else name for j in range(len(rows))]
        history.add(rows, step=here, prompts=names)
    return notes


def _refuse_gaps(
    groups: Mapping[tuple[int, Any], Any],
    missing: Sequence[int],
    steps: Sequence[int | None],
    ids: Sequence[Any] | None,
) -> None:
    """Refuse answers without a reward: leaving them out would make success look better."""
    known = {here for here, _ in groups}
    for i in missing:
        if (ids is not None and ids[i] not in (None, "")) or (ids is None and steps[i] in known):
            raise BadInput(
                f"row {i} (step {steps[i]}) has no reward: a verifier must give every answer a "
                "verdict; count one that failed as 0, or leave its group out."
            )


def _leave_incomplete(groups: dict[tuple[int, Any], list[Any]]) -> tuple[str, ...]:
    """Leave out groups of the last step that a run cut short has not filled."""
    if not groups:
        return ()
    sizes = Counter(map(len, groups.values()))
    usual = sizes.most_common(1)[0][0]
    last = max(here for here, _ in groups)
    short = [key for key, values in groups.items() if key[0] == last and len(values) < usual]
    if not short or len(short) == len(groups):
        return ()
    for key in short:
        del groups[key]
    return (f"The last step, {last}, is incomplete: {len(short)} groups were left out.",)


def _listed(text: str, row: int) -> list[Any]:
    """The list in a cell of a CSV."""
    try:
        found: list[Any] = json.loads(text)
    except ValueError:
        raise BadInput(
            f"rewards={shown(text)} in row {row} must be a list with commas, as JSON has it."
        ) from None
    return found


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (str, int, float)) else json.dumps(value, default=str)


def _add_means(
    history: GroupHistory,
    columns: Mapping[str, list[Any]],
    steps: Sequence[int | None],
    order: Sequence[int],
    rewards: Sequence[Any],
    silent: Sequence[Any],
    group_size: int | None,
    prompts_per_step: int | None,
) -> tuple[str, ...]:
    """Rows that are steps: only the mean reward and the share of silent groups are known."""
    if group_size is None or prompts_per_step is None:
        raise BadInput(
            "the log has one row a step, with means; give --group-size and --prompts-per-step, "
            "without which a mean says nothing of counts."
        )
    size = check_int("group_size", group_size, 2)
    count = check_int("prompts_per_step", prompts_per_step, 1)
    for i in order:
        mean, quiet = _number(rewards[i], "reward", i), _number(silent[i], "silent", i)
        if mean is None or quiet is None:
            continue
        if not (0 <= mean <= 1 and 0 <= quiet <= 1):
            raise BadInput(
                f"row {i} has a mean reward of {mean:g} and {quiet:g} of groups silent; both must "
                "lie in [0, 1]: means tell successes only where rewards are 0 or 1."
            )
        here = steps[i]
        assert here is not None
        for j, right in enumerate(counts_of_means(mean, quiet, size, count)):
            history.add_counts(here, f"{here}.{j}", size, right)
    return (
        "The log has one row a step: nothing is known of single prompts, and of silent groups only "
        "about how many were all wrong or all right.",
    )


def counts_of_means(mean: float, silent: float, size: int, count: int) -> list[int]:
    """Successes of each group of a step that fit a mean reward and a share of silent groups.

    All-right groups are as many as fit best in the middle of what is possible.
    """
    wins, mixed = round(mean * size * count), round((1 - silent) * count)
    low = max(0, math.ceil((wins - mixed * (size - 1)) / size))
    high = min(count - mixed, (wins - mixed) // size)
    right = max(0, (low + high) // 2) if high >= low else max(0, min(count - mixed, low))
    rest = min(max(wins - right * size, mixed), mixed * (size - 1))
    share = [rest // mixed + (j < rest % mixed) for j in range(mixed)] if mixed else []
    return [size] * right + share + [0] * (count - mixed - right)
