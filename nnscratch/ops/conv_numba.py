"""Compiled twins of ``conv.py``: the sums as loops, for a stride of 1.

What differs: no columns are laid out. With the batch last, a row of an image is one run of W*N numbers, and tap j of
the window is the same run, j*N further on. So the innermost loop goes over a whole row of outputs and adds all taps of
one row of the window at once: unit stride, which the compiler turns into vector instructions.

The geometry (C, H, W, F, KH, KW, N) is fixed when a kernel is compiled: a factory closes over the integers and is
cached for each. With the geometry at run time the same loops were 40 times slower: they were not vectorised.

Both gradients read dout in rows as wide as the input's, with KW - 1 zeros behind each. Then a shift by (i, j) in the
image is a shift by (i*W + j)*N in memory, and the loops run over whole images.

Other strides, and batches that are no multiple of 8, go to the readable file.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops import conv as reference
from nnscratch.ops.jit_numba import kernel
from nnscratch.ops.windows import NO_PADDING, Padding, Pair, pad, unpad

Kernel = Callable[..., Any]
TAPS = 5  # of a window's row, whose sums are kept in registers at the same time


def has_kernel(stride: Pair, N: int) -> bool:
    """Return whether a compiled kernel serves this stride and this number of images."""
    return stride == (1, 1) and N % 8 == 0 and N > 0


def conv2d_forward(x: Array, W: Array, b: Array, stride: Pair = (1, 1), padding: Padding = NO_PADDING) -> Array:
    """Twin of ``conv.conv2d_forward``."""
    if not has_kernel(stride, x.shape[3]):
        return reference.conv2d_forward(x, W, b, stride, padding)
    x = pad(x, padding)
    (C, H, Wx, N), (F, _, KH, KW) = x.shape, W.shape
    out = np.empty((F, H - KH + 1, Wx - KW + 1, N), x.dtype)
    _forward(C, H, Wx, F, KH, KW, N)(x.ravel(), W.ravel(), b, out.ravel())
    return out


@cache
def _forward(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int) -> Kernel:
    OH, row, image_row = H - KH + 1, (W - KW + 1) * N, W * N

    @kernel
    def forward(x: Array, w: Array, b: Array, out: Array) -> None:
        for f in range(F):
            for oh in range(OH):
                o = (f * OH + oh) * row
                for m in range(row):
                    out[o + m] = b[f]
                for c in range(C):
                    for i in range(KH):
                        xi = (c * H + oh + i) * image_row
                        wi = ((f * C + c) * KH + i) * KW
                        for m in range(row):
                            total = out[o + m]
                            for j in range(KW):
                                total += w[wi + j] * x[xi + j * N + m]
                            out[o + m] = total

    return forward


def widen(dout: Array, KW: int) -> Array:
    """Return dout (F, OH, OW, N) flat, each row followed by KW - 1 zero pixels, and as many before the first."""
    F, OH, OW, N = dout.shape
    margin = (KW - 1) * N
    wide = np.zeros(margin + F * OH * (OW + KW - 1) * N, dout.dtype)
    wide[margin:].reshape(F, OH, OW + KW - 1, N)[:, :, :OW] = dout
    return wide


def conv2d_backward_weights(
    dout: Array, x: Array, kernel: Pair, stride: Pair = (1, 1), padding: Padding = NO_PADDING
) -> tuple[Array, Array]:
    """Twin of ``conv.conv2d_backward_weights``."""
    if not has_kernel(stride, x.shape[3]):
        return reference.conv2d_backward_weights(dout, x, kernel, stride, padding)
    return backward_weights(widen(dout, kernel[1]), pad(x, padding), dout.shape[0], kernel)


def backward_weights(wide: Array, x: Array, F: int, kernel: Pair) -> tuple[Array, Array]:
    """Return dW and db for dout as :func:`widen` lays it out, and the padded input."""
    C, H, W, N = x.shape
    dW, db = np.empty((F, C, *kernel), x.dtype), np.empty(F, x.dtype)
    _backward_weights(C, H, W, F, *kernel, N, x.dtype.name)(wide, x.ravel(), dW.ravel(), db)
    return dW, db


@cache
def _backward_weights(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    margin, image = (KW - 1) * N, H * W * N
    rows = (H - KH + 1) * W * N  # of one filter's dout
    last = (KW - 1) * N

    @kernel
    def backward_weights(dout: Array, x: Array, dW: Array, db: Array) -> None:
        for f in range(F):
            d = margin + f * rows
            total = number(0)
            for m in range(rows):
                total += dout[d + m]
            db[f] = total
            for c in range(C):
                for i in range(KH):
                    for j in range(0, KW, TAPS):
                        # five taps share each load of dout; past the window's end the last one is done again
                        x0 = c * image + i * W * N
                        x1 = x0 + min((j + 1) * N, last)
                        x2 = x0 + min((j + 2) * N, last)
                        x3 = x0 + min((j + 3) * N, last)
                        x4 = x0 + min((j + 4) * N, last)
                        x0 += j * N
                        s0 = s1 = s2 = s3 = s4 = number(0)
                        for m in range(rows - last):
                            g = dout[d + m]
                            s0 += g * x[x0 + m]
                            s1 += g * x[x1 + m]
                            s2 += g * x[x2 + m]
                            s3 += g * x[x3 + m]
                            s4 += g * x[x4 + m]
                        o = ((f * C + c) * KH + i) * KW
                        dW[o + j] = s0
                        dW[o + min(j + 1, KW - 1)] = s1
                        dW[o + min(j + 2, KW - 1)] = s2
                        dW[o + min(j + 3, KW - 1)] = s3
                        dW[o + min(j + 4, KW - 1)] = s4

    return backward_weights


def conv2d_backward_input(
    dout: Array, W: Array, image: Pair, stride: Pair = (1, 1), padding: Padding = NO_PADDING
) -> Array:
    """Twin of ``conv.conv2d_backward_input``."""
    N = dout.shape[3]
    if not has_kernel(stride, N):
        return reference.conv2d_backward_input(dout, W, image, stride, padding)
    return backward_input(widen(dout, W.shape[3]), W, image, padding, N)


def backward_input(wide: Array, W: Array, image: Pair, padding: Padding, N: int) -> Array:
    """Return dx for dout as :func:`widen` lays it out."""
    F, C, KH, KW = W.shape
    H, Wx = image[0] + sum(padding[0]), image[1] + sum(padding[1])
    dx = np.zeros((C, H, Wx, N), wide.dtype)
    _backward_input(C, H, Wx, F, KH, KW, N)(wide, W.ravel(), dx.ravel())
    return unpad(dx, padding)


@cache
def _backward_input(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int) -> Kernel:
    OH, row, margin = H - KH + 1, W * N, (KW - 1) * N

    @kernel
    def backward_input(dout: Array, w: Array, dx: Array) -> None:
        for c in range(C):
            for f in range(F):
                for oh in range(OH):
                    d = margin + (f * OH + oh) * row
                    for i in range(KH):
                        xi = (c * H + oh + i) * row
                        wi = ((f * C + c) * KH + i) * KW
                        for m in range(row):
                            total = dx[xi + m]
                            for j in range(KW):
                                total += w[wi + j] * dout[d - j * N + m]
                            dx[xi + m] = total

    return backward_input
