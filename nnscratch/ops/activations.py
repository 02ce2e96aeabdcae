"""Activations: one function applied to every number; any shape, kept.

    out = f(x)   and by the chain rule   dx = dout f'(x)

Where f' is simplest in terms of the output, the backward function takes ``out`` instead of ``x``.
"""

import numpy as np

from nnscratch.arrays import Array


def relu_forward(x: Array) -> Array:
    """Return max(x, 0). Source: V. Nair & G. Hinton, ICML 2010."""
    return np.maximum(x, 0)


def relu_backward(dout: Array, x: Array) -> Array:
    """Return dx: f' is 1 where x > 0 and 0 elsewhere; at the kink itself 0 is taken."""
    return dout * (x > 0)


def leaky_relu_forward(x: Array, slope: float) -> Array:
    """Return x where x > 0 and slope * x elsewhere. Source: A. Maas, A. Hannun & A. Ng, ICML 2013."""
    return np.where(x > 0, x, x * slope)


def leaky_relu_backward(dout: Array, x: Array, slope: float) -> Array:
    """Return dx: f' is 1 where x > 0 and ``slope`` elsewhere."""
    return np.where(x > 0, dout, dout * slope)


def tanh_forward(x: Array) -> Array:
    """Return tanh(x). Source: Y. LeCun et al., "Efficient BackProp", 1998, section 4.4."""
    return np.tanh(x)


def tanh_backward(dout: Array, out: Array) -> Array:
    """Return dx: f' = 1 - tanh(x)² = 1 - out²."""
    dx: Array = dout * (1 - out * out)
    return dx


def sigmoid_forward(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), written with exp(-|x|) so that it never overflows.

    Source: D. Rumelhart, G. Hinton & R. Williams, Nature 323, 1986.
    """
    e = np.exp(-np.abs(x))  # in (0, 1]
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_backward(dout: Array, out: Array) -> Array:
    """Return dx: f' = s(x) (1 - s(x)) = out (1 - out)."""
    dx: Array = dout * out * (1 - out)
    return dx
