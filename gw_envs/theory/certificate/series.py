"""The telescoped series: how far an equal-gap well has come after any number of updates, proved.

The logit v of pi(a*) follows v <- v + h f, f = p(1-p), p = 1/(1+e^-v). Let

    B(v) = 2 (v + sinh v)/h + (1/2) ln f + sum_{k<=m} h^k a_k(p),    R(v) = B(v + h f) - B(v) - 1,

a_k the polynomials of the Abel series (`clock.abel_polynomials`), and s = h f the step. Written in
p and s, R is analytic in the complex disc |s| <= 1 for each p in [0, .6], since there
D = 1 + p (e^s - 1) has a positive real part:

    R = (1-2f)(sinh s/s - 1) - (1-2p)(cosh s - 1)/s + s/2 - ln D
        + sum_k s^k (1-p)^-k ((e^s/D)^k b_k(p e^s/D) - b_k(p)),    a_k = p^k b_k.

Its powers s^0 .. s^(m+1) vanish: that is the recurrence of the a_k, which holds in exact fractions.
By Cauchy's estimate |R| <= M s^(m+2)/(1-s), M the maximum of |R| on |s| = 1 and p in [0, .6].

Theorem. Let level be a logit of at most 0, with step S = h f(level) <= 1e-3, and v_0 < level. Let
n be the first update with v_n > level, D = B(level) - B(v_0), and

    eps = M S^(m+1) (level + S - v_0)/(1 - S).

Then |B(v_n) - B(v_0) - n| <= eps and D - eps < n <= D + 1 + eps.

Proof. Steps grow up to the level, so the residuals R(v_0), ..., R(v_{n-1}) sum to at most
M S^(m+1)/(1-S) times the sum of the steps, v_n - v_0 <= level + S - v_0: the first claim. B
increases, since s B'(v) >= .99 for s <= .01 and p <= .6 (`least_slope`), so that
B(v_{n-1}) <= B(level) < B(v_n): the second.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from gw_envs.theory.clock import abel_polynomials

MOST_PROB, MOST_STEP = 0.6, 1e-2  # where `largest_residual` and `least_slope` are taken
LEVELS = (1e-3, 1e-5)  # steps up to which the series is used
ARCS, BOXES = 64, 60  # of half the circle, and of [0, MOST_PROB]


def step_of(v: Any, h: Any) -> Any:
    """h f(v), as a ball."""
    return h / (2 + 2 * v.cosh())


def first_beyond(v: Any, h: Any, level: Any) -> tuple[int, Any] | None:
    """The first update whose logit is above `level`, and that logit as a ball; by the theorem.

    Args:
        v: the logit at update 0, a ball.
        h: eta Delta K/(K-1), a ball.
        level: a ball, certainly above v, certainly at most 0.

    Returns:
        (n, v_n), or None where the balls are too wide to tell n.
    """
    import flint

    begin, last = abel(v, h), step_of(level, h)
    order = len(abel_polynomials()) + 1
    error = largest_residual() * last**order * (level + last - v) / (1 - last)
    most = flint.arb(0, 1) * error.abs_upper()
    distance = abel(level, h) - begin + most
    n = distance.floor().unique_fmpz()
    if n is None:
        return None
    n = int(n) + 1
    target, u = begin + n, level
    for _ in range(8 + flint.ctx.prec.bit_length()):  # Newton's method in balls' midpoints
        u = (u - (abel(u, h) - target) * step_of(u, h)).mid()
    off = (abs(abel(u, h) - target) + most).abs_upper() * last.abs_upper() * flint.arb("1.02")
    if not abs(u - level) + off < MOST_STEP:  # so that f changes by 1.02 at most on the way
        return None
    return n, u + flint.arb(0, 1) * (off / least_slope())


def abel(v: Any, h: Any) -> Any:
    """B(v), as a ball."""
    total = 2 * (v + v.sinh()) / h - (2 + 2 * v.cosh()).log() / 2
    p = 1 / (1 + (-v).exp())
    power = h
    for k, b in enumerate(_quotients(), 1):
        total += power * p**k * _value(b, p)
        power *= h
    return total


@lru_cache(maxsize=1)
def largest_residual() -> Any:
    """An upper bound on M, by balls that cover p in [0, .6] and half the circle |s| = 1.

    The other half has the conjugate values.
    """
    import flint

    bits, flint.ctx.prec = flint.ctx.prec, 64
    try:
        most = flint.arb(0)
        for arc in range(ARCS):
            angle = flint.arb.pi() * flint.arb(arc + 0.5, 0.5) / ARCS
            s = flint.acb(angle.cos(), angle.sin())
            for p in _boxes():
                most = most.max(abs(_residual(flint.acb(p), s)))
        return most.abs_upper()
    finally:
        flint.ctx.prec = bits


def _residual(p: Any, s: Any) -> Any:
    """R in p and s, s a ball away from 0."""
    grown = s.exp()
    scale = 1 + p * (grown - 1)
    f, later = p * (1 - p), p * grown / scale
    total = (1 - 2 * f) * (s.sinh() / s - 1) - (1 - 2 * p) * (s.cosh() - 1) / s
    total += s / 2 - scale.log()
    for k, b in enumerate(_quotients(), 1):
        total += (s / (1 - p)) ** k * ((grown / scale) ** k * _value(b, later) - _value(b, p))
    return total


@lru_cache(maxsize=1)
def least_slope() -> Any:
    """A lower bound on s B'(v) over p in [0, .6] and s in [0, .01].

    With c_k = k b_k + p b_k' it is 1 + s (1-2p)/2 + s sum_k s^k c_k/(1-p)^(k-1).
    """
    import flint

    s, least = flint.arb(MOST_STEP / 2, MOST_STEP / 2), flint.arb(1)
    for p in _boxes():
        slope = 1 + s * (1 - 2 * p) / 2
        for k, b in enumerate(_quotients(), 1):
            change = k * _value(b, p) + p * _value(b.derivative(), p)
            slope += s ** (k + 1) * change / (1 - p) ** (k - 1)
        least = least.min(slope)
    return least.lower()


def _value(polynomial: Any, at: Any) -> Any:
    """A polynomial with exact coefficients at a ball, by Horner's rule."""
    total = at * 0
    for coefficient in reversed(polynomial.coeffs()):
        total = total * at + coefficient
    return total


def _boxes() -> list[Any]:
    """Balls that cover [0, MOST_PROB]."""
    import flint

    half = flint.arb(MOST_PROB) / (2 * BOXES)
    return [half * flint.arb(2 * i + 1, 1) for i in range(BOXES)]


@lru_cache(maxsize=1)
def _quotients() -> tuple[Any, ...]:
    """b_k = a_k/p^k as polynomials with exact fractions."""
    import flint

    quotients = []
    for k, polynomial in enumerate(abel_polynomials(), 1):
        assert not any(polynomial[:k]), "a term of the Abel series is not divisible by p^k"
        quotients.append(
            flint.fmpq_poly([flint.fmpq(c.numerator, c.denominator) for c in polynomial[k:]])
        )
    return tuple(quotients)
