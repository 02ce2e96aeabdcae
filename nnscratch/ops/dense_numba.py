"""Compiled twins of ``dense.py`` and of dense with ReLU in ``fused.py``.

What differs: the matrix products stay BLAS's, unless zeros can be left out (``sparse_numba.py``); what stands around
them (the bias, ReLU and its mask, the sum for db) is one pass over the numbers instead of one for each sign.

Gained (``benchmarks/bench_kernels.py``): for LeNet-5's 120 units and 32 images, the part around the product is about
1 microsecond instead of 5, and that is time in which the other thread waits for the interpreter.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops import sparse_numba
from nnscratch.ops.jit_numba import small_kernel
from nnscratch.ops.sparse_numba import worth_it


def dense_forward(x: Array, W: Array, b: Array) -> Array:
    """Twin of ``dense.dense_forward``."""
    out = product(W, x)
    _add_bias(out, b)
    return out


@small_kernel
def _add_bias(out: Array, b: Array) -> None:
    D, N = out.shape
    for d in range(D):
        for n in range(N):
            out[d, n] += b[d]


def dense_backward_weights(
    dout: Array, x: Array, dW: Array | None = None, db: Array | None = None
) -> tuple[Array, Array]:
    """Twin of ``dense.dense_backward_weights``."""
    db = np.empty(len(dout), dout.dtype) if db is None else db
    _sum_rows(dout, db)
    return outer_product(dout, x, dW), db


def product(W: Array, x: Array) -> Array:
    """Return W x (D, N)."""
    if not worth_it(x, W):
        out: Array = W @ x
        return out
    out = np.empty((len(W), x.shape[1]), x.dtype)
    sparse_numba.forward(x.T, W.T, out)
    return out


def outer_product(dout: Array, x: Array, dW: Array | None) -> Array:
    """Return dout xᵀ (D, K), written to dW if that is given."""
    if dW is None or not worth_it(x, dW):
        return np.matmul(dout, x.T, out=dW)
    sparse_numba.backward_weights(dout, x.T, dW.T)
    return dW


@small_kernel
def _sum_rows(dout: Array, db: Array) -> None:
    D, N = dout.shape
    for d in range(D):
        db[d] = 0
        for n in range(N):
            db[d] += dout[d, n]


def dense_relu_forward(x: Array, W: Array, b: Array) -> Array:
    """Twin of ``fused.dense_relu_forward``."""
    out = product(W, x)
    _add_bias_relu(out, b)
    return out


@small_kernel
def _add_bias_relu(out: Array, b: Array) -> None:
    D, N = out.shape
    for d in range(D):
        for n in range(N):
            value = out[d, n] + b[d]
            out[d, n] = 0 if value <= 0 else value  # NaN stays: it must show in the loss


def dense_relu_backward_weights(
    dout: Array, out: Array, x: Array, dW: Array | None = None, db: Array | None = None
) -> tuple[Array, Array, Array]:
    """Twin of ``fused.dense_relu_backward_weights``."""
    dsum = np.empty(dout.shape, dout.dtype)
    db = np.empty(len(dout), dout.dtype) if db is None else db
    _mask_and_sum_rows(dout, out, dsum, db)
    return dsum, outer_product(dsum, x, dW), db


@small_kernel
def _mask_and_sum_rows(dout: Array, out: Array, dsum: Array, db: Array) -> None:
    D, N = dout.shape
    for d in range(D):
        db[d] = 0
        for n in range(N):
            dsum[d, n] = dout[d, n] if out[d, n] > 0 else 0
        for n in range(N):
            db[d] += dsum[d, n]
