"""REINFORCE among K >= 3 arms whose wrong pulls are noisy: the well deepens by itself.

The wrong arms are alike, and D_w = R - V of a wrong pull has delta^2 = E D_w^2 > 0. Their logits
collapse to one arm while the sum of all logits is conserved, so pi(a*) falls first and the escape
time grows like x0^-(K-1), not 1/x0. With D = R* - V and Psi(j) = E[1 - exp(-j eta D)] - j eta m,
m = E D_w, the mean tends to (proof: docs/theory.md, section 8)

    E T = (K-2)! q^(K-2) / (Psi(2) ... Psi(K) ((K-1) x0)^(K-1)),  q = E[exp(-eta D_w) - 1] + eta m

for every eta; infinite unless Psi(K) > 0. For K = 3 and small steps, the whole law:

    T = (delta/Delta)^2/(16 x0^2) W,     W = integral_0^1 (1-u) |B_u|^2 du,

B a plane Brownian motion: E exp(-l W) = 1/0F1(; 2/3; 2l/9), so W is a sum of independent
exponential variables with the rates (9/8) j_k^2, j_k the zeros of the Bessel function J_{-1/3}.
Its mean is 1/3, its quartiles .152, .258, .435. It does not depend on eta. To both, the time from a
corner without noise is added, 1/(Psi(2) x0), about 1/(2 eta Delta x0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import BadInput, Floats, check_float, check_share
from gw_envs.theory.clock import quotient
from gw_envs.theory.functional import ExponentialFunctional
from gw_envs.theory.sampled_law import (
    check_noise,
    check_reach,
    check_start,
    limit_baseline,
    reward_steps,
    split_rewards,
    wrong_pull_square,
)

TERMS = 40  # of the series of the survival function
LEAST_AREA = 0.005  # P(W <= .005) is below 1e-15, and the last term at .005 below 1e-35


@dataclass(frozen=True)
class NoisyArmsLaw:
    """The law of T in pulls.

    Attributes:
        exponent: alpha in T ~ x0^-alpha, K - 1.
        noise_mean: the mean of what noise adds, of order x0^-(K-1); infinite unless Psi(K) > 0.
        drift_mean: 1/(Psi(2) x0), the mean time from a corner without noise on the wrong pulls.
        noise_scale: (delta/Delta)^2/(16 x0^2), the factor of W; NaN for K >= 4.
        drift_time: 1/(2 eta Delta x0), `drift_mean` for small steps.
        step: eta times the mean absolute advantage of a*, which the quantiles need small.
    """

    exponent: int
    noise_mean: float
    drift_mean: float
    noise_scale: float
    drift_time: float
    step: float

    @property
    def mean(self) -> float:
        """E T = noise_mean + drift_mean in pulls, possibly infinite."""
        return self.noise_mean + self.drift_mean

    @property
    def noise_ratio(self) -> float:
        """noise_mean/drift_mean: the law is exact as it tends to infinity.

        Where it is small noise has no time, and T is that of exact gradients, 1/(c eta Delta x0).
        """
        return self.noise_mean / self.drift_mean

    @property
    def median(self) -> float:
        """The median in pulls."""
        return self.quantile(0.5)

    def quantile(self, q: float) -> float:
        """The pulls within which a share q of the runs escapes, q in (0, 1): K = 3, small steps.

        Raises:
            ValueError: if q is not in (0, 1), or for K >= 4.
        """
        share = check_share("q", q)
        if math.isnan(self.noise_scale):
            raise BadInput(
                f"mean_rewards of {self.exponent + 1} arms have a law whose mean is known and "
                "whose quantiles are not; quantiles are known for 3 arms."
            )
        return self.noise_scale * area_quantile(share) + self.drift_time


def noisy_wrong_arms_law(
    mean_rewards: ArrayLike,
    optimal_prob: float,
    learning_rate: float,
    *,
    baseline: str = "value",
    baseline_value: float | None = None,
    reward_noise: str = "bernoulli",
    noise_std: float = 0.0,
    escape_prob: float | None = None,
) -> NoisyArmsLaw:
    """The law of the escape time where K >= 3 wrong arms are alike and their pulls are noisy.

    As noise_ratio -> infinity the mean is exact for every K and eta, the quantiles for K = 3 and
    small steps: with Bernoulli rewards (.7, .5, .5) and eta = .2 (step .1) the simulated median at
    x0 = 1e-3 is 1.2 times the law's.

    Args:
        mean_rewards: r [K], K >= 3, in [0, 1]: one best arm, the others alike in pay and start.
        optimal_prob: x0 = pi_1(a*), below the edge.
        learning_rate: eta > 0, constant; one pull an update.
        baseline: as in `sampled_escape_law`.
        baseline_value: V of "constant".
        reward_noise: "none", "bernoulli" or "gaussian".
        noise_std: standard deviation of "gaussian", > 0.
        escape_prob: edge on pi(a*); default the well's .1. It enters only as what x0 must be below.

    Returns:
        The law of T in pulls.

    Raises:
        ValueError: naming the argument; also for two arms or for wrong pulls without noise, whose
            law is `sampled_escape_law`.
    """
    best, wrong, size = split_rewards(mean_rewards)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    level = limit_baseline(baseline, baseline_value, best, wrong, size).value
    std = check_noise(reward_noise, noise_std)
    square = wrong_pull_square(wrong, level, reward_noise, std)
    start, _ = check_start(optimal_prob, escape_prob)
    if size == 2 or square == 0:
        raise BadInput(
            f"mean_rewards has {size} arms and delta^2={square:g}; this law needs 3 or more and "
            "noise on the wrong pulls: use sampled_escape_law."
        )
    gap = best - wrong
    check_reach(start, eta * gap)
    jumps, chances = reward_steps(best, level, eta, reward_noise, std)
    other, shares = reward_steps(wrong, level, eta, reward_noise, std)
    functional = ExponentialFunctional(
        tuple(jumps.tolist()), tuple(chances.tolist()), eta * (wrong - level)
    )
    spread = float(shares @ _excess(other))
    return NoisyArmsLaw(
        exponent=size - 1,
        noise_mean=_noise_mean(functional, spread, size, start),
        drift_mean=_noise_mean(functional, 1.0, 2, start),
        noise_scale=float(quotient(square / 16, gap, gap, start, start)) if size == 3 else math.nan,
        drift_time=float(quotient(0.5, eta, gap, start)),
        step=float(chances @ np.abs(jumps)),
    )


def _excess(x: Floats) -> Floats:
    """e^-x - 1 + x, also where it is lost beside x: then x^2/2 - x^3/6 + x^4/24."""
    near = np.abs(x) < 1e-3
    small = np.where(near, x, 0.0)
    with np.errstate(under="ignore"):
        series = small**2 * (1 / 2 - small / 6 + small**2 / 24 - small**3 / 120)
    return np.where(near, series, np.expm1(-np.maximum(x, -700.0)) + x)


def _noise_mean(functional: ExponentialFunctional, spread: float, size: int, start: float) -> float:
    """(K-2)! q^(K-2)/(Psi(2)...Psi(K) ((K-1) x0)^(K-1)), infinite beyond float64."""
    if functional.tail_index <= size:
        return math.inf
    if spread == 0:  # steps below 1e-162
        return 0.0
    logarithm = (
        math.lgamma(size - 1)
        + (size - 2) * math.log(spread)
        - float(np.sum(np.log(functional.exponent(np.arange(2, size + 1)))))
        - (size - 1) * math.log((size - 1) * start)
    )
    return math.exp(logarithm) if logarithm < 709 else math.inf


def area_survival(w: ArrayLike) -> Any:
    """P(W > w) of the weighted area W = integral_0^1 (1-u) |B_u|^2 du, any shape; to 1e-12."""
    rates, weights = _area_series()
    place = np.asarray(w, dtype=np.float64)
    tail = np.exp(-rates * np.maximum(place, LEAST_AREA)[..., None]) @ weights
    return np.where(place > LEAST_AREA, np.clip(tail, 0.0, 1.0), 1.0)


def area_quantile(q: float) -> float:
    """The w with P(W <= w) = q, 1e-6 <= q < 1; smaller q are taken as 1e-6."""
    from scipy.optimize import brentq

    left = 1 - max(q, 1e-6)
    high = 1.0 - math.log(left)
    return float(brentq(lambda w: float(area_survival(w)) - left, LEAST_AREA, high, xtol=1e-14))


@lru_cache(maxsize=1)
def _area_series() -> tuple[Floats, Floats]:
    """Rates l_k and weights of P(W > w) = sum_k weight_k exp(-l_k w).

    weight_k = prod_{j != k} l_j/(l_j - l_k), from the residues of L(-l)/l in closed form:
    d/dl 0F1(; 2/3; -2l/9) = -(1/3) 0F1(; 5/3; -2l/9).
    """
    from scipy.optimize import brentq
    from scipy.special import gamma, jv

    order = -1 / 3
    middles = (np.arange(1, TERMS + 1) + order / 2 - 0.25) * np.pi
    zeros = np.array([brentq(lambda z: jv(order, z), m - 1, m + 1, xtol=1e-15) for m in middles])
    rates = 9 / 8 * zeros**2
    slopes = gamma(5 / 3) * (zeros / 2) ** (-2 / 3) * jv(2 / 3, zeros) / 3
    return rates, 1 / (rates * slopes)
