"""What the group monitor predicts and says, held against real group training of softmax tables."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from agents.diagnosis.groups import GroupMonitor, GroupSettings, GroupWait
from benchmarks.groups.labelled import LABELS, RULES, make_log
from benchmarks.groups.training import ANSWERS, Tables, escape_times, start_logits
from benchmarks.harness import Result

TITLE = "Predicted waits, intervals and verdicts of the group monitor against real training"
NOTE = (
    "Softmax tables of 8 answers, one a prompt; 60 settings of start, group size and rule; 200 "
    "seeds; 60 logs in six situations."
)
STARTS, SIZES = (1e-4, 1e-3, 1e-2, 0.1, 0.3), (2, 8, 64)
TRAININGS, SEEDS, LOGS = 200, 200, 10
PER_SUCCESS = 0.4  # log-odds that the first success among G moves


def settings_of_study() -> list[tuple[str, int, float]]:
    """(rule, group size, start): sixty."""
    return [(rule, size, x0) for rule in RULES for size in SIZES for x0 in STARTS]


def learning_rate(rule: str, size: int, step: float = PER_SUCCESS) -> float:
    """eta with which one success among G moves the log-odds by `step`, K answers."""
    won = {"grpo": np.sqrt(size - 1) / size, "dr-grpo": (size - 1) / size**2, "rloo": 1 / size}
    return step * (ANSWERS - 1) / ANSWERS / won.get(rule, 1.0)


def known_start(rule: str, size: int, x0: float, trainings: int, seed: int) -> tuple[float, float]:
    """Of trainings from a known start at a known pace: what was predicted, held against them.

    Returns:
        The predicted median of the groups to escape over the measured one, and the share of
        trainings inside the 95 % range, whose ends are rounded to whole groups.
    """
    eta = learning_rate(rule, size)
    rng = np.random.default_rng([seed, size, RULES.index(rule), int(1e6 * x0)])
    times = escape_times(Tables(start_logits(x0, trainings), rule, size, eta, rng), 0.5, 10**6)
    wait = GroupWait(rule, size, eta * ANSWERS / (ANSWERS - 1))
    low, high = np.floor(wait.quantile(0.025, x0)), np.ceil(wait.quantile(0.975, x0))
    ratio = float(wait.quantile(0.5, x0)) / float(np.median(times))
    return ratio, float(np.mean((low <= times) & (times <= high)))


def coverage(rule: str, seed: int, prompts: int = 16, size: int = 8) -> tuple[int, int, int, int]:
    """Of a run: prompts waiting, their success intervals that hold, their ranges, all of both.

    The monitor sees 100 steps, fits the pace, and gives ranges; then training goes on. Starts are
    between .003 and .1.
    """
    rng = np.random.default_rng([seed, RULES.index(rule)])
    tables = Tables(
        start_logits(10 ** rng.uniform(-2.5, -1, prompts), prompts),
        rule,
        size,
        learning_rate(rule, size),
        rng,
    )
    monitor = GroupMonitor(10**9, GroupSettings(rule=rule))
    exact = []
    for _ in range(100):
        exact.append(tables.policy()[:, 0])
        monitor.update(tables.step())
    report = monitor.report()
    now = tables.policy()[:, 0]
    held = [
        found.success[0] <= np.mean([row[i] for row in exact[-(found.answers // size) :]])
        and np.mean([row[i] for row in exact[-(found.answers // size) :]]) <= found.success[1]
        for i, found in enumerate(report.prompts)
    ]
    live = now < 0.5
    tables.theta = tables.theta[live]
    times = escape_times(tables, 0.5, 10**5)
    spans = [found.range for found, is_live in zip(report.prompts, live, strict=True) if is_live]
    inside = [low <= t <= high for (low, high), t in zip(spans, times, strict=True)]
    return len(held), sum(map(bool, held)), len(inside), sum(inside)


def count_right(logs: int) -> tuple[int, Counter[tuple[str, str]]]:
    """Right verdicts among `logs` logs of each label, and (label, verdict) of the others."""
    wrong: Counter[tuple[str, str]] = Counter()
    for label in LABELS:
        for number in range(logs):
            verdict = make_log(label, number).monitor.report().verdict
            wrong[(label, verdict)] += verdict != label
    return len(LABELS) * logs - wrong.total(), +wrong


def step_cost(prompts: int = 32, size: int = 8, steps: int = 300) -> float:
    """CPU seconds a step of the monitor, a full report every 100 steps included."""
    tables = Tables(
        start_logits(0.01, prompts),
        "grpo",
        size,
        learning_rate("grpo", size),
        np.random.default_rng(0),
    )
    rewards = [tables.step() for _ in range(steps)]
    monitor = GroupMonitor()
    monitor.update(rewards[0])
    monitor.report()  # loads scipy
    begin = time.process_time()
    for row in rewards:
        monitor.update(row)
    return (time.process_time() - begin) / steps


def run() -> list[Result]:
    """All of it: about half a minute."""
    print("60 settings, 200 seeds, 60 logs: about half a minute", flush=True)
    found = [known_start(*case, TRAININGS, 0) for case in settings_of_study()]
    ratios, shares = np.array(found).T
    good = np.maximum(ratios, 1 / ratios) <= 1.5
    runs = np.array([coverage(RULES[seed % 4], seed) for seed in range(SEEDS)]).sum(axis=0)
    right, wrong = count_right(LOGS)
    missed = ", ".join(f"{a} called {b} {n}" for (a, b), n in wrong.items()) or "none wrong"
    spread = f"ratio {ratios.min():.2f} to {ratios.max():.2f}, median {np.median(ratios):.2f}"
    cost = 1e3 * step_cost()
    return [
        Result("median escape within a factor of 1.5", 100 * good.mean(), 90, "%", spread),
        Result(
            "95 % ranges from a known start",
            100 * shares.mean(),
            95,
            "%",
            f"{shares.min():.1%} to {shares.max():.1%} of {TRAININGS} trainings",
        ),
        Result(
            "95 % intervals of success that hold", 100 * runs[1] / runs[0], 95, "%", f"{runs[0]:,}"
        ),
        Result(
            "95 % ranges from a log alone that hold",
            100 * runs[3] / runs[2],
            95,
            "%",
            f"{runs[2]:,}",
        ),
        Result("verdicts that are right", 100 * right / (6 * LOGS), 95, "%", missed),
        Result("monitor, a step of 32 groups of 8", cost, 1.0, "ms", "CPU time", at_most=True),
    ]
