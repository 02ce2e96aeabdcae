"""Compiled twin of ``fused.py``, for convolutions of stride 1 and 2 x 2 windows side by side.

What differs: two rows of the convolution are computed into a scratch of a few kilobytes, as in ``conv_numba.py``, and
pooled from there, so its output never goes to memory. Backward, the gradient is put at the winners' places directly in
the layout that the kernels of ``conv_numba.py`` read.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops import fused as reference
from nnscratch.ops.conv_numba import Kernel, backward_input, backward_weights, has_kernel
from nnscratch.ops.jit_numba import kernel
from nnscratch.ops.windows import Padding, Pair, pad

TWO = (2, 2)


def conv2d_relu_maxpool_forward(
    x: Array, W: Array, b: Array, stride: Pair, padding: Padding, size: Pair, pool_stride: Pair
) -> tuple[Array, Array]:
    """Twin of ``fused.conv2d_relu_maxpool_forward``."""
    if not (has_kernel(stride, x.shape[3]) and size == pool_stride == TWO):
        return reference.conv2d_relu_maxpool_forward(x, W, b, stride, padding, size, pool_stride)
    x = pad(x, padding)
    (C, H, Wx, N), (F, _, KH, KW) = x.shape, W.shape
    out = np.empty((F, (H - KH + 1) // 2, (Wx - KW + 1) // 2, N), x.dtype)
    winner = np.empty(out.shape, np.int32)
    _forward(C, H, Wx, F, KH, KW, N, x.dtype.name)(x.ravel(), W.ravel(), b, out.ravel(), winner.ravel())
    return out, winner


@cache
def _forward(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row, image_row = (H - KH + 1) // 2, (W - KW + 1) // 2, (W - KW + 1) * N, W * N

    @kernel
    def forward(x: Array, w: Array, b: Array, out: Array, winner: Array) -> None:
        rows = np.empty(2 * row, x.dtype)
        for f in range(F):
            for ph in range(PH):
                for r in range(2):
                    o = r * row
                    for m in range(row):
                        rows[o + m] = b[f]
                    for c in range(C):
                        for i in range(KH):
                            xi = (c * H + 2 * ph + r + i) * image_row
                            wi = ((f * C + c) * KH + i) * KW
                            for m in range(row):
                                total = rows[o + m]
                                for j in range(KW):
                                    total += w[wi + j] * x[xi + j * N + m]
                                rows[o + m] = total
                for pw in range(PW):
                    o = ((f * PH + ph) * PW + pw) * N
                    left = 2 * pw * N
                    for n in range(N):
                        best, k = rows[left + n], np.int32(0)
                        for tap in range(1, 4):
                            value = rows[(tap >> 1) * row + left + (tap & 1) * N + n]
                            if value > best or value != value:  # NaN wins: it must show in the loss
                                best, k = value, np.int32(tap)
                        out[o + n] = number(0) if best <= 0 else best
                        winner[o + n] = k if best > 0 else np.int32(4)

    return forward


def conv2d_relu_maxpool_backward(
    dout: Array,
    winner: Array,
    x: Array,
    W: Array,
    stride: Pair,
    padding: Padding,
    size: Pair,
    pool_stride: Pair,
    *,
    need_dx: bool,
) -> tuple[Array | None, Array, Array]:
    """Twin of ``fused.conv2d_relu_maxpool_backward``."""
    (F, PH, PW, N), (_, _, KH, KW) = dout.shape, W.shape
    if not (has_kernel(stride, N) and size == pool_stride == TWO):
        return reference.conv2d_relu_maxpool_backward(
            dout, winner, x, W, stride, padding, size, pool_stride, need_dx=need_dx
        )
    padded = pad(x, padding)
    _, H, width, _ = padded.shape
    wide = np.empty((KW - 1) * N + F * (H - KH + 1) * width * N, dout.dtype)
    _place(F, PH, PW, H - KH + 1, width, (KW - 1) * N, N, dout.dtype.name)(dout.ravel(), winner.ravel(), wide)
    dW, db = backward_weights(wide, padded, F, (KH, KW))
    dx = backward_input(wide, W, (x.shape[1], x.shape[2]), padding, N) if need_dx else None
    return dx, dW, db


@cache
def _place(F: int, PH: int, PW: int, OH: int, width: int, margin: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    row = width * N

    @kernel
    def place(dout: Array, winner: Array, wide: Array) -> None:
        for m in range(margin):
            wide[m] = number(0)
        for f in range(F):
            for oh in range(OH):
                start = margin + (f * OH + oh) * row
                ph, first = oh >> 1, np.int32(2 * (oh & 1))  # of the two taps in this row
                pooled = PW if ph < PH else 0
                for pw in range(pooled):
                    o = ((f * PH + ph) * PW + pw) * N
                    left = start + 2 * pw * N
                    for n in range(N):
                        g, k = dout[o + n], winner[o + n]
                        wide[left + n] = g if k == first else number(0)
                        wide[left + N + n] = g if k == first + np.int32(1) else number(0)
                for m in range(2 * pooled * N, row):
                    wide[start + m] = number(0)

    return place
