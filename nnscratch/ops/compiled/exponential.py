"""exp of one number as plain arithmetic, which the compiler makes vector code of; Numba would call the C library's.

exp(x) = 2^n exp(r), where n = round(x / ln 2) and |r| <= ln 2 / 2: ln 2 is taken in two parts, so that r loses nothing
(W. J. Cody & W. Waite, "Software Manual for the Elementary Functions", 1980), and exp(r) is its Taylor series. Adding
1.5 * 2^23 (2^52 in float64) rounds to whole numbers, and leaves n in the last bits. 2^n is put together of its bits, in
two factors, so that results below the smallest normal number are right as well. NaN stays NaN.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from nnscratch.ops.compiled.jit import elementwise

ROUND32, ROUND64 = np.float32(1.5 * 2**23), np.float64(1.5 * 2**52)
HIGH32, LOW32 = np.float32(0.693359375), np.float32(-2.12194440e-4)
HIGH64, LOW64 = np.float64(6.93145751953125e-1), np.float64(1.42860682030941723212e-6)
LOG2E32, LOG2E64 = np.float32(1.4426950408889634), np.float64(1.4426950408889634)
(A2, A3, A4, A5, A6, A7) = (np.float32(1 / f) for f in (2, 6, 24, 120, 720, 5040))
(B2, B3, B4, B5, B6, B7) = (np.float64(1 / f) for f in (2, 6, 24, 120, 720, 5040))
(B8, B9, B10, B11, B12, B13) = (np.float64(1 / f) for f in (40320, 362880, 3628800, 39916800, 479001600, 6227020800))
LEAST32, MOST32, LEAST64, MOST64 = np.float32(-104), np.float32(89), np.float64(-746), np.float64(710)
ONE32, ONE64 = np.float32(1), np.float64(1)


@elementwise
def _parts32(x: Any) -> Any:
    """Return exp(r) - 1, and the two factors of 2^n."""
    x = LEAST32 if x < LEAST32 else x
    x = MOST32 if x > MOST32 else x
    shifted = x * LOG2E32 + ROUND32
    n = shifted - ROUND32
    r = (x - n * HIGH32) - n * LOW32
    series = r + r * r * (A2 + r * (A3 + r * (A4 + r * (A5 + r * (A6 + r * A7)))))
    whole = np.int32(np.float32(shifted).view(np.int32) - np.int32(0x4B400000))
    half = np.int32(whole >> np.int32(1))
    first = np.int32((half + np.int32(127)) << np.int32(23)).view(np.float32)
    second = np.int32((whole - half + np.int32(127)) << np.int32(23)).view(np.float32)
    return series, first, second


@elementwise
def _parts64(x: Any) -> Any:
    x = LEAST64 if x < LEAST64 else x
    x = MOST64 if x > MOST64 else x
    shifted = x * LOG2E64 + ROUND64
    n = shifted - ROUND64
    r = (x - n * HIGH64) - n * LOW64
    tail = B7 + r * (B8 + r * (B9 + r * (B10 + r * (B11 + r * (B12 + r * B13)))))
    series = r + r * r * (B2 + r * (B3 + r * (B4 + r * (B5 + r * (B6 + r * tail)))))
    whole = np.float64(shifted).view(np.int64) - np.int64(0x4338000000000000)
    half = whole >> np.int64(1)
    first = np.int64((half + np.int64(1023)) << np.int64(52)).view(np.float64)
    second = np.int64((whole - half + np.int64(1023)) << np.int64(52)).view(np.float64)
    return series, first, second


@elementwise
def _exp32(x: Any) -> Any:
    series, first, second = _parts32(x)
    return (series + ONE32) * first * second


@elementwise
def _exp64(x: Any) -> Any:
    series, first, second = _parts64(x)
    return (series + ONE64) * first * second


@elementwise
def _expm1_32(x: Any) -> Any:
    """Return exp(x) - 1, precise near 0, for 0 <= x <= 64."""
    series, first, second = _parts32(x)
    power = first * second
    return series * power + (power - ONE32)


@elementwise
def _expm1_64(x: Any) -> Any:
    series, first, second = _parts64(x)
    power = first * second
    return series * power + (power - ONE64)


def exp(x: Any) -> Any:
    """Return exp(x) in the type of ``x``, for the kernels."""
    return _exp32(x) if isinstance(x, np.float32) else _exp64(x)


def expm1(x: Any) -> Any:
    """Return exp(x) - 1 in the type of ``x``, for 0 <= x <= 64, for the kernels."""
    return _expm1_32(x) if isinstance(x, np.float32) else _expm1_64(x)


# Compiled, the type chooses. (A kernel that held the chosen function itself would never be found in the cache again:
# Numba's key of one has a number of the process in it.)
overload(exp)(lambda x: (lambda x: _exp32(x)) if x == types.float32 else (lambda x: _exp64(x)))
overload(expm1)(lambda x: (lambda x: _expm1_32(x)) if x == types.float32 else (lambda x: _expm1_64(x)))
