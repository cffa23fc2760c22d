"""Probes: what an action at a visited state is worth, by playing on with and without it.

A probe forces an action at a state once, or holds it for several steps, and lets the policy go on.
Its differences, return with the force minus return without it under common random numbers, have the
advantage A(s,a) as their mean (for a held probe: the advantage of the whole sequence). The budget
goes to the probes that may still be good: first a base of pairs for all, then batches for those of
the highest upper limits, until each is known to be better or its upper limit is low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.diagnosis.betting import limits
from agents.diagnosis.observations import allowed_actions
from agents.diagnosis.playing import Arena, Branch, Fork, key_of
from gw_envs.checks import Floats

COMMITTED = 0.9  # an action above this probability is what the policy does: no probe
FORKS_PER_STATE = 64
BATCH = 24  # pairs a probe gets at a time
RESOLUTION = 0.05  # an upper limit below this share of the range is low
REFINING_SHARE = 0.7  # of the budget is for finding; the rest may make the best route precise
PRECISION = 0.15  # half width of the best route's interval, relative to its advantage
ROUNDING = 1e-9  # differences below this share of the returns are float noise


@dataclass
class Situation:
    """A visited observation: where it was met, how often, and what the policy does there.

    Attributes:
        forks: places in episodes that show it.
        visits: expected discounted number of visits per episode, d(s)/(1-discount).
        policy: pi(.|s) [K].
        repeats: whether it was met in more than one episode.
        base: returns of branches that force nothing, by pair.
    """

    forks: list[Fork]
    visits: float
    policy: Floats
    repeats: bool
    base: list[float] = field(default_factory=list)

    @property
    def observation(self) -> object:
        """What is seen."""
        return self.forks[0].observation


@dataclass
class Probe:
    """One action at one situation, held for `hold` steps.

    Attributes:
        situation: index of the situation.
        action: 0..K-1.
        hold: steps it is forced.
        differences: paired differences of returns so far.
        bound: the range of differences assumed.
        low: lower confidence limit of their mean, simultaneous over all probes.
        high: upper limit.
    """

    situation: int
    action: int
    hold: int
    differences: list[float] = field(default_factory=list)
    bound: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    @property
    def advantage(self) -> float:
        """Mean difference."""
        return float(np.mean(self.differences)) if self.differences else 0.0

    def is_open(self, threshold: float) -> bool:
        """Whether it is neither known to be better than `threshold` nor known to be little."""
        return self.low <= threshold and self.high > max(threshold, RESOLUTION * self.bound)


def choose_situations(
    episodes: Sequence[Branch], arena: Arena, count: int, rng: np.random.Generator
) -> list[Situation]:
    """Half the most visited observations, half drawn from the rest."""
    met: dict[bytes, list[tuple[int, int]]] = {}
    for number, episode in enumerate(episodes):
        for step, observation in enumerate(episode.observations):
            met.setdefault(key_of(observation), []).append((number, step))
    order = rng.permutation(len(met)).tolist()
    keys = [list(met)[i] for i in order]
    keys.sort(key=lambda key: -len(met[key]))
    top = keys[: -(-count // 2)]
    rest = keys[len(top) :]
    drawn = rng.permutation(len(rest))[: count - len(top)].tolist()
    chosen = [*top, *(rest[i] for i in drawn)]
    return [_situation(episodes, met[key], arena) for key in chosen]


def _situation(
    episodes: Sequence[Branch], places: list[tuple[int, int]], arena: Arena
) -> Situation:
    """One situation from the (episode, step) places that show it; first visits come first."""
    first: dict[int, int] = {}
    for number, step in places:
        first.setdefault(number, step)
    again = [place for place in places if first[place[0]] != place[1]]
    forks = []
    for number, step in [*first.items(), *again][:FORKS_PER_STATE]:
        episode = episodes[number]
        prefix = tuple(episode.actions[:step])
        forks.append(Fork(episode.fork.seed, prefix, episode.observations[step]))
    weights = sum(arena.discount**step for _, step in places)
    policy = arena.actor.probabilities([forks[0].observation])[0]
    repeats = len(first) > 1
    return Situation(forks, weights / len(episodes) if repeats else 1.0, policy, repeats)


def make_probes(situations: Sequence[Situation], holds: Sequence[int]) -> list[Probe]:
    """Every action that the policy is not committed to, at every situation, for every hold."""
    return [
        Probe(number, action, hold)
        for number, situation in enumerate(situations)
        for action in open_actions(situation)
        for hold in holds
    ]


def open_actions(situation: Situation) -> list[int]:
    """The allowed actions that the policy is not committed to."""
    allowed = allowed_actions(situation.observation, situation.policy.size)
    return np.flatnonzero((situation.policy <= COMMITTED) & allowed).tolist()


class Prober:
    """Plays the probes' pairs and keeps their limits.

    Args:
        arena: where branches are played.
        situations: the states.
        probes: what is tried there.
        confidence: with which all limits hold together.
        luck: spread of the policy's own returns, the least range that is assumed.
        threshold: the advantage that counts, >= 0.
        max_steps: environment steps after which no further batch begins.
        seed: of the random numbers of the branches.
    """

    def __init__(
        self,
        arena: Arena,
        situations: Sequence[Situation],
        probes: Sequence[Probe],
        *,
        confidence: float,
        luck: float,
        threshold: float,
        max_steps: int,
        seed: int,
    ) -> None:
        self.arena, self.situations, self.probes = arena, situations, probes
        self.delta = (1 - confidence) / (2 * max(1, len(probes)))
        self.luck, self.threshold, self.max_steps, self.seed = luck, threshold, max_steps, seed

    def run(self) -> None:
        """A batch for every probe, then batches for the most promising open ones."""
        self.extend(self.probes)
        while self.arena.steps < REFINING_SHARE * self.max_steps:
            waiting = [probe for probe in self.probes if probe.is_open(self.threshold)]
            if not waiting:
                break
            waiting.sort(key=lambda probe: -probe.high / max(probe.bound, 1e-300))
            chosen = waiting[: max(4, len(waiting) // 3)]
            fewest = min(len(probe.differences) for probe in chosen)
            self.extend(chosen, max(BATCH, fewest // 2))  # growing batches: few looks
        self.refine()

    def refine(self) -> None:
        """More pairs for the single actions of the best route's state, which its clock needs."""
        while self.arena.steps < self.max_steps:
            routes = [p for p in self.probes if p.hold == 1 and p.low > self.threshold]
            if not routes:
                return
            best = max(routes, key=lambda probe: probe.advantage)
            if best.high - best.low <= 2 * PRECISION * best.advantage:
                return
            here = best.situation
            more = max(BATCH, len(best.differences) // 2)
            self.extend([p for p in self.probes if p.hold == 1 and p.situation == here], more)

    def extend(self, probes: Sequence[Probe], pairs: int = BATCH) -> None:
        """Another batch of pairs for each of these probes."""
        branches: list[tuple[Probe, int, Branch]] = []
        bases: list[tuple[Situation, Branch]] = []
        for number, situation in enumerate(self.situations):
            here = [probe for probe in probes if probe.situation == number]
            if not here:
                continue
            needed = max(len(probe.differences) for probe in here) + pairs
            for pair in range(len(situation.base), needed):
                bases.append((situation, self._branch(number, pair, ())))
            for probe in here:
                begun = len(probe.differences)
                for pair in range(begun, begun + pairs):
                    forced = (probe.action,) * probe.hold
                    branches.append((probe, pair, self._branch(number, pair, forced)))
        self.arena.play([branch for _, branch in bases] + [branch for _, _, branch in branches])
        for situation, branch in bases:
            situation.base.append(branch.value)
        for probe, pair, branch in branches:
            base = self.situations[probe.situation].base[pair]
            difference = branch.value - base
            noise = ROUNDING * (abs(branch.value) + abs(base))
            probe.differences.append(0.0 if abs(difference) <= noise else difference)
        for probe in probes:
            self._judge(probe)
        # Where nothing at all happened, what happens elsewhere says how much may be at stake.
        happened = [probe.bound for probe in self.probes if probe.bound > 0]
        for probe in probes if happened else ():
            if probe.bound == 0 or not any(probe.differences):
                self._judge(probe, float(np.median(happened)))

    def _branch(self, number: int, pair: int, forced: tuple[int, ...]) -> Branch:
        forks = self.situations[number].forks
        stream = (self.seed, 1, number, pair)
        return Branch(forks[pair % len(forks)], stream, forced)

    def _judge(self, probe: Probe, least: float = 0.0) -> None:
        base = self.situations[probe.situation].base
        seen = float(np.max(np.abs(probe.differences)))
        probe.bound = max(seen, self.luck, float(np.ptp(base)), least)
        probe.low, probe.high = limits(probe.differences, probe.bound, self.delta)
