"""Compiled kernels of ``ops/fused.py``: convolution, ReLU and pooling in one pass.

What differs: two rows of the convolution, for two filters at once, are computed into a scratch of a few kilobytes, as
in ``conv.py``, and pooled from there, so the convolution's output never goes to memory. Backward, the gradient is
put where its grad_mask says, and the kernels of ``conv.py`` do the rest.

Gained (``benchmarks/speed/bench_kernels.py``): bias, ReLU and max-pooling cost about an eighth of the convolution.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import fused as reference
from nnscratch.ops.compiled.conv import agree, conv2d_backward_input, conv2d_backward_weights, output
from nnscratch.ops.compiled.jit import Kernel, kernel, same_floats
from nnscratch.ops.compiled.pool import scatter
from nnscratch.ops.fused import ONE
from nnscratch.ops.windows import Padding, Pair, pad


def conv2d_relu_pool_forward(x: Array, W: Array, b: Array, padding: Padding, *, mean: bool) -> tuple[Array, Array]:
    fits = agree(x, W.shape, ONE, padding) and b.shape == (len(W),) and min(*pooled(x, W, padding)) > 0
    if not (fits and same_floats(x, W, b)):
        return reference.conv2d_relu_pool_forward(x, W, b, padding, mean=mean)
    x = pad(x, padding)
    (C, H, width, N), (F, _, KH, KW) = x.shape, W.shape
    out = empty((F, (H - KH + 1) // 2, (width - KW + 1) // 2, N), x.dtype)
    grad_mask = empty(out.shape, np.int32)
    forward = _forward(C, H, width, F, KH, KW, N, mean, x.dtype.name)
    forward(x.ravel(), W.ravel(), b.ravel(), out.ravel(), grad_mask.ravel())
    return out, grad_mask


def pooled(x: Array, W: Array, padding: Padding) -> Pair:
    """Return how many rows and columns of windows there are."""
    OH, OW = output(x.shape[1:3], W.shape[2:], ONE, padding)
    return OH // 2, OW // 2


@cache
def _forward(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int, mean: bool, dtype: str) -> Kernel:
    """Return the kernel: one function, for the rows in ``rows`` are pooled while they are in the first-level cache."""
    number = np.dtype(dtype).type
    PH, PW, row, image_row = (H - KH + 1) // 2, (W - KW + 1) // 2, (W - KW + 1) * N, W * N
    weights = C * KH * KW
    # Two rows of the convolution are computed, one by one, and pooled to one. A row of a single image is too short for
    # vector instructions: then all rows are one run, each as wide as the input's, with numbers of no use at its end.
    runs, length, pitch, pooled = (2, row, row, 1) if N > 1 else (1, (2 * PH - 1) * W + row, W, PH)
    strip = runs * length

    @kernel
    def forward(x: Array, w: Array, b: Array, out: Array, grad_mask: Array) -> None:
        rows = np.empty(2 * strip, number)  # those of the first filter, then those of the second
        for pair in range(0, F, 2):
            f = min(pair, F - 2)  # an odd last filter is done with the one before it, once more
            for top in range(0, PH, pooled):
                for r in range(runs):
                    o, p = r * length, strip + r * length
                    for m in range(length):
                        rows[o + m] = b[f]
                        rows[p + m] = b[f + 1]
                    for c in range(C):
                        for i in range(KH):
                            xi = (c * H + 2 * top + r + i) * image_row
                            wi = f * weights + (c * KH + i) * KW
                            for m in range(length):
                                first, second = rows[o + m], rows[p + m]
                                for j in range(KW):
                                    first += w[wi + j] * x[xi + j * N + m]
                                    second += w[wi + weights + j] * x[xi + j * N + m]
                                rows[o + m], rows[p + m] = first, second
                for q in range(2 * pooled):
                    ph, pair_start = top + (q >> 1), (q & 1) * strip + 2 * (q >> 1) * pitch
                    for pw in range(PW):
                        o = (((f + (q & 1)) * PH + ph) * PW + pw) * N
                        corner = pair_start + 2 * pw * N
                        for n in range(N):
                            best, total, who = number(0), number(0), np.int32(0)
                            for offset in range(4):
                                value = rows[corner + (offset >> 1) * pitch + (offset & 1) * N + n]
                                if mean:
                                    total += number(0) if value <= 0 else value
                                    who |= np.int32(value > 0) << np.int32(offset)
                                elif value > best or value != value:  # NaN wins: it must show in the loss
                                    best, who = value, np.int32(value > 0) << np.int32(offset)
                            out[o + n] = total * number(0.25) if mean else best
                            grad_mask[o + n] = who

    return forward


def conv2d_relu_pool_backward(
    dout: Array,
    grad_mask: Array,
    x: Array,
    W: Array,
    padding: Padding,
    dW: Array | None = None,
    db: Array | None = None,
    *,
    mean: bool,
    need_dx: bool,
) -> tuple[Array | None, Array, Array]:
    fits = agree(x, W.shape, ONE, padding) and grad_mask.shape == dout.shape == (len(W), *pooled(x, W, padding), x.shape[3])
    kind = grad_mask.dtype == np.int32 and grad_mask.flags.aligned
    if not (fits and kind and same_floats(x, W, dout)):
        return reference.conv2d_relu_pool_backward(dout, grad_mask, x, W, padding, dW, db, mean=mean, need_dx=need_dx)
    image, window = x.shape[1:3], W.shape[2:]
    dconv = scatter(dout, grad_mask, output(image, window, ONE, padding), bits=True, share=0.25 if mean else 1)
    dW, db = conv2d_backward_weights(dconv, x, window, ONE, padding, dW, db)
    dx = conv2d_backward_input(dconv, W, image, ONE, padding) if need_dx else None
    return dx, dW, db
