"""Maps from logits to policies, and where policies start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_float,
    check_instance,
    check_int,
    check_list,
    check_memory,
    check_numbers,
    check_share,
    check_unused,
)

# What each start is made of, beside its name.
FIELDS_USED: dict[str, tuple[str, ...]] = {
    "uniform": (),
    "uniform_suboptimal": ("optimal_prob",),
    "corner": ("optimal_prob", "corner_action"),
    "normal": ("sigma",),
    "prompts": (),
}
INITIAL_POLICIES = tuple(FIELDS_USED)


def softmax(theta: ArrayLike) -> Floats:
    """pi = softmax(theta) over the last axis (paper, equation 1).

    Args:
        theta: logits [..., K].

    Returns:
        Probabilities [..., K], float64; adding a constant to a row of theta changes nothing.

    Raises:
        ValueError: for what is no array of float64 and no list of finite numbers.
    """
    fast = isinstance(theta, np.ndarray) and theta.dtype == np.float64  # of rules, in their loops
    logits = cast(Floats, theta) if fast else check_numbers("theta", theta)
    weights = np.exp(logits - np.maximum.reduce(logits, axis=-1, keepdims=True))
    return weights / np.add.reduce(weights, axis=-1, keepdims=True)


def entropy(policy: Floats) -> Floats:
    """-sum_a pi ln pi over the last axis, in nats; 0 ln 0 = 0."""
    logs = np.log(policy, out=np.zeros_like(policy), where=policy > 0)
    return -np.sum(policy * logs, axis=-1)


@dataclass(frozen=True)
class Start:
    """Where a policy starts, the same in every state but for `prompts`.

    Attributes:
        initial_policy: `uniform`; `uniform_suboptimal` (optimal_prob on the best arm, the rest
            equal); `corner` (optimal_prob on the best arm and on every other but corner_action);
            `normal` (theta ~ N(0, sigma^2 I)); `prompts` (as uniform_suboptimal, with the
            probability that the environment names for each state: VerifierWell-v0).
        optimal_prob: x0 in (0, 1), of `uniform_suboptimal` and `corner`, which need it.
        corner_action: the arm of `corner`; None is the first sub-optimal one.
        sigma: standard deviation of the logits of `normal`, > 0.

    Raises:
        ValueError: naming the field that is out of range, or that is set although the start does
            not use it (a field with its default is not set).
    """

    initial_policy: str = "uniform"
    optimal_prob: float | None = None
    corner_action: int | None = None
    sigma: float = 1.0

    def __post_init__(self) -> None:
        used = FIELDS_USED[check_choice("initial_policy", self.initial_policy, INITIAL_POLICIES)]
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if field.name not in used:
                users = [repr(name) for name, own in FIELDS_USED.items() if field.name in own]
                other = f"does not go with initial_policy={self.initial_policy!r}"
                check_unused(f"{other}; use {' or '.join(users)}", {field.name: value}, Start)
        if "optimal_prob" in used:
            check_share("optimal_prob", self.optimal_prob)
        if self.corner_action is not None:
            check_int("corner_action", self.corner_action, 0)
        check_float("sigma", self.sigma, 0, open_low=True)

    def theta(
        self, num_actions: int, optimal_action: int = 0, rng: np.random.Generator | None = None
    ) -> Floats:
        """Logits of one state.

        Args:
            num_actions: K >= 2.
            optimal_action: index of the best arm.
            rng: generator for `normal`.

        Returns:
            theta [K], float64: ln pi for the named policies.

        Raises:
            ValueError: if the start does not fit so many arms or this best one.
        """
        k = check_int("num_actions", num_actions, 2)
        best = check_int("optimal_action", optimal_action, 0, k - 1)
        if self.initial_policy == "uniform":
            return np.zeros(k)
        if self.initial_policy == "normal":
            check_instance("rng", rng, np.random.Generator, "a numpy Generator")
            assert rng is not None
            check_memory("num_actions", num_actions, 8.0 * k)
            return self.sigma * rng.standard_normal(k)
        if self.initial_policy == "prompts":
            raise BadInput(
                "initial_policy='prompts' needs an environment that names initial_probs "
                "(VerifierWell-v0); elsewhere use 'uniform_suboptimal'."
            )
        x0 = cast(float, self.optimal_prob)
        if self.initial_policy == "uniform_suboptimal":
            policy = np.full(k, (1 - x0) / (k - 1))
            policy[best] = x0
            return np.log(policy)
        corner = int(best == 0) if self.corner_action is None else self.corner_action
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

    def table(
        self,
        optimal_actions: Sequence[int] | NDArray[np.int64],
        num_actions: int,
        seed: int = 0,
        initial_probs: Floats | None = None,
    ) -> Floats:
        """Logits of every state.

        Args:
            optimal_actions: the best arm of each state, [S].
            num_actions: K >= 2.
            seed: of `normal`, whose states are drawn in order from one generator, the seed's first
                child.
            initial_probs: of `prompts`, pi(a*|s) of each state, [S].

        Returns:
            theta [S, K], float64.

        Raises:
            ValueError: as `theta`.
        """
        if self.initial_policy == "prompts" and initial_probs is not None:
            named = [Start("uniform_suboptimal", float(x0)) for x0 in initial_probs]
            pairs = zip(named, optimal_actions, strict=True)
            return np.stack([start.theta(num_actions, int(best)) for start, best in pairs])
        best_actions = check_list("optimal_actions", optimal_actions, "a list of actions")
        if len(best_actions) == 0:
            raise BadInput("optimal_actions=[] must name the best arm of at least one state.")
        entropy = np.random.SeedSequence(check_int("seed", seed, 0), spawn_key=(0,))
        rng = np.random.default_rng(entropy)
        return np.stack([self.theta(num_actions, best, rng) for best in best_actions])


def as_start(initial_policy: str | Start, **fields_of_start: Any) -> Start:
    """A start as it is, or that of a name and the other fields of `Start`.

    Raises:
        ValueError: as `Start`, or for fields beside a whole start.
    """
    if not isinstance(initial_policy, Start):
        return Start(initial_policy, **fields_of_start)
    if fields_of_start:
        raise BadInput(
            f"{', '.join(fields_of_start)} cannot stand beside a whole start; they are its fields."
        )
    return initial_policy


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
    distance = below / p
    for _ in range(100):
        ratio = v / (v + distance)
        shares = ratio**p  # relative to the largest arm: <= 1
        mean = shares.sum(axis=-1, keepdims=True) / k
        root = mean ** (-1 / p)
        slope = root / mean * (shares * ratio).sum(axis=-1, keepdims=True) / k
        change = (1 - v * root) / slope
        v = v + change
        if (np.abs(change) <= 1e-9 * v).all():  # Newton's next change is its square
            break
    weights = (v + distance) ** -p
    return weights / weights.sum(axis=-1, keepdims=True)


def tsallis_parameters(policy: ArrayLike, alpha: float) -> Floats:
    """Parameters theta [..., K] with tsallis(theta, alpha) = policy and mu = 0; pi in (0, 1)."""
    pi = np.asarray(policy, dtype=np.float64)
    p = 1 / (1 - alpha)
    return -p * np.expm1(-np.log(pi.shape[-1] * pi) / p)
