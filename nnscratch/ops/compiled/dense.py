"""Compiled kernels of ``ops/dense.py`` and of dense with ReLU in ``ops/fused.py``.

What differs: the matrix products are those of ``product.py``; what stands around them (the bias, ReLU and its
mask, the sum for db) is one pass over the numbers instead of one for each sign.

Gained: alone, nothing (``benchmarks/speed/bench_kernels.py``); but kernels can be recorded, and then no thread waits
for the interpreter (``benchmarks/speed/bench_train.py``, two threads).
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import dense, fused
from nnscratch.ops.compiled.jit import Kernel, alike, fillable, same_floats, small_kernel
from nnscratch.ops.compiled.product import multiply, outer, product


def dense_forward(x: Array, W: Array, b: Array) -> Array:
    return _forward(x, W, b, relu=False) if _agree(x, W, b) else dense.dense_forward(x, W, b)


def dense_relu_forward(x: Array, W: Array, b: Array) -> Array:
    return _forward(x, W, b, relu=True) if _agree(x, W, b) else fused.dense_relu_forward(x, W, b)


def _agree(x: Array, W: Array, b: Array) -> bool:
    """Return whether the shapes belong together; where they do not, the readable function says what is wrong."""
    if not x.ndim == W.ndim == 2 == b.ndim + 1:
        return False
    return W.shape == (len(b), len(x)) and same_floats(x, W, b)


def _forward(x: Array, W: Array, b: Array, *, relu: bool) -> Array:
    out = multiply(W, x)
    _add_bias(*out.shape, relu, out.dtype.name)(out.ravel(), b.ravel())
    return out


@cache
def _add_bias(D: int, N: int, relu: bool, dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)

    @small_kernel
    def add_bias(out: Array, b: Array) -> None:
        for d in range(D):
            bias = b[d]
            for n in range(N):
                value = out[d * N + n] + bias
                out[d * N + n] = zero if relu and value <= zero else value  # NaN stays: it must show in the loss

    return add_bias


def dense_backward_weights(
    dout: Array, x: Array, dW: Array | None = None, db: Array | None = None
) -> tuple[Array, Array]:
    agree = dout.ndim == x.ndim == 2 and dout.shape[1] == x.shape[1]
    if not (agree and same_floats(dout, x) and fillable(db, (len(dout),), dout)):
        return dense.dense_backward_weights(dout, x, dW, db)
    dout = np.ascontiguousarray(dout)
    db = empty(len(dout), dout.dtype) if db is None else db
    _sum_rows(*dout.shape, dout.dtype.name)(dout.ravel(), db)
    return outer(dout, x, dW), db


@cache
def _sum_rows(D: int, N: int, dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)

    @small_kernel
    def sum_rows(dout: Array, db: Array) -> None:
        for d in range(D):
            total = zero
            for n in range(N):
                total += dout[d * N + n]
            db[d] = total

    return sum_rows


def dense_relu_backward_weights(
    dout: Array, out: Array, x: Array, dW: Array | None = None, db: Array | None = None
) -> tuple[Array, Array, Array]:
    if not (dout.ndim == 2 and alike(dout, out)):
        return fused.dense_relu_backward_weights(dout, out, x, dW, db)
    dsum = empty(dout.shape, dout.dtype)
    _mask(dsum.size, dsum.dtype.name)(dout.ravel(), out.ravel(), dsum.ravel())
    return dsum, *dense_backward_weights(dsum, x, dW, db)


@cache
def _mask(size: int, dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)

    @small_kernel
    def mask(dout: Array, out: Array, dsum: Array) -> None:
        for k in range(size):
            dsum[k] = dout[k] if out[k] > zero else zero

    return mask


def dense_backward_input(dout: Array, W: Array) -> Array:
    return product(W.T, dout)
