"""`simulate`: many policy-gradient trajectories, update by update, as fast as it goes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.baselines import BASELINES
from agents.simulation import rule_runs
from agents.simulation.kernels import blocks, driver
from agents.simulation.kernels.counters import stream_key
from agents.simulation.kernels.lanes import LANES
from agents.simulation.settings import (
    Bandits,
    Sampling,
    history_marks,
    make_bandits,
    make_sampling,
)
from agents.updates import ExactRule
from agents.updates.regularized import log_softmax
from gw_envs.checks import (
    Floats,
    check_bool,
    check_choice,
    check_float,
    check_int,
    check_seconds,
    check_share,
)
from gw_envs.theory import WELL_FRACTION
from gw_envs.vector.noise import NOISE_LAWS

# Stand-ins for the escape criterion that is not used: a probability never exceeded, and a fraction
# at which every policy is in the well.
_NEVER_EXCEEDED, _ALWAYS_INSIDE = 2.0, -1e30


@dataclass(frozen=True)
class History:
    """Policies on the way, at log-spaced updates.

    Attributes:
        updates: [H], ascending from 0 to max_updates.
        theta: parameters [H, B, K].
        log_map: from parameters to ln pi.
    """

    updates: NDArray[np.int64]
    theta: Floats
    log_map: Callable[[Floats], Floats] = log_softmax

    @property
    def log_policy(self) -> Floats:
        """ln pi, [H, B, K]."""
        return self.log_map(self.theta)


@dataclass(frozen=True)
class Trajectories:
    """What `simulate` returns, for B trajectories of K arms.

    Attributes:
        escape_time: int64 [B], smallest n whose policy n is outside the well, 0 for a start
            outside, -1 where censored (no escape within max_updates).
        final_theta: parameters [B, K] after the last update made.
        moved: final_theta - initial_theta [B, K], to full relative precision even where it is far
            below the spacing of floats near theta.
        lowest_optimal_prob: lowest pi(a*) met in the well [B] (1 for a start outside).
        history: policies on the way, or None.
        log_map: from parameters to ln pi.
    """

    escape_time: NDArray[np.int64]
    final_theta: Floats
    moved: Floats
    lowest_optimal_prob: Floats
    history: History | None
    log_map: Callable[[Floats], Floats] = log_softmax

    @property
    def final_policy(self) -> Floats:
        """The last policy [B, K]."""
        return np.exp(self.log_map(self.final_theta))

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Which trajectories did not escape within the budget [B]."""
        return self.escape_time < 0


def simulate(
    mean_rewards: ArrayLike,
    initial_theta: ArrayLike,
    update: str = "softmax-pg",
    *,
    learning_rate: float,
    max_updates: int,
    gradient: str = "exact",
    escape_fraction: float = WELL_FRACTION,
    escape_prob: float | None = None,
    stop_at_escape: bool = True,
    history: int | None = None,
    baseline: str = "none",
    baseline_value: float | None = None,
    reward_noise: str = "none",
    noise_std: float = 0.0,
    batch_size: int = 1,
    seed: int | None = None,
    first_stream: int = 0,
    on_precision: str = "raise",
    num_threads: int | None = None,
    update_options: Mapping[str, Any] | None = None,
) -> Trajectories:
    """Iterate softmax policy gradient, or another rule, on one-state problems until escape.

    Exact: theta(a) += eta pi(a)(r(a) - pi.r) (the paper, equation 3). Sampled (REINFORCE): with
    actions A ~ pi and rewards R, theta += eta (R - b)(e_A - pi), averaged over `batch_size` pulls.
    Policy n is the policy after n updates; the escape time is the smallest n whose policy is
    outside the well. Results are the same to the bit for any `num_threads`, any `history` and any
    split of the batch (for sampled gradients give each part its `first_stream`).

    Args:
        mean_rewards: r in [0, 1], [K] or [B, K], one best arm each; constant in time (for rewards
            that change see `agents.softmax_pg.SoftmaxPG`).
        initial_theta: parameters of the rule (logits; escort-pg: see its class), [K] or [B, K].
        update: an exact rule. softmax-pg is compiled, in compensated sums that are right at any
            depth; the others run with exact gradients as batched numpy arrays in plain float64.
        learning_rate: eta > 0.
        max_updates: budget, 0 <= max_updates < 2^63.
        gradient: "exact" or "sampled".
        escape_fraction: in the well means sub-optimality >= this fraction of the gap, in (0, 1].
        escape_prob: if given, outside means pi(a*) > escape_prob instead, in (0, 1).
        stop_at_escape: end a trajectory at its escape; its final policy and history then stay at
            that policy. False: all go on to max_updates.
        history: number of log-spaced updates to save, >= 2; None for none.
        baseline: b, one of "none" (0), "value" (pi.r), "average" (mean of the rewards so far),
            "optimal" (least variance: E[R |e_A - pi|^2] / E|e_A - pi|^2), "constant"
            (`baseline_value`), "oracle" (r(a*) - gap/2).
        baseline_value: the constant baseline.
        reward_noise: "none", "bernoulli" or "gaussian" (with `noise_std` > 0).
        noise_std: standard deviation of Gaussian rewards.
        batch_size: pulls per update, >= 1.
        seed: fixes the random streams, >= 0; None draws fresh ones.
        first_stream: number of the first trajectory's random stream.
        on_precision: "raise" or "warn" when another rule than softmax-pg comes to a pi(a*) below
            1e-10, at the start or at any time in the well.
        num_threads: worker threads; default one per available processor.
        update_options: hyper-parameters of the rule, as `agents.updates.make_rule` takes them.

    Returns:
        The trajectories; see `Trajectories`.

    Raises:
        ValueError: naming the argument, its value and what would be right.
        PrecisionError: see `on_precision` (a ValueError).
    """
    rule = rule_runs.choose_rule(update, update_options, gradient)
    budget = check_int("max_updates", max_updates, 0)
    rate = check_float("learning_rate", learning_rate, 0, open_low=True)
    sampling = make_sampling(
        gradient, reward_noise, noise_std, batch_size, baseline, baseline_value, seed, first_stream
    )
    check_choice("on_precision", on_precision, ("raise", "warn"))
    bandits = make_bandits(mean_rewards, initial_theta, rule)
    order = bandits.best_first if rule is None else bandits.given_order
    problem = _make_problem(bandits, order, rate, sampling)._replace(
        stop=check_bool("stop_at_escape", stop_at_escape),
        marks=history_marks(budget, history),
        **_edge(escape_fraction, escape_prob),
    )
    threads = _check_threads(num_threads, budget * bandits.theta.size, sampling)
    record = blocks.new_record(problem, bool(history))
    if rule is None:
        _run(problem, record, sampling is not None, threads)
    else:
        rule_runs.iterate(rule, problem, bandits.optimal_action, record, on_precision)
    marks = problem.marks if history else None
    return _in_given_order(record, bandits.theta, order, rule, marks)


def _edge(escape_fraction: float, escape_prob: float | None) -> dict[str, float]:
    """Where the well ends, as fields of a problem."""
    fraction = check_float("escape_fraction", escape_fraction, 0, 1, open_low=True)
    if escape_prob is None:
        return {"fraction": fraction}
    edge = check_share("escape_prob", escape_prob)
    return {"fraction": _ALWAYS_INSIDE, "escape_prob": edge}


def _in_given_order(
    record: blocks.Record, theta: Floats, order: Any, rule: ExactRule | None, marks: Any
) -> Trajectories:
    """What the kernel recorded, with the arms in the caller's order instead of its own."""
    given, past, log_map = np.argsort(order, axis=1), None, rule_runs.log_map(rule)
    if marks is not None:
        past = theta + np.take_along_axis(record.history, given[None], axis=2)
        past = History(marks, past, log_map)
    moved = np.take_along_axis(record.moved, given, axis=1)
    return Trajectories(record.escape_time, theta + moved, moved, record.lowest_prob, past, log_map)


def _check_threads(num_threads: int | None, numbers_moved: int, sampling: Sampling | None) -> int:
    """The threads of a run that moves so many numbers, a nanosecond each and each pull."""
    if num_threads is not None:
        threads = check_int("num_threads", num_threads, 1)
    elif hasattr(os, "sched_getaffinity"):
        threads = len(os.sched_getaffinity(0))
    else:
        threads = os.cpu_count() or 1
    pulls = numbers_moved * (sampling.batch_size if sampling else 1)
    check_seconds("max_updates * batch_size * logits", pulls, 1e-9 * pulls / threads)
    return threads


def _make_problem(
    bandits: Bandits, order: Any, rate: float, sampling: Sampling | None
) -> blocks.Problem:
    """The kernel's view: arms in `order` [B, N], settings as numbers."""
    arms = order[:, : bandits.rewards.shape[1]]
    problem = blocks.Problem(
        theta=np.take_along_axis(bandits.theta, order, axis=1),
        rewards=np.take_along_axis(bandits.rewards, arms, axis=1),
        gaps=bandits.gap,
        learning_rate=rate,
        fraction=WELL_FRACTION,
        escape_prob=_NEVER_EXCEEDED,
        stop=True,
        segment=blocks.segment_length(rate),
        marks=np.zeros(1, dtype=np.int64),
    )
    if sampling is None:
        return problem
    # No logit moves by more than eta |R - b| in an update; |N(0, 1)| stays below 9.5 (counters.py).
    largest = 1 + abs(sampling.baseline_value) + 2 * 9.5 * sampling.reward_noise.std
    return problem._replace(
        segment=blocks.segment_length(rate * largest),
        batch_size=sampling.batch_size,
        noise=NOISE_LAWS.index(sampling.reward_noise.law),
        noise_std=float(sampling.reward_noise.std),
        baseline=BASELINES.index(sampling.baseline),
        baseline_value=sampling.baseline_value,
        key=stream_key(sampling.seed),
        first_stream=sampling.first_stream,
    )


def _run(problem: blocks.Problem, record: blocks.Record, sampled: bool, threads: int) -> None:
    """Run all blocks on `threads` threads; the kernels hold no lock while they work."""
    batch, arms = problem.theta.shape

    def work(begin: int, end: int) -> None:
        block = blocks.aligned_zeros((arms, blocks.WIDTH), "float64")
        numbers = blocks.aligned_zeros((blocks.NUMBERS_WIDTH,), "float64")
        counts = blocks.aligned_zeros((blocks.COUNTS_WIDTH,), "int64")
        kind = True if sampled else None
        driver.run_blocks(begin, end, block, numbers, counts, problem, record, kind)

    # Several parts a thread, since some blocks escape long before others.
    parts = min(-(-batch // LANES), 8 * threads if threads > 1 else 1)
    edges = [LANES * round(i * -(-batch // LANES) / parts) for i in range(parts)] + [batch]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, a, b) for a, b in itertools.pairwise(edges)]
        try:
            for future in futures:
                future.result()
        finally:
            record.flag[0] = blocks.HALTED  # after an interrupt the kernels stop by themselves
