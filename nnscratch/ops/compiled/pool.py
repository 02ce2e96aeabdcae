"""Compiled kernels of ``ops/pool.py``.

What differs: one pass over the input instead of one for each offset, or for windows of more than 9, one for a few of
them; the geometry is fixed when a kernel is compiled, so that the loop over the batch becomes vector instructions. The
gradient of 2 x 2 windows side by side, the usual ones, is put where it belongs; that of others is added up there.

Gained (``benchmarks/speed/bench_kernels.py``): half of the time and more; windows of 3 x 3 with a stride of 2, 32
images of 16 x 24 x 24: 53 and 75 microseconds for the largest and its gradient instead of 1,700 and 490.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import pool as reference
from nnscratch.ops.compiled.jit import Kernel, kernel, same_floats
from nnscratch.ops.windows import Pair

TWO = (2, 2)
MOST_AT_ONCE = 9


def maxpool2d_forward(x: Array, size: Pair, stride: Pair) -> tuple[Array, Array]:
    C, H, W, N = x.shape
    OH, OW = _positions((H, W), size, stride)
    if not (min(OH, OW) > 0 and same_floats(x)):
        return reference.maxpool2d_forward(x, size, stride)
    out = empty((C, OH, OW, N), x.dtype)
    argmax = empty(out.shape, np.int32)
    _max_forward(C, H, W, N, *size, *stride)(x.ravel(), out.ravel(), argmax.ravel())
    return out, argmax


def _positions(image: Pair, size: Pair, stride: Pair) -> Pair:
    """Return the rows and columns of windows; 0 where none fits, or what is given is no window."""
    if min(*size, *stride) < 1:
        return 0, 0
    OH, OW = ((side - length) // step + 1 for side, length, step in zip(image, size, stride, strict=True))
    return OH, OW


def _at_once(offsets: int) -> int:
    """Return how many offsets of a window to do in one pass over it: what the compiler makes one run of code of."""
    return max(count for count in range(1, MOST_AT_ONCE + 1) if offsets % count == 0)


@cache
def _max_forward(C: int, H: int, W: int, N: int, KH: int, KW: int, SH: int, SW: int) -> Kernel:
    (OH, OW), row = _positions((H, W), (KH, KW), (SH, SW)), W * N
    offsets, at_once = KH * KW, _at_once(KH * KW)

    @kernel
    def max_forward(x: Array, out: Array, argmax: Array) -> None:
        for c in range(C):
            for oh in range(OH):
                for ow in range(OW):
                    o = ((c * OH + oh) * OW + ow) * N
                    corner = (c * H + SH * oh) * row + SW * ow * N
                    for first in range(0, offsets, at_once):
                        for n in range(N):
                            best, k = (out[o + n], argmax[o + n]) if first else (x[corner + n], np.int32(0))
                            for offset in range(at_once):
                                i, j = (first + offset) // KW, (first + offset) % KW
                                value = x[corner + i * row + j * N + n]
                                if value > best or value != value:  # NaN wins: it must show in the loss
                                    best, k = value, np.int32(first + offset)
                            out[o + n] = best
                            argmax[o + n] = k

    return max_forward


def maxpool2d_backward(dout: Array, argmax: Array, image: Pair, size: Pair, stride: Pair) -> Array:
    fits = argmax.shape == dout.shape and argmax.dtype == np.int32 and argmax.flags.aligned
    if not (fits and _places(dout, image, size, stride)):
        return reference.maxpool2d_backward(dout, argmax, image, size, stride)
    if size == stride == TWO:
        return scatter(dout, argmax, image, bits=False, share=1)
    dx = empty((len(dout), *image, dout.shape[3]), dout.dtype)
    _add_chosen(*dx.shape, *size, *stride, dx.dtype.name)(dout.ravel(), argmax.ravel(), dx.ravel())
    return dx


def _places(dout: Array, image: Pair, size: Pair, stride: Pair) -> bool:
    """Return whether dout (C, OH, OW, N) is of the windows of such an image, and of numbers that a kernel takes."""
    return bool(_positions(image, size, stride) == dout.shape[1:3] and same_floats(dout))


@cache
def _add_chosen(C: int, H: int, W: int, N: int, KH: int, KW: int, SH: int, SW: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    (OH, OW), row = _positions((H, W), (KH, KW), (SH, SW)), W * N

    @kernel
    def add_chosen(dout: Array, argmax: Array, dx: Array) -> None:
        for m in range(C * H * row):
            dx[m] = number(0)
        for c in range(C):
            for oh in range(OH):
                for ow in range(OW):
                    o = ((c * OH + oh) * OW + ow) * N
                    corner = (c * H + SH * oh) * row + SW * ow * N
                    for offset in range(KH * KW):
                        d = corner + (offset // KW) * row + (offset % KW) * N
                        for n in range(N):
                            dx[d + n] += dout[o + n] if argmax[o + n] == offset else number(0)

    return add_chosen


def scatter(dout: Array, grad_mask: Array, image: Pair, *, bits: bool, share: float) -> Array:
    """Return dx (C, *image, N): ``share`` of dout (C, PH, PW, N) where it is received, 0 elsewhere.

    grad_mask: int32 of the shape of dout, the number of the one offset that receives, or with a bit set for each.
    """
    dx = empty((len(dout), *image, dout.shape[3]), dout.dtype)
    kernel = _scatter(len(dx), *image, dout.shape[3], bits, share, dout.dtype.name)
    kernel(dout.ravel(), grad_mask.ravel(), dx.ravel())
    return dx


@cache
def _scatter(C: int, H: int, W: int, N: int, bits: bool, share: float, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row, part = H // 2, W // 2, W * N, number(share)

    @kernel
    def scatter(dout: Array, grad_mask: Array, dx: Array) -> None:
        for c in range(C):
            for m in range((c * H + 2 * PH) * row, (c + 1) * H * row):  # a row that is left over has no gradient
                dx[m] = number(0)
            for h in range(2 * PH if W % 2 else 0):  # nor has a column
                for m in range((c * H + h + 1) * row - N, (c * H + h + 1) * row):
                    dx[m] = number(0)
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        g, who = dout[o + n] * part, grad_mask[o + n]
                        for offset in range(4):
                            own = (who >> offset) & 1 if bits else who == offset
                            dx[corner + (offset >> 1) * row + (offset & 1) * N + n] = g if own else number(0)

    return scatter


def avgpool2d_forward(x: Array, size: Pair, stride: Pair) -> Array:
    C, H, W, N = x.shape
    OH, OW = _positions((H, W), size, stride)
    if not (min(OH, OW) > 0 and same_floats(x)):
        return reference.avgpool2d_forward(x, size, stride)
    out = empty((C, OH, OW, N), x.dtype)
    _avg_forward(C, H, W, N, *size, *stride, x.dtype.name)(x.ravel(), out.ravel())
    return out


@cache
def _avg_forward(C: int, H: int, W: int, N: int, KH: int, KW: int, SH: int, SW: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    (OH, OW), row = _positions((H, W), (KH, KW), (SH, SW)), W * N
    offsets, at_once, share = KH * KW, _at_once(KH * KW), number(1 / (KH * KW))

    @kernel
    def avg_forward(x: Array, out: Array) -> None:
        for c in range(C):
            for oh in range(OH):
                for ow in range(OW):
                    o = ((c * OH + oh) * OW + ow) * N
                    corner = (c * H + SH * oh) * row + SW * ow * N
                    for first in range(0, offsets, at_once):
                        for n in range(N):
                            total = out[o + n] if first else number(0)
                            for offset in range(at_once):
                                i, j = (first + offset) // KW, (first + offset) % KW
                                total += x[corner + i * row + j * N + n]
                            out[o + n] = total * share if first == offsets - at_once else total

    return avg_forward


def avgpool2d_backward(dout: Array, image: Pair, size: Pair, stride: Pair) -> Array:
    if not _places(dout, image, size, stride):
        return reference.avgpool2d_backward(dout, image, size, stride)
    dx = empty((len(dout), *image, dout.shape[3]), dout.dtype)
    _avg_backward(*dx.shape, *size, *stride, dx.dtype.name)(dout.ravel(), dx.ravel())
    return dx


@cache
def _avg_backward(C: int, H: int, W: int, N: int, KH: int, KW: int, SH: int, SW: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    (OH, OW), row, share = _positions((H, W), (KH, KW), (SH, SW)), W * N, number(1 / (KH * KW))
    tiled = (KH, KW) == (SH, SW) and (OH * SH, OW * SW) == (H, W)  # each pixel is in one window

    @kernel
    def avg_backward(dout: Array, dx: Array) -> None:
        for m in range(0 if tiled else C * H * row):
            dx[m] = number(0)
        for c in range(C):
            for oh in range(OH):
                for ow in range(OW):
                    o = ((c * OH + oh) * OW + ow) * N
                    corner = (c * H + SH * oh) * row + SW * ow * N
                    for i in range(KH):
                        for j in range(KW):
                            d = corner + i * row + j * N
                            for n in range(N):
                                dx[d + n] = dout[o + n] * share + (number(0) if tiled else dx[d + n])

    return avg_backward
