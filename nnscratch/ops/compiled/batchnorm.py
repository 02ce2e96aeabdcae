"""Compiled kernels of ``ops/batchnorm.py``: each pass over an array once.

What differs: the moments are taken of blocks that stay in the first-level cache, the mean first, and combined as those
of shards are, so x is read once and nothing cancels. Small kernels make of all that is known of a channel the few
numbers that a pass needs; so all between the passes is on a recording too.

Gained (``benchmarks/speed/bench_kernels.py``, after LeNet-5's first convolution): moments, forward, sums and backward
take 13, 34, 21 and 32 microseconds, where NumPy takes 136, 53, 62 and 61.
"""

from functools import cache, partial

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import batchnorm as reference
from nnscratch.ops.compiled.jit import (
    FLOATS,
    Kernel,
    alike,
    exact_kernel,
    fillable,
    kernel,
    real,
    same_floats,
    vectors,
)

# Products and sums are rounded one by one, as NumPy does: a prediction has the same bits with and without kernels.
rounded = partial(Kernel, fastmath=False)
BLOCK = 2048  # numbers, two passes over which go through the first-level cache


def of_channels(x: Array, *vectors: Array) -> bool:
    """Return whether ``vectors`` have a number for each channel of x."""
    return x.ndim > 1 and same_floats(x) and all(v.shape == x.shape[:1] and v.dtype in FLOATS for v in vectors)


def rows(array: Array | None, shape: tuple[int, ...]) -> bool:
    """Return whether numbers (shape) are given that a kernel can read, or fill."""
    return array is not None and array.shape == shape and array.dtype in FLOATS and array.flags.carray


# ---- what is known of the channels: a few numbers of each


def batchnorm_moments(x: Array, moments: Array | None = None) -> Array:
    moments = np.empty((3, len(x))) if moments is None else moments
    if not (of_channels(x) and rows(moments, (3, len(x)))):
        return reference.batchnorm_moments(x, moments)
    _moments(len(x), x[0].size, x.dtype.name)(x.ravel(), moments.ravel())
    return moments


@cache
def _moments(C: int, M: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @kernel
    def moments(x: Array, moments: Array) -> None:
        for c in range(C):
            mean = squares = 0.0
            for start in range(0, M, BLOCK):
                first, m = c * M + start, min(BLOCK, M - start)
                total = apart = square = number(0)
                for k in range(first, first + m):
                    total += x[k]
                near = number(total / m)
                for k in range(first, first + m):
                    apart += x[k] - near
                    square += (x[k] - near) * (x[k] - near)
                rest = np.float64(apart) / m  # what rounding took from ``near``
                step = near + rest - mean
                squares += max(square - apart * rest, 0.0) + step * step * start * m / (start + m)
                mean += step * m / (start + m)
            moments[c], moments[C + c], moments[2 * C + c] = M, mean, squares

    return moments


def batchnorm_combine(moments: Array) -> Array:
    if not (moments.ndim == 3 and moments.shape[1] == 3 and moments.size and rows(moments, moments.shape)):
        return reference.batchnorm_combine(moments)
    combined = np.empty(moments.shape[1:], moments.dtype)
    _combine(len(moments), moments.shape[2])(moments.ravel(), combined.ravel())
    return combined


@cache
def _combine(S: int, C: int) -> Kernel:
    @exact_kernel
    def combine(moments: Array, combined: Array) -> None:
        for c in range(C):
            M, mean, squares = moments[c], moments[C + c], moments[2 * C + c]
            for s in range(1, S):
                k = s * 3 * C + c
                m, apart = moments[k], moments[k + C] - mean
                both = max(M + m, 1.0)
                squares += moments[k + 2 * C] + apart * apart * M * m / both
                mean += apart * m / both
                M += m
            combined[c], combined[C + c], combined[2 * C + c] = M, mean, squares / M

    return combine


def batchnorm_update_running(running_mean: Array, running_var: Array, moments: Array, momentum: float) -> None:
    fits = vectors(running_mean, running_mean, running_var) and real(momentum) and moments.dtype == np.float64
    if not (fits and moments.ndim == 3 and moments.shape[1:] == (3, len(running_mean))):
        return reference.batchnorm_update_running(running_mean, running_var, moments, momentum)
    combined, C = batchnorm_combine(moments), len(running_mean)
    _move(C, float(momentum), running_mean.dtype.name)(combined.ravel(), running_mean, running_var)


@cache
def _move(C: int, momentum: float, dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    stays = number(momentum)

    @exact_kernel
    def move(combined: Array, running_mean: Array, running_var: Array) -> None:
        for c in range(C):
            M, mean, var = combined[c], combined[C + c], combined[2 * C + c]
            unbiased = var * M / max(M - 1, 1.0)
            running_mean[c] = running_mean[c] * stays + (1 - momentum) * mean
            running_var[c] = running_var[c] * stays + (1 - momentum) * unbiased

    return move


@cache
def _scaling(C: int, eps: float) -> Kernel:
    """Return what makes ``scaling`` (4, C): mean, 1 / sqrt(var + eps), gamma, beta."""

    @exact_kernel
    def scale(gamma: Array, beta: Array, mean: Array, var: Array, scaling: Array) -> None:
        for c in range(C):
            scaling[c], scaling[C + c] = mean[c], 1 / np.sqrt(np.float64(var[c]) + eps)
            scaling[2 * C + c], scaling[3 * C + c] = gamma[c], beta[c]

    return scale


def scaled(gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
    scaling = np.empty(4 * len(gamma))
    vectors = [np.ascontiguousarray(vector) for vector in (gamma, beta, mean, var)]
    _scaling(len(gamma), float(eps))(*vectors, scaling)
    return scaling


@cache
def _paths(S: int, C: int, eps: float) -> Kernel:
    """Return what makes ``paths`` (3, C): gamma / sqrt(var + eps), and dbeta / M and dgamma / M of the whole batch."""

    @exact_kernel
    def paths(gamma: Array, var: Array, sums: Array, M: Array, paths: Array) -> None:
        for c in range(C):
            paths[c] = gamma[c] / np.sqrt(np.float64(var[c]) + eps)
            dbeta = dgamma = 0.0
            for s in range(S):
                dgamma += sums[2 * s * C + c]
                dbeta += sums[2 * s * C + C + c]
            paths[C + c], paths[2 * C + c] = dbeta / M[c], dgamma / M[c]

    return paths


@cache
def _splitting(C: int) -> Kernel:
    @exact_kernel
    def separate(sums: Array, dgamma: Array, dbeta: Array) -> None:
        for c in range(C):
            dgamma[c], dbeta[c] = sums[c], sums[C + c]

    return separate


# ---- passes over x


def batchnorm_forward(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    if not (of_channels(x, gamma, beta, mean, var) and gamma.dtype == beta.dtype == x.dtype and real(eps)):
        return reference.batchnorm_forward(x, gamma, beta, mean, var, eps)
    out, xhat = empty(x.shape, x.dtype), empty(x.shape, x.dtype)
    scaling = scaled(gamma, beta, mean, var, eps)
    _forward(len(x), x[0].size, x.dtype.name)(x.ravel(), scaling, out.ravel(), xhat.ravel())
    return out, xhat


@cache
def _forward(C: int, M: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @rounded
    def forward(x: Array, scaling: Array, out: Array, xhat: Array) -> None:
        for c in range(C):
            mean, inverse = number(scaling[c]), number(scaling[C + c])
            gamma, beta = number(scaling[2 * C + c]), number(scaling[3 * C + c])
            for k in range(c * M, (c + 1) * M):
                xhat[k] = (x[k] - mean) * inverse
                out[k] = gamma * ((x[k] - mean) * inverse) + beta

    return forward


def batchnorm_backward_weights(
    dout: Array, xhat: Array, dgamma: Array | None = None, dbeta: Array | None = None, sums: Array | None = None
) -> tuple[Array, Array]:
    shape = dout.shape[:1]
    own = of_channels(dout) and fillable(dgamma, shape, dout) and fillable(dbeta, shape, dout)
    if not (own and alike(dout, xhat) and (sums is None or rows(sums, (2, len(dout))))):
        return reference.batchnorm_backward_weights(dout, xhat, dgamma, dbeta, sums)
    both = np.empty((2, len(dout))) if sums is None else sums
    _sums(len(dout), dout[0].size, dout.dtype.name)(dout.ravel(), xhat.ravel(), both.ravel())
    return split(both, dout, dgamma, dbeta)


def split(sums: Array, like: Array, dgamma: Array | None, dbeta: Array | None) -> tuple[Array, Array]:
    dgamma = empty(sums.shape[1], like.dtype) if dgamma is None else dgamma
    dbeta = empty(sums.shape[1], like.dtype) if dbeta is None else dbeta
    _splitting(sums.shape[1])(sums.ravel(), dgamma, dbeta)
    return dgamma, dbeta


@cache
def _sums(C: int, M: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @kernel
    def add(dout: Array, xhat: Array, sums: Array) -> None:
        for c in range(C):
            dbeta = dgamma = 0.0
            for start in range(c * M, (c + 1) * M, BLOCK):
                total = along = number(0)
                for k in range(start, min(start + BLOCK, (c + 1) * M)):
                    total += dout[k]
                    along += dout[k] * xhat[k]
                dbeta += total
                dgamma += along
            sums[c], sums[C + c] = dgamma, dbeta

    return add


def batchnorm_backward_batch(
    dout: Array, xhat: Array, gamma: Array, var: Array, eps: float, sums: Array | None = None, M: Array | None = None
) -> Array:
    fits = alike(dout, xhat) and of_channels(dout, gamma, var) and real(eps)
    parts = fits and sums is not None and rows(sums, (*sums.shape[:1], 2, len(dout)))
    if sums is None or M is None or not (parts and of_channels(dout, M)):
        return reference.batchnorm_backward_batch(dout, xhat, gamma, var, eps, sums, M)
    dx, paths = empty(dout.shape, dout.dtype), own_paths(gamma, var, eps, sums, M)
    _backward(len(dout), dout[0].size, dout.dtype.name)(dout.ravel(), xhat.ravel(), paths, dx.ravel())
    return dx


def own_paths(gamma: Array, var: Array, eps: float, sums: Array, M: Array) -> Array:
    paths = np.empty(3 * len(gamma))
    given = np.ascontiguousarray(gamma), np.ascontiguousarray(var), sums.ravel(), np.ascontiguousarray(M)
    _paths(len(sums), len(gamma), float(eps))(*given, paths)
    return paths


@cache
def _backward(C: int, M: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @kernel
    def backward(dout: Array, xhat: Array, paths: Array, dx: Array) -> None:
        for c in range(C):
            scale, by_mean, by_var = number(paths[c]), number(paths[C + c]), number(paths[2 * C + c])
            for k in range(c * M, (c + 1) * M):
                dx[k] = scale * (dout[k] - by_mean - xhat[k] * by_var)

    return backward


def batchnorm_backward_running(dout: Array, gamma: Array, var: Array, eps: float) -> Array:
    if not (of_channels(dout, gamma, var) and real(eps)):
        return reference.batchnorm_backward_running(dout, gamma, var, eps)
    dx, scaling = empty(dout.shape, dout.dtype), scaled(gamma, gamma, var, var, eps)
    _backward_running(len(dout), dout[0].size, dout.dtype.name)(dout.ravel(), scaling, dx.ravel())
    return dx


@cache
def _backward_running(C: int, M: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @kernel
    def backward_running(dout: Array, scaling: Array, dx: Array) -> None:
        for c in range(C):
            scale = number(scaling[2 * C + c] * scaling[C + c])
            for k in range(c * M, (c + 1) * M):
                dx[k] = scale * dout[k]

    return backward_running
