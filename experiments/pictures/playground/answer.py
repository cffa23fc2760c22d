"""What the engine says of a setting: the escape, its bounds and law, exact and sampled curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.simulation import jump_history, simulate, solve_escape_time
from agents.updates import make_rule
from experiments.pictures.playground.setting import Setting
from gw_envs import theory
from gw_envs.checks import BadInput, Floats

WORK = 40_000  # evaluations of a rule's map, a few seconds, before the page says that it gave up
SAMPLED_RUNS = 20
SAMPLED_BUDGET = 20_000
LONGEST_CURVE = 1e15


@dataclass(frozen=True)
class Answer:
    """How long the well holds a setting's policy, under exact gradients.

    Attributes:
        steps: updates until the policy is outside; NaN where none was found.
        text: the same in words.
        lower: no run can leave before; NaN where nothing is known.
        upper: every run has left by then; NaN where nothing is known.
        law: the time that the law of unequal rewards gives; NaN where its conditions fail.
    """

    steps: float
    text: str
    lower: float
    upper: float
    law: float


@dataclass(frozen=True)
class Curve:
    """A run: updates [N], pi(a*) [N], policy [N, 3], sub-optimality [N]."""

    updates: Floats
    optimal_prob: Floats
    policy: Floats
    suboptimality: Floats


def _theta(setting: Setting) -> Floats:
    return make_rule(setting.update).theta_from_policy(np.array(setting.policy))


def answer(setting: Setting) -> Answer:
    """The escape of a setting; `LOWEST_PROB` deep in milliseconds for softmax-pg."""
    found = solve_escape_time(
        setting.rewards,
        _theta(setting),
        setting.learning_rate,
        max_direct_updates=WORK,
        update=setting.update,
    )
    steps = float(found.steps)
    if steps == 0:
        text = "outside the well from the start"
    elif math.isnan(steps):
        text = f"no escape found: still inside after {found.updates:,.0f} updates"
    elif found.is_exact:
        text = f"{steps:,.0f} updates, exactly"
    else:
        text = f"{steps:.6g} updates, to {found.relative_error:.1g}"
    lower, upper, law = _theory(setting)
    return Answer(steps, text, lower, upper, law)


def _theory(setting: Setting) -> tuple[float, float, float]:
    """Bounds and law, which are those of softmax-pg; NaN where they do not speak."""
    nothing = (math.nan, math.nan, math.nan)
    if setting.update != "softmax-pg":
        return nothing
    x0, rewards, eta = setting.optimal_prob, np.array(setting.rewards), setting.learning_rate
    gap = float(theory.best_arm_and_gap(rewards)[1])
    others = [arm for arm in range(3) if arm != setting.best]
    lower, upper, law = nothing
    if rewards[others[0]] == rewards[others[1]]:
        alike = setting.policy[others[0]] == setting.policy[others[1]]
        lower, upper = theory.escape_bounds(x0, gap, eta, 3, alike=alike)
    else:
        lower = theory.reward_escape_bound(setting.policy, rewards, eta)
        try:
            law = theory.escape_law(setting.policy, rewards, eta).escape_time
        except BadInput:  # its conditions, which the sentence names, do not hold here
            law = math.nan
    return float(lower), float(upper), float(law)


def exact_curve(setting: Setting, steps: float) -> Curve:
    """The exact run, from the start to ten times the escape, on a log axis of updates."""
    end = min(10 * steps, LONGEST_CURVE) if steps > 0 else 1_000.0
    found = jump_history(
        setting.rewards,
        _theta(setting),
        setting.learning_rate,
        max(end, 10.0),
        max_direct_updates=WORK,
        update=setting.update,
    )
    return Curve(found.updates, found.policy[:, setting.best], found.policy, found.suboptimality)


def sampled_curves(setting: Setting, seed: int = 0) -> list[Curve]:
    """Twenty runs of REINFORCE with 0/1 rewards and the value baseline, 20,000 updates at most."""
    runs: Any = simulate(
        setting.rewards,
        np.tile(np.log(setting.policy), (SAMPLED_RUNS, 1)),
        learning_rate=setting.learning_rate,
        max_updates=SAMPLED_BUDGET,
        gradient="sampled",
        baseline="value",
        reward_noise="bernoulli",
        stop_at_escape=False,
        history=60,
        seed=seed,
    )
    gaps = max(setting.rewards) - np.array(setting.rewards)
    updates, policies = runs.history.updates, np.exp(runs.history.log_policy)
    return [
        Curve(updates, policies[:, run, setting.best], policies[:, run], policies[:, run] @ gaps)
        for run in range(SAMPLED_RUNS)
    ]
