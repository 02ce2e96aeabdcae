"""Compiled kernels of ``ops/pool.py`` for 2 x 2 windows side by side, the usual ones; others go to the readable file.

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
    fits = argmax.shape == dout.shape and argmax.dtype == np.int32 and argmax.flags.aligned
    if not (fits and _places(dout, image, size, stride)):
        return reference.maxpool2d_backward(dout, argmax, image, size, stride)
    return scatter(dout, argmax, image, bits=False, share=1)


def _places(dout: Array, image: Pair, size: Pair, stride: Pair) -> bool:
    """Return whether dout (C, PH, PW, N) is of the windows of such an image that a kernel pools."""
    return size == stride == TWO and (image[0] // 2, image[1] // 2) == dout.shape[1:3] and same_floats(dout)


def scatter(dout: Array, grad_mask: Array, image: Pair, *, bits: bool, share: float) -> Array:
    """Return dx (C, *image, N): ``share`` of dout (C, PH, PW, N) where it is received, 0 elsewhere.

    grad_mask: int32 of the shape of dout, the number of the one offset that receives, or with a bit set for each.
    """
    dx = _blank(dout, image)
    kernel = _scatter(len(dx), *image, dout.shape[3], bits, share, dout.dtype.name)
    kernel(dout.ravel(), grad_mask.ravel(), dx.ravel())
    return dx


def _blank(dout: Array, image: Pair) -> Array:
    """Return what a gradient of the windows is put into: a row or column that is left over has none."""
    C, PH, PW, N = dout.shape
    return (empty if image == (2 * PH, 2 * PW) else zeros)((C, *image, N), dout.dtype)


@cache
def _scatter(C: int, H: int, W: int, N: int, bits: bool, share: float, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row, part = H // 2, W // 2, W * N, number(share)

    @kernel
    def scatter(dout: Array, grad_mask: Array, dx: Array) -> None:
        for c in range(C):
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
    if not _places(dout, image, size, stride):
        return reference.avgpool2d_backward(dout, image, size, stride)
    dx = _blank(dout, image)
    _avg_backward(*dx.shape, dx.dtype.name)(dout.ravel(), dx.ravel())
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
