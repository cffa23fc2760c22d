"""`diagnose` on policies of known truth: writes docs/diagnosis_benchmark.md."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from agents.diagnosis import Diagnosis, diagnose
from agents.diagnosis.verdicts import VERDICTS
from benchmarks.diagnosis.cases import Case, all_cases
from benchmarks.harness import Result
from gw_envs.files import write_atomically

TITLE = "verdicts of `diagnose` on labelled policies, and its predicted updates to escape"
PAGE = Path(__file__).parents[2] / "docs" / "diagnosis_benchmark.md"
MAX_STEPS = 500_000


def run() -> list[Result]:
    """Share of right verdicts, of false wells, and of predictions within a factor 2."""
    began = time.monotonic()
    rows = []
    for case in all_cases():
        found = diagnose(
            case.policy, case.make_env, discount=case.discount, max_steps=MAX_STEPS, num_states=6
        )
        mark = "" if found.verdict == case.label else "  <- WRONG"
        print(f"  {case.name}: {case.label} / {found.verdict} ({found.seconds:.1f} s){mark}")
        rows.append((case, found))
    ratios = [ratio for case, found in rows for ratio in predictions(case, found)]
    results = figures(rows, ratios, time.monotonic() - began)
    write_atomically(PAGE, lambda path: path.write_text(page(rows, results)))
    return results


def figures(
    rows: list[tuple[Case, Diagnosis]], ratios: list[float], seconds: float
) -> list[Result]:
    """What the benchmark must show."""
    known = [(c, d) for c, d in rows if c.label in ("well", "no_better_action")]
    right = sum(case.label == found.verdict for case, found in known) / len(known)
    fine = [d for c, d in rows if c.label == "no_better_action"]
    false = sum(d.verdict == "well" for d in fine) / len(fine)
    others = [(c, d) for c, d in rows if c.label not in ("well", "no_better_action")]
    rest = sum(c.label == d.verdict for c, d in others) / len(others)
    close = sum(0.5 <= ratio <= 2 for ratio in ratios) / len(ratios)
    return [
        Result("right on well against no better action", 100 * right, 95, "%", f"{len(known)}"),
        Result("false wells at the optimum", 100 * false, 5, "%", f"{len(fine)}", at_most=True),
        Result("right on the other verdicts", 100 * rest, 95, "%", f"{len(others)}"),
        Result("predicted within a factor 2", 100 * close, 90, "%", f"{len(ratios)} states"),
        Result("time", seconds, None, "s", f"{len(rows)} policies, wall clock"),
    ]


def predictions(case: Case, found: Diagnosis) -> list[float]:
    """Predicted over true updates until pi(a*|s) > 0.1, for our wells under exact gradients."""
    if case.env_id not in ("SoftmaxWell-v0", "ASRWell-v0") or case.label != "well":
        return []
    best: dict[str, float] = {}
    for route in found.routes:
        if route.updates is not None and route.hold == 1 and route.is_rare:
            best.setdefault(route.state, route.updates)
    env = case.make_env().unwrapped
    ratios = []
    for state, updates in best.items():
        true = true_updates(case, env, int(state), found.learning_rate)
        ratios.append(updates / true)
    return ratios


def true_updates(case: Case, env: object, state: int, learning_rate: float) -> float:
    """The count from exact rewards and visits, by `agents.simulation.escape_time`."""
    import numpy as np

    from agents.diagnosis.actors import as_actor
    from agents.simulation import escape_time

    pi = as_actor(case.policy, env).probabilities([state])[0]  # type: ignore[arg-type]
    values, weight = env.action_values(  # type: ignore[attr-defined]
        np.broadcast_to(pi, (env.num_states, pi.size)).copy()  # type: ignore[attr-defined]
    )
    rate = learning_rate * float(weight[state, 0])
    rewards = np.clip(values[state], 0, 1)
    return float(escape_time(rewards, np.log(pi), rate, escape_prob=0.1).steps)


def page(rows: list[tuple[Case, Diagnosis]], results: list[Result]) -> str:
    """docs/diagnosis_benchmark.md."""
    counts = Counter((case.label, found.verdict) for case, found in rows)
    lines = [
        "# The diagnosis on policies of known truth",
        "",
        f"Written by `python -m benchmarks diagnosis`: {len(rows)} policies, {MAX_STEPS:,} steps",
        "each. The truth is exact: rewards, value iteration, or construction.",
        "",
        "| truth \\ verdict | " + " | ".join(VERDICTS) + " |",
        "|---|" + "---|" * len(VERDICTS),
    ]
    for label in VERDICTS:
        cells = [str(counts[label, verdict] or "") for verdict in VERDICTS]
        if any(cells):
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    lines += ["", "| figure | value | target | verdict | of |", "|---|---|---|---|---|"]
    for r in results:
        cells = [r.what, r.value_text, r.target_text, r.verdict, r.detail]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Policies judged otherwise than their truth:", ""]
    wrong = [(c, d) for c, d in rows if c.label != d.verdict]
    lines += [f"- {c.name}: {c.label}, judged {d.verdict}. {d.reason}" for c, d in wrong]
    return "\n".join(lines if wrong else [*lines, "none."]) + "\n"
