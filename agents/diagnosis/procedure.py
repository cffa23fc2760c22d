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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np

from agents.diagnosis.actors import Actor, as_actor, policy_entropy
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
) -> Diagnosis:
    """Is this policy stuck, converged, still learning, without a signal or frozen?

    What is done, and what a verdict is worth, stands at the head of this module.

    Args:
        policy: a Stable-Baselines3 model with discrete actions (PPO, A2C, DQN, ...), probabilities
            [S, K] or [K], a `SoftmaxTable` of logits, one of our tabular agents, or a function of
            an observation that returns probabilities or an action.
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

    Returns:
        Diagnosis.

    Raises:
        ValueError: for an argument out of range; a model whose spaces do not fit; actions that are
            not discrete; an environment that does not replay; no episode that ends within the
            budget.
    """
    began = time.monotonic()
    lengths = tuple(sorted({check_int("holds", hold, 1) for hold in holds}))
    search = Search(min_advantage, lengths, num_states, num_episodes, max_steps, confidence, seed)
    arena = make_arena(
        policy, env_maker(env, env_kwargs), discount, learning_rate, max_episode_steps
    )
    try:
        found = search.run(arena)
    finally:
        arena.close()
    return replace(found, seconds=time.monotonic() - began)


@dataclass(frozen=True)
class Search:
    """What is looked for and at what cost, as `diagnose` explains it; `holds` ascend."""

    min_advantage: float
    holds: tuple[int, ...]
    num_states: int
    num_episodes: int
    max_steps: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        """Check every number.

        Raises:
            ValueError: naming the one that is out of range.
        """
        check_int("max_steps", self.max_steps, 1)
        check_float("confidence", self.confidence, 0, 1, open_low=True, open_high=True)
        check_float("min_advantage", self.min_advantage, 0)
        check_int("num_states", self.num_states, 1)
        check_int("num_episodes", self.num_episodes, 1)
        if not self.holds:
            raise BadInput("holds=() must hold at least one number of steps.")
        check_int("seed", self.seed, 0)

    def run(self, arena: Arena) -> Diagnosis:
        """Look around, probe and judge; `seconds` is left at 0."""
        episodes = look_around(arena, self.num_episodes, self.seed, self.max_steps)
        rng = np.random.default_rng([self.seed, 0])
        situations = choose_situations(episodes, arena, self.num_states, rng)
        longest = max(episode.length for episode in episodes)
        useful = [h for h in self.holds if h <= min(longest, arena.horizon)] or [self.holds[0]]
        probes = make_probes(situations, useful)
        prober = Prober(
            arena,
            situations,
            probes,
            confidence=self.confidence,
            luck=_spread(episodes),
            threshold=self.min_advantage,
            max_steps=self.max_steps,
            seed=self.seed,
        )
        prober.run()
        return _conclude(self, arena, episodes, situations, probes)


def make_arena(
    policy: Any,
    make: Callable[[], gym.Env[Any, Any]],
    discount: float | None,
    learning_rate: float | None,
    max_episode_steps: int,
) -> Arena:
    """Where the policy plays; `diagnose` explains the arguments.

    Raises:
        ValueError: for a number out of range, or a policy whose spaces do not fit.
    """
    limit = check_int("max_episode_steps", max_episode_steps, 1)
    first = make()
    actor = as_actor(policy, first)
    if discount is None:
        discount = _discount(actor, first)
    first.close()
    check_float("discount", discount, 0, 1)
    if learning_rate is not None:
        actor.learning_rate = check_float("learning_rate", learning_rate, 0, open_low=True)
    return Arena(make, actor, discount, limit)


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
        raise BadInput(f"env={env!r} with env_kwargs={kwargs} cannot be made: {error}") from None
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


def _discount(actor: Actor, env: gym.Env[Any, Any]) -> float:
    if actor.discount is not None:
        return actor.discount
    return float(getattr(env.unwrapped, "discount", 1.0))


def _spread(episodes: Sequence[Branch]) -> float:
    values = np.array([episode.value for episode in episodes])
    spread = float(np.ptp(values))
    return 0.0 if spread <= ROUNDING * float(np.abs(values).max()) else spread


def _conclude(
    search: Search,
    arena: Arena,
    episodes: Sequence[Branch],
    situations: Sequence[Situation],
    probes: Sequence[Probe],
) -> Diagnosis:
    """Routes, predictions and the verdict."""
    actor, threshold, spread = arena.actor, search.min_advantage, _spread(episodes)
    table = _advantage_table(situations, probes, actor.num_actions)
    found = [probe for probe in probes if probe.low > threshold]
    found.sort(key=lambda probe: (probe.hold > 1, -probe.advantage))
    routes = tuple(_route(probe, situations, table, actor.learning_rate) for probe in found)
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
        probes=tuple(as_route(probe, situations[probe.situation]) for probe in probes),
        places=tuple(_place(situation.forks[0], arena) for situation in situations),
        mean_return=mean,
        return_spread=spread,
        mean_episode_return=float(np.mean([sum(episode.rewards) for episode in episodes])),
        episodes=len(episodes),
        unfinished=search.num_episodes - len(episodes),
        entropy=float(policy_entropy(policies).mean()),
        largest_probability=float(policies.max(axis=1).mean()),
        discount=arena.discount,
        learning_rate=actor.learning_rate,
        confidence=search.confidence,
        steps=arena.steps,
        seconds=0.0,
    )


def _place(fork: Fork, arena: Arena) -> Place:
    return Place(fork.seed, tuple(arena.first_action + action for action in fork.prefix))


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
    probe: Probe, situations: Sequence[Situation], table: Any, learning_rate: float
) -> EscapeRoute:
    """A significant probe with its predicted clock."""
    situation = situations[probe.situation]
    route = as_route(probe, situation)
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
