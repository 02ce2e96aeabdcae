"""Compiled kernels of ``ops/fused.py``: convolution, ReLU and pooling in one pass.

What differs: two rows of the convolution, for a few filters at once, are computed into a scratch of some kilobytes, as
in ``conv.py``, and pooled from there, so the convolution's output never goes to memory. Backward, the gradient is
put where its grad_mask says, and the kernels of ``conv.py`` do the rest.

Gained (``benchmarks/speed/bench_kernels.py``): bias, ReLU and max-pooling cost about an eighth of the convolution.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import fused as reference
from nnscratch.ops.compiled.conv import agree, conv2d_backward_input, conv2d_backward_weights, padded
from nnscratch.ops.compiled.jit import Kernel, kernel, same_floats
from nnscratch.ops.compiled.pool import scatter
from nnscratch.ops.compiled.tiles.places import output, places
from nnscratch.ops.compiled.tiles.sizes import lanes_of, tile
from nnscratch.ops.compiled.tiles.vectors import add_scaled, no_sums, store
from nnscratch.ops.fused import ONE
from nnscratch.ops.windows import Padding, Pair


def conv2d_relu_pool_forward(x: Array, W: Array, b: Array, padding: Padding, *, mean: bool) -> tuple[Array, Array]:
    fits = agree(x, W.shape, ONE, padding) and b.shape == (len(W),) and min(*pooled(x, W, padding)) > 0
    if not (fits and same_floats(x, W, b)):
        return reference.conv2d_relu_pool_forward(x, W, b, padding, mean=mean)
    out = empty((len(W), *pooled(x, W, padding), x.shape[3]), x.dtype)
    grad_mask = empty(out.shape, np.int32)
    x = padded(x, padding)
    forward = _forward(*x.shape[:3], *W.shape[:1], *W.shape[2:], x.shape[3], mean, x.dtype.name)
    forward(x.ravel(), W.ravel(), b.ravel(), out.ravel(), grad_mask.ravel())
    return out, grad_mask


def pooled(x: Array, W: Array, padding: Padding) -> Pair:
    """Return how many rows and columns of windows there are."""
    OH, OW = output(x.shape[1:3], W.shape[2:], ONE, padding)
    return OH // 2, OW // 2


CACHED_BYTES = 1 << 18  # of the two rows of outputs of the filters that are done together


@cache
def _forward(C: int, H: int, W: int, F: int, KH: int, KW: int, N: int, mean: bool, dtype: str) -> Kernel:
    """Return the kernel: one function, for two rows of some filters are pooled while they are near in a cache."""
    number = np.dtype(dtype).type
    PH, PW, OW, image_row = (H - KH + 1) // 2, (W - KW + 1) // 2, W - KW + 1, W * N
    weights, strip = C * KH * KW, 2 * OW * N
    lanes = lanes_of(OW * N, np.dtype(dtype))
    x_places, out_places = places(2, OW, N, (image_row, N), (OW * N, N), lanes)
    vectors = len(x_places)
    rows, columns = tile(F, ((vectors, weights),))
    size, plane = rows * columns, H * image_row
    group = max(CACHED_BYTES // (strip * np.dtype(dtype).itemsize * rows), 1) * rows  # filters at a time
    table = np.concatenate([x_places, out_places])  # a constant of the kernel

    @kernel
    def forward(x: Array, w: Array, b: Array, out: Array, grad_mask: Array) -> None:
        strips = np.empty((min(group, F) + rows) * strip, number)
        for ph in range(PH):
            for first in range(0, F, group):
                stop = min(first + group, F)
                for k_tile in range(0, vectors, columns):
                    k = min(k_tile, vectors - columns)
                    for f_tile in range(first, stop, rows):
                        f = min(f_tile, F - rows)  # the last filters are done with those before them, once more
                        sums = no_sums(x, size, lanes)
                        for c in range(C):
                            for i in range(KH):
                                for j in range(KW):
                                    wi = f * weights + (c * KH + i) * KW + j
                                    xi = (c * H + 2 * ph + i) * image_row + j * N
                                    sums = add_scaled(sums, w, wi, weights, x, xi, table, k, columns, plane)
                        store(sums, b, f, False, strips, (f_tile - first) * strip, strip, table, vectors + k, columns)
                for slot in range(-(-(stop - first) // rows) * rows):
                    f = min(first + slot - slot % rows, F - rows) + slot % rows
                    for pw in range(PW):
                        o = ((f * PH + ph) * PW + pw) * N
                        corner = slot * strip + 2 * pw * N
                        for n in range(N):
                            best, total, who = number(0), number(0), np.int32(0)
                            for offset in range(4):
                                value = strips[corner + (offset >> 1) * OW * N + (offset & 1) * N + n]
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
    fits = agree(x, W.shape, ONE, padding) and grad_mask.shape == dout.shape == (
        len(W),
        *pooled(x, W, padding),
        x.shape[3],
    )
    kind = grad_mask.dtype == np.int32 and grad_mask.flags.aligned
    if not (fits and kind and same_floats(x, W, dout)):
        return reference.conv2d_relu_pool_backward(dout, grad_mask, x, W, padding, dW, db, mean=mean, need_dx=need_dx)
    image, window = x.shape[1:3], W.shape[2:]
    dconv = scatter(dout, grad_mask, output(image, window, ONE, padding), bits=True, share=0.25 if mean else 1)
    dW, db = conv2d_backward_weights(dconv, x, window, ONE, padding, dW, db)
    dx = conv2d_backward_input(dconv, W, image, ONE, padding) if need_dx else None
    return dx, dW, db
