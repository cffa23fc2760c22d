"""`diagnose`: roll a policy out, probe the actions it hardly takes, say what that means.

At visited states every action that the policy is not committed to (pi <= 0.9) is forced, once or
held for several steps, and the return is compared with that of following the policy from the same
place under common random numbers. All confidence limits of the advantages hold together with
probability `confidence`, whatever the budget is spent on (`agents.diagnosis.betting`): a verdict
`well` where no probe is better, or a probe better than `smallest_visible` under `no_better_action`,
each have at most half of 1-confidence.

"Converged" cannot be known from outside: `no_better_action` says that no probed action is better by
more than `smallest_visible`, in the states this policy visits, and no more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.forks import ROUNDING, Pool, Situation
from agents.diagnosis.looking import affordable_situations, check_holds, look_around, useful_holds
from agents.diagnosis.luck import find_luck
from agents.diagnosis.playing import Arena, Branch, Fork
from agents.diagnosis.policies.actions import ActionNames
from agents.diagnosis.policies.actors import policy_entropy
from agents.diagnosis.policies.meeting import Meeting, meet
from agents.diagnosis.prediction import complete_advantages, updates_range, updates_to_take
from agents.diagnosis.probing import Probe, Prober, make_probes, preference
from agents.diagnosis.replay import globals_kept
from agents.diagnosis.verdicts import (
    LEAST_PAIRS,
    Diagnosis,
    EscapeRoute,
    Evidence,
    Place,
    as_route,
    judge,
)
from gw_envs.checks import BadInput, check_float, check_instance, check_int, check_share

DEFAULT_HOLDS = (1, 4, 16)
MOST_STATES = 64


def diagnose(
    policy: Any,
    env: str | Callable[[], gym.Env[Any, Any]],
    *,
    env_kwargs: dict[str, Any] | None = None,
    discount: float | None = None,
    learning_rate: float | None = None,
    min_advantage: float = 0.0,
    holds: Sequence[int] = DEFAULT_HOLDS,
    num_states: int | None = None,
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
    policy from the same place with the same luck. States are what the policy sees: an advantage is
    the mean over all histories with that observation (`agents.diagnosis.forks`). All confidence
    limits of the advantages hold together with probability `confidence`, whatever the budget is
    spent on (`agents.diagnosis.betting`): a verdict `well` where no probe is better, or a probe
    better than `smallest_visible` under `no_better_action`, each have at most half of 1-confidence,
    but for events rarer than three in the number of pairs, which may not have been seen
    (`rarest_event`), and ranges larger than any seen.

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
        holds: numbers of steps for which a probe holds its action; lengths that no episode of the
            policy and no held action reaches are left out.
        num_states: how many visited states are probed; by default all of them, up to 64 and to
            what the budget can look at well. `unprobed_share` says what was not.
        num_episodes: how many episodes are played at least to find them, if the budget lasts.
        max_steps: budget in environment steps; never more are made.
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
        BadInput: for an argument out of range; a model whose spaces do not fit, whose statistics
            are missing, whose weights are not finite or that has a memory; actions that are not
            discrete, or only one; an environment that does not replay, gives every seed the same
            luck, or pays what is not finite; no episode that ends within the budget.
    """
    began = time.monotonic()
    steps = check_int("max_steps", max_steps, 1)
    check_share("confidence", confidence)
    check_float("min_advantage", min_advantage, 0)
    check_int("num_episodes", num_episodes, 1)
    most = MOST_STATES if num_states is None else check_int("num_states", num_states, 1)
    lengths = check_holds(holds)
    check_int("seed", seed, 0)
    if discount is not None:
        check_float("discount", discount, 0, 1)
    if learning_rate is not None:
        check_float("learning_rate", learning_rate, 0, open_low=True)
    check_int("max_episode_steps", max_episode_steps, 1)
    make = env_maker(env, env_kwargs)
    meeting = meet(policy, make, deterministic=deterministic, vec_normalize=vec_normalize)
    arena = make_arena(meeting, discount, learning_rate, max_episode_steps)
    arena.budget = steps
    try:
        with globals_kept():
            note = find_luck(arena, seed)
            episodes, tried = look_around(arena, num_episodes, seed)
            useful = useful_holds(arena, episodes, lengths)
            situations = affordable_situations(arena, episodes, useful, most, seed)
            probes = make_probes(situations, useful)
            if not probes:
                raise BadInput("no visited state allows a second action: nothing can be probed.")
            mean_length = float(np.mean([episode.length for episode in episodes]))
            pool = Pool(arena, situations, seed + tried, mean_length, seed)
            prober = Prober(
                pool,
                probes,
                confidence=confidence,
                luck=_spread(episodes),
                threshold=min_advantage,
                least_range=_declared_range(arena.envs[0]),
            )
            prober.run()
            evidence = _evidence(pool, probes, episodes, min_advantage, note)
            return _conclude(meeting, arena, situations, evidence, confidence, tried, began)
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
    env: str | Callable[[], gym.Env[Any, Any]], env_kwargs: dict[str, Any] | None, name: str = "env"
) -> Callable[[], gym.Env[Any, Any]]:
    """A function that makes the environment; an id is looked up, our own ids included.

    Raises:
        ValueError: for an id that Gymnasium does not know, or arguments it does not take.
    """
    if not isinstance(env, str):
        if not callable(env):
            raise BadInput(
                f"{name}={env!r} must be a Gymnasium id or a function that makes an env."
            )
        return env
    import gw_envs  # noqa: F401 - registers our ids

    wanted = "a mapping of the environment's arguments"
    kwargs = dict(check_instance("env_kwargs", env_kwargs or {}, Mapping, wanted))
    try:
        gym.make(env, disable_env_checker=True, **kwargs).close()
    except (gym.error.Error, TypeError) as error:
        reason = " ".join(str(error).split()).removesuffix(".")
        raise BadInput(
            f"{name}={env!r} with env_kwargs={kwargs} cannot be made: {reason}. If another package "
            "registers it, import that first (--gym-packages PACKAGE)."
        ) from None
    return lambda: gym.make(env, disable_env_checker=True, **kwargs)


def _declared_range(env: gym.Env[Any, Any]) -> float:
    """Width of the rewards that an environment declares in `reward_range`; 0 where it is not."""
    low, high = getattr(env.unwrapped, "reward_range", (0.0, 0.0))
    return float(high - low) if math.isfinite(high - low) else 0.0


def _spread(episodes: Sequence[Branch]) -> float:
    values = np.array([episode.value for episode in episodes])
    spread = float(np.ptp(values))
    return 0.0 if spread <= ROUNDING * float(np.abs(values).max()) else spread


def _evidence(
    pool: Pool, probes: Sequence[Probe], episodes: Sequence[Branch], threshold: float, note: str
) -> Evidence:
    """What the verdict rests on."""
    met = sum(situation.share for situation in pool.situations)
    uncovered = pool.uncovered
    return Evidence(
        probes=probes,
        threshold=threshold,
        episodes=episodes,
        return_spread=_spread(episodes),
        mean_return=float(np.mean([episode.value for episode in episodes])),
        states=len(pool.situations),
        met_once=not all(situation.repeats for situation in pool.situations),
        unprobed_share=max(0.0, 1 - met) if uncovered is None else uncovered,
        budget=int(pool.arena.budget),
        note=note,
    )


def _conclude(
    meeting: Meeting,
    arena: Arena,
    situations: Sequence[Situation],
    evidence: Evidence,
    confidence: float,
    tried: int,
    began: float,
) -> Diagnosis:
    """Routes, predictions and the verdict."""
    actor, probes, episodes = arena.actor, evidence.probes, evidence.episodes
    table = _advantage_table(situations, probes, actor.num_actions)
    found = [probe for probe in probes if probe.low > evidence.threshold]
    found.sort(key=lambda probe: (len(probe.differences) < LEAST_PAIRS, *preference(probe)))
    names = meeting.actions.name
    routes = tuple(_route(p, situations, table, actor.learning_rate, names) for p in found)
    moves = True
    if routes and routes[0].hold == 1 and routes[0].is_rare:
        known = np.isfinite(table).all(axis=1)
        seen = [s.observation for s, whole in zip(situations, known, strict=True) if whole]
        weights = np.array([s.visits for s in situations])[known]
        moves = not seen or actor.moves(seen, table[known], weights)
    verdict, reason, visible = judge(evidence, routes, moves)
    policies = np.array([situation.policy for situation in situations])
    return Diagnosis(
        verdict=verdict,
        reason=reason,
        routes=routes,
        smallest_visible=visible,
        probes=tuple(as_route(probe, situations[probe.situation], names) for probe in probes),
        places=tuple(_place(situation.forks[0], names) for situation in situations),
        mean_return=evidence.mean_return,
        return_spread=evidence.return_spread,
        mean_episode_return=float(np.mean([sum(episode.rewards) for episode in episodes])),
        episodes=len(episodes),
        unfinished=tried - len(episodes),
        entropy=float(policy_entropy(policies).mean()),
        largest_probability=float(policies.max(axis=1).mean()),
        discount=arena.discount,
        learning_rate=actor.learning_rate,
        confidence=confidence,
        steps=arena.steps,
        seconds=time.monotonic() - began,
        judged=meeting.judged(),
        objective=meeting.objective(arena.discount, arena.horizon, arena.limit),
        rarest_event=min(1.0, 3 / max(1, evidence.pairs(routes))),
        unprobed_share=evidence.unprobed_share,
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
