"""Compiled kernels of ``ops/optimizers.py``: each formula in one pass over the vectors instead of one for each sign.

What differs: the loop, so that the vectors are read and written once, where NumPy makes a temporary for every term; and
Adam's divisions by bias1 and bias2, of which each is a product here. The compiler keeps the order of the products
(``elementwise_kernel``), so threads that share a vector give the same bits wherever they cut it.

Numbers that are no vectors come in one array: how long the vectors are, then the formula's. A recording has the
learning rate and the count of each step put into their places (``jit.settings``).

Gained (``benchmarks/speed/bench_kernels.py``): half of the time and more. Clipping has no kernel: it is two calls of
NumPy's.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import optimizers as reference
from nnscratch.ops.compiled.jit import Kernel, elementwise_kernel, real, settings, vectors

# Numbers whose m and v are done before their theta is written. Other cores have read theta, so each store waits until
# they have dropped their copies; between stores to m and v these waits were four times as long (16,384 numbers on two
# cores: 34 us instead of 78 to 148).
PIECE = 512


def adam_update(
    theta: Array, g: Array, m: Array, v: Array, t: int, *, lr: float, beta1: float, beta2: float, eps: float
) -> None:
    if not (vectors(g, theta, m, v) and real(t, lr, beta1, beta2, eps)):
        return reference.adam_update(theta, g, m, v, t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
    _adam(theta.dtype.name)(theta, g, m, v, settings(theta.size, t, lr, beta1, beta2, eps, t=1, lr=2))


@cache
def _adam(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def adam(theta: Array, g: Array, m: Array, v: Array, how: Array) -> None:
        lr, beta1, beta2, eps = number(how[2]), number(how[3]), number(how[4]), number(how[5])
        rest1, rest2 = number(1 - how[3]), number(1 - how[4])
        bias1, bias2 = number(1 - how[3] ** how[1]), number(1 - how[4] ** how[1])
        scale2, size = number(1) / bias2, int(how[0])
        for start in range(0, size, PIECE):
            stop = min(start + PIECE, size)
            for k in range(start, stop):
                m[k] = rest1 * g[k] + beta1 * m[k]
                v[k] = rest2 * (g[k] * g[k]) + beta2 * v[k]
            for k in range(start, stop):
                theta[k] -= lr * m[k] / (bias1 * (np.sqrt(scale2 * v[k]) + eps))

    return adam


def momentum_update(theta: Array, g: Array, m: Array, *, lr: float, momentum: float) -> None:
    if not (vectors(g, theta, m) and real(lr, momentum)):
        return reference.momentum_update(theta, g, m, lr=lr, momentum=momentum)
    _momentum(theta.dtype.name)(theta, g, m, settings(theta.size, lr, momentum, lr=1))


@cache
def _momentum(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def momentum_step(theta: Array, g: Array, m: Array, how: Array) -> None:
        lr, momentum = number(how[1]), number(how[2])
        for k in range(int(how[0])):
            m[k] = momentum * m[k] + g[k]
            theta[k] -= lr * m[k]

    return momentum_step


def sgd_update(theta: Array, g: Array, *, lr: float) -> None:
    if not (vectors(g, theta) and real(lr)):
        return reference.sgd_update(theta, g, lr=lr)
    _sgd(theta.dtype.name)(theta, g, settings(theta.size, lr, lr=1))


@cache
def _sgd(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def sgd(theta: Array, g: Array, how: Array) -> None:
        lr = number(how[1])
        for k in range(int(how[0])):
            theta[k] -= lr * g[k]

    return sgd


def nesterov_update(theta: Array, g: Array, m: Array, *, lr: float, momentum: float) -> None:
    if not (vectors(g, theta, m) and real(lr, momentum)):
        return reference.nesterov_update(theta, g, m, lr=lr, momentum=momentum)
    _nesterov(theta.dtype.name)(theta, g, m, settings(theta.size, lr, momentum, lr=1))


@cache
def _nesterov(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def nesterov(theta: Array, g: Array, m: Array, how: Array) -> None:
        lr, momentum = number(how[1]), number(how[2])
        for k in range(int(how[0])):
            m[k] = momentum * m[k] + g[k]
            theta[k] -= lr * (g[k] + momentum * m[k])

    return nesterov


def rmsprop_update(theta: Array, g: Array, v: Array, *, lr: float, decay: float, eps: float) -> None:
    if not (vectors(g, theta, v) and real(lr, decay, eps)):
        return reference.rmsprop_update(theta, g, v, lr=lr, decay=decay, eps=eps)
    _rmsprop(theta.dtype.name)(theta, g, v, settings(theta.size, lr, decay, eps, lr=1))


@cache
def _rmsprop(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def rmsprop(theta: Array, g: Array, v: Array, how: Array) -> None:
        lr, decay, rest, eps = number(how[1]), number(how[2]), number(1 - how[2]), number(how[3])
        for k in range(int(how[0])):
            v[k] = rest * (g[k] * g[k]) + decay * v[k]
            theta[k] -= lr * g[k] / (np.sqrt(v[k]) + eps)

    return rmsprop


def weight_decay_update(theta: Array, decay: Array, *, lr: float) -> None:
    if not (vectors(decay, theta) and real(lr)):
        return reference.weight_decay_update(theta, decay, lr=lr)
    _weight_decay(theta.dtype.name)(theta, decay, settings(theta.size, lr, lr=1))


@cache
def _weight_decay(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def weight_decay(theta: Array, decay: Array, how: Array) -> None:
        lr = number(how[1])
        for k in range(int(how[0])):
            theta[k] -= decay[k] * (lr * theta[k])

    return weight_decay


def decayed_gradient(g: Array, theta: Array, decay: Array) -> Array:
    if not (vectors(g, theta) and vectors(decay, theta)):
        return reference.decayed_gradient(g, theta, decay)
    out = empty(g.shape, g.dtype)
    _decayed(g, theta, decay, settings(g.size), out)
    return out


@elementwise_kernel
def _decayed(g: Array, theta: Array, decay: Array, how: Array, out: Array) -> None:
    for k in range(int(how[0])):
        out[k] = g[k] + decay[k] * theta[k]


def average_update(average: Array, theta: Array, *, decay: float) -> None:
    if not (vectors(theta, average) and real(decay)):
        return reference.average_update(average, theta, decay=decay)
    _average(theta.dtype.name)(average, theta, settings(theta.size, decay, decay=1))


@cache
def _average(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @elementwise_kernel
    def average_step(average: Array, theta: Array, how: Array) -> None:
        decay, rest = number(how[1]), number(1 - how[1])
        for k in range(int(how[0])):
            average[k] = rest * theta[k] + decay * average[k]

    return average_step


def add_gradient(total: Array, g: Array) -> None:
    if not vectors(g, total):
        return reference.add_gradient(total, g)
    _add(total, g, settings(total.size))


@elementwise_kernel
def _add(total: Array, g: Array, how: Array) -> None:
    for k in range(int(how[0])):
        total[k] += g[k]
