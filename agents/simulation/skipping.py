"""Event skipping: escape times of sampled softmax policy gradient with two arms, in law.

REINFORCE, one pull A ~ pi an update, reward R, no baseline: theta += eta R (e_A - pi). With p =
pi(a*) and odds y = (1-p)/p against the best arm, a rewarded pull of the best arm multiplies y by
exp(-h1 (1-p)), one of the other arm by exp(h2 p); an unrewarded pull changes nothing. h1 and h2
are 2 eta times the size of a reward: that is r with certain rewards, and 1 with Bernoulli rewards,
which come with probability r.

In the well the other arm is pulled nearly always. Between two pulls of the best arm the rewarded
pulls follow the map u <- u - h2 p, u = ln(1/y), whose Abel function A, A(after one) = A + 1, is

    A = (y + ln y)/h + 1/2 ln p + h (p/6 - p^2/8) + h^2 (p^2/16 - p^3/9 + 5 p^4/96) + O(h^3 p^3)

(own derivation, term by term as in `gw_envs.theory.clock`), so k of them are made at once. Which
rewarded pull is one of the best arm is drawn by thinning: p falls along a block, so its first value
bounds it; with q = rho2 + p (rho1 - rho2), rho the chances that a pull is rewarded, every update is
a candidate with the constant chance q, and each candidate a possible event with the constant chance
p rho1 / q, decided by the p then. The updates between candidates are a negative binomial number.
Nothing of this approximates but the truncated series, where it is used (p <= 0.05, h2 p <= 0.02)
off by less than 3e-7 of one pull, and waits beyond 1e8 (`kernels.draws`). Nearer the edge the
updates are made one by one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.simulation.kernels import counters, draws
from agents.simulation.kernels.compiling import compiled
from agents.simulation.kernels.counters import stream_key
from agents.simulation.kernels.draws import draw_geometric, draw_uniform, draw_waiting, open_stream
from agents.simulation.kernels.lanes import source_digest
from agents.simulation.solver import check_theta, make_bandit
from gw_envs.checks import BadInput, Floats, check_choice, check_int, check_memory
from gw_envs.theory import WELL_FRACTION

JUMP_PROB = 0.05
JUMP_RATE = 0.02
CENSORED = -1
GIVEN_UP = -2
SMALLEST_STEP = 1e-12  # relative, of the odds: smaller ones would be lost in float64
MOST_UPDATES = 2**53  # update numbers are whole float64 numbers
_compiled = compiled(nogil=True, error_model="numpy")


@_compiled
def _series(p: float, h: float) -> float:
    """h A without its first two terms."""
    second = p * p * (1.0 / 16.0 - p * (1.0 / 9.0 - p * 5.0 / 96.0))
    return h * (0.5 * math.log(p) + h * (p / 6.0 - p * p / 8.0) + h * h * second)


@_compiled
def jump_odds(y: float, h: float, pulls: float) -> float:
    """The odds against the best arm after so many rewarded pulls of the other arm."""
    if h == 0.0 or pulls == 0.0:
        return y
    start = _series(1.0 / (1.0 + y), h)
    change = h * pulls
    for _ in range(50):
        end = y + change
        excess = change + math.log1p(change / y) + _series(1.0 / (1.0 + end), h) - start - h * pulls
        step = excess / (1.0 + 1.0 / end)
        change -= step
        if abs(step) <= 1e-15 * end:
            break
    return y + change


@_compiled
def _escape(
    stream: Any, odds: Any, h1: float, h2: float, rho1: float, rho2: float, edge: float,
    limit: float, events: bool, work: int,
) -> int:  # fmt: skip
    """Smallest n with p_n > edge; CENSORED if above the limit, GIVEN_UP if it takes more work.

    `odds` [1] against the best arm are those of the start, and then those of the escape.
    """
    n, y = 0.0, odds[0]
    for _ in range(work):
        p = 1.0 / (1.0 + y)
        if p > edge:
            odds[0] = y
            return int(n)
        if n >= limit:
            return CENSORED
        if not events or p > JUMP_PROB or h2 * p > JUMP_RATE:
            n += 1.0
            u = draw_uniform(stream)
            if u <= p * rho1:
                y *= math.exp(-h1 * (1.0 - p))
            elif u <= p * rho1 + (1.0 - p) * rho2:
                y *= math.exp(h2 * p)
            continue
        q = rho2 + p * (rho1 - rho2)
        pulls = draw_geometric(stream, p * rho1 / q)
        block = np.ceil(y / h2) if h2 > 0.0 else np.inf
        if pulls > block:  # p has halved: a new bound
            n += block + draw_waiting(stream, block, q)
            y = jump_odds(y, h2, block)
            continue
        n += pulls + draw_waiting(stream, pulls, q)
        if n > limit:
            return CENSORED
        y = jump_odds(y, h2, pulls - 1.0)
        now = 1.0 / (1.0 + y)
        u = draw_uniform(stream) * p * rho1
        if u <= now * rho1:
            y *= math.exp(-h1 * (1.0 - now))
        elif u <= now * rho1 + (p - now) * rho2:
            y *= math.exp(h2 * now)
    return GIVEN_UP


def _build(digest: int) -> Any:
    """The kernel; `digest` in its closure ties numba's disk cache to the sources."""

    @_compiled
    def escape_all(
        odds: Any, h1: float, h2: float, rho1: float, rho2: float, edge: float, limit: float,
        events: bool, work: int, key: Any, first_stream: int, out: Any,
    ) -> int:  # fmt: skip
        """Escape times of the trajectories, each from its own stream, up to the first one given up.

        Returns:
            How many there are before that one.
        """
        for i in range(odds.size):
            stream = open_stream(key, np.uint64(first_stream + i))
            own = odds[i : i + 1]
            out[i] = _escape(stream, own, h1, h2, rho1, rho2, edge, limit, events, work)
            if out[i] == GIVEN_UP or digest < 0:
                return i
        return odds.size

    return escape_all


_escape_all = _build(source_digest(__file__, str(draws.__file__), str(counters.__file__)))


class Law(NamedTuple):
    """What a pull does: h1 and h2, the chances of a reward, and where the well ends."""

    h1: float
    h2: float
    rho1: float
    rho2: float
    edge: float


def make_law(
    mean_rewards: ArrayLike,
    learning_rate: float,
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
    reward_noise: str = "none",
    baseline: str = "none",
) -> Law:
    """Check what `sampled_escape_times` is told of the bandit and the rule.

    Raises:
        BadInput: naming the argument, or what would make skipping an approximation.
    """
    _refuse_approximations(mean_rewards, reward_noise, baseline)
    bandit, eta = make_bandit(mean_rewards, learning_rate, escape_fraction, escape_prob)
    check_choice("reward_noise", reward_noise, ("none", "bernoulli"))
    best, other = bandit.rewards.max(), bandit.rewards.min()
    sizes, chances = (best, other), (1.0, 1.0)
    if reward_noise == "bernoulli":
        sizes, chances = chances, sizes
    h1, h2 = (2.0 * eta * float(size) for size in sizes)
    edge = bandit.edge
    if h1 * (1.0 - edge) < SMALLEST_STEP:
        raise BadInput(
            f"learning_rate={learning_rate!r} moves the odds by a share of {h1 * (1.0 - edge):.3g} "
            f"near the edge, which float64 would lose; {SMALLEST_STEP:g} is the least that works."
        )
    return Law(h1, h2, float(chances[0]), float(chances[1]), edge)


def follow(
    law: Law, odds: Floats, limit: int, seed: int | None, *, events: bool = True,
    work: int = 10**9, first_stream: int = 0,
) -> NDArray[np.int64]:  # fmt: skip
    """Escape times [B] from the odds against the best arm [B], which become those at the escape.

    Raises:
        BadInput: if `work` single updates and events are not enough.
    """
    key, out = stream_key(seed), np.empty(odds.size, dtype=np.int64)
    done = _escape_all(odds, *law, float(limit), events, work, key, first_stream, out)
    if done < odds.size:
        raise BadInput(
            f"max_direct_updates={work} single updates and events did not take trajectory {done} "
            "out of the well; raise it, or lower max_updates to censor such runs."
        )
    return out


def sampled_escape_times(
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    learning_rate: float,
    num_trajectories: int | None = None,
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
    *,
    reward_noise: str = "none",
    baseline: str = "none",
    max_updates: int = MOST_UPDATES,
    max_direct_updates: int = 10**9,
    method: str = "events",
    seed: int | None = None,
    first_stream: int = 0,
) -> NDArray[np.int64]:
    """Escape times of REINFORCE with two arms, one pull an update, no baseline.

    Their law is heavy-tailed, P(T > t) ~ t^-kappa, and its mean is infinite where 2 eta r_2 >=
    1 - exp(-2 eta r_1), with Bernoulli rewards 2 eta r_2 >= r_1 (1 - exp(-2 eta)):
    `gw_envs.theory.sampled_escape_law` has kappa and the quantiles. Report quantiles, and count
    censored runs.

    Args:
        mean_rewards: r [2], in [0, 1], not equal.
        initial_theta: theta_0 [2] for all trajectories, or [B, 2].
        learning_rate: eta > 0, constant.
        num_trajectories: B, needed with theta_0 [2].
        escape_fraction: share of the gap that still counts as inside, in (0, 1].
        escape_prob: edge on pi(a*), in (0, 1); replaces `escape_fraction`.
        reward_noise: `none` (R = r) or `bernoulli` (R = 1 with probability r).
        baseline: `none`; others leave no silent updates to skip and are refused.
        max_updates: budget, at most 2^53.
        max_direct_updates: how many single updates and events one trajectory may take (a billion
            are about ten seconds); one that takes more is an error, never a result.
        method: `events` skips from event to event; `direct` makes every update.
        seed: fixes the streams; None draws fresh ones.
        first_stream: stream of trajectory 0; trajectory i uses first_stream + i, so that its
            result does not depend on the batch.

    Returns:
        int64 [B], smallest n outside the well, 0 for a start outside, -1 where censored.

    Raises:
        BadInput: naming the argument, or what would make skipping an approximation, or the work
            that ran out.
    """
    law = make_law(
        mean_rewards, learning_rate, escape_fraction, escape_prob, reward_noise, baseline
    )
    events = check_choice("method", method, ("events", "direct")) == "events"
    limit = check_int("max_updates", max_updates, 0, MOST_UPDATES)
    work = check_int("max_direct_updates", max_direct_updates, 1, 2**62)
    first = check_int("first_stream", first_stream, 0, 2**62)
    theta = check_theta(initial_theta, 2, (1, 2))
    odds = _start_odds(theta, int(np.argmax(np.asarray(mean_rewards))), num_trajectories)
    if seed is not None:
        check_int("seed", seed, 0)
    return follow(law, odds, limit, seed, events=events, work=work, first_stream=first)


def _refuse_approximations(mean_rewards: ArrayLike, reward_noise: str, baseline: str) -> None:
    """Raise where pulls that are skipped would have moved theta by more than a series can say."""
    if np.ndim(mean_rewards) == 1 and np.size(mean_rewards) > 2:
        raise BadInput(
            f"mean_rewards has {np.size(mean_rewards)} arms; events can be skipped exactly with 2 "
            "arms only, with more it would approximate: use agents.simulation.simulate."
        )
    if reward_noise == "gaussian":
        raise BadInput(
            "reward_noise='gaussian' moves theta at every pull, so skipping pulls would only "
            "approximate: use agents.simulation.simulate."
        )
    if baseline != "none":
        raise BadInput(
            f"baseline={baseline!r} makes every pull move theta at random, so skipping pulls would "
            "only approximate: use baseline='none' or agents.simulation.simulate."
        )


def _start_odds(
    theta: NDArray[np.float64], best: int, num_trajectories: int | None
) -> NDArray[np.float64]:
    """Odds against the best arm at the start, [B]."""
    if theta.ndim == 1:
        count = check_int(
            "num_trajectories", 1 if num_trajectories is None else num_trajectories, 1
        )
        check_memory("num_trajectories", count, 32.0 * count)
        theta = np.broadcast_to(theta, (count, 2))
    elif num_trajectories is not None and num_trajectories != len(theta):
        raise BadInput(
            f"num_trajectories={num_trajectories!r} must be left out, or be {len(theta)}, the rows "
            "of initial_theta."
        )
    gap = theta[:, 1 - best] - theta[:, best]
    if not np.all(gap < 700):
        raise BadInput(
            f"initial_theta has a logit gap of {gap.max():g}; below pi(a*) = 1e-304 float64 ends, "
            "so it must be below 700."
        )
    return np.exp(gap)
