"""Situations, and the independent places where each was met.

A policy knows what it sees, so an advantage belongs to an *observation*: the mean over all
histories that show it, as often as the policy visits them,

    A(o, a) = E[ return with a forced at a visit of o  -  return without ].

Every pair of branches is therefore made at a fork of its own, in an episode of a new seed that
nothing else was made of. The episode itself is the branch that forces nothing; the other one
replays it to the fork and shares its luck, whatever generators the environment has. Which visit of
an episode is the fork is drawn before it is played (rank 1, 2, ... with equal chances; an episode
with fewer visits gives none), so that early and late visits weigh as often as they happen and no
fork depends on what comes after it.

Observations that no two episodes share (continuous ones) leave only the one place where they were
met. There pairs have fresh luck from the fork on, and what is assumed is said: that the observation
shows all that matters, and that the luck comes from generators that were found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.diagnosis.playing import Arena, Branch, Fork
from agents.diagnosis.replay import key_of
from gw_envs.checks import Floats

FORKS_PER_STATE = 64
RANK_FACTOR = 4.0  # visits up to this multiple of their mean number can be forks
PRIOR = 3.0  # episodes that the first guess of a rate counts for
LARGEST_BLOCK = 20_000  # steps of the episodes played before the next count
RECURRING = 0.5  # share of visits to observations met again from which those met once are left out
RARELY = 0.05  # share of them from which more episodes are worth playing
ROUNDING = 1e-14  # of the size of the rewards that differ: what float sums may be off
FOUND = 0.001  # share of visits to observations met once at which they are enough


@dataclass(frozen=True)
class Pair:
    """A fork and what follows from it without force.

    Attributes:
        fork: the place.
        stream: of the luck from there on; None for that of the episode.
        rewards: of the branch that forces nothing.
        window: steps that are compared, where the environment ended neither; None for all.
        value: return of the branch that forces nothing, less that of the situation's first pair.
    """

    fork: Fork
    stream: tuple[int, ...] | None
    rewards: Floats
    window: int | None
    value: float


@dataclass
class Situation:
    """A visited observation: where it was met, how often, and what the policy does there.

    Attributes:
        forks: places in the first episodes that show it.
        visits: expected discounted number of visits per episode, d(s)/(1-discount); 1 where no two
            episodes met it.
        share: of all visits, that are to it.
        policy: pi(.|s) [K].
        repeats: whether it was met in more than one episode.
        ranks: visits of an episode up to this one can be forks.
        rate: expected share of episodes that give a fork.
        returns: smallest and largest of the episodes that met it: what can be at stake here.
        pairs: independent forks so far.
        lowest: of their values.
        highest: of their values.
    """

    forks: list[Fork]
    visits: float
    share: float
    policy: Floats
    repeats: bool
    ranks: int
    rate: float
    returns: tuple[float, float]
    pairs: list[Pair] = field(default_factory=list)
    lowest: float = 0.0
    highest: float = 0.0

    @property
    def observation(self) -> object:
        """What is seen."""
        return self.forks[0].observation

    def add(self, branch: Branch, step: int, window: int | None, discount: float) -> None:
        """Add the pair whose fork lies `step` steps into a branch that forces nothing."""
        fork, rewards = branch.fork, np.array(branch.rewards[step:])
        if branch.record:
            prefix = (*fork.prefix, *branch.actions[:step])
            fork = Fork(fork.seed, prefix, branch.observations[step])
        first = self.pairs[0].rewards if self.pairs else rewards
        value = difference(rewards, first, discount)
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        self.pairs.append(Pair(fork, branch.stream, rewards, window, value))


def visits_of(episodes: Sequence[Branch]) -> dict[bytes, list[tuple[int, int]]]:
    """The (episode, step) places of every observation, by its key."""
    met: dict[bytes, list[tuple[int, int]]] = {}
    for number, episode in enumerate(episodes):
        for step, observation in enumerate(episode.observations):
            met.setdefault(key_of(observation), []).append((number, step))
    return met


def _recurs(places: Sequence[tuple[int, int]]) -> bool:
    return places[0][0] != places[-1][0]


def are_enough(episodes: Sequence[Branch]) -> bool:
    """Whether more episodes would hardly meet new observations, or hardly any again.

    The share of visits to observations that one episode met estimates the share of visits to those
    that none met (Good 1953).
    """
    met = visits_of(episodes)
    total = sum(map(len, met.values()))
    again = sum(len(places) for places in met.values() if _recurs(places)) / total
    return again < RARELY or 1 - again < FOUND


def choose_situations(
    episodes: Sequence[Branch], arena: Arena, count: int, rng: np.random.Generator
) -> list[Situation]:
    """Half the most visited observations, half drawn from the rest.

    Where most visits are to observations met in several episodes, those met in one are left out.
    """
    met = visits_of(episodes)
    total = sum(map(len, met.values()))
    recurring = {key: places for key, places in met.items() if _recurs(places)}
    if sum(map(len, recurring.values())) >= RECURRING * total:
        met = recurring
    order = rng.permutation(len(met)).tolist()
    keys = [list(met)[i] for i in order]
    keys.sort(key=lambda key: -len(met[key]))
    top = keys[: -(-count // 2)]
    rest = keys[len(top) :]
    drawn = rng.permutation(len(rest))[: count - len(top)].tolist()
    chosen = [*top, *(rest[i] for i in drawn)]
    return [_situation(episodes, met[key], arena, total) for key in chosen]


def _situation(
    episodes: Sequence[Branch], places: list[tuple[int, int]], arena: Arena, total: int
) -> Situation:
    """One situation from the (episode, step) places that show it; first visits come first."""
    first: dict[int, int] = {}
    counts: dict[int, int] = {}
    for number, step in places:
        first.setdefault(number, step)
        counts[number] = counts.get(number, 0) + 1
    again = [place for place in places if first[place[0]] != place[1]]
    forks = []
    for number, step in [*first.items(), *again][:FORKS_PER_STATE]:
        episode = episodes[number]
        prefix = tuple(episode.actions[:step])
        forks.append(Fork(episode.fork.seed, prefix, episode.observations[step]))
    weights = sum(arena.discount**step for _, step in places)
    mean = len(places) / len(counts)
    ranks = min(max(counts.values()), math.ceil(RANK_FACTOR * mean))
    usable = sum(min(n, ranks) for n in counts.values())
    repeats = len(first) > 1
    values = [episodes[number].value for number in first]
    return Situation(
        forks=forks,
        visits=weights / len(episodes) if repeats else 1.0,
        share=len(places) / total,
        policy=arena.actor.probabilities([forks[0].observation])[0],
        repeats=repeats,
        ranks=ranks,
        rate=usable / ranks / len(episodes),
        returns=(min(values), max(values)),
    )


def difference(forced: Sequence[float] | Floats, base: Floats, discount: float) -> float:
    """Discounted sum of the differences of two sequences of rewards; 0 if it is float noise.

    Args:
        forced: rewards of one branch.
        base: rewards of the other; the shorter one is followed by zeros.
        discount: in [0, 1].
    """
    rewards = np.zeros((2, max(len(forced), len(base))))
    rewards[0, : len(forced)] = forced
    rewards[1, : len(base)] = base
    weights = discount ** np.arange(rewards.shape[1])
    terms = weights * (rewards[0] - rewards[1])
    total = float(terms.sum())
    noise = ROUNDING * float((weights * np.abs(rewards).sum(axis=0))[terms != 0].sum())
    return 0.0 if abs(total) <= noise else total


class Pool:
    """Independent forks for the situations, from as many new episodes as they need.

    Args:
        arena: where episodes are played.
        situations: whose `pairs` are added to.
        first_seed: of the first new episode; each has the next.
        mean_length: of an episode, in steps, to begin with.
        seed: of the streams, and of the ranks of visits.
    """

    def __init__(
        self,
        arena: Arena,
        situations: Sequence[Situation],
        first_seed: int,
        mean_length: float,
        seed: int,
    ) -> None:
        self.arena, self.situations, self.seed = arena, situations, seed
        self.first_seed, self.mean_length = first_seed, mean_length
        self.episodes = 0
        self._rng = np.random.default_rng([seed, 2])
        self._numbers = {
            key_of(situation.observation): number
            for number, situation in enumerate(situations)
            if situation.repeats
        }
        self._rates = [situation.rate for situation in situations]
        self._visits = self._covered = 0

    @property
    def uncovered(self) -> float | None:
        """Share of the new episodes' visits that were to other observations; None without any."""
        return 1 - self._covered / self._visits if self._visits else None

    def cost(self, number: int) -> float:
        """Expected steps until a situation has one more pair, before any force."""
        situation = self.situations[number]
        return self.mean_length / self._rate(number) if situation.repeats else self.mean_length

    def provide(self, wanted: Mapping[int, int]) -> None:
        """Add pairs until each situation has what is wanted, or half the budget left is used."""
        end = self.arena.steps + 0.5 * self.arena.left
        for number, count in wanted.items():
            if not self.situations[number].repeats:
                self._branch_off(number, count)
        while self.arena.steps < end:
            block = self._missing(wanted)
            if block == 0:
                return
            most = min(LARGEST_BLOCK, end - self.arena.steps) / self.mean_length
            seeds = range(self.episodes, self.episodes + int(max(1, min(block, most))))
            episodes = [Branch(Fork(self.first_seed + n, (), None), record=True) for n in seeds]
            if not self.arena.play(episodes):
                return
            for episode in episodes:
                self._harvest(episode)

    def _missing(self, wanted: Mapping[int, int]) -> int:
        """Episodes that the pairs still missing will probably take."""
        most = 0.0
        for number, count in wanted.items():
            situation = self.situations[number]
            if situation.repeats and len(situation.pairs) < count:
                most = max(most, (count - len(situation.pairs)) / self._rate(number))
        return math.ceil(most)

    def _rate(self, number: int) -> float:
        """Pairs of a situation per episode, so far."""
        rate = self._rates[number]
        return (len(self.situations[number].pairs) + PRIOR) / (self.episodes + PRIOR / rate)

    def _harvest(self, episode: Branch) -> None:
        """The forks of a new episode: at most one for each situation, at a rank drawn blindly."""
        self.episodes += 1
        self.mean_length += (episode.length - self.mean_length) / (self.episodes + PRIOR)
        steps: dict[int, list[int]] = {}
        for step, observation in enumerate(episode.observations):
            number = self._numbers.get(key_of(observation))
            if number is not None:
                steps.setdefault(number, []).append(step)
        self._visits += episode.length
        self._covered += sum(map(len, steps.values()))
        # What the environment did not end was cut, and late forks would see too little of it.
        last = episode.length if episode.ended else episode.length // 2
        for number, places in sorted(steps.items()):
            situation = self.situations[number]
            low, high = situation.returns
            situation.returns = (min(low, episode.value), max(high, episode.value))
            rank = int(self._rng.integers(situation.ranks))
            if rank >= len(places) or places[rank] > last:
                continue
            step = places[rank]
            window = None if episode.ended else episode.length - step
            situation.add(episode, step, window, self.arena.discount)

    def _branch_off(self, number: int, count: int) -> None:
        """Pairs of a situation that one episode met: its places in turn, each with fresh luck."""
        situation = self.situations[number]
        streams = [(self.seed, 1, number, n) for n in range(len(situation.pairs), count)]
        branches = [
            Branch(situation.forks[stream[3] % len(situation.forks)], stream) for stream in streams
        ]
        if self.arena.play(branches):
            for branch in branches:
                window = None if branch.ended else branch.length
                situation.add(branch, 0, window, self.arena.discount)
