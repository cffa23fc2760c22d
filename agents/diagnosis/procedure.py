"""`diagnose`: roll a policy out, probe the actions it hardly takes, say what that means."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.actions import ActionNames
from agents.diagnosis.actors import policy_entropy
from agents.diagnosis.meeting import Meeting, meet
from agents.diagnosis.playing import Arena, Branch, Fork
from agents.diagnosis.prediction import complete_advantages, updates_range, updates_to_take
from agents.diagnosis.probing import (
    ROUNDING,
    Probe,
    Prober,
    Situation,
    choose_situations,
    make_probes,
)
from agents.diagnosis.verdicts import Diagnosis, EscapeRoute, Place, as_route, judge
from gw_envs.checks import BadInput, check_float, check_int

DEFAULT_HOLDS = (1, 4, 16)
FORK_SHARE = 0.1  # of the budget goes at most to the episodes that look for states


def diagnose(
    policy: Any,
    env: str | Callable[[], gym.Env[Any, Any]],
    *,
    env_kwargs: dict[str, Any] | None = None,
    discount: float | None = None,
    learning_rate: float | None = None,
    min_advantage: float = 0.0,
    holds: Sequence[int] = DEFAULT_HOLDS,
    num_states: int = 8,
    num_episodes: int = 32,
    max_steps: int = 2_000_000,
    max_episode_steps: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    deterministic: bool | None = None,
    vec_normalize: Any = None,
) -> Diagnosis:
    """Is this policy stuck, converged, still learning, without a signal or frozen?

    The policy is rolled out; at visited states every action it is not committed to (pi <= 0.9) is
    forced, once or held for several steps, and the return is compared with that of following the
    policy from the same place under common random numbers. All confidence limits of the advantages
    hold together with probability `confidence`, whatever the budget is spent on
    (`agents.diagnosis.betting`): a verdict `well` where no probe is better, or a probe better than
    `smallest_visible` under `no_better_action`, each have at most half of 1-confidence.

    "Converged" cannot be known from outside: `no_better_action` says that no probed action is
    better by more than `smallest_visible`, in the states this policy visits, and no more.

    Args:
        policy: a Stable-Baselines3 or sb3-contrib model with discrete actions (PPO, DQN,
            MaskablePPO, ...), met through the VecEnv wrappers of its training; a torch module with
            `get_action_and_value` (CleanRL), `get_distribution` or `logits`; probabilities [S, K]
            or [K]; a `SoftmaxTable` of logits; one of our tabular agents; or a function of an
            observation that returns probabilities or logits.
        env: a Gymnasium id, or a function that makes the environment with its wrappers.
        env_kwargs: arguments of `gym.make` if `env` is an id.
        discount: of returns, in [0, 1]; default the model's, else the environment's own, else 1.
        learning_rate: eta of the softmax policy gradient whose clock is predicted; default the
            model's, else 0.4.
        min_advantage: an action counts as better if its advantage is above this, >= 0, in units of
            return.
        holds: numbers of steps for which a probe holds its action.
        num_states: how many visited states are probed.
        num_episodes: how many episodes are played to find them.
        max_steps: budget in environment steps; the batch that crosses it is finished.
        max_episode_steps: longer episodes are cut.
        confidence: in (0, 1).
        seed: episodes have seeds seed, seed + 1, ...; the same seed gives the same diagnosis.
        deterministic: True judges the policy that takes its most likely action (a function may
            then return an action); False lets a value-based model explore as it did last; None
            judges the policy as it is: stochastic where it has probabilities.
        vec_normalize: statistics of a Stable-Baselines3 model's observations, a VecNormalize or its
            file; None takes those of the VecEnv the model holds; False takes none.

    Returns:
        Diagnosis.

    Raises:
        ValueError: for an argument out of range; a model whose spaces do not fit, whose statistics
            are missing, whose weights are not finite or that has a memory; actions that are not
            discrete; an environment that does not replay; no episode that ends within the budget.
    """
    began = time.monotonic()
    steps = check_int("max_steps", max_steps, 1)
    check_float("confidence", confidence, 0, 1, open_low=True, open_high=True)
    check_float("min_advantage", min_advantage, 0)
    for name, value in (("num_states", num_states), ("num_episodes", num_episodes)):
        check_int(name, value, 1)
    lengths = tuple(sorted({check_int("holds", hold, 1) for hold in holds}))
    check_int("seed", seed, 0)
    make = env_maker(env, env_kwargs)
    meeting = meet(policy, make, deterministic=deterministic, vec_normalize=vec_normalize)
    arena = make_arena(meeting, discount, learning_rate, max_episode_steps)
    try:
        episodes = look_around(arena, num_episodes, seed, steps)
        rng = np.random.default_rng([seed, 0])
        situations = choose_situations(episodes, arena, num_states, rng)
        longest = max(episode.length for episode in episodes)
        useful = [h for h in lengths if h <= min(longest, arena.horizon)] or [lengths[0]]
        probes = make_probes(situations, useful)
        if not probes:
            raise BadInput("no visited state allows a second action; there is nothing to probe.")
        spread = _spread(episodes)
        prober = Prober(
            arena,
            situations,
            probes,
            confidence=confidence,
            luck=spread,
            threshold=min_advantage,
            max_steps=steps,
            seed=seed,
        )
        prober.run()
        return _conclude(
            meeting,
            arena,
            episodes,
            situations,
            probes,
            spread,
            min_advantage,
            confidence,
            num_episodes,
            began,
        )
    finally:
        arena.close()


def make_arena(
    meeting: Meeting,
    discount: float | None,
    learning_rate: float | None,
    max_episode_steps: int,
) -> Arena:
    """Where the policy plays; `diagnose` explains the arguments.

    Raises:
        ValueError: for a number out of range.
    """
    limit = check_int("max_episode_steps", max_episode_steps, 1)
    discount = check_float("discount", meeting.discount if discount is None else discount, 0, 1)
    if learning_rate is not None:
        rate = check_float("learning_rate", learning_rate, 0, open_low=True)
        meeting.actor.learning_rate = rate
    return Arena(meeting.make, meeting.actor, discount, limit)


def env_maker(
    env: str | Callable[[], gym.Env[Any, Any]], env_kwargs: dict[str, Any] | None
) -> Callable[[], gym.Env[Any, Any]]:
    """A function that makes the environment; an id is looked up, our own ids included.

    Raises:
        ValueError: for an id that Gymnasium does not know, or arguments it does not take.
    """
    if not isinstance(env, str):
        if not callable(env):
            raise BadInput(f"env={env!r} must be a Gymnasium id or a function that makes an env.")
        return env
    import gw_envs  # noqa: F401 - registers our ids

    kwargs = dict(env_kwargs or {})
    try:
        gym.make(env, disable_env_checker=True, **kwargs).close()
    except (gym.error.Error, TypeError) as error:
        reason = " ".join(str(error).split()).removesuffix(".")
        raise BadInput(
            f"env={env!r} with env_kwargs={kwargs} cannot be made: {reason}. If another package "
            "registers it, import that first (--gym-packages PACKAGE)."
        ) from None
    return lambda: gym.make(env, disable_env_checker=True, **kwargs)


def look_around(arena: Arena, count: int, seed: int, max_steps: int) -> list[Branch]:
    """The policy's own episodes, replayed once to see that they can be.

    Raises:
        ValueError: if none of them ends, or the environment does not replay.
    """
    share = max(1, int(FORK_SHARE * max_steps))
    longest, limit = max(1, share // count), arena.limit
    arena.limit = min(limit, longest)
    episodes = [Branch(Fork(seed + n, (), None), record=True) for n in range(count)]
    arena.play(episodes)
    cut, arena.limit = arena.limit, limit
    finished = [episode for episode in episodes if episode.finished]
    if not finished:
        raise BadInput(
            f"no rollout finished: {count} episodes were cut after {cut} steps, the smaller of "
            f"max_episode_steps={limit} and a tenth of max_steps={max_steps} over num_episodes="
            f"{count}. Give the env a time limit, or raise these."
        )
    arena.check_replay(finished[0])
    arena.check_replay(finished[-1])
    return finished


def _spread(episodes: Sequence[Branch]) -> float:
    values = np.array([episode.value for episode in episodes])
    spread = float(np.ptp(values))
    return 0.0 if spread <= ROUNDING * float(np.abs(values).max()) else spread


def _conclude(
    meeting: Meeting,
    arena: Arena,
    episodes: Sequence[Branch],
    situations: Sequence[Situation],
    probes: Sequence[Probe],
    spread: float,
    threshold: float,
    confidence: float,
    num_episodes: int,
    began: float,
) -> Diagnosis:
    """Routes, predictions and the verdict."""
    actor = arena.actor
    table = _advantage_table(situations, probes, actor.num_actions)
    found = [probe for probe in probes if probe.low > threshold]
    found.sort(key=lambda probe: (probe.hold > 1, -probe.advantage))
    names = meeting.actions.name
    routes = tuple(_route(p, situations, table, actor.learning_rate, names) for p in found)
    moves = True
    if routes and routes[0].hold == 1 and routes[0].is_rare:
        known = np.isfinite(table).all(axis=1)
        seen = [s.observation for s, whole in zip(situations, known, strict=True) if whole]
        weights = np.array([s.visits for s in situations])[known]
        moves = not seen or actor.moves(seen, table[known], weights)
    mean = float(np.mean([episode.value for episode in episodes]))
    verdict, reason, visible = judge(
        probes, routes, threshold=threshold, return_spread=spread, mean_return=mean, moves=moves
    )
    policies = np.array([situation.policy for situation in situations])
    return Diagnosis(
        verdict=verdict,
        reason=reason,
        routes=routes,
        smallest_visible=visible,
        probes=tuple(as_route(probe, situations[probe.situation], names) for probe in probes),
        places=tuple(_place(situation.forks[0], names) for situation in situations),
        mean_return=mean,
        return_spread=spread,
        mean_episode_return=float(np.mean([sum(episode.rewards) for episode in episodes])),
        episodes=len(episodes),
        unfinished=num_episodes - len(episodes),
        entropy=float(policy_entropy(policies).mean()),
        largest_probability=float(policies.max(axis=1).mean()),
        discount=arena.discount,
        learning_rate=actor.learning_rate,
        confidence=confidence,
        steps=arena.steps,
        seconds=time.monotonic() - began,
        judged=meeting.judged(),
        objective=meeting.objective(arena.discount, arena.horizon, arena.limit),
    )


def _place(fork: Fork, names: ActionNames) -> Place:
    return Place(fork.seed, tuple(map(names, fork.prefix)))


def _advantage_table(
    situations: Sequence[Situation], probes: Sequence[Probe], num_actions: int
) -> Any:
    """Estimated A(s, .) [states, K] from the single-step probes; NaN rows where not known."""
    table = np.full((len(situations), num_actions), math.nan)
    for probe in probes:
        if probe.hold == 1:
            table[probe.situation, probe.action] = probe.advantage
    return np.array(
        [complete_advantages(s.policy, row) for s, row in zip(situations, table, strict=True)]
    )


def _route(
    probe: Probe,
    situations: Sequence[Situation],
    table: Any,
    learning_rate: float,
    names: ActionNames,
) -> EscapeRoute:
    """A significant probe with its predicted clock."""
    situation = situations[probe.situation]
    route = as_route(probe, situation, names)
    if probe.hold > 1:
        return route
    setting = (situation.visits, learning_rate)
    row = table[probe.situation]
    updates = updates_to_take(situation.policy, row, probe.action, *setting)
    if updates is None:
        return route
    interval = (probe.low, probe.high)
    ends = updates_range(situation.policy, row, probe.action, interval, *setting)
    return replace(route, updates=updates, updates_low=ends[0], updates_high=ends[1])
