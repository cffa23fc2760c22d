"""Sixty logs of real group training in six situations; the label is what is known exactly.

| label | what is known |
|---|---|
| waiting | median wait of three prompts in four, by training on 25 times, at most half of what \
is left |
| unreachable | median wait of three prompts in four at least three times what is left |
| learning | mean success probability between .15 and .85, and higher by .1 than 50 steps ago |
| solved | every prompt above .97 |
| collapsed | nothing right, entropy below .005 nats because something else was paid |
| held | KL weight 1.5 times the critical one of the exact iteration, at rest below the edge |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.diagnosis.groups import GroupMonitor, GroupSettings
from benchmarks.groups.training import ANSWERS, Tables, escape_times, start_logits, watched

LABELS = ("waiting", "unreachable", "learning", "solved", "collapsed", "held")
RULES = ("grpo", "dr-grpo", "rloo", "max-rl")
PROMPTS = 16
EDGE = 0.5


@dataclass(frozen=True)
class Log:
    """A log with its label, seen by a monitor that was told no more than a trainer knows."""

    label: str
    monitor: GroupMonitor
    what: str


def make_log(label: str, number: int) -> Log:
    """The log of this label and number: rule, group size and start differ from log to log."""
    rng = np.random.default_rng([LABELS.index(label), number])
    rule, size = RULES[number % 4], int(rng.choice([8, 16, 32]))
    return _MAKERS[label](rule, size, rng)


def _tables(rule: str, size: int, rng: Any, prob: Any, **more: Any) -> Tables:
    # so large a step that one success among G moves the log-odds by about .4
    gain = {"grpo": np.sqrt(size - 1) / size, "dr-grpo": 1 / size, "rloo": 1 / size, "max-rl": 1.0}
    return Tables(start_logits(prob, PROMPTS), rule, size, 0.4 / gain[rule], rng, **more)


def _pace(tables: Tables) -> float:
    """What the configuration of a table says: eta K/(K-1)."""
    return tables.eta * ANSWERS / (ANSWERS - 1)


def _begun(rule: str, size: int, rng: Any) -> tuple[Tables, int]:
    """Tables deep in a well, and a log's length: a quarter of the median wait from there."""
    start, wait = 10 ** rng.uniform(-3.3, -2.3), 0.0
    while wait < 100:
        tables = _tables(rule, size, rng, start)
        start, wait = start / 2, float(np.median(_medians(tables)))
    return tables, int(wait / 4)


def _medians(tables: Tables, trainings: int = 25) -> Any:
    """The exact median wait of every prompt from where it stands, by training on in copies."""
    copies = replace(tables, theta=np.repeat(tables.theta, trainings, axis=0))
    copies.rng = np.random.default_rng(tables.rng.integers(2**32))
    return np.median(escape_times(copies, EDGE, 10**6).reshape(-1, trainings), axis=1)


def _waiting(rule: str, size: int, rng: Any) -> Log:
    return _cut(rule, size, rng, "waiting")


def _unreachable(rule: str, size: int, rng: Any) -> Log:
    return _cut(rule, size, rng, "unreachable")


def _cut(rule: str, size: int, rng: Any, label: str) -> Log:
    """A log from a well, with a budget that is surely long enough or too short for most prompts."""
    tables, steps = _begun(rule, size, rng)
    monitor = watched(tables, steps, GroupSettings(rule=rule, pace=_pace(tables)))[0]
    short, long = np.quantile(_medians(tables), [0.25, 0.75])
    left = long * rng.uniform(2, 6) if label == "waiting" else short / rng.uniform(3, 10)
    monitor.settings = replace(monitor.settings, budget=steps + max(1, int(left)))
    return Log(label, monitor, f"medians {short:.0f} to {long:.0f}, {left:.0f} steps left")


def _learning(rule: str, size: int, rng: Any) -> Log:
    tables = _tables(rule, size, rng, np.exp(rng.uniform(np.log(0.01), np.log(0.1), PROMPTS)))
    monitor, now = GroupMonitor(10**9, GroupSettings(rule=rule, budget=10**5)), 0.0
    goal = rng.uniform(0.25, 0.75)
    while now < goal:
        monitor.update(tables.step())
        now = float(tables.policy()[:, 0].mean())
    return Log("learning", monitor, f"at {now:.2f}")


def _solved(rule: str, size: int, rng: Any) -> Log:
    tables = _tables(rule, size, rng, rng.uniform(0.05, 0.3, PROMPTS))
    monitor = GroupMonitor(10**9, GroupSettings(rule=rule, budget=10**6))
    extra = 0
    while extra < 40:
        monitor.update(tables.step())
        extra += int(tables.policy()[:, 0].min() > 0.97)
    return Log("solved", monitor, "all above .97")


def _collapsed(rule: str, size: int, rng: Any) -> Log:
    # training is paid for an answer that the verifier rejects: a format, a length
    start = 10 ** rng.uniform(-5, -4)
    bonus = np.zeros(ANSWERS)
    bonus[int(rng.integers(1, ANSWERS))] = 1.0
    tables = _tables(rule, size, rng, start, bonus=bonus)
    monitor = GroupMonitor(10**9, GroupSettings(rule=rule, budget=10**5))
    while tables.entropy() > 0.005:
        monitor.update(tables.step(), entropy=tables.entropy())
    for _ in range(int(rng.integers(100, 300))):
        monitor.update(tables.step(), entropy=tables.entropy())
    return Log("collapsed", monitor, f"entropy {tables.entropy():.1e}")


def _held(rule: str, size: int, rng: Any) -> Log:
    form = str(rng.choice(["k3", "reverse"]))
    start = float(rng.uniform(0.02, 0.06))
    tables = _tables(rule, size, rng, start, kl_form=form)
    tables.eta /= 8
    tables.kl_weight = 1.5 * exact_critical_weight(rule, size, start, form)
    settings = GroupSettings(rule=rule, kl_weight=tables.kl_weight, kl_form=form, budget=10**5)
    steps = int(rng.integers(400, 600))
    return Log("held", watched(tables, steps, settings)[0], f"{form} {tables.kl_weight:.3g}")


_MAKERS = {
    "waiting": _waiting,
    "unreachable": _unreachable,
    "learning": _learning,
    "solved": _solved,
    "collapsed": _collapsed,
    "held": _held,
}


def exact_critical_weight(rule: str, size: int, start: float, form: str) -> float:
    """The least KL weight that holds the expected update below the edge, by bisection.

    The expected update is iterated from the start: groups summed by their number of successes,
    the KL terms of `Tables`. Nothing of the monitor's formula is used.
    """
    from scipy.stats import binom

    from benchmarks.groups.training import rule_named

    m = np.arange(size + 1)
    groups = (np.arange(size) < m[:, None]).astype(np.float64)
    scores = np.nan_to_num(rule_named(rule, size).score(groups)) / size
    won, total = (scores * groups).sum(axis=1), scores.sum(axis=1)

    def escapes(tau: float) -> bool:
        z = z0 = np.log(start / (1 - start))
        for _ in range(1500):
            x = 1 / (1 + np.exp(-z))
            move = float(binom.pmf(m, size, x) @ (won - x * total))  # of the right logit
            move -= tau * (x - start if form == "k3" else x * (1 - x) * (z - z0))
            z += 2 * move
            if x > EDGE:
                return True
            if move <= 0:
                return False
        return False

    low, high = 1e-4, 50.0
    while high / low > 1.01:
        middle = np.sqrt(low * high)
        low, high = (middle, high) if escapes(middle) else (low, middle)
    return float(high)
