"""b_k(t) and Delta(s) from forked training runs, with intervals.

The model is the paper's, r_k(s, t) = b_k(t) + Delta(s) [k = a*(s)], plus a term common to the three
actions of a fork: how good this run's embedding happens to be there. That term is much larger than
anything an action does, so differences between actions are estimated within forks, where it
cancels, and only the common level b(t) = mean_k b_k(t) between runs. With y_jk the mean reward of
fork j under action k and c_jk = y_jk - mean_k y_jk,

    c_jk = (b_k - b)(t_j) + Delta(s_j) ([k = a*(s_j)] - 1/3) + noise,

least squares with free (b_k - b)(t) at every clock. What identifies Delta is that levels differ
within a clock and in their best action. If one action is best at every level, Delta(s) + x and
b_{a*}(t) - x fit alike; then b_{a*} is set to equal the mean of the actions' bases on average.

Runs are what is independent: every interval is Student's from the delete-one-run jackknife, which
for plain means is the usual interval (Efron and Stein 1981). Best actions that are not given are
chosen on the even repeats, and everything is then estimated on the odd ones, so that choosing the
largest of noisy numbers does not make it look large.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gw_envs.checks import BadInput, Floats, check_float, check_int, check_share
from gw_envs.hardness import check_best_actions

if TYPE_CHECKING:
    from experiments.drift.forking import Forks

NUM_LEVELS = 3
MAX_LEVELS = 5
MIN_RUNS = 3
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """Numbers with their confidence intervals, arrays of one shape."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class DriftEstimate:
    """b_k(t) and Delta(s), K = 3 actions, T clocks, S levels of hardness.

    Attributes:
        clocks: steps of the run at which it was forked [T].
        edges: mean distances between the levels, ascending [S - 1]; level 0 lies above the last.
        best_actions: a*(s) [S].
        given: whether the best actions were given, not chosen.
        mean: b(t), the mean over actions [T].
        offsets: b_k(t) - b(t) [T, K].
        base: b_k(t) [T, K].
        gaps: Delta(s) [S].
        advantages: of action k at level s, its reward less the mean of the three, averaged over the
            forks of the level; free of the model [S, K].
        forks: number of forks at each level [S].
        unmoved: share of each level's forks where all actions gave the same rewards to the bit [S].
        move_prob: share of forks that "harder" or "easier" took to another level in one step, of
            those that had one to go to; NaN where there is none.
        runs: number of training runs.
        lag: steps that the action had been held for when it was paid.
        confidence: of the intervals.
    """

    clocks: Floats
    edges: Floats
    best_actions: Integers
    given: bool
    mean: Interval
    offsets: Interval
    base: Interval
    gaps: Interval
    advantages: Interval
    forks: Integers
    unmoved: Floats
    move_prob: float
    runs: int
    lag: int
    confidence: float


@dataclass(frozen=True)
class _Cells:
    """Forks as the estimator sees them: mean rewards [J, K], clock index, level and run [J]."""

    rewards: Floats
    clock: Integers
    level: Integers
    run: Integers
    num_clocks: int
    num_levels: int

    def keep(self, rows: NDArray[np.bool_]) -> _Cells:
        """Some of the forks."""
        parts = (self.rewards[rows], self.clock[rows], self.level[rows], self.run[rows])
        return _Cells(*parts, self.num_clocks, self.num_levels)

    def by_clock(self, values: Floats) -> Floats:
        """Means over the forks of each clock of values [J, ...], [T, ...]."""
        sums = np.zeros((self.num_clocks, *values.shape[1:]))
        np.add.at(sums, self.clock, values)
        counts = np.bincount(self.clock, minlength=self.num_clocks)
        return sums / counts.reshape(-1, *([1] * (values.ndim - 1)))


def estimate_from_forks(
    forks: Forks,
    *,
    edges: Sequence[float] | None = None,
    best_actions: Sequence[int] | None = None,
    lag: int = 1,
    confidence: float = 0.95,
) -> DriftEstimate:
    """Estimate b_k(t) and Delta(s) from forked runs.

    Args:
        forks: of at least three runs, all forked at the same clocks.
        edges: ascending mean distances that divide the levels of hardness; None: the terciles of
            the forks' distances.
        best_actions: a*(s), level 0 (easy) first: 0 harder, 1 keep, 2 easier. None: chosen on half
            of the repeats.
        lag: steps the forked action had been held for when it was paid; 1 is the theorem's.
        confidence: in (0, 1), of every interval.

    Raises:
        ValueError: naming the argument that is out of range, a level that fewer than three runs
            visit, or data that cannot tell the levels apart.
    """
    level_of_confidence = check_share("confidence", confidence)
    lag = check_int("lag", lag, 1, forks.scores.shape[-1])
    seeds = _check_seeds(forks.seeds)
    cuts = _check_edges(edges, forks.distances)
    level = _levels(forks.distances, cuts)
    scores = forks.scores[..., lag - 1]
    clocks, clock = np.unique(forks.clocks, return_inverse=True)

    def cells(repeats: slice) -> _Cells:
        rewards = scores[:, repeats].mean(axis=1)
        return _Cells(rewards, clock, level, forks.seeds, len(clocks), len(cuts) + 1)

    _check_visits(cells(slice(None)), seeds, cuts)
    if best_actions is None:
        best, data = _choose_best(cells(slice(0, None, 2))), cells(slice(1, None, 2))
    else:
        best, data = check_best_actions(best_actions, len(cuts) + 1), cells(slice(None))
    mean, offsets, base, gaps, advantages = _jackknife(data, best, seeds, level_of_confidence)
    same = np.all(scores == scores[..., :1], axis=(1, 2))
    return DriftEstimate(
        clocks=clocks.astype(np.float64),
        edges=cuts,
        best_actions=best,
        given=best_actions is not None,
        mean=mean,
        offsets=offsets,
        base=base,
        gaps=gaps,
        advantages=advantages,
        forks=np.bincount(level, minlength=len(cuts) + 1),
        unmoved=np.array([float(same[level == s].mean()) for s in range(len(cuts) + 1)]),
        move_prob=_move_prob(level, _levels(forks.later_distances[..., 0], cuts), len(cuts)),
        runs=len(seeds),
        lag=lag,
        confidence=level_of_confidence,
    )


def _check_seeds(runs: Integers) -> Integers:
    seeds = np.unique(runs)
    if len(seeds) < MIN_RUNS:
        raise BadInput(f"forks of {len(seeds)} runs give no intervals; fork at least {MIN_RUNS}.")
    return seeds


def _check_edges(edges: Sequence[float] | None, distances: Floats) -> Floats:
    if edges is None:
        cuts = np.quantile(distances, np.arange(1, NUM_LEVELS) / NUM_LEVELS)
        what = f"edges=None gives the terciles {cuts.tolist()}"
    else:
        cuts = np.array([check_float("edges", edge, 0, 2) for edge in edges])
        what = f"edges={list(edges)!r}"
    if not (1 <= len(cuts) < MAX_LEVELS) or np.any(np.diff(cuts) <= 0):
        raise BadInput(f"{what}; they must be 1 to {MAX_LEVELS - 1} ascending distances.")
    return cuts


def _levels(distances: Floats, edges: Floats) -> Integers:
    """0 (far, easy) ... S - 1 (near, hard): how many edges lie above the distance."""
    return np.asarray((distances[..., None] < edges).sum(axis=-1), dtype=np.int64)


def _check_visits(data: _Cells, seeds: Integers, edges: Floats) -> None:
    for s in range(data.num_levels):
        visitors = len(np.unique(data.run[data.level == s]))
        if visitors < MIN_RUNS:
            raise BadInput(
                f"level {s} of the edges {edges.tolist()} was visited by {visitors} of the "
                f"{len(seeds)} runs; at least {MIN_RUNS} must, so add seeds or move the edges."
            )
    if len(data.run) != len(seeds) * data.num_clocks:
        raise BadInput("forks must hold every run at the same clocks, each once.")


def _fit(data: _Cells, best: Integers) -> tuple[tuple[Floats, ...], float]:
    """(b(t), b_k(t) - b(t), b_k(t), Delta(s), advantages), and the squared error of contrasts."""
    count = data.rewards.shape[1]
    common = data.rewards.mean(axis=1)
    contrasts = data.rewards - common[:, None]
    bonus = (best[:, None] == np.arange(count)) - 1 / count  # [S, K]
    columns = np.zeros((len(common), count, data.num_levels))
    columns[np.arange(len(common)), :, data.level] = bonus[data.level]

    def within(values: Floats) -> Floats:
        return values - data.by_clock(values)[data.clock]

    design = within(columns).reshape(-1, data.num_levels)
    target = within(contrasts).ravel()
    solution, _, rank, _ = np.linalg.lstsq(design, target, rcond=1e-8)
    gaps: Floats = np.asarray(solution, dtype=np.float64)
    alike = bool(np.all(best == best[0]))
    if rank < data.num_levels - alike:
        raise BadInput(
            f"the forks cannot tell the {data.num_levels} levels apart: within each clock all runs "
            "are at one level; add seeds or move the edges."
        )
    offsets = data.by_clock(contrasts - columns @ gaps)
    if alike:
        shift = float(offsets[:, best[0]].mean()) / (1 - 1 / count)
        gaps = gaps + shift
        offsets = offsets - shift * bonus[0]
    mean = data.by_clock(common - gaps[data.level] / count)
    advantages: Floats = np.stack(
        [contrasts[data.level == s].mean(axis=0) for s in range(data.num_levels)]
    )
    error = float(np.sum((target - design @ gaps) ** 2))
    return (mean, offsets, mean[:, None] + offsets, gaps, advantages), error


def _choose_best(data: _Cells) -> Integers:
    """The best actions that fit best, of those whose gaps are not negative if there are any."""
    tried = []
    for actions in itertools.product(range(data.rewards.shape[1]), repeat=data.num_levels):
        best = np.array(actions, dtype=np.int64)
        (_, _, _, gaps, _), error = _fit(data, best)
        tried.append((bool(np.any(gaps < 0)), error, actions))
    return np.array(min(tried)[2], dtype=np.int64)


def _jackknife(
    data: _Cells, best: Integers, seeds: Integers, confidence: float
) -> tuple[Interval, ...]:
    """The five estimates of `_fit` with Student's intervals over runs."""
    from scipy.stats import t as student

    whole, _ = _fit(data, best)
    left_out = [_fit(data.keep(data.run != seed), best)[0] for seed in seeds]
    factor = float(student.ppf((1 + confidence) / 2, len(seeds) - 1))

    def interval(value: Floats, others: list[Floats]) -> Interval:
        spread = (len(seeds) - 1) * np.var(others, axis=0)
        half = factor * np.sqrt(spread)
        return Interval(value, value - half, value + half)

    return tuple(interval(v, [o[i] for o in left_out]) for i, v in enumerate(whole))


def _move_prob(before: Integers, after: Integers, top: int) -> float:
    """Share of harder and easier actions that changed the level, where it could be changed."""
    harder, easier = before < top, before > 0
    moved = np.concatenate([(after[:, 0] > before)[harder], (after[:, 2] < before)[easier]])
    return float(moved.mean()) if moved.size else float("nan")
