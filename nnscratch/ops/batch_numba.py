"""Compiled twin of ``batch.py``: choosing, converting and turning round in one pass over the images' bytes.

What differs: each pixel of all images is written as one run; reads jump from image to image, but within the cache, for
the images of a batch together are small.
"""

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array
from nnscratch.ops.jit_numba import kernel


def gather_batch(images: Array, indices: Array, *, scale: float, shift: float, dtype: DTypeLike) -> Array:
    """Twin of ``batch.gather_batch``."""
    indices = np.asarray(indices)
    shape = images.shape[1:]
    x = np.empty((*shape, len(indices)), dtype)
    number = x.dtype.type
    size = int(np.prod(shape))
    pixels = images.reshape(len(images), size)
    _gather(pixels, indices, number(scale), number(shift), x.reshape(size, len(indices)))
    return x


@kernel
def _gather(pixels: Array, indices: Array, scale: float, shift: float, x: Array) -> None:
    D, N = x.shape
    for d in range(D):
        for n in range(N):
            x[d, n] = pixels[indices[n], d] * scale + shift
