"""The law of the escape time of REINFORCE with single pulls, from deep in a well.

One pull A ~ pi an update, theta += eta (R - V)(e_A - pi). y = (1-x)/x are the odds against the
best arm, x0 = pi_1(a*) the start. A pull of a* comes with probability about 1/y and multiplies y by
exp(-X), X = c eta (R* - V); another one adds about h = c eta (b - V). With dt = y ds, ln y is a
compound Poisson process with drift, and as x0 -> 0

    T x0 -> I = integral_0^inf exp(-xi_s) ds,      xi_s = X_1 + ... + X_{N_s} - h s,

whose law is in `functional`. c = 2 for two arms; K/(K-1) for more, if the wrong arms are alike and
their pulls carry no advantage at all (else the law is that of `noisy_arms`). At finite x0 the scale
1/x0 is replaced by the one that makes the mean right to the next order (docs/theory.md, section 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import (
    BadInput,
    Floats,
    check_choice,
    check_float,
    check_mean_rewards,
    check_numbers,
    check_share,
)
from gw_envs.theory.functional import ExponentialFunctional
from gw_envs.theory.wells import escape_threshold

LARGEST_CORRECTION = 0.3
GAUSSIAN_ATOMS = 20
SMALLEST = 1e-290


@dataclass(frozen=True)
class SampledEscapeLaw:
    """T = scale * I: the escape time in updates (pulls, or groups of pulls).

    Attributes:
        functional: the law of I.
        scale: updates per unit of I, about 1/x0.
        correction: scale x0 - 1 for single pulls: what the finite start has changed. The law is
            exact as it tends to 0, and an error of its square is to be expected.
    """

    functional: ExponentialFunctional
    scale: float
    correction: float

    @property
    def tail_index(self) -> float:
        """kappa in P(T > t) ~ t^-kappa; infinite where the tail is no power."""
        return self.functional.tail_index

    @property
    def has_infinite_mean(self) -> bool:
        """Whether E T is infinite: kappa <= 1, which is h >= E[1 - exp(-X)]."""
        return self.tail_index <= 1

    @property
    def mean(self) -> float:
        """E T in updates, possibly infinite."""
        return self.scale * self.functional.mean

    @property
    def std(self) -> float:
        """Standard deviation in updates, infinite for kappa <= 2."""
        if self.tail_index <= 2:
            return math.inf
        return self.mean * self.functional.variation

    @property
    def median(self) -> float:
        """The median in updates, always finite."""
        return self.quantile(0.5)

    def quantile(self, q: float) -> float:
        """The number of updates within which a share q of the runs escapes, q in (0, 1).

        Raises:
            ValueError: if q is not in (0, 1).
        """
        share = check_share("q", q)
        return self.scale * self.functional.quantile(share)

    def survival(self, updates: ArrayLike) -> Any:
        """P(T > updates), any shape of updates >= 0."""
        return self.functional.survival(check_numbers("updates", updates, 0) / self.scale)


@dataclass(frozen=True)
class LimitBaseline:
    """V = value + slope * x to first order in x = pi(a*)."""

    value: float
    slope: float


def sampled_escape_law(
    mean_rewards: ArrayLike,
    optimal_prob: float,
    learning_rate: float,
    *,
    baseline: str = "none",
    baseline_value: float | None = None,
    reward_noise: str = "none",
    noise_std: float = 0.0,
    escape_prob: float | None = None,
) -> SampledEscapeLaw:
    """Mean, deviation, quantiles and tail of the escape time of REINFORCE, one pull an update.

    The mean is infinite iff h = c eta (b - V) >= E[1 - exp(-X)], X = c eta (R* - V): for two arms
    and no baseline iff 2 eta r_2 >= 1 - exp(-2 eta r_1) with certain rewards. The law is exact as
    x0 -> 0; `correction` says how far that is. The "value" baseline tends to V = b, its own slope
    in x is in the scale.

    Args:
        mean_rewards: r [K] in [0, 1] with one best arm; the others pay alike, and for K >= 3 start
            alike.
        optimal_prob: x0 = pi_1(a*), below the edge.
        learning_rate: eta > 0, constant.
        baseline: "none", "value" (pi.r), "constant", "oracle" or "optimal", as
            `agents.simulation.simulate` takes them.
        baseline_value: V of "constant".
        reward_noise: "none", "bernoulli" or "gaussian".
        noise_std: standard deviation of "gaussian", > 0.
        escape_prob: edge on pi(a*); default the well's .1.

    Returns:
        The law of T in pulls.

    Raises:
        ValueError: naming the argument, or what makes the law inexact: wrong arms that differ or,
            for K >= 3, carry an advantage; a start too near to the edge.
    """
    best, wrong, size = split_rewards(mean_rewards)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    level = limit_baseline(baseline, baseline_value, best, wrong, size)
    noise = check_noise(reward_noise, noise_std)
    second = wrong_pull_square(wrong, level.value, reward_noise, noise)
    if size > 2 and second > 0:
        raise BadInput(
            f"mean_rewards has {size} arms and a pull of a wrong one carries an advantage of mean "
            f"square {second:g}; the law is exact there with 2 arms only: use "
            "noisy_wrong_arms_law."
        )
    pace = eta * size / (size - 1)
    jumps, chances = reward_steps(best, level.value, pace, reward_noise, noise)
    functional = ExponentialFunctional(
        tuple(jumps.tolist()), tuple(chances.tolist()), pace * (wrong - level.value)
    )
    start = check_share("optimal_prob", optimal_prob)
    check_reach(start, functional.slope)
    scale = _scale(functional, pace * pace * second, pace * level.slope, optimal_prob, escape_prob)
    return SampledEscapeLaw(functional, scale, scale * float(optimal_prob) - 1)


def split_rewards(mean_rewards: ArrayLike) -> tuple[float, float, int]:
    """Reward of the best arm, of the others, and K; refuses others that differ or no best arm."""
    rewards = np.sort(check_mean_rewards("mean_rewards", mean_rewards))
    best, wrong = float(rewards[-1]), float(rewards[-2])
    if best == wrong:
        raise BadInput(f"mean_rewards={rewards.tolist()} must have one best arm.")
    if rewards[0] != wrong:
        raise BadInput(
            f"mean_rewards={rewards.tolist()}: the wrong arms must pay alike; no sampled law is "
            "known where they differ."
        )
    return best, wrong, rewards.size


def limit_baseline(
    name: str, value: float | None, best: float, wrong: float, size: int
) -> LimitBaseline:
    """The baseline near the corner, to first order in x."""
    if name == "average":
        raise BadInput(
            "baseline='average' depends on all rewards so far, and no law is exact; use 'value', "
            "whose limit is the same."
        )
    check_choice("baseline", name, ("none", "value", "constant", "oracle", "optimal"))
    if (value is not None) != (name == "constant"):
        raise BadInput(
            f"baseline_value={value!r} must be given with baseline='constant' and only there."
        )
    if name == "value":
        return LimitBaseline(wrong, best - wrong)
    if name == "oracle":
        return LimitBaseline((best + wrong) / 2, 0.0)
    if name == "optimal" and size == 2:
        return LimitBaseline(best, wrong - best)
    if name == "optimal":
        return LimitBaseline(wrong, (best - wrong) * size / (size - 2))
    return LimitBaseline(0.0 if value is None else check_float("baseline_value", value), 0.0)


def check_noise(name: str, std: float) -> float:
    """The standard deviation of Gaussian rewards, 0 for other noise."""
    check_choice("reward_noise", name, ("none", "bernoulli", "gaussian"))
    if name == "gaussian":
        return check_float("noise_std", std, 0, open_low=True)
    if std != 0:
        raise BadInput(f"noise_std={std!r} must be 0 unless reward_noise='gaussian'.")
    return 0.0


def wrong_pull_square(wrong: float, level: float, noise: str, std: float) -> float:
    """delta^2 = E[(R - V)^2] of a wrong pull."""
    variance = wrong * (1 - wrong) if noise == "bernoulli" else std * std
    return (wrong - level) ** 2 + variance


def check_start(optimal_prob: float, escape_prob: float | None) -> tuple[float, float]:
    """x0 and the edge, x0 below the edge."""
    edge = escape_threshold()
    if escape_prob is not None:
        edge = check_share("escape_prob", escape_prob)
    start = check_share("optimal_prob", optimal_prob)
    if start >= edge:
        raise BadInput(f"optimal_prob={start!r} must be below the edge {edge:g} of the well.")
    return start, edge


def check_reach(start: float, step: float) -> None:
    """Refuse a law whose times leave float64: they are of the order 1/(start * step).

    Raises:
        ValueError: naming both.
    """
    if not (step < 1e150 and step > 0 and start > SMALLEST / min(step, 1.0)):
        raise BadInput(
            f"optimal_prob={start!r} and a step of {step:g} (learning_rate times advantage) give "
            f"times beyond float64; their product must be at least {SMALLEST:g}."
        )


def reward_steps(
    mean: float, level: float, pace: float, noise: str, std: float
) -> tuple[Floats, Floats]:
    """Values and chances of pace (R - V), R of the given mean; Gaussian R by Gauss-Hermite."""
    rewards, chances = np.array([mean]), np.array([1.0])
    if noise == "bernoulli":
        rewards, chances = np.array([1.0, 0.0]), np.array([mean, 1 - mean])
    elif noise == "gaussian":
        nodes, weights = np.polynomial.hermite_e.hermegauss(GAUSSIAN_ATOMS)
        rewards, chances = mean + std * nodes, weights / weights.sum()
    kept = chances > 1e-12
    return pace * (rewards[kept] - level), chances[kept] / chances[kept].sum()


def _scale(
    functional: ExponentialFunctional,
    wrong_square: float,
    slope: float,
    optimal_prob: float,
    escape_prob: float | None,
) -> float:
    """The factor of I: y0 - y_e + (B/psi'(0)) ln(y0/y_e), from E T = A y + a ln y + O(1)."""
    start, edge = check_start(optimal_prob, escape_prob)
    jumps, chances = np.array(functional.jumps), np.array(functional.chances)
    kept = np.exp(-np.maximum(jumps, -700.0))  # a policy so thrown is refused below
    shrink = 1 - float(chances @ kept)  # E[1 - exp(-X)]
    with np.errstate(over="ignore", invalid="ignore"):
        bend = shrink + float(chances @ (jumps * kept)) - 2 * functional.drift + wrong_square / 2
        bend -= slope * shrink
    odds, last = (1 - start) / start, (1 - edge) / edge
    scale = odds - last + bend / functional.slope * math.log(odds / last)
    if not abs(scale * start - 1) <= LARGEST_CORRECTION:
        raise BadInput(
            f"optimal_prob={start!r} is too large for the law of small starts: its correction is "
            f"{scale * start - 1:.2g}, which must be within {LARGEST_CORRECTION}."
        )
    return scale
