"""The clock of a well: how many updates softmax policy gradient needs to leave it.

Setting: one state, K arms, r = (b+Delta, b, ..., b), exact gradient, x = pi(a*), the K-1
sub-optimal arms equally likely (K=2: always so). Then (theory page, sections 1 and 2)

    flow     dx/dt = eta c Delta x^2 (1-x)^2,   c = K/(K-1),
    updates  v <- v + h p(1-p),                 v = ln(p/(1-p)),  h = eta c Delta.

F is the flow's time integral; the update map has an Abel function A with A(v_{n+1}) = A(v_n) + 1,
a series in h whose every term after the second is a polynomial in p. Two `escape_time` are told
apart by their names: `equal_gap_escape_time` here, the closed form for alike sub-optimal arms, and
`agents.simulation.solve_escape_time` for any. Units: updates; eta and Delta
are dimensionless.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gw_envs.checks import Floats, check_float, check_int, check_numbers, check_share
from gw_envs.theory.wells import escape_threshold

SERIES_TERMS = 6
JUMP_END = Decimal("1e-3")  # the series is used while h * p is below; truncation there < 1e-16


def flow_integral(x: ArrayLike) -> Any:
    """F(x) = 1/(1-x) - 1/x + 2 ln(x/(1-x)), the antiderivative of 1/(x^2 (1-x)^2).

    Args:
        x: probability of the best arm, in (0, 1), any shape.

    Returns:
        F(x), float or array of the same shape; -inf below 5.6e-309, where float64 ends.
        F(0.1) = -13.283338043561328.

    Raises:
        ValueError: if an entry is outside (0, 1).
    """
    p = check_numbers("x", x, 0, 1, open_low=True, open_high=True)
    with np.errstate(over="ignore"):
        value = 1 / (1 - p) - 1 / p + 2 * (np.log(p) - np.log1p(-p))
    return float(value) if value.ndim == 0 else value


def quotient(numerator: ArrayLike, *factors: float) -> Any:
    """numerator / (product of positive factors), however small or large that product is.

    Args:
        numerator: any shape.
        factors: positive numbers.

    Returns:
        float or array; infinite, or 0, where the result itself is beyond float64.
    """
    mantissa, exponent = np.frexp(np.asarray(numerator, dtype=np.float64))
    for factor in factors:
        part, power = math.frexp(factor)
        mantissa, exponent = mantissa / part, exponent - power
    with np.errstate(over="ignore", under="ignore"):
        value = np.ldexp(mantissa, exponent)
    return float(value) if value.ndim == 0 else value


def flow_escape_time(
    optimal_prob: ArrayLike,
    reward_gap: float,
    learning_rate: float,
    num_actions: int = 2,
    escape_prob: float | None = None,
) -> Any:
    """Time at which gradient flow leaves the well, in updates: [F(xe)-F(x0)]/(c eta Delta).

    Args:
        optimal_prob: x0 = pi_1(a*), float or array, in (0, 1).
        reward_gap: Delta in (0, 1].
        learning_rate: eta > 0.
        num_actions: K >= 2; the sub-optimal arms share 1 - x0 equally, so c = K/(K-1).
        escape_prob: xe; default the well's edge 0.1.

    Returns:
        float or array; 0 where x0 is already above xe, inf beyond float64.
    """
    gap, eta, k, edge = _check_setting(reward_gap, learning_rate, num_actions, escape_prob)
    distance = flow_integral(edge) - flow_integral(_check_starts(optimal_prob))
    return quotient(np.maximum(distance, 0.0), k / (k - 1), eta, gap)


def equal_gap_escape_time(
    optimal_prob: ArrayLike,
    reward_gap: float,
    learning_rate: float,
    num_actions: int = 2,
    escape_prob: float | None = None,
) -> Any:
    """Exact number of softmax-PG updates to leave the well; equally likely sub-optimal arms.

    The count is the smallest n with pi_n(a*) above the edge. The Abel series jumps over both ends
    of the way, where it holds; the thousand or so updates between them, which only h > 0.001 has,
    are made one by one. Jumps are evaluated in decimals of 50 digits, or 25 more than the count
    has: the integer is that of the real-number iteration with the given float64 parameters, at any
    depth; about 1 ms a value, 0.1 s for an edge so close to 1 that both series are used.

    Args:
        optimal_prob: x0 = pi_1(a*), float or array, in (0, 1).
        reward_gap: Delta in (0, 1].
        learning_rate: eta > 0, constant.
        num_actions: K >= 2.
        escape_prob: threshold on pi(a*), in (0, 1); default the well's edge 0.1.

    Returns:
        int for a float; an array of Python integers (dtype object if any exceeds int64) otherwise.

    Raises:
        ValueError: naming the argument that is out of range.
    """
    gap, eta, k, edge = _check_setting(reward_gap, learning_rate, num_actions, escape_prob)
    starts = _check_starts(optimal_prob)
    counts = [_count_updates(x, eta, gap, k, edge) for x in starts.ravel().tolist()]
    if starts.ndim == 0:
        return counts[0]
    small = max(counts, default=0) < 2**63
    return np.array(counts, dtype=np.int64 if small else object).reshape(starts.shape)


escape_time = equal_gap_escape_time  # the name of the first release, an alias for another one


def _check_starts(optimal_prob: ArrayLike) -> Floats:
    return check_numbers("optimal_prob", optimal_prob, 0, 1, open_low=True, open_high=True)


def _check_setting(
    reward_gap: float, learning_rate: float, num_actions: int, escape_prob: float | None
) -> tuple[float, float, int, float]:
    """Delta, eta, K and the threshold on x, checked, as Python numbers."""
    gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    k = check_int("num_actions", num_actions, 2)
    if escape_prob is None:
        return gap, eta, k, escape_threshold()
    edge = check_share("escape_prob", escape_prob)
    return gap, eta, k, edge


def _count_updates(x0: float, eta: float, gap: float, k: int, edge: float) -> int:
    """Smallest n with p_n > edge, for the map v <- v + h p(1-p) from p_0 = x0.

    `_abel` holds at p where h p < JUMP_END. The map is its own mirror image under v -> -v and
    h -> -h, so that A(1-p; -h) is an Abel function too; it holds where h (1-p) < JUMP_END. Between
    them h p(1-p) is so large that every update moves v, in float64 as well.
    """
    if x0 >= edge:
        return int(x0 == edge)
    with localcontext() as context:
        digits = -math.log10(x0) - math.log10(eta) - math.log10(gap)  # of the count
        context.prec = max(50, 25 + math.ceil(digits))
        h = Decimal(eta) * Decimal(gap) * k / (k - 1)
        p, end = Decimal(x0), Decimal(edge)
        low = JUMP_END / h
        n = 0
        if p < low:
            start = _abel(p, h)
            distance = _abel(min(low, end), h) - start
            if end <= low:
                return int(distance) + 1
            n = max(0, int(distance) - 1)
            p = _invert_abel(start + n, low, h) if n else p
        context.prec = 50
        if end <= 1 - low:
            v_end = math.log(edge) - math.log1p(-edge)
            return n + max(1, _step(float(_logit(p)), v_end, float(h), math.exp)[0])
        # What one update leaps, rounding would magnify by all that follow: so decimals here.
        made, q = 0, 1 - p
        if q > low:
            made, v = _step(_logit(p), _logit(1 - low), h, Decimal.exp)
            q = 1 / (1 + v.exp())
        distance = _abel(1 - end, -h) - _abel(q, -h)
        return n + made + max(0, math.floor(distance) + 1)


def _logit(p: Decimal) -> Decimal:
    """ln(p/(1-p))."""
    return (p / (1 - p)).ln()


def _step(v: Any, end: Any, h: Any, exp: Callable[[Any], Any]) -> tuple[int, Any]:
    """Make updates of the logit v until it exceeds `end`: how many, and the last v."""
    n = 0
    while v <= end:
        odds = exp(-abs(v))
        v += h * odds / (1 + odds) ** 2
        n += 1
    return n, v


def _invert_abel(target: Decimal, guess: Decimal, h: Decimal) -> Decimal:
    """The p with A(p) = target, by Newton's method (dA/dp = 1/(h p^2 (1-p)^2) + ...)."""
    p = guess
    for _ in range(60):
        slope = 1 / (h * p * p * (1 - p) ** 2)
        change = (target - _abel(p, h)) / slope
        p += change
        if abs(change) < p * Decimal("1e-25"):
            break
    return p


def _abel(p: Decimal, h: Decimal) -> Decimal:
    """A(p) = (o + 2 ln o - 1/o)/h + ln(p(1-p))/2 + sum_k h^k a_k(p), o = p/(1-p)."""
    odds = p / (1 - p)
    total = (odds + 2 * odds.ln() - 1 / odds) / h + (p * (1 - p)).ln() / 2
    power = Decimal(1)
    for coefficients in _abel_decimals():
        power *= h
        value = Decimal(0)
        for coefficient in reversed(coefficients):
            value = value * p + coefficient
        total += power * value
    return total


@lru_cache(maxsize=1)
def _abel_decimals() -> tuple[tuple[Decimal, ...], ...]:
    """`abel_polynomials` in 50 digits."""
    with localcontext() as context:
        context.prec = 50
        return tuple(
            tuple(Decimal(c.numerator) / Decimal(c.denominator) for c in polynomial)
            for polynomial in abel_polynomials()
        )


@lru_cache(maxsize=1)
def abel_polynomials() -> tuple[tuple[Fraction, ...], ...]:
    """Exact coefficients (ascending in p) of the terms a_1, a_2, ... of the Abel series.

    Recurrence from A(v + h f) = A(v) + 1 with A = a_{-1}/h + a_0 + h a_1 + ..., f = p(1-p), all
    derivatives by v (d/dv = f d/dp): a_k' = -(1/f) sum_{j>=2} f^j/j! a_{k+1-j}^{(j)}. The
    derivatives of a_{-1} and a_0 are 1/f and (1-2p)/2; the rest stays polynomial, so exact
    fractions suffice. Order n of h collects a_{n-j}^{(j)} over j = 1..n+1.
    """
    Poly = list[Fraction]

    def multiply(a: Poly, b: Poly) -> Poly:
        product = [Fraction(0)] * (len(a) + len(b) - 1)
        for i, ai in enumerate(a):
            for j, bj in enumerate(b):
                product[i + j] += ai * bj
        return product

    def add(a: Poly, b: Poly) -> Poly:
        size = max(len(a), len(b))
        a, b = a + [Fraction(0)] * (size - len(a)), b + [Fraction(0)] * (size - len(b))
        return [s + t for s, t in zip(a, b, strict=True)]

    def by_p(a: Poly) -> Poly:
        return [i * c for i, c in enumerate(a)][1:] or [Fraction(0)]

    f: Poly = [Fraction(0), Fraction(1), Fraction(-1)]
    one_minus_2p: Poly = [Fraction(1), Fraction(-2)]

    # f^j times the j-th v-derivative of a term, j = 1, 2, ...; a_{-1} starts at f * (1/f) = 1.
    # If D_j = f^j a^{(j)} then D_{j+1} = f^{j+1} d/dv (D_j f^{-j}) = f (f dD_j/dp - j(1-2p) D_j).
    def next_scaled(d: Poly, j: int) -> Poly:
        inner = add(multiply(f, by_p(d)), [-j * c for c in multiply(one_minus_2p, d)])
        return multiply(f, inner)

    orders = SERIES_TERMS + 2
    scaled: list[dict[int, Poly]] = []  # scaled[m][j] = f^j a_{m-1}^{(j)}
    polynomials: list[tuple[Fraction, ...]] = []
    for m in range(orders):
        # first derivative of a_{m-1}: f a_{m-1}' = - sum_{j>=2} f^j/j! a_{m-j}^{(j)}
        first: Poly = [Fraction(1)] if m == 0 else [Fraction(0)]
        for j in range(2, m + 2):
            term = scaled[m + 1 - j][j]
            first = add(first, [-c / math.factorial(j) for c in term])
        derivatives = {1: first}
        for j in range(1, orders + 1 - m):
            derivatives[j + 1] = next_scaled(derivatives[j], j)
        scaled.append(derivatives)
        if m >= 2:  # a_1, a_2, ...: f a' = first with ' = f d/dp, so da/dp = first / f^2
            polynomials.append(_integrate(_divide_by_f_squared(first)))
    return tuple(polynomials)


def _divide_by_f_squared(poly: list[Any]) -> list[Any]:
    """poly / (p^2 (1-p)^2), which is exact for every term of the Abel series after the second."""
    assert poly[0] == 0 and poly[1] == 0, "a term of the Abel series is not divisible by p^2"
    quotient = poly[2:]
    for _ in range(2):  # divide by (1 - p): q_i = c_i + q_{i-1}
        total, out = 0, []
        for c in quotient:
            total += c
            out.append(total)
        assert out[-1] == 0, "a term of the Abel series is not divisible by (1-p)^2"
        quotient = out[:-1]
    return quotient


def _integrate(poly: list[Fraction]) -> tuple[Fraction, ...]:
    """Antiderivative with constant 0."""
    return (Fraction(0), *(c / (i + 1) for i, c in enumerate(poly)))
