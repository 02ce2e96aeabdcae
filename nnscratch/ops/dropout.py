"""Dropout: each number is zeroed with probability ``rate``, the others grow by 1 / (1 - rate), so the mean stays.

    out = mask * x,   mask = 0 with probability rate, else 1 / (1 - rate)

Source: N. Srivastava et al., JMLR 15, 2014; scaling during training ("inverted") as in Goodfellow et al., 7.12.
"""

import numpy as np

from nnscratch.arrays import Array


def dropout_forward(x: Array, rate: float, *, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return out and the mask, both of the shape of x."""
    kept = rng.random(x.shape, dtype=np.float32) >= rate
    mask = kept * x.dtype.type(1 / (1 - rate))
    return x * mask, mask


def dropout_backward(dout: Array, mask: Array) -> Array:
    """Return dx: the mask is a constant factor."""
    return dout * mask
