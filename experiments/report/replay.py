"""Runs made again from their configuration and seed, to see policies that no table keeps."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents import metrics
from experiments.analysis.run_table import RunTable
from experiments.options.config import make_config
from experiments.runs.well import make_agents
from gw_envs.checks import Floats

MOST_UPDATES = 20_000  # of a run that has to be made update by update


def has_triangle(run: dict[str, Any]) -> bool:
    """Whether a run's policies are points of one triangle: one state, three arms."""
    if run["env_id"] != "SoftmaxWell-v0" or run["agent"] != "softmax-pg":
        return False
    options = json.loads(run["config"])
    return len(options.get("mean_rewards") or range(options["num_actions"])) == 3


@dataclass(frozen=True)
class Replay:
    """A run seen again.

    Attributes:
        mean_rewards: [3].
        updates: log-spaced numbers of updates, [T].
        policies: the policy after each, [T, 3].
    """

    mean_rewards: Floats
    updates: NDArray[np.int64]
    policies: Floats


def replay(run: dict[str, Any]) -> Replay:
    """Make a run again.

    The run is the same to the bit, being fixed by its options and seed. Where every update has to
    be made, it ends after `MOST_UPDATES`; the exact gradient of softmax-pg jumps to a decade beyond
    its escape.

    Args:
        run: a row of the table `runs`.
    """
    options = json.loads(run["config"])
    jumps = (
        run["gradient"] == "exact"
        and options["update"] == "softmax-pg"
        and options["learning_rate_power"] == 0
    )
    options |= {
        "gradient": run["gradient"],
        "seed": run["seed"],
        "num_seeds": 1,
        "resume": None,
        "until_escape": jumps,
        "max_updates": max(1, min(options["max_updates"], MOST_UPDATES)),
    }
    config = make_config(**options)
    (agent,) = make_agents(config)
    records = agent.learn(None if jumps else config.run.max_updates)
    return Replay(
        agent.well.mean_rewards,
        np.array([record.update for record in records]),
        np.array([record.policy[0, 0] for record in records]),
    )


def triangle_runs(runs: RunTable, most: int) -> list[dict[str, Any]]:
    """Up to `most` runs of one three-armed problem, the methods taking turns.

    It is the problem with most methods; among such, the one with most runs, then the deepest. Of a
    method, runs that escaped from the well come first.
    """
    columns = runs.columns
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    problem_names, method_names = runs.problem_options(), runs.method_options()
    problems: dict[Any, dict[Any, list[dict[str, Any]]]] = {}
    for row in rows:
        if has_triangle(row):
            problem = tuple(row[name] for name in problem_names)
            method = tuple(row[name] for name in method_names)
            problems.setdefault(problem, {}).setdefault(method, []).append(row)
    if not problems:
        return []
    queues = [
        sorted(queue, key=lambda row: not row[metrics.ESCAPE_TIME])
        for queue in max(problems.values(), key=partial(_worth, most=most)).values()
    ]
    turns = itertools.zip_longest(*queues)
    return [row for turn in turns for row in turn if row is not None][:most]


def _worth(methods: dict[Any, list[dict[str, Any]]], most: int) -> tuple[int, int, float]:
    """What a problem is chosen by: methods, runs that can be shown, depth."""
    shown = min(most, sum(map(len, methods.values())))
    first = next(iter(methods.values()))[0]
    return len(methods), shown, -(first["optimal_prob"] or 1.0)
