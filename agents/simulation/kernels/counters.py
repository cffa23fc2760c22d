"""Random numbers by counter: number i of a trajectory is a hash of (seed, trajectory, i).

The hash is splitmix64 (Steele, Lea, Flood 2014): a Weyl sequence through a bijective mix. Each
trajectory starts its own sequence at a hashed state, so what it draws depends neither on the batch
it runs in nor on the thread that runs it. The functions work on uint64 arrays and, compiled, on
lanes; integer overflow is meant.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from agents.simulation.kernels.lanes import INLINE

WEYL = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_ONE = np.uint64(1)

# Every pull owns SLOTS numbers: the action, the reward, a second one for a Gaussian reward.
SLOTS = 4
ACTION, NOISE, NOISE_ANGLE = range(3)


@register_jitable(**INLINE)
def mix(z: Any) -> Any:
    """The finaliser of splitmix64, a bijection of 64 bits."""
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@register_jitable(**INLINE)
def stream_state(key: Any, stream: Any) -> Any:
    """The state at which stream number `stream` begins; both uint64."""
    return mix(key + mix((stream + _ONE) * WEYL))


@register_jitable(**INLINE)
def uniform(state: Any, counter: Any) -> Any:
    """Number `counter` of a stream, in (0, 1].

    All 64 bits count: near 0, where a rare best arm is drawn, the spacing is 5e-20.
    """
    return (np.float64(mix(state + (counter + _ONE) * WEYL)) + 0.5) * 2.0**-64


def stream_key(seed: int | None) -> np.uint64:
    """The key of all streams of a seed; fresh entropy for None."""
    return np.uint64(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
