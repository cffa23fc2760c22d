"""Arithmetic for lanes: the elementary functions of the kernels, in a form that vectorises.

A kernel advances LANES trajectories side by side; every operation is written for one lane and LLVM
turns the loop over lanes into vector instructions. That works only without calls into the C
library, so exp, log and cos are polynomials here (errors below 4 ulp, tested), and random numbers
are a hash of (trajectory, counter). No flag lets LLVM reassociate sums: compensated addition stays
intact and a lane's bits do not depend on its neighbours.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic, register_jitable

from gw_envs.theory import wells

LANES = 64
FAST = {"contract", "nnan", "ninf", "nsz"}
# error_model: Python's check for division by zero would keep a loop from vectorising.
INLINE = {"inline": "always", "fastmath": FAST, "error_model": "numpy"}
KERNEL = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}

register_jitable(**INLINE)(wells.well_edge)
in_well = njit(**INLINE)(wells.in_well)


def source_digest(*files: str) -> int:
    """A number that changes with the sources a kernel is made of.

    numba's disk cache watches only the file a kernel stands in. A kernel that closes over this
    number is compiled anew when one of its helpers, here or in the given files, has changed.
    """
    digest = 0
    for name in (__file__, wells.__file__, *files):
        digest = zlib.crc32(Path(name).read_bytes(), digest)
    return digest


@intrinsic
def hot_function(typing_context: Any) -> Any:
    """Compile the calling function by itself and with 512-bit vectors.

    LLVM prefers 256 bits on many processors, and loops inlined into a large function run out of
    registers.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        attributes = builder.function.attributes
        attributes.add("noinline")
        # llvmlite's set refuses names that it does not know; LLVM knows this one.
        set.add(attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _stack_lanes(typing_context: Any, like: Any) -> Any:
    """Pointer to LANES numbers of the type of array `like`, on the stack."""
    kind = like.dtype

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size = ir.Constant(ir.IntType(64), LANES)
        pointer = builder.alloca(context.get_data_type(kind), size=size)
        pointer.align = 64
        return pointer

    return types.CPointer(kind)(like), codegen


@njit(**INLINE)
def lane_array(like: Any) -> Any:
    """One number per lane. On the stack, where LLVM knows that nothing else points to it."""
    return carray(_stack_lanes(like), (LANES,))


# exp(x) = 2^n exp(f), n = round(x / ln 2), |f| <= ln(2)/2. Adding 1.5 * 2^52 rounds to an integer
# that stands in the low bits, from where a shift moves it into the exponent. Truncation after
# f^12/12! is 1.7e-16 (relative).
_LOG2_E = 1 / math.log(2)
_LN2_HIGH = 6.93147180369123816490e-01  # 32 trailing zero bits: n * _LN2_HIGH is exact
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 1.5 * 2.0**52
_EXP = tuple(1 / math.factorial(i) for i in range(13))
_EXP_MIN = -708.0


@njit(**INLINE)
def lane_exp(x: Any) -> Any:
    """exp(x) for x <= 709; below -708 it stays at exp of that."""
    x = max(x, _EXP_MIN)
    shifted = x * _LOG2_E + _ROUND
    n = shifted - _ROUND
    f = (x - n * _LN2_HIGH) - n * _LN2_LOW
    f2 = f * f
    f4 = f2 * f2
    low = (_EXP[3] * f + _EXP[2]) * f2 + (f + 1.0)
    middle = (_EXP[7] * f + _EXP[6]) * f2 + (_EXP[5] * f + _EXP[4])
    high = (_EXP[11] * f + _EXP[10]) * f2 + (_EXP[9] * f + _EXP[8])
    p = ((_EXP[12] * f4 + high) * f4 + middle) * f4 + low
    bits = np.float64(p).view(np.int64) + (np.float64(shifted).view(np.int64) << 52)
    return np.int64(bits).view(np.float64)


# log(x) = e ln 2 + 2 atanh(s), x = 2^e m, m in [1/sqrt 2, sqrt 2), s = (m-1)/(m+1), |s| <= 0.1716:
# truncation after s^21/21 is 1e-18 of the result.
_SQRT_HALF_BITS = np.int64(np.float64(math.sqrt(0.5)).view(np.int64))
_ATANH = tuple(2 / (2 * i + 1) for i in range(11))
# sin(y) for |y| <= pi/2; truncation after y^21/21! is 1e-18.
_SIN = tuple((-1) ** i / math.factorial(2 * i + 1) for i in range(11))


@njit(**INLINE)
def _odd_series(c: Any, x: Any) -> Any:
    """c[0] x + c[1] x^3 + ... + c[10] x^21."""
    square = x * x
    p = c[10] * square + c[9]
    p = ((p * square + c[8]) * square + c[7]) * square + c[6]
    p = ((p * square + c[5]) * square + c[4]) * square + c[3]
    p = ((p * square + c[2]) * square + c[1]) * square + c[0]
    return p * x


@njit(**INLINE)
def lane_log(x: Any) -> Any:
    """log(x) for normal positive float64."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _SQRT_HALF_BITS) >> 52
    m = np.int64(bits - (exponent << 52)).view(np.float64)
    rest = _odd_series(_ATANH, (m - 1.0) / (m + 1.0))
    return exponent * _LN2_HIGH + (exponent * _LN2_LOW + rest)


@njit(**INLINE)
def lane_cos_turns(u: Any) -> Any:
    """cos(2 pi u) for u in [0, 1]: the sine of pi/2 less the way to the nearest whole turn."""
    return _odd_series(_SIN, 2 * math.pi * (0.25 - min(u, 1.0 - u)))
