"""From stored images to a batch: the door between "batch first" outside and "batch last" inside."""

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array


def gather_batch(images: Array, indices: Array, *, scale: float, shift: float, dtype: DTypeLike) -> Array:
    """Return x (..., N) = images[indices] * scale + shift, the batch moved from the first axis (N, ...) to the last.

    ``images`` is (M, ...) of any number type, ``indices`` (N,) chooses and orders.
    """
    chosen = images[indices]
    x = np.ascontiguousarray(np.moveaxis(chosen, 0, -1), dtype=dtype)
    x *= scale
    x += shift
    return x
