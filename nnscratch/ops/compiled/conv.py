"""Compiled kernels of ``ops/conv.py``: the sums as loops, for a stride of 1.

What differs: no columns are laid out. With the batch last, a row of outputs is one run of OW*N numbers, and offset j of
the window sees the same run of the input, j*N further on. So the innermost loop goes over a row, with unit stride,
which the compiler turns into vector instructions; and it works on two filters (or channels) at once, so that each
number loaded is used twice: loads, not multiplications, were what the loop waited for.

The geometry (C, H, W, F, KH, KW, N) is fixed when a kernel is compiled: a factory closes over the integers and is
cached for each. With the geometry at run time the same loops were 40 times slower: they were not vectorised.

Gained (``benchmarks/speed/bench_kernels.py``): two filters at once instead of one took the second convolution of
LeNet-5, 32 images on a Zen 4 core, from half of the machine's matrix-product peak to three quarters and more.

Other strides, single filters, and numbers of images that are neither 1 nor a multiple of 8 go to the readable file.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import conv as reference
from nnscratch.ops.compiled.jit import Kernel, fillable, kernel, same_floats
from nnscratch.ops.windows import NO_PADDING, Padding, Pair, pad, unpad

AT_ONCE = 5  # of a window's row, whose sums are kept in registers at the same time
MOST_PLANES = 8  # of dout, that are added up before a number of dx is stored


def has_kernel(stride: Pair, planes: int, N: int, *arrays: Array) -> bool:
    """Return whether a compiled kernel serves this stride, number of filters (or channels), of images, and numbers."""
    return stride == (1, 1) and planes > 1 and (N == 1 or N % 8 == 0) and same_floats(*arrays)


def agree(x: Array, filters: tuple[int, ...], padding: Padding, dout: Array | None = None) -> bool:
    """Return whether x, W of the shape ``filters``, and dout belong together.

    Where they do not, the readable function says what is wrong.
    """
    (C, H, width, N), (F, channels, *window) = x.shape, filters
    positions = output((H, width), window, padding)
    return channels == C and min(positions) > 0 and (dout is None or dout.shape == (F, *positions, N))


def output(image: Pair, window: Sequence[int], padding: Padding) -> Pair:
    """Return the rows and columns of positions that a window has in an image; below 1 where it does not fit."""
    OH, OW = (side + sum(zeros) - length + 1 for side, zeros, length in zip(image, padding, window, strict=True))
    return OH, OW


def conv2d_forward(x: Array, W: Array, b: Array, stride: Pair = (1, 1), padding: Padding = NO_PADDING) -> Array:
    if not (has_kernel(stride, len(W), x.shape[3], x, W, b) and agree(x, W.shape, padding) and b.shape == (len(W),)):
        return reference.conv2d_forward(x, W, b, stride, padding)
    x = pad(x, padding)
    (C, H, width, N), (F, _, KH, KW) = x.shape, W.shape
    out = empty((F, H - KH + 1, width - KW + 1, N), x.dtype)
    _forward(C, H, width, F, KH, KW, N)(x.ravel(), W.ravel(), b.ravel(), out.ravel())
    return out


@cache
def _forward(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int) -> Kernel:
    OH, row, image_row = H - KH + 1, (W - KW + 1) * N, W * N
    plane, weights = OH * row, C * KH * KW  # from one filter to the next, in out and in w

    @kernel
    def forward(x: Array, w: Array, b: Array, out: Array) -> None:
        for pair in range(0, F, 2):
            f = min(pair, F - 2)  # an odd last filter is done with the one before it, once more
            for oh in range(OH):
                o = f * plane + oh * row
                for m in range(row):
                    out[o + m] = b[f]
                    out[o + plane + m] = b[f + 1]
                for c in range(C):
                    for i in range(KH):
                        xi = (c * H + oh + i) * image_row
                        wi = f * weights + (c * KH + i) * KW
                        for m in range(row):
                            first, second = out[o + m], out[o + plane + m]
                            for j in range(KW):
                                first += w[wi + j] * x[xi + j * N + m]
                                second += w[wi + weights + j] * x[xi + j * N + m]
                            out[o + m], out[o + plane + m] = first, second

    return forward


def conv2d_backward_weights(
    dout: Array,
    x: Array,
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dW: Array | None = None,
    db: Array | None = None,
) -> tuple[Array, Array]:
    F, filters = len(dout), (len(dout), len(x), *kernel)
    own = fillable(dW, filters, x) and fillable(db, (F,), x)
    if not (own and has_kernel(stride, F, x.shape[3], x, dout) and agree(x, filters, padding, dout)):
        return reference.conv2d_backward_weights(dout, x, kernel, stride, padding, dW, db)
    x = pad(x, padding)
    C, H, width, N = x.shape
    dW = empty(filters, x.dtype) if dW is None else dW
    db = empty(F, x.dtype) if db is None else db
    _backward_weights(C, H, width, F, *kernel, N, x.dtype.name)(dout.ravel(), x.ravel(), dW.ravel(), db)
    return dW, db


@cache
def _backward_weights(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int, dtype: str) -> Kernel:
    """Return the kernel. Its ten sums are names, not an array, which would be kept in memory and not in registers."""
    number = np.dtype(dtype).type
    OH, row, image_row = H - KH + 1, (W - KW + 1) * N, W * N
    plane, weights = OH * row, C * KH * KW

    @kernel
    def backward_weights(dout: Array, x: Array, dW: Array, db: Array) -> None:
        for f in range(F):
            total = number(0)
            for m in range(f * plane, (f + 1) * plane):
                total += dout[m]
            db[f] = total
        for pair in range(0, F, 2):
            f = min(pair, F - 2)
            for c in range(C):
                for i in range(KH):
                    for offset in range(0, KW, AT_ONCE):
                        j = max(min(offset, KW - AT_ONCE), 0)  # the last five may be done again
                        # past the end of a window narrower than five the last offset is done again
                        j1, j2, j3, j4 = min(j + 1, KW - 1), min(j + 2, KW - 1), min(j + 3, KW - 1), min(j + 4, KW - 1)
                        s0 = s1 = s2 = s3 = s4 = t0 = t1 = t2 = t3 = t4 = number(0)
                        for oh in range(OH):
                            d = f * plane + oh * row
                            xi = (c * H + oh + i) * image_row
                            for m in range(row):
                                first, second = dout[d + m], dout[d + plane + m]
                                s0 += first * x[xi + j * N + m]
                                s1 += first * x[xi + j1 * N + m]
                                s2 += first * x[xi + j2 * N + m]
                                s3 += first * x[xi + j3 * N + m]
                                s4 += first * x[xi + j4 * N + m]
                                t0 += second * x[xi + j * N + m]
                                t1 += second * x[xi + j1 * N + m]
                                t2 += second * x[xi + j2 * N + m]
                                t3 += second * x[xi + j3 * N + m]
                                t4 += second * x[xi + j4 * N + m]
                        wi = f * weights + (c * KH + i) * KW
                        dW[wi + j], dW[wi + weights + j] = s0, t0
                        dW[wi + j1], dW[wi + weights + j1] = s1, t1
                        dW[wi + j2], dW[wi + weights + j2] = s2, t2
                        dW[wi + j3], dW[wi + weights + j3] = s3, t3
                        dW[wi + j4], dW[wi + weights + j4] = s4, t4

    return backward_weights


def conv2d_backward_input(
    dout: Array, W: Array, image: Pair, stride: Pair = (1, 1), padding: Padding = NO_PADDING
) -> Array:
    (F, C, KH, KW), N = W.shape, dout.shape[3]
    fits = dout.shape == (F, *output(image, (KH, KW), padding), N)
    if not (fits and has_kernel(stride, max(C, 2), N, dout, W)):
        return reference.conv2d_backward_input(dout, W, image, stride, padding)
    H, width = image[0] + sum(padding[0]), image[1] + sum(padding[1])
    dx = empty((C, H, width, N), dout.dtype)
    _backward_input(C, H, width, F, KH, KW, N)(dout.ravel(), W.ravel(), dx.ravel())
    return unpad(dx, padding)


@cache
def _backward_input(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int) -> Kernel:
    OH, row, image_row = H - KH + 1, (W - KW + 1) * N, W * N
    plane, image, window, weights = OH * row, H * image_row, KH * KW, C * KH * KW
    planes = max(p for p in range(1, MOST_PLANES + 1) if F % p == 0)

    @kernel
    def backward_input(dout: Array, w: Array, dx: Array) -> None:
        for m in range(C * image):
            dx[m] = 0
        for pair in range(0, C, 2):
            c = max(min(pair, C - 2), 0)
            if pair > c > 0:  # an odd last channel: the one before it is done again
                for m in range(c * image, (c + 1) * image):
                    dx[m] = 0
            for f in range(0, F, planes):
                for oh in range(OH):
                    d = f * plane + oh * row
                    for i in range(KH):
                        for j in range(KW):
                            xi = c * image + (oh + i) * image_row + j * N
                            wi = f * weights + (c * KH + i) * KW + j
                            for m in range(row if C > 1 else 0):
                                first, second = dx[xi + m], dx[xi + image + m]
                                for p in range(planes):
                                    first += w[wi + p * weights] * dout[d + p * plane + m]
                                    second += w[wi + window + p * weights] * dout[d + p * plane + m]
                                dx[xi + m], dx[xi + image + m] = first, second
                            for m in range(row if C == 1 else 0):
                                only = dx[xi + m]
                                for p in range(planes):
                                    only += w[wi + p * weights] * dout[d + p * plane + m]
                                dx[xi + m] = only

    return backward_input
