"""Every smooth exact rule through one engine: how long an answer takes, and against iteration."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from benchmarks.harness import Contender, Result, per_unit, race

TITLE = "escape times of every smooth rule (K=6, corner at pi_1 = 1e-9) and of ASRWell-v0, jumped"
NOTE = """A ratio is the time of T updates made one by one over that of the answer: T the answer, an
update timed on some thousand of them in the same rounds."""
REWARDS, RATE = (0.7, 0.5, 0.5, 0.5, 0.5, 0.5), 0.4
DEPTH, ROUNDS, SHARE = 1e-9, 3, 2_000
AGAINST = ("softmax-pg", "delightful-pg", "entropy-pg", "natural-pg")
WELL = {"discount": 0.9}


def smooth_rules() -> list[str]:
    """The exact rules whose updates can be jumped over, at their defaults."""
    from agents.updates import exact_rules, make_rule

    return [name for name in exact_rules() if make_rule(name).is_smooth]


def start(name: str) -> Any:
    """The rule's parameters in the corner."""
    from agents.updates import make_rule

    policy = np.full(len(REWARDS), DEPTH)
    policy[1] = 1 - DEPTH * (len(REWARDS) - 1)
    return make_rule(name).theta_from_policy(policy)


def answer(name: str) -> Any:
    """The escape of a rule."""
    from agents.simulation import solve_escape_time

    return solve_escape_time(REWARDS, start(name), RATE, update=name)


def every_rule() -> list[Result]:
    """The slowest answer, and how many come within half a second."""
    found, spent = {}, {}
    for name in ("natural-pg", "softmax-pg"):
        answer(name)  # what is loaded and compiled once
    for name in smooth_rules():
        begin = time.process_time()
        found[name] = answer(name)
        spent[name] = time.process_time() - begin
    slow = sorted(spent, key=lambda name: -spent[name])
    worst = ", ".join(f"{name} {spent[name]:.2g} s" for name in slow[:4])
    quick = sum(s <= 0.5 for s in spent.values())
    errors = {n: a.relative_error for n, a in found.items() if not (a.censored or a.is_exact)}
    far = max(errors, key=lambda name: errors[name], default="none")
    open_ = ", ".join(name for name, a in found.items() if a.censored) or "none"
    exact = sum(bool(a.is_exact) for a in found.values())
    return [
        Result("rules answered within .5 s", quick, len(spent), "", f"slowest: {worst}"),
        Result(
            "largest relative error where it is no exact integer", errors.get(far, 0.0), 1e-9, "",
            f"{far}; {exact} of {len(found)} exact integers; not answered: {open_}", at_most=True,
        ),
    ]  # fmt: skip


def against_iteration() -> list[Result]:
    """The engine over updates made one by one, rule by rule."""
    from agents.simulation import simulate

    results = []
    for name in AGAINST:
        steps = answer(name).steps
        updates = int(min(SHARE, steps))

        def iterate(name: str = name, updates: int = updates) -> object:
            return simulate(
                REWARDS, start(name), name, learning_rate=RATE, max_updates=updates,
                stop_at_escape=False, on_precision="warn", num_threads=1,
            )  # fmt: skip

        seconds = race(
            Contender("engine", lambda name=name: answer(name)),
            Contender("one by one", iterate, updates),
            rounds=ROUNDS,
        )
        pairs = zip(seconds["engine"], seconds["one by one"], strict=True)
        ratio = statistics.median(steps * one / engine for engine, one in pairs)
        detail = f"T = {steps:.6g}; {per_unit(seconds, 'answer', 'engine')}"
        detail += f", {per_unit(seconds, 'update', 'one by one')}"
        results.append(Result(f"{name}: updates one by one / engine", ratio, detail=detail))
    return results


def several_states() -> list[Result]:
    """ASRWell-v0 at discount .9, every state from 1e-7, with its history."""
    from agents.jumping_pg import JumpingPG
    from agents.policies import Start
    from agents.softmax_pg import SoftmaxPG

    begin = Start("uniform_suboptimal", 1e-7)
    seen: list[Any] = []

    def jump() -> None:
        agent = JumpingPG("ASRWell-v0", dict(WELL), learning_rate=RATE, initial_policy=begin)
        agent.learn()
        seen.append(agent.escape)

    def iterate() -> None:
        agent = SoftmaxPG("ASRWell-v0", dict(WELL), learning_rate=RATE, initial_policy=begin)
        agent.learn(SHARE, record_at=[])

    seconds = race(
        Contender("engine", jump), Contender("one by one", iterate, SHARE), rounds=ROUNDS
    )
    last = float(np.nanmax(seen[-1].steps))
    pairs = zip(seconds["engine"], seconds["one by one"], strict=True)
    ratio = statistics.median(last * one / engine for engine, one in pairs)
    known = zip(seen[-1].steps, seen[-1].relative_error, strict=True)
    times = ", ".join(f"{t:.8g} (error {e * t:.1g})" for t, e in known)
    detail = f"T = {times}; {per_unit(seconds, 'answer', 'engine')}"
    detail += f", {per_unit(seconds, 'update', 'one by one')}"
    spent = statistics.median(seconds["engine"])
    return [
        Result("ASRWell-v0, discount .9, from 1e-7", spent, 3.0, "s", detail, at_most=True),
        Result("ASRWell-v0: updates one by one / engine", ratio, detail=detail),
    ]


def deep_softmax() -> Result:
    """softmax-pg's compiled jumps on a plateau of 3e15 updates."""
    from agents.simulation import solve_escape_time

    policy = np.array([2.8e-4] + [(1 - 2.8e-4) / 5] * 5)
    rewards, theta = np.linspace(1, 0.5, 6), np.log(policy)
    seconds = race(Contender("call", lambda: solve_escape_time(rewards, theta, 0.5)))
    spent = 1e3 * statistics.median(seconds["call"])
    return Result("softmax-pg, T = 3e15", spent, 5, "ms", at_most=True)


def run() -> list[Result]:
    """Times, errors and ratios."""
    return [*every_rule(), *against_iteration(), deep_softmax(), *several_states()]
