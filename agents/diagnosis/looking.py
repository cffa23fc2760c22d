"""Where to probe and for how long: the policy's own episodes, places met, holds that differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.diagnosis.forks import Situation, are_enough, choose_situations
from agents.diagnosis.playing import CHECKED_STEPS, Arena, Branch, Fork
from agents.diagnosis.probing import BATCH, make_probes
from agents.diagnosis.verdicts import LEAST_PAIRS
from gw_envs.checks import BadInput, check_instance, check_int

FORK_SHARE = 0.1  # of the budget goes at most to the episodes that look for states
PILOT_SHARE = 0.02  # and to seeing how long actions can be held
BASE_SHARE = 0.3  # and to the first batch of the probes at all states
PILOTS = 4  # places where holding is tried


def check_holds(holds: Sequence[int]) -> tuple[int, ...]:
    """Lengths of holds in steps, ascending and each once.

    Raises:
        BadInput: for a length below 1, or none.
    """
    check_instance("holds", holds, (list, tuple, range), "a list of numbers of steps")
    lengths = tuple(sorted({check_int("holds", hold, 1) for hold in holds}))
    if not lengths:
        raise BadInput("holds=() must hold at least one number of steps.")
    return lengths


def look_around(arena: Arena, count: int, seed: int) -> tuple[list[Branch], int]:
    """The policy's own episodes, replayed to see that they can be, and how many were tried.

    `count` of them; where observations come again, more, as far as a tenth of the budget goes,
    until new ones are hardly met.

    Raises:
        BadInput: if none of them ends, or the environment does not replay.
    """
    share, began = FORK_SHARE * arena.budget, arena.steps
    finished, tried = _first_episodes(arena, count, seed, int(share))
    while not are_enough(finished):
        left = share - (arena.steps - began)
        block = min(tried, int(left / np.mean([episode.length for episode in finished])))
        episodes = [Branch(Fork(seed + tried + n, (), None), record=True) for n in range(block)]
        if not episodes or not arena.play(episodes):
            break
        tried += block
        finished += [episode for episode in episodes if episode.finished]
    checked = arena.steps + CHECKED_STEPS  # many, where they are short
    for number, episode in enumerate([finished[-1], *finished]):
        if number < 2 or arena.steps + episode.length < min(checked, arena.budget):
            arena.check_replay(episode)
    return finished, tried


def _first_episodes(arena: Arena, count: int, seed: int, share: int) -> tuple[list[Branch], int]:
    """`count` episodes in a share of the budget; where none ends in its part, fewer in larger."""
    tried = window = 0
    while count and window < arena.limit:
        window = min(arena.limit, max(1, share // count))
        forks = [Fork(seed + tried + n, (), None) for n in range(count)]
        episodes = [Branch(fork, record=True, window=window) for fork in forks]
        if not arena.play(episodes):
            break
        tried += count
        finished = [episode for episode in episodes if episode.finished]
        if finished:
            return finished, tried
        count = count // 8 or int(count > 1)
    raise BadInput(
        f"no rollout finished: {tried} episodes were cut, the last after {window} steps, by "
        f"max_episode_steps={arena.limit} or because they would take too much of max_steps="
        f"{arena.budget}. Give the env a time limit, or raise these."
    )


def useful_holds(arena: Arena, episodes: Sequence[Branch], lengths: tuple[int, ...]) -> list[int]:
    """Lengths of holds that differ from shorter ones: something lasts longer than those.

    The policy may end its episodes soon where a held action does not: every action is tried.
    """
    longest = max(episode.length for episode in episodes)
    if len(lengths) > 1 and longest <= lengths[-2]:
        hold, actions = lengths[-1], range(arena.actor.num_actions)
        cost = len(actions) * (hold + longest)
        count = min(PILOTS, max(1, int(PILOT_SHARE * arena.budget / cost)), len(episodes))
        forks = [_middle(episode) if n % 2 else episode.fork for n, episode in enumerate(episodes)]
        branches = [
            Branch(fork, None, (action,) * hold, window=hold)
            for fork in forks[:count]
            for action in actions
        ]
        arena.play(branches)
        longest = max(longest, *(branch.length for branch in branches))
    longest = int(min(longest, arena.horizon))
    shorter = (0, *lengths)
    return [hold for before, hold in zip(shorter, lengths, strict=False) if before < longest]


def _middle(episode: Branch) -> Fork:
    """A fork in the middle of an episode."""
    step = episode.length // 2
    return Fork(episode.fork.seed, tuple(episode.actions[:step]), episode.observations[step])


def affordable_situations(
    arena: Arena, episodes: Sequence[Branch], holds: Sequence[int], most: int, seed: int
) -> list[Situation]:
    """As many visited observations as the budget can look at well, and none too rare for it."""
    length = float(np.mean([episode.length for episode in episodes]))
    base = BASE_SHARE * arena.left / BATCH  # steps for one pair of every probe

    def choose(count: int) -> list[Situation]:
        return choose_situations(episodes, arena, count, np.random.default_rng([seed, 0]))

    situations = choose(most)
    probes = len(make_probes(situations, holds)) / len(situations)
    count = int(base / max(1.0, probes * length))
    if count < len(situations):
        situations = choose(max(1, count))
    needed = LEAST_PAIRS / BATCH * length
    common = [s for s in situations if not s.repeats or s.rate * base >= needed]
    return common or situations[:1]
