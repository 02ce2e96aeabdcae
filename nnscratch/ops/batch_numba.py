"""Compiled twin of ``batch.py``: choosing, converting and turning round in one pass over the images' bytes.

What differs: eight images are read side by side, so that eight numbers of the batch are written at a time.

Gained (``benchmarks/bench_kernels.py``): a third of the time for 32 images of MNIST.
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
    pixels = images.reshape(len(images), x[..., 0].size)
    if indices.size and not (indices.min() >= -len(images) and indices.max() < len(images)):
        raise IndexError(f"an index is outside the {len(images)} images")  # as NumPy does; a kernel would not notice
    _gather(pixels, indices, number(scale), number(shift), x.reshape(-1, len(indices)))
    return x


@kernel
def _gather(pixels: Array, indices: Array, scale: float, shift: float, x: Array) -> None:
    D, N = x.shape
    eights = N - N % 8
    for n in range(0, eights, 8):
        i0, i1, i2, i3 = indices[n], indices[n + 1], indices[n + 2], indices[n + 3]
        i4, i5, i6, i7 = indices[n + 4], indices[n + 5], indices[n + 6], indices[n + 7]
        for d in range(D):
            x[d, n] = pixels[i0, d] * scale + shift
            x[d, n + 1] = pixels[i1, d] * scale + shift
            x[d, n + 2] = pixels[i2, d] * scale + shift
            x[d, n + 3] = pixels[i3, d] * scale + shift
            x[d, n + 4] = pixels[i4, d] * scale + shift
            x[d, n + 5] = pixels[i5, d] * scale + shift
            x[d, n + 6] = pixels[i6, d] * scale + shift
            x[d, n + 7] = pixels[i7, d] * scale + shift
    for n in range(eights, N):
        for d in range(D):
            x[d, n] = pixels[indices[n], d] * scale + shift
