"""Compiled kernels of the losses in ``ops/losses.py``: one pass over the columns instead of a dozen small NumPy calls.

What differs: nothing but the loops; for 10 x 32 numbers a NumPy call costs more than its arithmetic. Fast-math is off:
sums in another order would undo the shift by the maximum.

Gained (``benchmarks/speed/bench_kernels.py``): half of the time and more, for 32 images.
"""

from functools import cache
from typing import Any

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import losses as reference
from nnscratch.ops.compiled.exponential import exp
from nnscratch.ops.compiled.jit import (
    Kernel,
    alike,
    constant,
    elementwise_kernel,
    exact_kernel,
    real,
    same_floats,
    whole,
)


def softmax_forward(z: Array) -> Array:
    if not (z.ndim >= 2 and alike(z)):
        return reference.softmax_forward(z)
    p = empty(z.shape, z.dtype)
    K = len(z)
    how = constant(np.array([K, z.size // K]))
    _softmax(z.dtype)(z.ravel(), how, np.empty(z.size // K, z.dtype), p.ravel())
    return p


@cache
def _softmax(dtype: np.dtype[Any]) -> Kernel:
    zero, infinite = dtype.type(0), dtype.type(np.inf)

    @elementwise_kernel
    def softmax(z: Array, how: Array, column: Array, p: Array) -> None:
        K, M = how[0], how[1]
        for m in range(M):
            column[m] = z[m]
        for k in range(1, K):
            for m in range(M):  # NaN wins: it must show in the loss
                column[m] = column[m] if column[m] >= z[k * M + m] or column[m] != column[m] else z[k * M + m]
        for k in range(K):
            for m in range(M):
                p[k * M + m] = exp(zero if z[k * M + m] == infinite else z[k * M + m] - column[m])
        for m in range(M):
            column[m] = zero
        for k in range(K):
            for m in range(M):
                column[m] += p[k * M + m]
        for k in range(K):
            for m in range(M):
                p[k * M + m] /= column[m]

    return softmax


def softmax_backward(dout: Array, p: Array) -> Array:
    if not (p.ndim >= 2 and alike(dout, p)):
        return reference.softmax_backward(dout, p)
    dz = empty(p.shape, p.dtype)
    how = constant(np.array([len(p), p.size // len(p)]))
    _softmax_backward(p.dtype.name)(dout.ravel(), p.ravel(), how, empty(p.shape[1:], p.dtype).ravel(), dz.ravel())
    return dz


@cache
def _softmax_backward(dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)

    @elementwise_kernel
    def softmax_backward(dout: Array, p: Array, how: Array, column: Array, dz: Array) -> None:
        K, M = how[0], how[1]
        for m in range(M):
            column[m] = zero
        for k in range(K):
            for m in range(M):
                column[m] += dout[k * M + m] * p[k * M + m]
        for k in range(K):
            for m in range(M):
                dz[k * M + m] = p[k * M + m] * (dout[k * M + m] - column[m])

    return softmax_backward


def softmax_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    if not (z.ndim == 2 and alike(z, y)):
        return reference.softmax_cross_entropy(z, y)
    loss, dz = np.empty(1), np.empty(z.shape, z.dtype)
    z, y = np.ascontiguousarray(z), np.ascontiguousarray(y)
    _target_loss(z.ravel(), y.ravel(), np.array(z.shape), loss, dz.ravel())
    return float(loss[0]), dz


@exact_kernel
def _target_loss(z: Array, y: Array, shape: Array, loss: Array, dz: Array) -> None:
    K, N = shape[0], shape[1]
    loss[0] = 0
    for n in range(N):
        largest = z[n]
        for k in range(K):
            if z[k * N + n] > largest or z[k * N + n] != z[k * N + n]:  # NaN wins: it must show in the loss
                largest = z[k * N + n]
        total = 0.0
        for k in range(K):
            dz[k * N + n] = z[k * N + n] - largest
            if z[k * N + n] == np.inf:  # inf - inf
                dz[k * N + n] = 0
            dz[k * N + n] = np.exp(dz[k * N + n])
            total += dz[k * N + n]
        log_total = np.log(total)
        for k in range(K):
            log_p = z[k * N + n] - largest - log_total
            if z[k * N + n] == np.inf:
                log_p = -log_total
            if y[k * N + n] != 0 or log_p != -np.inf:
                loss[0] -= y[k * N + n] * log_p / N
            dz[k * N + n] = (dz[k * N + n] / total - y[k * N + n]) / N


def label_cross_entropy(z: Array, labels: Array, smoothing: float, fraction: float) -> tuple[Array, Array]:
    fits = z.ndim == 2 and same_floats(z) and whole(labels) and len(labels) <= z.shape[1]
    if not (fits and real(smoothing, fraction)):
        return reference.label_cross_entropy(z, labels, smoothing, fraction)
    z, given = np.ascontiguousarray(z), np.ascontiguousarray(labels, np.int64)
    totals, dz = np.empty(2), np.empty(z.shape, z.dtype)
    how = constant(np.array([smoothing, fraction, len(labels)]))
    _label_loss(*z.shape)(z.ravel(), given, how, totals, dz.ravel())
    if totals[1] < 0:  # the kernel has met a label that is none
        return reference.label_cross_entropy(z, labels, smoothing, fraction)
    return totals, dz


@cache
def _label_loss(K: int, N: int) -> Kernel:
    @exact_kernel
    def label_loss(z: Array, labels: Array, how: Array, totals: Array, dz: Array) -> None:
        smoothing, weight, images = how[0], how[1] / how[2], int(how[2])
        totals[0] = totals[1] = 0
        for n in range(N):
            best = 0
            for k in range(K):
                value = z[k * N + n]
                if value > z[best * N + n] or (value != value and z[best * N + n] == z[best * N + n]):
                    best = k  # NaN wins: it must show in the loss
            largest, total = z[best * N + n], 0.0
            for k in range(K):
                dz[k * N + n] = z[k * N + n] - largest
                if z[k * N + n] == np.inf:  # inf - inf
                    dz[k * N + n] = 0
                dz[k * N + n] = np.exp(dz[k * N + n])
                total += dz[k * N + n]
            log_total = np.log(total)
            for k in range(K):
                if n >= images:
                    dz[k * N + n] = 0
                else:
                    y = smoothing / K + (1 - smoothing if k == labels[n] else 0)
                    log_p = z[k * N + n] - largest - log_total
                    if z[k * N + n] == np.inf:
                        log_p = -log_total
                    if y != 0 or log_p != -np.inf:
                        totals[0] -= weight * y * log_p
                    dz[k * N + n] = weight * (dz[k * N + n] / total - y)
            if n < images and best == labels[n]:
                totals[1] += 1
            if n < images and (labels[n] < 0 or labels[n] >= K):
                totals[1] = -np.inf

    return label_loss


def target_cross_entropy(z: Array, y: Array, smoothing: float, fraction: float) -> tuple[Array, Array]:
    fits = z.ndim == y.ndim == 2 and same_floats(z) and same_floats(y) and y.shape[1] == len(z)
    if not (fits and len(y) <= z.shape[1] and real(smoothing, fraction)):
        return reference.target_cross_entropy(z, y, smoothing, fraction)
    totals, dz = np.empty(2), np.empty(z.shape, z.dtype)
    how = constant(np.array([smoothing, fraction, len(y)]))
    kernel = _share_loss(*z.shape)
    kernel(np.ascontiguousarray(z).ravel(), np.ascontiguousarray(y).ravel(), how, totals, dz.ravel())
    return totals, dz


@cache
def _share_loss(K: int, N: int) -> Kernel:
    @exact_kernel
    def share_loss(z: Array, shares: Array, how: Array, totals: Array, dz: Array) -> None:
        smoothing, weight, images = how[0], how[1] / how[2], int(how[2])
        totals[0] = totals[1] = 0
        for n in range(images):
            best, most = 0, shares[n * K]
            for k in range(K):
                value = z[k * N + n]
                if value > z[best * N + n] or (value != value and z[best * N + n] == z[best * N + n]):
                    best = k  # NaN wins: it must show in the loss
                most = max(most, shares[n * K + k])
            largest, total = z[best * N + n], 0.0
            for k in range(K):
                dz[k * N + n] = z[k * N + n] - largest
                if z[k * N + n] == np.inf:  # inf - inf
                    dz[k * N + n] = 0
                dz[k * N + n] = np.exp(dz[k * N + n])
                total += dz[k * N + n]
            log_total = np.log(total)
            for k in range(K):
                y = smoothing / K + (1 - smoothing) * shares[n * K + k]
                log_p = z[k * N + n] - largest - log_total
                if z[k * N + n] == np.inf:
                    log_p = -log_total
                if y != 0 or log_p != -np.inf:
                    totals[0] -= weight * y * log_p
                dz[k * N + n] = weight * (dz[k * N + n] / total - y)
            if shares[n * K + best] == most:
                totals[1] += 1
        for n in range(images, N):
            for k in range(K):
                dz[k * N + n] = 0

    return share_loss


def target_squared_error(out: Array, y: Array, fraction: float) -> tuple[Array, Array]:
    fits = out.ndim == y.ndim == 2 and same_floats(out) and same_floats(y) and y.shape[1] == len(out)
    if not (fits and len(y) <= out.shape[1] and real(fraction)):
        return reference.target_squared_error(out, y, fraction)
    totals, dout = np.empty(2), np.empty(out.shape, out.dtype)
    how = constant(np.array([fraction, len(y)]))
    kernel = _squared_error(*out.shape, out.dtype.name)
    kernel(np.ascontiguousarray(out).ravel(), np.ascontiguousarray(y).ravel(), how, totals, dout.ravel())
    return totals, dout


@cache
def _squared_error(K: int, N: int, dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @exact_kernel
    def squared_error(out: Array, y: Array, how: Array, totals: Array, dout: Array) -> None:
        images = int(how[1])
        weight = how[0] / (K * images)
        totals[0] = totals[1] = 0
        for n in range(N):
            best = truth = 0
            for k in range(K):
                value = out[k * N + n]
                if n >= images:
                    dout[k * N + n] = 0
                    continue
                if value > out[best * N + n] or (value != value and out[best * N + n] == out[best * N + n]):
                    best = k  # NaN wins, as in NumPy
                if y[n * K + k] > y[n * K + truth]:
                    truth = k
                difference = value - number(y[n * K + k])
                totals[0] += weight * difference * difference
                dout[k * N + n] = 2 * weight * difference
            if n < images and best == truth:
                totals[1] += 1

    return squared_error
