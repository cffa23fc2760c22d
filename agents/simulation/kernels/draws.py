"""Random variates by counter, drawn one after another inside kernels.

A stream is a uint64 array (state, counter) over `kernels.counters`; each uniform number
advances its counter. Sources: Marsaglia, Tsang, A simple method for generating gamma variables
(2000); Hoermann, The transformed rejection method for generating Poisson random variables (1993),
algorithm PTRS.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from agents.simulation.kernels.compiling import compiled
from agents.simulation.kernels.counters import stream_state, uniform

LARGE = 1e8  # of a Poisson mean; up to it float64 keeps ln P to 1e-6
_ONE = np.uint64(1)
_compiled = compiled(nogil=True, error_model="numpy")


@_compiled
def open_stream(key: Any, number: Any) -> Any:
    """Stream `number` of the key (both uint64), at its beginning."""
    return np.array([stream_state(key, number), np.uint64(0)], dtype=np.uint64)


@_compiled
def draw_uniform(stream: Any) -> float:
    """A number in (0, 1]."""
    counter = stream[1]
    stream[1] = counter + _ONE
    return uniform(stream[0], counter)


@_compiled
def draw_geometric(stream: Any, probability: float) -> float:
    """Trials up to and with the first success, P(k) = p (1-p)^(k-1), k = 1, 2, ..."""
    return 1.0 + np.floor(math.log(draw_uniform(stream)) / math.log1p(-probability))


@_compiled
def draw_normal(stream: Any) -> float:
    """A standard normal number (Box, Muller)."""
    radius = math.sqrt(-2.0 * math.log(draw_uniform(stream)))
    return radius * math.cos(2.0 * math.pi * draw_uniform(stream))


@_compiled
def draw_gamma(stream: Any, shape: float) -> float:
    """A gamma number of the given shape >= 1 and scale 1."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = draw_normal(stream)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(draw_uniform(stream)) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return d * v


@_compiled
def draw_poisson(stream: Any, mean: float) -> float:
    """A Poisson number, as float64 (whole; exact below 2^53).

    Beyond LARGE it is the normal limit with its skewness (Cornish, Fisher), whose probabilities are
    off by the order of 1/mean.
    """
    if mean < 10.0:
        k, product, floor = 0.0, draw_uniform(stream), math.exp(-mean)
        while product > floor:
            product *= draw_uniform(stream)
            k += 1.0
        return k
    if mean > LARGE:
        z = draw_normal(stream)
        return np.floor(mean + math.sqrt(mean) * z + (z * z - 1.0) / 6.0 + 0.5)
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = draw_uniform(stream) - 0.5
        v = draw_uniform(stream)
        us = 0.5 - abs(u)
        if us <= 0.0:
            continue
        k = np.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        chance = k * math.log(mean) - mean - math.lgamma(k + 1.0)
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= chance:
            return k


@_compiled
def draw_waiting(stream: Any, successes: float, probability: float) -> float:
    """Failures before the given number (>= 1) of successes: negative binomial, gamma-Poisson."""
    if probability >= 1.0:
        return 0.0
    if successes == 1.0:
        return draw_geometric(stream, probability) - 1.0
    scale = (1.0 - probability) / probability
    return draw_poisson(stream, draw_gamma(stream, successes) * scale)
