"""What theory expects of a run in a well: bounds of an exact one, the law of sampled ones.

Chosen by what the run is: its environment, rule, baseline, noise and start. Where no law covers it,
a sentence says so, and nothing is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.policies import softmax
from agents.updates import RULES
from experiments.options.config import RunConfig
from experiments.runs.flow_law import flow_escape_time, moves_logits
from gw_envs.checks import BadInput, Floats
from gw_envs.registration import make_well
from gw_envs.theory import (
    best_arm_and_gap,
    escape_bounds,
    escape_law,
    group_escape_law,
    noisy_wrong_arms_law,
    sampled_escape_law,
)
from gw_envs.theory.groups import GROUP_RULES

DEALT = tuple(rule for rule in GROUP_RULES if rule != "ppo-clip")  # whose agent draws groups
MOST_BESIDE = 0.02  # share of the other wrong arms up to which a corner is a well of two arms
LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Expectation:
    """What one gradient's runs are expected to do, in updates.

    Attributes:
        upper: T is at most this; NaN where no bound is known.
        law: the closed form's T as pi_1(a*) -> 0; NaN where none holds.
        quantiles: 10 %, 50 % and 90 % of the law of sampled runs; NaN where none holds.
        notes: sentences that belong below the table.
    """

    upper: float = math.nan
    law: float = math.nan
    quantiles: tuple[float, ...] = (math.nan,) * len(LEVELS)
    notes: tuple[str, ...] = ()


RARE = 0.05  # expected successes of a group: the law is that of their limit at 0


def expectations(config: RunConfig, gradient: str, well: Any) -> list[Expectation]:
    """What is expected in each state, [S].

    A prompt of VerifierWell-v0 is a bandit of its own, which moves by eta/S; groups are dealt
    evenly.
    """
    agent, count = config.agent, well.num_states
    independent = hasattr(well, "initial_probs") and hasattr(agent, "batch")
    if getattr(agent, "shared_policy", False) and count > 1:
        why = "States that share a policy have no law of their own."
        return [Expectation(notes=(why,))] * count
    if not independent:
        return [expectation(config, gradient, well)] * count
    if gradient == "sampled" and agent.update not in DEALT and count > 1:
        why = f"--update {agent.update} over prompts; {', '.join(DEALT)} have one."
        return [Expectation(notes=(f"No law of sampled runs is known for {why}",))] * count
    rule = RULES[agent.update]
    if gradient == "exact" and rule.couples_states and count > 1:
        why = f"No law of exact runs is known for --update {agent.update} over prompts."
        return [Expectation(notes=(why,))] * count
    share = 1 / count if rule.follows_gradient else 1.0  # the others take no weight of a state
    found = []
    for state, x0 in enumerate(well.initial_probs):
        own: dict[str, Any] = {"learning_rate": share * agent.learning_rate}
        if gradient == "sampled":
            own["batch_size"] = agent.batch(count) // count
        if agent.initial_policy == "prompts":
            own |= {"initial_policy": "uniform_suboptimal", "optimal_prob": float(x0)}
        rewards = well.mdp_at(0).rewards[state].tolist()
        bandit = make_well("SoftmaxWell-v0", 1, {"mean_rewards": rewards})
        alone = replace(config, agent=replace(agent, **own))
        found.append(expectation(alone, gradient, bandit))
    return found


def expectation(config: RunConfig, gradient: str, well: Any) -> Expectation:
    """Bounds and laws of the runs of a configuration with exact or sampled gradients."""
    why = _outside(config, gradient, well)
    if why:
        return Expectation(notes=(why,))
    start = config.agent.start.theta(well.num_actions, int(well.optimal_actions[0]))
    policy = softmax(start)
    if gradient == "exact" and config.agent.update == "softmax-pg":
        return _exact(policy, well, config.agent.learning_rate)
    if gradient == "exact":
        return _flow(config.agent, policy, well)
    try:
        return _sampled(config, policy, well)
    except BadInput as error:
        return Expectation(notes=(f"No law covers these sampled runs: {error}",))


def _outside(config: RunConfig, gradient: str, well: Any) -> str:
    """Why no bound or law covers these runs; empty where one may."""
    kind = f"No upper bound and no law of {gradient} runs is known for"
    agent = config.agent
    if well.num_states > 1 or well.discount > 0 or well.drift_horizon > 0:
        return f"{kind} several states or rewards that drift."
    if not hasattr(agent, "learning_rate_power") or not hasattr(agent, "update"):
        return f"{kind} agent={config.run.agent!r}."
    if agent.learning_rate_power > 0:
        return f"{kind} a schedule of step sizes."
    if agent.initial_policy == "normal":
        return f"{kind} a start that each seed draws (see theory.GaussianInitialization)."
    if gradient == "exact":
        known = moves_logits(RULES[agent.update](**agent.update_options))
    else:
        known = agent.update in ("softmax-pg", *DEALT)
    return "" if known else f"{kind} --update {agent.update}; see docs/ways_out.md."


def _exact(policy: Floats, well: Any, eta: float) -> Expectation:
    """Equal gaps: the upper bound. Unequal ones: the law of small starts, where it holds."""
    rewards = np.asarray(well.mean_rewards)
    best, gap = best_arm_and_gap(rewards)
    others, rest = np.delete(rewards, best), np.delete(policy, best)
    if np.ptp(others) == 0:
        alike = bool(np.ptp(rest) == 0)
        _, upper = escape_bounds(float(policy[best]), gap, eta, rewards.size, alike=alike)
        return Expectation(upper=upper)
    try:
        law = escape_law(policy, rewards, eta)
    except BadInput as error:
        return Expectation(notes=(f"No upper bound is known for unequal rewards, no law: {error}",))
    start = float(policy[best])
    off = max(rewards.size * law.ratio, start * math.log(1 / start))
    note = (
        "Law: the closed form for unequal rewards as pi(a*) -> 0; its relative error is of the "
        f"order {off:.1g}."
    )
    return Expectation(law=law.escape_time, notes=(note,))


def _flow(agent: Any, policy: Floats, well: Any) -> Expectation:
    """Other gradient rules where the wrong arms are alike: the rise of the log-odds as a flow."""
    rewards = np.asarray(well.mean_rewards)
    best, _ = best_arm_and_gap(rewards)
    others, rest = np.delete(rewards, best), np.delete(policy, best)
    if np.ptp(others) > 0 or np.ptp(rest) > 1e-12 * rest.max():
        return Expectation(
            notes=(f"No law of {agent.update} is known unless wrong arms pay and start alike.",)
        )
    rule: Any = RULES[agent.update](**agent.update_options)
    values = np.r_[rewards[best], others]
    time = flow_escape_time(rule, float(policy[best]), values, agent.learning_rate)
    notes = ["Law: the log-odds of a* as a flow; a count of updates differs by its last steps."]
    start = np.r_[policy[best], rest]
    pulls = float(np.max(rule.pulls(start, values)))
    if pulls > 1:
        notes.append(f"At the start an exact update stands for {_count(pulls)} pulls.")
    return Expectation(law=time, notes=tuple(notes))


def _sampled(config: RunConfig, policy: Floats, well: Any) -> Expectation:
    """The law of single pulls, of noisy wrong arms or of groups."""
    agent, rewards = config.agent, np.asarray(well.mean_rewards)
    best, gap = best_arm_and_gap(rewards)
    rest, start = np.delete(policy, best), float(policy[best])
    alike = bool(np.ptp(rest) <= 1e-12 * rest.max())
    if agent.update != "softmax-pg":
        return _groups(config, start, gap, well, alike)
    pulls = agent.batch(well.num_states)
    if pulls != 1:
        raise BadInput(f"batch_size={pulls} must be 1, a pull an update.")
    setting: dict[str, Any] = {
        "baseline": agent.baseline,
        "baseline_value": agent.baseline_value,
        "reward_noise": well.noise.law,
        "noise_std": well.noise.std,
    }
    as_two = ""
    try:
        if not alike:
            sampled_escape_law(rewards, start, agent.learning_rate, **setting)  # its conditions
            beside = 1 - start - float(rest.max())
            if beside > MOST_BESIDE:
                raise BadInput(
                    f"the wrong arms must start alike, or one hold all but {MOST_BESIDE}."
                )
            rewards = np.array([rewards[best], np.delete(rewards, best)[0]])
            as_two = f" As of two arms: the other wrong ones start with {beside:.2g} together."
        law = sampled_escape_law(rewards, start, agent.learning_rate, **setting)
    except BadInput:
        if well.num_actions == 2 or not alike:
            raise
        return _noisy(rewards, start, agent.learning_rate, setting)
    quantiles = tuple(law.quantile(q) for q in LEVELS)
    notes = [
        f"Law of single pulls (docs/theory.md, section 7): mean {_count(law.mean)} updates.{as_two}"
    ]
    if law.has_infinite_mean:
        notes = [
            "WARNING: the mean escape time is infinite: the law of single pulls falls like "
            f"t^-{law.tail_index:.2g} (docs/theory.md, section 7); a smaller learning_rate or "
            "baseline 'value' makes it finite."
        ]
    return Expectation(quantiles=quantiles, notes=tuple(notes))


def _noisy(rewards: Floats, start: float, eta: float, setting: dict[str, Any]) -> Expectation:
    """K >= 3 arms with noisy wrong pulls: the mean for all K, quantiles for K = 3."""
    law = noisy_wrong_arms_law(rewards, start, eta, **setting)
    if law.noise_ratio < 1:
        raise BadInput(
            f"noise adds {law.noise_ratio:.2g} of the time without it, and the law of noisy wrong "
            "arms is for much noise."
        )
    notes = [
        f"Law of noisy wrong arms (docs/theory.md, section 8): mean {_count(law.mean)} updates."
    ]
    if math.isinf(law.mean):
        notes = ["WARNING: the mean escape time is infinite (docs/theory.md, section 8)."]
    if rewards.size > 3:
        notes.append("Its quantiles are known for 3 arms only.")
        return Expectation(notes=tuple(notes))
    return Expectation(quantiles=tuple(law.quantile(q) for q in LEVELS), notes=tuple(notes))


def _groups(config: RunConfig, start: float, gap: float, well: Any, alike: bool) -> Expectation:
    """One group of pulls an update, rewards of two values without noise."""
    agent = config.agent
    size = int(getattr(agent, "group_size", getattr(agent, "rollouts", 0)))
    rewards = np.delete(np.asarray(well.mean_rewards), int(well.optimal_actions[0]))
    pulls = agent.batch(well.num_states)
    if pulls != size:
        raise BadInput(f"batch_size={pulls} must be one group of {size} pulls.")
    if np.ptp(rewards) > 0 or well.noise.law != "none" or not alike:
        raise BadInput("groups have a law where wrong arms pay and start alike, without noise.")
    if size * start > RARE:
        raise BadInput(f"the law of groups is for G pi(a*) up to {RARE}, here {size * start:.2g}.")
    law = group_escape_law(
        agent.update,
        start,
        size,
        agent.learning_rate,
        num_actions=well.num_actions,
        reward_gap=gap,
    )
    note = f"Law of groups (docs/theory.md, section 9): mean {_count(law.mean)} updates."
    return Expectation(quantiles=tuple(law.quantile(q) for q in LEVELS), notes=(note,))


def _count(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{value:,.0f}" if value < 1e15 else f"{value:.4g}"
