"""Compiled kernels of batch normalisation with ReLU and max-pooling of 2 x 2 windows behind it, of ``ops/fused.py``.

What differs: ``xhat``, and which numbers a gradient comes back to, are found anew from x, which is read anyway, rather
than stored; moments and what is known of the channels are those of ``batchnorm.py``.

Gained (``benchmarks/speed/bench_kernels.py``, after LeNet-5's first convolution): forward, sums and backward take 23,
24 and 41 microseconds, where NumPy takes 406, 623 and 638.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import fused as reference
from nnscratch.ops.compiled.batchnorm import of_channels, own_paths, rounded, rows, scaled, split
from nnscratch.ops.compiled.jit import Kernel, constant, fillable, kernel, real


def _pooled(x: Array, dout: Array | None, *vectors: Array) -> bool:
    """Return whether x (C, H, W, N) is pooled by a kernel, to the shape of dout, and what is known of C fits."""
    if not (x.ndim == 4 and min(x.shape[1:3]) > 1 and of_channels(x, *vectors)):
        return False
    C, H, W, N = x.shape
    return dout is None or (dout.shape == (C, H // 2, W // 2, N) and dout.dtype == x.dtype)


def batchnorm_relu_pool_forward(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
    if not (_pooled(x, None, gamma, beta, mean, var) and gamma.dtype == beta.dtype == x.dtype and real(eps)):
        return reference.batchnorm_relu_pool_forward(x, gamma, beta, mean, var, eps)
    out = empty((len(x), x.shape[1] // 2, x.shape[2] // 2, x.shape[3]), x.dtype)
    _pool_forward(*x.shape, x.dtype.name)(x.ravel(), scaled(gamma, beta, mean, var, eps), out.ravel())
    return out


@cache
def _pool_forward(C: int, H: int, W: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row = H // 2, W // 2, W * N

    @rounded
    def pool_forward(x: Array, scaling: Array, out: Array) -> None:
        for c in range(C):
            mean, inverse = number(scaling[c]), number(scaling[C + c])
            gamma, beta = number(scaling[2 * C + c]), number(scaling[3 * C + c])
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        best = number(0)
                        for offset in range(4):
                            k = corner + (offset >> 1) * row + (offset & 1) * N + n
                            value = gamma * ((x[k] - mean) * inverse) + beta
                            if value > best or value != value:  # NaN wins: it must show in the loss
                                best = value
                        out[o + n] = best

    return pool_forward


def batchnorm_relu_pool_backward_weights(
    dout: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    dgamma: Array | None = None,
    dbeta: Array | None = None,
    sums: Array | None = None,
) -> tuple[Array, Array]:
    C = len(x)
    own = fillable(dgamma, (C,), x) and fillable(dbeta, (C,), x) and (sums is None or rows(sums, (2, C)))
    if not (own and real(eps) and _pooled(x, dout, gamma, beta, mean, var)):
        given = gamma, beta, mean, var, eps, dgamma, dbeta, sums
        return reference.batchnorm_relu_pool_backward_weights(dout, x, *given)
    both, scaling = np.empty((2, C)) if sums is None else sums, scaled(gamma, beta, mean, var, eps)
    _pool_sums(*x.shape, x.dtype.name)(dout.ravel(), x.ravel(), scaling, both.ravel())
    return split(both, dout, dgamma, dbeta)


@cache
def _pool_sums(C: int, H: int, W: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row = H // 2, W // 2, W * N

    @kernel
    def pool_sums(dout: Array, x: Array, scaling: Array, sums: Array) -> None:
        for c in range(C):
            mean, inverse = number(scaling[c]), number(scaling[C + c])
            gamma, beta = number(scaling[2 * C + c]), number(scaling[3 * C + c])
            dgamma = dbeta = 0.0
            for ph in range(PH):
                total = along = number(0)
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        best, place = number(0), number(0)
                        for offset in range(4):
                            xhat = (x[corner + (offset >> 1) * row + (offset & 1) * N + n] - mean) * inverse
                            if gamma * xhat + beta > best:
                                best, place = gamma * xhat + beta, xhat
                        g = dout[o + n] if best > 0 else number(0)
                        total += g
                        along += g * place
                dbeta += total
                dgamma += along
            sums[c], sums[C + c] = dgamma, dbeta

    return pool_sums


def batchnorm_relu_pool_backward_input(
    dout: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    sums: Array | None = None,
    M: Array | None = None,
) -> Array:
    C = len(x)
    given = constant(np.zeros((1, 2, C))) if sums is None else sums, constant(np.ones(C)) if M is None else M
    fits = real(eps) and _pooled(x, dout, gamma, beta, mean, var, given[1]) and (sums is None) == (M is None)
    if not (fits and rows(given[0], (*given[0].shape[:1], 2, C))):
        return reference.batchnorm_relu_pool_backward_input(dout, x, gamma, beta, mean, var, eps, sums, M)
    scaling, paths = scaled(gamma, beta, mean, var, eps), own_paths(gamma, var, eps, *given)
    dx = empty(x.shape, x.dtype)
    _pool_backward(*x.shape, x.dtype.name)(dout.ravel(), x.ravel(), scaling, paths, dx.ravel())
    return dx


@cache
def _pool_backward(C: int, H: int, W: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    PH, PW, row = H // 2, W // 2, W * N

    @kernel
    def pool_backward(dout: Array, x: Array, scaling: Array, paths: Array, dx: Array) -> None:
        for c in range(C):
            mean, inverse = number(scaling[c]), number(scaling[C + c])
            gamma, beta = number(scaling[2 * C + c]), number(scaling[3 * C + c])
            scale, by_mean, by_var = number(paths[c]), number(paths[C + c]), number(paths[2 * C + c])
            for h in range(H):  # a row or column that is left over, in no window
                start = (c * H + h) * row
                for k in range(start + (2 * PW * N if h < 2 * PH else 0), start + row):
                    dx[k] = -scale * (by_mean + (x[k] - mean) * inverse * by_var)
            for ph in range(PH):
                for pw in range(PW):
                    o = ((c * PH + ph) * PW + pw) * N
                    corner = (c * H + 2 * ph) * row + 2 * pw * N
                    for n in range(N):
                        best, who = number(0), np.int32(-1)
                        for offset in range(4):
                            k = corner + (offset >> 1) * row + (offset & 1) * N + n
                            value = gamma * ((x[k] - mean) * inverse) + beta
                            if value > best:
                                best, who = value, np.int32(offset)
                        for offset in range(4):
                            k = corner + (offset >> 1) * row + (offset & 1) * N + n
                            own = dout[o + n] if who == offset else number(0)
                            dx[k] = scale * (own - by_mean - (x[k] - mean) * inverse * by_var)

    return pool_backward
