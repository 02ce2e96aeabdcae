"""Compiled twins of ``ops/pool.py`` for 2 x 2 windows side by side, the usual ones; others go to the readable file.

What differs: one pass over the input instead of one for each offset; the geometry is fixed when a kernel is compiled,
so that the loop over the batch becomes vector instructions.

Gained (``benchmarks/speed/bench_kernels.py``): half of the time and more.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty, zeros
from nnscratch.ops import pool as reference
from nnscratch.ops.compiled.jit import Kernel, kernel, same_floats
from nnscratch.ops.windows import Pair

TWO = (2, 2)


def maxpool2d_forward(x: Array, size: Pair, stride: Pair) -> tuple[Array, Array]:
    """Twin of ``pool.maxpool2d_forward``."""
    C, H, W, N = x.shape
    if not (size == stride == TWO and min(H, W) > 1 and same_floats(x)):
        return reference.maxpool2d_forward(x, size, stride)
    out = empty((C, H // 2, W // 2, N), x.dtype)
    argmax = empty(out.shape, np.int32)
    _max_forward(C, H, W, N)(x.ravel(), out.ravel(), argmax.ravel())
    return out, argmax


@cache
def _max_forward(C: int, H: int, W: int, N: int) -> Kernel:
    PH, PW, row = H // 2, W // 2, W * N

    @kernel
    def max_forward(x: Array, out: Array, argmax: Array) -> None:
        for c in range(C):
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        best, k = x[corner + n], np.int32(0)
                        for offset in range(1, 4):
                            value = x[corner + (offset >> 1) * row + (offset & 1) * N + n]
                            if value > best or value != value:  # NaN wins: it must show in the loss
                                best, k = value, np.int32(offset)
                        out[o + n] = best
                        argmax[o + n] = k

    return max_forward


def maxpool2d_backward(dout: Array, argmax: Array, image: Pair, size: Pair, stride: Pair) -> Array:
    """Twin of ``pool.maxpool2d_backward``."""
    C, PH, PW, N = dout.shape
    fits = argmax.shape == dout.shape and argmax.dtype == np.int32 and argmax.flags.aligned
    if not (fits and size == stride == TWO and (image[0] // 2, image[1] // 2) == (PH, PW) and same_floats(dout)):
        return reference.maxpool2d_backward(dout, argmax, image, size, stride)
    whole = image == (2 * PH, 2 * PW)  # else a row or column is left over, and has no gradient
    dx = (empty if whole else zeros)((C, *image, N), dout.dtype)
    _max_backward(C, *image, N, dout.dtype.name)(dout.ravel(), argmax.ravel(), dx.ravel())
    return dx


@cache
def _max_backward(C: int, H: int, W: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row = H // 2, W // 2, W * N

    @kernel
    def max_backward(dout: Array, argmax: Array, dx: Array) -> None:
        for c in range(C):
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        g, k = dout[o + n], argmax[o + n]
                        dx[corner + n] = g if k == 0 else number(0)
                        dx[corner + N + n] = g if k == 1 else number(0)
                        dx[corner + row + n] = g if k == 2 else number(0)
                        dx[corner + row + N + n] = g if k == 3 else number(0)

    return max_backward


def avgpool2d_forward(x: Array, size: Pair, stride: Pair) -> Array:
    """Twin of ``pool.avgpool2d_forward``."""
    C, H, W, N = x.shape
    if not (size == stride == TWO and min(H, W) > 1 and same_floats(x)):
        return reference.avgpool2d_forward(x, size, stride)
    out = empty((C, H // 2, W // 2, N), x.dtype)
    _avg_forward(C, H, W, N, x.dtype.name)(x.ravel(), out.ravel())
    return out


@cache
def _avg_forward(C: int, H: int, W: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row = H // 2, W // 2, W * N

    @kernel
    def avg_forward(x: Array, out: Array) -> None:
        for c in range(C):
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    k = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        out[o + n] = (x[k + n] + x[k + N + n] + x[k + row + n] + x[k + row + N + n]) * number(0.25)

    return avg_forward


def avgpool2d_backward(dout: Array, image: Pair, size: Pair, stride: Pair) -> Array:
    """Twin of ``pool.avgpool2d_backward``."""
    C, PH, PW, N = dout.shape
    if not (size == stride == TWO and (image[0] // 2, image[1] // 2) == (PH, PW) and same_floats(dout)):
        return reference.avgpool2d_backward(dout, image, size, stride)
    whole = image == (2 * PH, 2 * PW)
    dx = (empty if whole else zeros)((C, *image, N), dout.dtype)
    _avg_backward(C, *image, N, dout.dtype.name)(dout.ravel(), dx.ravel())
    return dx


@cache
def _avg_backward(C: int, H: int, W: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row = H // 2, W // 2, W * N

    @kernel
    def avg_backward(dout: Array, dx: Array) -> None:
        for c in range(C):
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for offset in range(4):
                        d = corner + (offset >> 1) * row + (offset & 1) * N
                        for n in range(N):
                            dx[d + n] = dout[o + n] * number(0.25)

    return avg_backward
