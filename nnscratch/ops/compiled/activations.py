"""Compiled kernels of ``ops/activations.py`` and of the layer softmax: one pass for each, which can be recorded.

What differs: a choice takes one pass instead of a comparison and a product. The exponential is that of
``exponential.py``; tanh(x) = t / (t + 2) with t = exp(2 x) - 1, for |x|, which is precise near 0 as well. Softmax goes
through the rows of its columns, so that the loop along the batch is vector code.
"""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops import activations as reference
from nnscratch.ops.compiled.exponential import exp, expm1
from nnscratch.ops.compiled.jit import Kernel, alike, constant, elementwise_kernel, kernel, real


def relu_forward(x: Array) -> Array:
    return _run(_relu(x.dtype.name), x) if alike(x) else reference.relu_forward(x)


def relu_backward(dout: Array, x: Array) -> Array:
    return _chosen(dout, x, 0.0) if alike(dout, x) else reference.relu_backward(dout, x)


def leaky_relu_forward(x: Array, slope: float) -> Array:
    if not (alike(x) and real(slope)):
        return reference.leaky_relu_forward(x, slope)
    return _chosen(x, x, slope)  # the same choice, made by x for x


def leaky_relu_backward(dout: Array, x: Array, slope: float) -> Array:
    fits = alike(dout, x) and real(slope)
    return _chosen(dout, x, slope) if fits else reference.leaky_relu_backward(dout, x, slope)


def tanh_forward(x: Array) -> Array:
    return _run(_tanh(x.dtype.name), x) if alike(x) else reference.tanh_forward(x)


def tanh_backward(dout: Array, out: Array) -> Array:
    return _run(_derived(out.dtype.name, True), dout, out) if alike(dout, out) else reference.tanh_backward(dout, out)


def sigmoid_forward(x: Array) -> Array:
    return _run(_sigmoid(x.dtype.name), x) if alike(x) else reference.sigmoid_forward(x)


def sigmoid_backward(dout: Array, out: Array) -> Array:
    return (
        _run(_derived(out.dtype.name, False), dout, out) if alike(dout, out) else reference.sigmoid_backward(dout, out)
    )


def _run(function: Kernel, *arrays: Array) -> Array:
    """Return what a kernel makes of each number of arrays that are alike."""
    out = empty(arrays[0].shape, arrays[0].dtype)
    function(*(array.ravel() for array in arrays), constant(np.array([out.size])), out.ravel())
    return out


def _chosen(dout: Array, x: Array, slope: float) -> Array:
    """Return dout where x > 0 and slope * dout elsewhere, for arrays that are alike."""
    dx = empty(dout.shape, dout.dtype)
    how = constant(np.array([dout.size, slope], np.float64))
    _choose(dout.dtype.name)(dout.ravel(), x.ravel(), how, dx.ravel())
    return dx


@cache
def _relu(dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)

    @kernel
    def relu(x: Array, size: Array, out: Array) -> None:
        for k in range(size[0]):
            out[k] = zero if x[k] <= zero else x[k]  # NaN stays

    return relu


@cache
def _choose(dtype: str) -> Kernel:
    number = np.dtype(dtype).type

    @kernel
    def choose(dout: Array, x: Array, how: Array, dx: Array) -> None:
        slope = number(how[1])
        for k in range(int(how[0])):
            dx[k] = dout[k] if x[k] > 0 else dout[k] * slope

    return choose


@cache
def _tanh(dtype: str) -> Kernel:
    number = np.dtype(dtype).type
    two, most = number(2), number(44)  # tanh(22) is 1

    @elementwise_kernel
    def tanh(x: Array, size: Array, out: Array) -> None:
        for k in range(size[0]):
            double = two * abs(x[k])
            t = expm1(most if double > most else double)
            out[k] = np.copysign(t / (t + two), x[k])

    return tanh


@cache
def _derived(dtype: str, tanh: bool) -> Kernel:
    """Return the kernel for dout (1 - out^2), or dout out (1 - out)."""
    one = np.dtype(dtype).type(1)

    @elementwise_kernel
    def derived(dout: Array, out: Array, size: Array, dx: Array) -> None:
        for k in range(size[0]):
            dx[k] = dout[k] * (one - out[k] * out[k]) if tanh else dout[k] * out[k] * (one - out[k])

    return derived


@cache
def _sigmoid(dtype: str) -> Kernel:
    one = np.dtype(dtype).type(1)

    @elementwise_kernel
    def sigmoid(x: Array, size: Array, out: Array) -> None:
        for k in range(size[0]):
            e = exp(-abs(x[k]))
            out[k] = (e if x[k] < 0 else one) / (one + e)

    return sigmoid
