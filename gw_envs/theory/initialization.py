"""The law of pi_1(a*) and of the escape time when theta ~ N(mu, sigma^2 I): random initialisation.

Names: n = K - 1 rivals, S = sum over them of e^theta, W = ln S - theta(a*), so that
ln(1/pi_1(a*)) = ln(1 + e^W) and logit pi_1(a*) = -W; mu drops out. theta(a*) and S are independent.
If G is a standard Gumbel variable independent of S, then P(ln S + G <= u) = E exp(-S e^-u) =
phi(u)^n with phi(u) = E exp(-e^(sigma z - u)), z standard normal: a one-dimensional integral for
every K. Taking the Gumbel out again is exact in two ways: its cumulants are subtracted from those
of ln S + G, or its characteristic function Gamma(1 - it) is divided out (docs/theory.md, part 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import Floats, check_float, check_int, check_numbers, check_share
from gw_envs.theory.bounds import logit
from gw_envs.theory.clock import flow_integral, quotient
from gw_envs.theory.wells import escape_threshold

GRID_STEP = 0.1  # of the trapezoid sums over u; they are exact to rounding for smooth integrands
NORMAL_REACH = 9.0  # standard deviations that integrals over a normal variable cover
INVERSION_SIGMA = 0.3  # dividing by Gamma(1 - it) magnifies rounding by exp(pi^2 / (8 sigma^2))
SMALL_SIGMA = 0.02  # below it the skewness is under 1e-5 and its rounding error above that
LARGEST_SIGMA = 50.0  # beyond it the sums take longer than a second
ZETA_3 = 1.2020569031595942


class LogOddsLaw(NamedTuple):
    """Mean, standard deviation and skewness of W = -logit pi_1(a*)."""

    mean: float
    std: float
    skewness: float


@dataclass(frozen=True)
class GaussianInitialization:
    """Softmax over num_actions logits drawn from N(mu, sigma^2), and one best arm among them.

    Attributes:
        num_actions: K >= 2.
        sigma: standard deviation of a logit, in (0, 50].

    Raises:
        ValueError: naming the argument that is out of range.
    """

    num_actions: int
    sigma: float

    def __post_init__(self) -> None:
        # Python numbers, so that a numpy scalar's narrow type rules no arithmetic below.
        k = check_int("num_actions", self.num_actions, 2)
        sigma = check_float("sigma", self.sigma, 0, LARGEST_SIGMA, open_low=True)
        self.__dict__.update(num_actions=k, sigma=sigma)

    def mean_inverse_prob(self) -> float:
        """E[1/pi_1(a*)] = 1 + (K-1) e^(sigma^2), exact; inf where float64 ends."""
        return 1.0 + (self.num_actions - 1) * _exp(self.sigma**2)

    def second_moment_inverse_odds(self) -> float:
        """E[(1/pi_1(a*) - 1)^2] = (K-1) e^(4 sigma^2) + (K-1)(K-2) e^(3 sigma^2), exact."""
        n, square = self.num_actions - 1, self.sigma**2
        pairs = n * (n - 1) * _exp(3 * square) if n > 1 else 0.0
        return n * _exp(4 * square) + pairs

    def log_odds_law(self) -> LogOddsLaw:
        """Exact mean, standard deviation and skewness of W, from the Gumbel cumulants.

        kappa_j(ln S) = kappa_j(ln S + G) - kappa_j(G), kappa(G) = (0.577216, pi^2/6, 2 zeta(3));
        subtracting theta(a*) adds sigma^2 to the variance and nothing else.
        """
        u, mass = self._grid, self._rivals_mass
        centre = float(mass @ u)
        variance = float(mass @ (u - centre) ** 2) - math.pi**2 / 6 + self.sigma**2
        third = float(mass @ (u - centre) ** 3) - 2 * ZETA_3
        std = math.sqrt(max(variance, self.sigma**2))
        skewness = third / std**3 if self.sigma >= SMALL_SIGMA else 0.0
        return LogOddsLaw(centre - float(np.euler_gamma), std, skewness)

    def cdf_log_odds(self, w: ArrayLike) -> Any:
        """P(W <= w), W = ln(1/pi_1(a*) - 1).

        For sigma >= 0.3 by inversion of the exact characteristic function, absolute error below
        1e-9; below it by the Cornish-Fisher expansion, whose skewness is then under 0.002 (error
        below 1e-4).

        Args:
            w: any shape.

        Returns:
            Probability, float or array.
        """
        at = check_numbers("w", w)
        m, s, skew = self._law
        value = (at - m) / s
        if self.sigma < INVERSION_SIGMA:
            from scipy.special import ndtr

            probability = ndtr(_from_cornish_fisher(value, skew))
        else:
            probability = self._inverted_cdf(value.ravel()).reshape(at.shape)
        return float(probability) if at.ndim == 0 else probability

    def quantile(self, q: float) -> float:
        """The q-quantile of ln(1/pi_1(a*)), from `cdf_log_odds`.

        Args:
            q: in [1e-6, 1 - 1e-6].

        Returns:
            ln(1/pi_1(a*)), > 0.

        Raises:
            ValueError: if q is out of range.
        """
        return _softplus(self._log_odds_quantile(q))

    def cornish_fisher_quantile(self, q: float) -> float:
        """The q-quantile of ln(1/pi_1(a*)) as softplus(m + s (z + (g/6)(z^2 - 1))), z = z_q.

        (m, s, g) is `log_odds_law`. No inversion: good to 2 % for q in [.01, .99], every K and
        every sigma, because the skewness g never exceeds 0.06; exact for K = 2.
        """
        return _softplus(_cornish_fisher(self._law, _normal_quantile(_check_level(q))))

    def trap_probability(self, escape_prob: float | None = None) -> float:
        """P(pi_1(a*) < escape_prob): the share of starts inside the well.

        Args:
            escape_prob: in (0, 1); default the well's edge 0.1.

        Returns:
            Probability; tends to (K-1)/K as sigma grows.
        """
        edge = escape_threshold()
        if escape_prob is not None:
            edge = check_share("escape_prob", escape_prob)
        return 1.0 - self.cdf_log_odds(-logit(edge))

    def effective_constant(self) -> float:
        """1 + E[phi_1], phi_1 = sum of (pi_i/(1-pi(a*)))^2 over rivals: the mean first c.

        In dx/dt = eta Delta c x^2 (1-x)^2 the factor is c = 1 + phi, between K/(K-1) (rivals alike)
        and 2 (one rival). E[phi_1] = n integral e^-2u E[e^(2 sigma z) exp(-e^(sigma z - u))]
        phi(u)^(n-1) du, by 1/S^2 = integral s e^(-sS) ds.
        """
        n = self.num_actions - 1
        tilted = self._average(lambda u: _exp_down(u) ** 2 * np.exp(-_exp_down(u)))
        concentration = n * float(tilted @ self._phi ** (n - 1)) * GRID_STEP
        return 1.0 + min(1.0, max(1 / n, concentration))

    def escape_time_quantile(
        self,
        q: float,
        reward_gap: float,
        learning_rate: float,
        effective_constant: float | None = None,
    ) -> float:
        """The q-quantile of the flow's escape time, in updates; 0 for a start outside the well.

        T = [F(0.1) - F(pi_1)]/(c eta Delta) for r = (b+Delta, b, ..., b). Assumption: c is taken
        as one number, by default the mean of its first value. The true c differs from start to
        start and falls a little during the escape, so the default is an estimate (within 20 % of
        simulation for q in [.5, .99], K <= 100, sigma <= 5). Two choices are rigorous: c = 2 gives
        a lower and c = K/(K-1) an upper bound on the quantile of the flow's time; c = 2 is also a
        lower bound on that of the number of updates, which exceed the flow by about
        ln(0.09/pi_1)/2.

        Args:
            q: level in [1e-6, 1 - 1e-6].
            reward_gap: Delta in (0, 1].
            learning_rate: eta > 0.
            effective_constant: c in [K/(K-1), 2].

        Returns:
            Updates, inf where float64 ends.

        Raises:
            ValueError: naming the argument that is out of range.
        """
        gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
        eta = check_float("learning_rate", learning_rate, 0, open_low=True)
        k = self.num_actions
        if effective_constant is None:
            c = self.effective_constant()
        else:
            c = check_float("effective_constant", effective_constant, k / (k - 1), 2.0)
        w = self._log_odds_quantile(q)
        if w > 700:
            return math.inf
        waited = flow_integral(escape_threshold()) + 2 * (w + math.sinh(w))
        return float(quotient(max(0.0, waited), c, eta, gap))

    def freezing_sigma(self) -> float:
        """sqrt(2 ln(K-1)): above it the largest rival alone makes up S (random-energy model).

        A statement for many arms; for K = 2 it is 0, since one rival always is all of S.
        """
        return math.sqrt(2 * math.log(self.num_actions - 1))

    def fenton_wilkinson_law(self) -> LogOddsLaw:
        """Closed form: ln S taken as normal with the mean and variance of S matched.

        m = ln n + sigma^2/2 - v/2, s^2 = sigma^2 + v, v = ln(1 + (e^(sigma^2) - 1)/n). Exact for
        K = 2; for other K the trap probability is within 0.02 for sigma <= 1 and fails from
        sigma = 2 on.
        """
        n, square = self.num_actions - 1, self.sigma**2
        # ln(1 + (e^a - 1)/n) without forming e^a, which overflows for sigma above 26
        v = square + math.log1p((n - 1) * math.exp(-square)) - math.log(n)
        return LogOddsLaw(math.log(n) + square / 2 - v / 2, math.sqrt(square + v), 0.0)

    def random_energy_median(self) -> float:
        """Closed form of the median of ln(1/pi_1(a*)), the "energy well" picture in numbers.

        Below `freezing_sigma` S stands for its mean: ln(1 + n e^(sigma^2/2)), within 6 % up to
        half of that sigma, up to 20 % off near it. Above, S stands for its largest term:
        sigma Phi^-1(2^(-1/n)), within 6 % for sigma >= 5 (K from 2 to 100).
        """
        n = self.num_actions - 1
        if self.sigma < self.freezing_sigma():
            return _softplus(math.log(n) + self.sigma**2 / 2)
        return _softplus(self.sigma * _normal_quantile(2.0 ** (-1 / n)))

    @cached_property
    def _law(self) -> LogOddsLaw:
        return self.log_odds_law()

    def _average(self, function: Callable[[Floats], Floats]) -> Floats:
        """E function(u - sigma z) on the grid of u, z standard normal, by the trapezoid rule.

        The functions change over a length of about 1 in u, so a quarter of that (and half a
        standard deviation, if less) as the step makes the rule exact to rounding.
        """
        step = min(0.5, 0.25 / self.sigma)
        half = math.ceil(NORMAL_REACH / step)
        z = step * np.arange(-half, half + 1)
        weights = np.exp(-0.5 * z * z)
        weights /= weights.sum()
        total = np.zeros_like(self._grid)
        for node, weight in zip(z, weights, strict=True):
            total += weight * function(self._grid - self.sigma * node)
        return total

    @cached_property
    def _grid(self) -> Floats:
        """Values of u that cover the law of ln S + G on both sides."""
        reach = NORMAL_REACH * self.sigma
        low, high = -reach - 6.0, math.log(self.num_actions - 1) + reach + 40.0
        return np.arange(low, high, GRID_STEP)

    @cached_property
    def _rivals_mass(self) -> Floats:
        """Probability mass of ln S + G on the grid: n phi^(n-1) phi', sums exact to rounding."""
        slope = self._average(lambda u: _exp_down(u) * np.exp(-_exp_down(u)))
        mass = self._phi ** (self.num_actions - 2) * slope
        return mass / mass.sum()

    @cached_property
    def _phi(self) -> Floats:
        """phi(u) = E exp(-e^(sigma z - u)) on the grid."""
        return self._average(lambda u: np.exp(-_exp_down(u)))

    @cached_property
    def _characteristic(self) -> tuple[Floats, Any]:
        """(t, E exp(i t (W - m)/s)) at the midpoints that the inversion needs."""
        from scipy.special import loggamma

        u, mass = self._grid, self._rivals_mass
        m, s, _ = self._law
        # The midpoint sum is that of a square wave of half period 20: exact for |w - W| < 20 s.
        t = (np.arange(math.ceil(NORMAL_REACH * s / self.sigma * 20 / np.pi)) + 0.5) * np.pi / 20
        raw = t / s
        gumbel = loggamma(1 - 1j * raw)
        sums = np.exp(1j * np.outer(raw, u - m)) @ mass
        return t, sums * np.exp(-0.5 * (self.sigma * raw) ** 2 - gumbel)

    def _inverted_cdf(self, value: Floats) -> Floats:
        """P((W - m)/s <= value) by the Gil-Pelaez integral, midpoint rule."""
        t, transform = self._characteristic
        at = np.clip(value, -9.0, 9.0)
        waves = np.imag(np.exp(-1j * np.outer(at, t)) * transform) / t
        return np.clip(0.5 - waves.sum(axis=1) * (t[1] - t[0]) / np.pi, 0.0, 1.0)

    def _log_odds_quantile(self, q: float) -> float:
        """The q-quantile of W."""
        level = _check_level(q)
        m, s, _ = self._law
        guess = _cornish_fisher(self._law, _normal_quantile(level))
        if self.sigma < INVERSION_SIGMA:
            return guess
        from scipy.optimize import brentq

        def excess(w: float) -> float:
            return self.cdf_log_odds(w) - level

        return float(brentq(excess, max(guess - s, m - 9 * s), min(guess + s, m + 9 * s)))


def _cornish_fisher(law: LogOddsLaw, z: float) -> float:
    """First-order Cornish-Fisher quantile."""
    return law.mean + law.std * (z + law.skewness / 6 * (z * z - 1))


def _from_cornish_fisher(value: Floats, skewness: float) -> Floats:
    """z with z + (g/6)(z^2 - 1) = value, to first order in g."""
    return value - skewness / 6 * (value * value - 1)


def _normal_quantile(q: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(q))


def _check_level(q: float) -> float:
    return check_float("q", q, 1e-6, 1 - 1e-6)


def _softplus(w: float) -> float:
    """ln(1 + e^w) without overflow."""
    return float(np.logaddexp(0.0, w))


def _exp_down(u: Floats) -> Floats:
    """e^-u, held at e^300: exp(-e^-u) has long vanished there and its square would overflow."""
    return np.exp(np.minimum(-u, 300.0))


def _exp(x: float) -> float:
    """e^x, inf where float64 ends."""
    return math.exp(x) if x < 709.0 else math.inf
