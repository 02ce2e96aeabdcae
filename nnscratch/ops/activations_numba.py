"""Compiled twins of the activations in ``activations.py`` whose derivative is a choice.

What differs: one pass instead of a comparison and a product. Tanh and sigmoid have no twin: NumPy's exponentials are
vector code, which Numba has not got, and the rest is small beside them.

Gained (``benchmarks/bench_kernels.py``): a pass over memory.
"""

from nnscratch.arrays import Array, empty
from nnscratch.ops.jit_numba import jit


def relu_backward(dout: Array, x: Array) -> Array:
    """Twin of ``activations.relu_backward``."""
    return leaky_relu_backward(dout, x, 0.0)


def leaky_relu_forward(x: Array, slope: float) -> Array:
    """Twin of ``activations.leaky_relu_forward``."""
    return leaky_relu_backward(x, x, slope)  # the same choice, made by x for x


def leaky_relu_backward(dout: Array, x: Array, slope: float) -> Array:
    """Twin of ``activations.leaky_relu_backward``."""
    dx = empty(dout.shape, dout.dtype)
    _choose(dout.ravel(), x.ravel(), dout.dtype.type(slope), dx.ravel())
    return dx


@jit
def _choose(dout: Array, x: Array, slope: float, dx: Array) -> None:
    for k in range(dx.size):
        dx[k] = dout[k] if x[k] > 0 else dout[k] * slope
