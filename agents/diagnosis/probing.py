"""Probes: what an action at a visited state is worth, by playing on with and without it.

A probe forces an action at a state once, or holds it for several steps, and lets the policy go on.
Its differences, return with the force minus return without it, have the advantage A(s,a) as their
mean (for a held probe: the advantage of the whole sequence). They are formed reward by reward
before anything is summed, so that what all rewards share drops out.

The budget goes to the probes that may still be good: first a base of pairs for all, then batches
for those of the highest upper limits, until each is known to be better or its upper limit is low.
Then the best route must stand the test of many more pairs, because what happened in none of n
pairs may still happen three times in n; and where nothing is better, every probe is looked at until
that is rare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.diagnosis.betting import limits
from agents.diagnosis.forks import Pair, Pool, Situation, difference
from agents.diagnosis.playing import Arena, Branch
from agents.diagnosis.policies.observations import allowed_actions

COMMITTED = 0.9  # an action above this probability is what the policy does: no probe
BATCH = 24  # pairs a probe gets at a time
RESOLUTION = 0.05  # an upper limit below this share of the range is low
REFINING_SHARE = 0.7  # of the budget is for finding; the rest may make the best route precise
PRECISION = 0.15  # half width of the best route's interval, relative to its advantage
SEEN = 1_000  # pairs of every probe, if the budget lasts, before nothing is said to be better
CONFIRMED = 10_000  # pairs of the best route, if they take less than:
CONFIRMING_SHARE = 0.1  # of the budget; beyond it, SEEN are enough
LARGEST_SHARE = 0.5  # of what is left of the budget is planned for one batch


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
        lowest: of the returns with the force, less that of the situation's first pair.
        highest: of the same.
    """

    situation: int
    action: int
    hold: int
    differences: list[float] = field(default_factory=list)
    bound: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    lowest: float = 0.0
    highest: float = 0.0

    @property
    def advantage(self) -> float:
        """Mean difference."""
        return float(np.mean(self.differences)) if self.differences else 0.0

    def is_open(self, threshold: float) -> bool:
        """Whether it is neither known to be better than `threshold` nor known to be little."""
        return self.low <= threshold and self.high > max(threshold, RESOLUTION * self.bound)


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
        pool: gives the situations their forks.
        probes: what is tried there.
        confidence: with which all limits hold together.
        luck: spread of the policy's own returns, the least range assumed where a state was met
            once; elsewhere that of the episodes which met it.
        threshold: the advantage that counts, >= 0.
        least_range: of differences, that the environment declares; 0 for none.
    """

    def __init__(
        self,
        pool: Pool,
        probes: Sequence[Probe],
        *,
        confidence: float,
        luck: float,
        threshold: float,
        least_range: float = 0.0,
    ) -> None:
        self.pool, self.probes = pool, probes
        self.arena: Arena = pool.arena
        self.situations = pool.situations
        self.delta = (1 - confidence) / (2 * max(1, len(probes)))
        self.luck, self.threshold, self.least_range = luck, threshold, least_range
        self._branches = self._branch_steps = 0
        self._confirming = 0

    def run(self) -> None:
        """A batch for every probe, then what is most worth knowing until the budget is used."""
        while any(len(probe.differences) < BATCH for probe in self.probes):
            fewest = min(len(probe.differences) for probe in self.probes)
            behind = [probe for probe in self.probes if len(probe.differences) == fewest]
            if not self.extend(behind, BATCH - fewest):
                return
        stalled: set[int] = set()
        while True:
            chosen = [p for p in self._next(stalled) if id(p) not in stalled]
            if not chosen:
                return
            began = self.arena.steps
            fewest = min(len(probe.differences) for probe in chosen)
            if not self.extend(chosen, max(BATCH, fewest // 2)):  # growing batches: few looks
                stalled |= {id(probe) for probe in chosen}
            if any(p.low > self.threshold for p in chosen):
                self._confirming += self.arena.steps - began

    def _next(self, stalled: set[int]) -> list[Probe]:
        """The probes that should have more pairs: open ones, the best route, the little seen."""
        if self.arena.steps < REFINING_SHARE * self.arena.budget:
            waiting = [p for p in self.probes if p.is_open(self.threshold) and id(p) not in stalled]
            if waiting:
                waiting.sort(key=lambda probe: -probe.high / max(probe.bound, 1e-300))
                return waiting[: max(4, len(waiting) // 3)]
        routes = [probe for probe in self.probes if probe.low > self.threshold]
        if routes:
            return self._confirmation(min(routes, key=preference))
        unseen = [p for p in self.probes if len(p.differences) < SEEN and id(p) not in stalled]
        unseen.sort(key=lambda probe: len(probe.differences))
        return unseen[: max(4, len(unseen) // 3)]

    def _confirmation(self, best: Probe) -> list[Probe]:
        """What the best route still needs: many pairs and, for its clock, precision."""
        count = len(best.differences)
        spent = self._confirming >= CONFIRMING_SHARE * self.arena.budget
        if count < (SEEN if spent else CONFIRMED):
            return [best]
        if best.hold > 1 or best.high - best.low <= 2 * PRECISION * best.advantage:
            return []
        return [p for p in self.probes if p.hold == 1 and p.situation == best.situation]

    def extend(self, probes: Sequence[Probe], pairs: int) -> bool:
        """More pairs for each of these probes, as far as budget and forks go; False for none."""
        before = sum(len(probe.differences) for probe in probes)
        pairs = min(pairs, self._affordable(probes))
        if pairs < 1:
            return False
        wanted: dict[int, int] = {}
        for probe in probes:
            count = len(probe.differences) + pairs
            wanted[probe.situation] = max(count, wanted.get(probe.situation, 0))
        self.pool.provide(wanted)
        branches: list[tuple[Probe, int, Branch]] = []
        for probe in probes:
            available = self.situations[probe.situation].pairs
            begun = len(probe.differences)
            for number in range(begun, min(begun + pairs, len(available))):
                pair = available[number]
                forced = (probe.action,) * probe.hold
                branch = Branch(pair.fork, pair.stream, forced, window=pair.window)
                branches.append((probe, number, branch))
        began = self.arena.steps
        if not self.arena.play([branch for *_, branch in branches]):
            return False
        self._branches += len(branches)
        self._branch_steps += self.arena.steps - began
        for probe, number, branch in branches:
            self._note(probe, branch, self.situations[probe.situation].pairs[number])
        for probe in probes:
            self._judge(probe)
        # Where nothing at all happened, what happens elsewhere says how much may be at stake.
        happened = [probe.bound for probe in self.probes if probe.bound > 0]
        elsewhere = float(np.median(happened)) if happened else self.luck
        for probe in probes:
            if probe.bound == 0 or not any(probe.differences):
                self._judge(probe, elsewhere)
        return sum(len(probe.differences) for probe in probes) > before

    def _affordable(self, probes: Sequence[Probe]) -> int:
        """Pairs for each of these probes that a share of the budget left will probably pay.

        A single one as long as it is not known what a branch costs.
        """
        if not self._branches:
            return 1
        each = self._branch_steps / self._branches
        forks = max(self.pool.cost(number) for number in {probe.situation for probe in probes})
        share = LARGEST_SHARE * self.arena.left
        return max(int(share / (forks + each * len(probes))), int(share > forks + 2 * each))

    def _note(self, probe: Probe, branch: Branch, pair: Pair) -> None:
        """Keep a played pair."""
        gained = difference(branch.rewards, pair.rewards, self.arena.discount)
        probe.differences.append(gained)
        probe.lowest = min(probe.lowest, pair.value + gained)
        probe.highest = max(probe.highest, pair.value + gained)

    def _judge(self, probe: Probe, least: float = 0.0) -> None:
        if not probe.differences:
            return
        seen = float(np.max(np.abs(probe.differences)))
        here = self.situations[probe.situation]
        luck = here.returns[1] - here.returns[0] if here.repeats else self.luck
        spread = max(probe.highest, here.highest) - min(probe.lowest, here.lowest)
        probe.bound = max(seen, spread, luck, least, self.least_range)
        probe.low, probe.high = limits(probe.differences, probe.bound, self.delta)


def preference(probe: Probe) -> tuple[bool, float]:
    """Sorts significantly better probes: single actions first, then by advantage."""
    return probe.hold > 1, -probe.advantage
