"""Compiled kernels of the activations in ``ops/activations.py`` whose derivative is a choice.

What differs: one pass instead of a comparison and a product. Tanh and sigmoid have no kernel: NumPy's exponentials are
vector code, which Numba has not got, and the rest is small beside them.

Gained (``benchmarks/speed/bench_kernels.py``): a pass over memory.
"""

from nnscratch.arrays import Array, empty
from nnscratch.ops import activations as reference
from nnscratch.ops.compiled.jit import alike, jit, real


def relu_backward(dout: Array, x: Array) -> Array:
    return _chosen(dout, x, 0.0) if alike(dout, x) else reference.relu_backward(dout, x)


def leaky_relu_forward(x: Array, slope: float) -> Array:
    if not (alike(x) and real(slope)):
        return reference.leaky_relu_forward(x, slope)
    return _chosen(x, x, slope)  # the same choice, made by x for x


def leaky_relu_backward(dout: Array, x: Array, slope: float) -> Array:
    fits = alike(dout, x) and real(slope)
    return _chosen(dout, x, slope) if fits else reference.leaky_relu_backward(dout, x, slope)


def _chosen(dout: Array, x: Array, slope: float) -> Array:
    """Return dout where x > 0 and slope * dout elsewhere, for arrays that are alike."""
    dx = empty(dout.shape, dout.dtype)
    _choose(dout.ravel(), x.ravel(), dout.dtype.type(slope), dx.ravel())
    return dx


@jit
def _choose(dout: Array, x: Array, slope: float, dx: Array) -> None:
    for k in range(dx.size):
        dx[k] = dout[k] if x[k] > 0 else dout[k] * slope
