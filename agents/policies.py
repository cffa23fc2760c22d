"""Maps from logits to policies, and initial policies by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import BadInput, Floats, check_choice, check_float, check_int

INITIAL_POLICIES = ("uniform", "uniform_suboptimal", "corner", "normal")


def softmax(theta: ArrayLike) -> Floats:
    """pi = softmax(theta) over the last axis (paper, equation 1).

    Args:
        theta: logits [..., K].

    Returns:
        Probabilities [..., K], float64; adding a constant to a row of theta changes nothing.
    """
    logits = np.asarray(theta, dtype=np.float64)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def entropy(policy: Floats) -> Floats:
    """-sum_a pi ln pi over the last axis, in nats; 0 ln 0 = 0."""
    logs = np.log(policy, out=np.zeros_like(policy), where=policy > 0)
    return -np.sum(policy * logs, axis=-1)


def initial_theta(
    initial_policy: str,
    num_actions: int,
    optimal_action: int = 0,
    *,
    optimal_prob: float | None = None,
    corner_action: int | None = None,
    sigma: float = 1.0,
    rng: np.random.Generator | None = None,
) -> Floats:
    """Logits of an initial policy of the glossary.

    Args:
        initial_policy: `uniform`; `uniform_suboptimal` (optimal_prob on the best arm, the rest
            equal); `corner` (optimal_prob on the best arm and on every other but corner_action);
            `normal` (theta ~ N(0, sigma^2 I)).
        num_actions: K >= 2.
        optimal_action: index of the best arm.
        optimal_prob: x0 in (0, 1), needed by `uniform_suboptimal` and `corner`, refused otherwise.
        corner_action: the arm of the corner; default the first sub-optimal one.
        sigma: standard deviation of the logits of `normal`, > 0.
        rng: generator for `normal`.

    Returns:
        theta [K], float64: ln pi for the named policies.

    Raises:
        ValueError: naming the argument that is out of range or does not fit.
    """
    check_choice("initial_policy", initial_policy, INITIAL_POLICIES)
    k = check_int("num_actions", num_actions, 2)
    best = check_int("optimal_action", optimal_action, 0, k - 1)
    if initial_policy in ("uniform", "normal"):
        if optimal_prob is not None:
            raise BadInput(
                f"optimal_prob={optimal_prob!r} does not go with initial_policy="
                f"{initial_policy!r}; use 'corner' or 'uniform_suboptimal', or leave it out."
            )
        if initial_policy == "uniform":
            return np.zeros(k)
        check_float("sigma", sigma, 0, open_low=True)
        if rng is None:
            raise BadInput("rng=None: initial_policy='normal' needs a numpy Generator.")
        return sigma * rng.standard_normal(k)
    x0 = check_float("optimal_prob", optimal_prob, 0, 1, open_low=True, open_high=True)
    if initial_policy == "uniform_suboptimal":
        policy = np.full(k, (1 - x0) / (k - 1))
        policy[best] = x0
        return np.log(policy)
    corner = int(best == 0) if corner_action is None else corner_action
    check_int("corner_action", corner, 0, k - 1)
    if corner == best:
        raise BadInput(f"corner_action={corner} is the best arm; name a sub-optimal one.")
    if (k - 1) * x0 >= 1:
        raise BadInput(
            f"optimal_prob={x0} leaves nothing for the corner: (num_actions-1)*optimal_prob "
            f"must be below 1, so optimal_prob below {1 / (k - 1):.6g}."
        )
    policy = np.full(k, x0)
    policy[corner] = 1 - (k - 1) * x0
    return np.log(policy)


def initial_table(
    initial_policy: str,
    optimal_actions: Sequence[int] | NDArray[np.int64],
    num_actions: int,
    *,
    optimal_prob: float | None = None,
    corner_action: int | None = None,
    sigma: float = 1.0,
    seed: int = 0,
) -> Floats:
    """Logits [S, K] that start every state from the same named policy; see `initial_theta`.

    Args:
        initial_policy: `uniform`, `uniform_suboptimal`, `corner` or `normal`.
        optimal_actions: a* of each state, [S].
        num_actions: K.
        optimal_prob: as in `initial_theta`.
        corner_action: as in `initial_theta`.
        sigma: as in `initial_theta`.
        seed: the run's; `normal` draws from its first child.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    rows = [
        initial_theta(
            initial_policy,
            num_actions,
            int(best),
            optimal_prob=optimal_prob,
            corner_action=corner_action,
            sigma=sigma,
            rng=rng,
        )
        for best in optimal_actions
    ]
    return np.stack(rows)


def escort(theta: ArrayLike, power: float) -> Floats:
    """pi(a) = |theta(a)|^p / ||theta||_p^p over the last axis (Mei et al., NeurIPS 2020).

    Args:
        theta: parameters [..., K].
        power: p >= 1.

    Returns:
        Probabilities [..., K], float64; multiplying a row of theta by a number other than 0 changes
        nothing. A row of zeros, which has no direction, gives the uniform policy.
    """
    sizes = np.abs(np.asarray(theta, dtype=np.float64))
    largest = sizes.max(axis=-1, keepdims=True)
    weights = np.where(largest > 0, sizes / np.where(largest > 0, largest, 1.0), 1.0) ** power
    return weights / weights.sum(axis=-1, keepdims=True)


def tsallis(theta: ArrayLike, alpha: float) -> Floats:
    """The Tsallis softargmax with the uniform reference over the last axis (arXiv 2601.12604).

    pi(a) = (1/K) y(a)^{-p}, y(a) = 1 + (mu - theta(a))/p, p = 1/(1-alpha), with mu such that pi
    sums to one: the maximiser over policies of pi.theta - D_alpha(pi || uniform). mu is the root of
    M(mu) - 1, M = (sum_a y(a)^{-p} / K)^{-1/p} a power mean of functions linear in mu: concave and
    increasing, so Newton's method from below climbs to the root without overshooting.

    Args:
        theta: parameters [..., K].
        alpha: in (0, 1); softmax is the limit alpha -> 1.

    Returns:
        Probabilities [..., K], float64; adding a constant to a row of theta changes nothing.
    """
    x = np.asarray(theta, dtype=np.float64)
    below = x.max(axis=-1, keepdims=True) - x  # >= 0
    p, k = 1 / (1 - alpha), x.shape[-1]
    # v = 1 + (mu - max theta)/p. At v = K^{-1/p} the largest probability alone would be 1.
    v = np.full((*below.shape[:-1], 1), k ** (-1 / p))
    for _ in range(100):
        y = v + below / p
        mean = np.mean((y / v) ** -p, axis=-1, keepdims=True)  # relative to the largest arm: <= 1
        value = v * mean ** (-1 / p)
        slope = mean ** (-1 / p - 1) * np.mean((y / v) ** (-p - 1), axis=-1, keepdims=True)
        change = (1 - value) / slope
        v = v + change
        if np.all(np.abs(change) <= 4e-16 * v):
            break
    weights = (v + below / p) ** -p
    return weights / weights.sum(axis=-1, keepdims=True)


def tsallis_parameters(policy: ArrayLike, alpha: float) -> Floats:
    """Parameters theta [..., K] with tsallis(theta, alpha) = policy and mu = 0; pi in (0, 1)."""
    pi = np.asarray(policy, dtype=np.float64)
    p = 1 / (1 - alpha)
    return -p * np.expm1(-np.log(pi.shape[-1] * pi) / p)
