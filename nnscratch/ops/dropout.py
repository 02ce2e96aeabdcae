"""Dropout: each number is zeroed with probability ``rate``, the others grow by 1 / (1 - rate), so the mean stays.

    out = mask x,   mask = 0 with probability rate, else 1 / (1 - rate)

Source: N. Srivastava et al., JMLR 15, 2014; scaling during training ("inverted") as in Goodfellow et al., 7.12.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.distort import mixed, random_numbers


def dropout_forward(x: Array, rate: float, *, key: Array) -> tuple[Array, Array]:
    """Return out and the mask, both of the shape of x. What is dropped follows from key, (1,) uint64, alone."""
    kept = random_numbers(key, x.size).reshape(x.shape) >= 2 * rate - 1
    mask = kept * x.dtype.type(1 / (1 - rate))
    return x * mask, mask


def dropout_backward(dout: Array, mask: Array) -> Array:
    """Return dx: the mask is a constant factor."""
    return dout * mask


def stream_key(*stream: int | Array) -> Array:
    """Return the key of a stream of random numbers, (1,) uint64; of arrays of integers, the key of each combination."""
    key = np.zeros(1, np.uint64)
    for number in stream:
        key = mixed(key + np.asarray(number % 2**64 if isinstance(number, int) else number).astype(np.uint64))
    return key
