"""Compiled twin of the loss in ``softmax.py``: one pass over the columns instead of a dozen small NumPy calls.

What differs: nothing but the loops; for 10 x 32 numbers a NumPy call costs more than its arithmetic.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.jit_numba import exact_kernel


def softmax_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    """Twin of ``softmax.softmax_cross_entropy``."""
    dz = np.empty(z.shape, z.dtype)
    loss = _loss(np.ascontiguousarray(z), np.ascontiguousarray(y), dz)
    return float(loss), dz


@exact_kernel
def _loss(z: Array, y: Array, dz: Array) -> float:
    K, N = z.shape
    loss = 0.0
    for n in range(N):
        largest = z[0, n]
        for k in range(K):
            if z[k, n] > largest or z[k, n] != z[k, n]:  # NaN wins: it must show in the loss
                largest = z[k, n]
        total = 0.0
        for k in range(K):
            dz[k, n] = np.exp(z[k, n] - largest)
            total += dz[k, n]
        log_total = np.log(total)
        for k in range(K):
            loss -= y[k, n] * (z[k, n] - largest - log_total)
            dz[k, n] = (dz[k, n] / total - y[k, n]) / N
    mean: float = loss / N
    return mean
