"""Compiled kernels of ``ops/optimizers.py``: each formula in one pass over the vectors instead of one for each sign.

What differs: the loop, so that the vectors are read and written once, where NumPy makes a temporary for every term; and
Adam's divisions by bias1 and bias2, of which each is a product here. The compiler keeps the order of the products
(``elementwise``), so threads that share a vector give the same bits wherever they cut it.

Gained (``benchmarks/speed/bench_kernels.py``): half of the time and more. Clipping has no kernel: it is two calls of
NumPy's.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops import optimizers as reference
from nnscratch.ops.compiled.jit import elementwise, real, vectors


def adam_update(
    theta: Array, g: Array, m: Array, v: Array, t: int, *, lr: float, beta1: float, beta2: float, eps: float
) -> None:
    if not (vectors(g, theta, m, v) and real(t, lr, beta1, beta2, eps)):
        return reference.adam_update(theta, g, m, v, t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
    number = theta.dtype.type
    bias1, bias2 = 1 - beta1**t, 1 - beta2**t
    _adam(theta, g, m, v, *map(number, (lr, beta1, 1 - beta1, beta2, 1 - beta2, bias1, bias2, eps)))


@elementwise
def _adam(theta: Array, g: Array, m: Array, v: Array, *settings: float) -> None:
    lr, beta1, rest1, beta2, rest2, bias1, bias2, eps = settings
    scale2 = theta.dtype.type(1) / bias2
    for k in range(theta.size):
        m[k] = rest1 * g[k] + beta1 * m[k]
        v[k] = rest2 * (g[k] * g[k]) + beta2 * v[k]
        theta[k] -= lr * m[k] / (bias1 * (np.sqrt(scale2 * v[k]) + eps))


def momentum_update(theta: Array, g: Array, m: Array, *, lr: float, momentum: float) -> None:
    if not (vectors(g, theta, m) and real(lr, momentum)):
        return reference.momentum_update(theta, g, m, lr=lr, momentum=momentum)
    number = theta.dtype.type
    _momentum(theta, g, m, number(lr), number(momentum))


@elementwise
def _momentum(theta: Array, g: Array, m: Array, lr: float, momentum: float) -> None:
    for k in range(theta.size):
        m[k] = momentum * m[k] + g[k]
        theta[k] -= lr * m[k]


def sgd_update(theta: Array, g: Array, *, lr: float) -> None:
    if not (vectors(g, theta) and real(lr)):
        return reference.sgd_update(theta, g, lr=lr)
    _sgd(theta, g, theta.dtype.type(lr))


@elementwise
def _sgd(theta: Array, g: Array, lr: float) -> None:
    for k in range(theta.size):
        theta[k] -= lr * g[k]


def nesterov_update(theta: Array, g: Array, m: Array, *, lr: float, momentum: float) -> None:
    if not (vectors(g, theta, m) and real(lr, momentum)):
        return reference.nesterov_update(theta, g, m, lr=lr, momentum=momentum)
    number = theta.dtype.type
    _nesterov(theta, g, m, number(lr), number(momentum))


@elementwise
def _nesterov(theta: Array, g: Array, m: Array, lr: float, momentum: float) -> None:
    for k in range(theta.size):
        m[k] = momentum * m[k] + g[k]
        theta[k] -= lr * (g[k] + momentum * m[k])


def rmsprop_update(theta: Array, g: Array, v: Array, *, lr: float, decay: float, eps: float) -> None:
    if not (vectors(g, theta, v) and real(lr, decay, eps)):
        return reference.rmsprop_update(theta, g, v, lr=lr, decay=decay, eps=eps)
    number = theta.dtype.type
    _rmsprop(theta, g, v, number(lr), number(decay), number(1 - decay), number(eps))


@elementwise
def _rmsprop(theta: Array, g: Array, v: Array, lr: float, decay: float, rest: float, eps: float) -> None:
    for k in range(theta.size):
        v[k] = rest * (g[k] * g[k]) + decay * v[k]
        theta[k] -= lr * g[k] / (np.sqrt(v[k]) + eps)


def weight_decay_update(theta: Array, decay: Array, *, lr: float) -> None:
    if not (vectors(decay, theta) and real(lr)):
        return reference.weight_decay_update(theta, decay, lr=lr)
    _weight_decay(theta, decay, theta.dtype.type(lr))


@elementwise
def _weight_decay(theta: Array, decay: Array, lr: float) -> None:
    for k in range(theta.size):
        theta[k] -= decay[k] * (lr * theta[k])


def average_update(average: Array, theta: Array, *, decay: float) -> None:
    if not (vectors(theta, average) and real(decay)):
        return reference.average_update(average, theta, decay=decay)
    number = theta.dtype.type
    _average(average, theta, number(decay), number(1 - decay))


@elementwise
def _average(average: Array, theta: Array, decay: float, rest: float) -> None:
    for k in range(theta.size):
        average[k] = rest * theta[k] + decay * average[k]
