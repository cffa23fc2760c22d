"""What `diagnose` promises of small advantages and of updates: writes docs/diagnosis_power.md."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from agents.diagnosis import Diagnosis, diagnose
from benchmarks.diagnosis.cases import Case, bandits, levels, small_gaps
from benchmarks.harness import Result
from gw_envs.files import write_atomically

TITLE = "how often `no_better_action` misses more than it states; predictions against real updates"
PAGE = Path(__file__).parents[2] / "docs" / "diagnosis_power.md"
SEEDS = (0, 1000)  # the first was used while the procedure was made, the second was not
SMALL_STEPS = 2_000
WELL_STEPS = 20_000
MOST_UPDATES = 20_000  # of a prediction that is held against real updates
TAKEN = 0.1


def run() -> list[Result]:
    """Both figures at each seed."""
    results = [result for seed in SEEDS for result in column(seed)]
    text = page(results)
    write_atomically(PAGE, lambda path: path.write_text(text))
    return results


def column(seed: int) -> list[Result]:
    """The figures at one seed."""
    began = time.monotonic()
    small = [
        (case, judge(case, seed + 100_000 * n, SMALL_STEPS)) for n, case in enumerate(small_gaps())
    ]
    power = power_of(f"seed {seed}: no_better_action beyond its power", small)
    wells = [case for maker in (bandits, levels) for case in maker() if case.label == "well"]
    ratios = [ratio for case in wells for ratio in predictions(case, judge(case, seed, WELL_STEPS))]
    close = 100 * sum(0.5 <= ratio <= 2 for ratio in ratios) / len(ratios)
    ends = f"{len(ratios)} states, {min(ratios):.2f} to {max(ratios):.2f}"
    seconds = time.monotonic() - began
    return [
        power,
        Result(f"seed {seed}: predicted within a factor 2", close, 90, "%", ends),
        Result(f"seed {seed}: time", seconds, None, "s", f"{len(small) + len(wells)} diagnoses"),
    ]


def power_of(what: str, small: Sequence[tuple[Case, Diagnosis]]) -> Result:
    """The share of `no_better_action` whose truth exceeds `smallest_visible`."""
    quiet = [(c, d) for c, d in small if d.verdict == "no_better_action"]
    missed = sum((c.advantage or 0.0) > d.smallest_visible for c, d in quiet)
    share = 100 * missed / len(quiet) if quiet else None
    detail = f"{missed} of {len(quiet)}, in {len(small)} diagnoses"
    return Result(what, share, 5, "%", detail, at_most=True)


def judge(case: Case, seed: int, max_steps: int) -> Diagnosis:
    """What `diagnose` says of a case."""
    return diagnose(
        case.policy,
        case.make_env,
        discount=case.discount,
        max_steps=max_steps,
        num_states=6,
        seed=seed,
    )


def predictions(case: Case, found: Diagnosis) -> list[float]:
    """Predicted over made updates until pi(a*|s) > 0.1, where few enough are predicted."""
    best: dict[int, tuple[int, float]] = {}
    for route in found.routes:
        if route.updates is not None and route.hold == 1 and route.is_rare:
            best.setdefault(int(route.state), (route.action, route.updates))
    best = {state: route for state, route in best.items() if 0 < route[1] <= MOST_UPDATES}
    return updates_over_made(case, found.learning_rate, best) if best else []


def updates_over_made(
    case: Case, learning_rate: float, best: dict[int, tuple[int, float]]
) -> list[float]:
    """The ratios, by a `SoftmaxPG` that trains from this policy, all states at once; 0 for late."""
    from agents.diagnosis.actors import as_actor
    from agents.softmax_pg import SoftmaxPG
    from gw_envs.well_env import WellEnv

    env = case.make_env().unwrapped
    assert isinstance(env, WellEnv)
    policy = as_actor(case.policy, env).probabilities(list(range(env.num_states)))
    # a rate that is a function makes the agent do every update, without its engine
    agent = SoftmaxPG(
        case.env_id, case.env_kwargs, learning_rate=lambda n: learning_rate, policy=policy
    )
    waiting, ratios = dict(best), []
    while waiting and agent.updates < 4 * MOST_UPDATES:
        agent.learn(agent.updates + 1, record_at=())
        now = agent.policy[0]
        for state, (action, updates) in list(waiting.items()):
            if now[state, action] > TAKEN:
                ratios.append(updates / agent.updates)
                del waiting[state]
    return ratios + [0.0] * len(waiting)


def page(results: Sequence[Result]) -> str:
    """docs/diagnosis_power.md."""
    lines = [
        "# What the diagnosis misses, and when it says the action will be taken",
        "",
        "Written by `python -m benchmarks diagnosis-power`, at two seeds: the first was used while",
        "the procedure was made, the second was not.",
        "",
        "- *Beyond its power*: bandits in a corner with 0/1 rewards, and noiseless ASR levels, "
        "gaps",
        f"  of 0.01 to 0.2, a budget of {SMALL_STEPS:,} steps. Of the `no_better_action` verdicts,",
        "  the share whose best action is truly better than the `smallest_visible` they state.",
        "- *Predicted*: the updates to pi > 0.1 by `diagnose`, over those that `SoftmaxPG` makes",
        f"  from that policy, every one of them, where at most {MOST_UPDATES:,} are predicted.",
        "",
        "| figure | value | target | verdict | of |",
        "|---|---|---|---|---|",
    ]
    for r in results:
        cells = [r.what, r.value_text, r.target_text, r.verdict, r.detail]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
