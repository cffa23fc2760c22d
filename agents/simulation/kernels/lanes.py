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
from numba.extending import intrinsic, overload, register_jitable

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


def _bitcast(result: Any, argument: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(result))

    return result(argument), codegen


@intrinsic
def bits_of(typing_context: Any, value: Any) -> Any:
    """The bits of a float as an integer of the same width."""
    wide = value == types.float64
    return _bitcast(types.int64 if wide else types.int32, value, value)


@intrinsic
def float_of(typing_context: Any, value: Any) -> Any:
    """The float with the given bits."""
    wide = value == types.int64
    return _bitcast(types.float64 if wide else types.float32, value, value)


# exp(x) = 2^n exp(f), n = round(x / ln 2), |f| <= ln(2)/2. Adding 1.5 * 2^52 rounds to an integer
# that stands in the low bits, from where a shift moves it into the exponent. Truncation after
# f^12/12! is 1.7e-16, after f^7/7! in single precision 5e-9 (relative).
_LOG2_E = 1 / math.log(2)
_LN2_HIGH = 6.93147180369123816490e-01  # 32 trailing zero bits: n * _LN2_HIGH is exact
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 1.5 * 2.0**52
_EXP = tuple(1 / math.factorial(i) for i in range(13))
_EXP_MIN = -708.0

_LOG2_E_32 = np.float32(_LOG2_E)
_LN2_HIGH_32 = np.float32(0.693359375)
_LN2_LOW_32 = np.float32(math.log(2) - 0.693359375)
_ROUND_32 = np.float32(1.5 * 2.0**23)
_EXP_32 = tuple(np.float32(c) for c in _EXP[:8])
_EXP_MIN_32 = np.float32(-87.0)
_ONE_32 = np.float32(1)


def lane_exp(x: Any) -> Any:
    """exp(x) for x <= 709 (float64) or 88 (float32); below -708 or -87 it stays at exp of that."""
    return np.exp(x)


@overload(lane_exp, inline="always", jit_options=KERNEL)
def _lane_exp(x: Any) -> Any:
    def double(x: Any) -> Any:
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
        return float_of(bits_of(p) + (bits_of(shifted) << 52))

    def single(x: Any) -> Any:
        x = max(x, _EXP_MIN_32)
        shifted = x * _LOG2_E_32 + _ROUND_32
        n = shifted - _ROUND_32
        f = (x - n * _LN2_HIGH_32) - n * _LN2_LOW_32
        p = (_EXP_32[7] * f + _EXP_32[6]) * f + _EXP_32[5]
        p = ((p * f + _EXP_32[4]) * f + _EXP_32[3]) * f + _EXP_32[2]
        p = (p * f + _EXP_32[1]) * f + _EXP_32[0]
        return float_of(np.int32(bits_of(p) + np.int32(bits_of(shifted) << np.int32(23))))

    return double if x == types.float64 else single


def reciprocal(x: Any) -> Any:
    """1/x in the precision of x."""
    return 1 / x


@overload(reciprocal, inline="always", jit_options=KERNEL)
def _reciprocal(x: Any) -> Any:
    def double(x: Any) -> Any:
        return 1.0 / x

    def single(x: Any) -> Any:
        return _ONE_32 / x

    return double if x == types.float64 else single


# log(x) = e ln 2 + 2 atanh(s), x = 2^e m, m in [1/sqrt 2, sqrt 2), s = (m-1)/(m+1), |s| <= 0.1716:
# truncation after s^21/21 is 1e-18 of the result.
_SQRT_HALF_BITS = np.int64(np.float64(math.sqrt(0.5)).view(np.int64))
_ATANH = tuple(2 / (2 * i + 1) for i in range(11))
# sin(y) for |y| <= pi/2; truncation after y^21/21! is 1e-18.
_SIN = tuple((-1) ** i / math.factorial(2 * i + 1) for i in range(11))


@njit(**INLINE)
def lane_log(x: Any) -> Any:
    """log(x) for normal positive float64."""
    exponent = (bits_of(x) - _SQRT_HALF_BITS) >> 52
    m = float_of(bits_of(x) - (exponent << 52))
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    p = _ATANH[10] * square + _ATANH[9]
    p = ((p * square + _ATANH[8]) * square + _ATANH[7]) * square + _ATANH[6]
    p = ((p * square + _ATANH[5]) * square + _ATANH[4]) * square + _ATANH[3]
    p = ((p * square + _ATANH[2]) * square + _ATANH[1]) * square + _ATANH[0]
    return exponent * _LN2_HIGH + (exponent * _LN2_LOW + s * p)


@njit(**INLINE)
def lane_cos_turns(u: Any) -> Any:
    """cos(2 pi u) for u in [0, 1]: the sine of pi/2 less the way to the nearest whole turn."""
    y = 2 * math.pi * (0.25 - min(u, 1.0 - u))
    square = y * y
    p = _SIN[10] * square + _SIN[9]
    p = ((p * square + _SIN[8]) * square + _SIN[7]) * square + _SIN[6]
    p = ((p * square + _SIN[5]) * square + _SIN[4]) * square + _SIN[3]
    p = ((p * square + _SIN[2]) * square + _SIN[1]) * square + _SIN[0]
    return p * y
