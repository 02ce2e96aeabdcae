"""Compiled kernel of ``ops/gather.py``: choosing, converting and turning round in one pass over the images' bytes.

What differs: eight images are read side by side, so that eight numbers of the batch are written at a time.

Gained (``benchmarks/speed/bench_kernels.py``): little for the time, which is that of the way from memory; but a kernel
can be recorded.
"""

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnscratch.arrays import Array, empty
from nnscratch.ops import gather as reference
from nnscratch.ops.compiled.jit import FLOATS, NUMBERS, Kernel, kernel, real, whole, within

LINE = 64  # numbers of 1 byte in a cache line


def gather_batch(
    images: Array, indices: Array, *, scale: float, shift: float, dtype: DTypeLike, by_image: bool = False
) -> Array:
    if not has_kernel(images, np.asarray(indices), dtype, scale, shift):
        return reference.gather_batch(images, indices, scale=scale, shift=shift, dtype=dtype, by_image=by_image)
    indices = np.ascontiguousarray(indices, np.int64)
    M, N, D = len(images), len(indices), math.prod(images.shape[1:])
    if not within(indices, M):
        if not (indices.min() >= -M and indices.max() < M):
            raise IndexError(f"an index is outside the {M} images")  # as NumPy does; a kernel would read elsewhere
        indices = indices % M  # -1 is the last image
    x = empty((N, D) if by_image else (D, N), dtype)
    make = _gather_by_image if by_image else _gather
    make(D, N, float(scale), float(shift), x.dtype.name)(images.ravel(), indices, x.ravel())
    return (x.T if by_image else x).reshape(*images.shape[1:], N)


def has_kernel(images: Array, indices: Array, dtype: DTypeLike, *values: Any) -> bool:
    """Return whether a kernel reads such images, takes such indices, and makes such numbers with such ``values``."""
    reads = images.dtype in NUMBERS and images.flags.aligned and images.size > 0
    return reads and whole(indices) and np.dtype(dtype) in FLOATS and real(*values)


@cache
def _gather_by_image(D: int, N: int, scale: float, shift: float, dtype: str) -> Kernel:
    factor, offset = np.dtype(dtype).type(scale), np.dtype(dtype).type(shift)

    @kernel
    def gather_by_image(pixels: Array, indices: Array, x: Array) -> None:
        touched = 0.0  # one number of each cache line first: so their ways from memory overlap
        for n in range(N):
            for d in range(0, D, LINE):
                touched += pixels[indices[n] * D + d]
        x[0] = touched
        for n in range(N):
            image = indices[n] * D
            for d in range(D):
                x[n * D + d] = pixels[image + d] * factor + offset

    return gather_by_image


@cache
def _gather(D: int, N: int, scale: float, shift: float, dtype: str) -> Kernel:
    factor, offset = np.dtype(dtype).type(scale), np.dtype(dtype).type(shift)
    eights = N - N % 8

    @kernel
    def gather(pixels: Array, indices: Array, x: Array) -> None:
        for n in range(0, eights, 8):
            i0, i1, i2, i3 = indices[n], indices[n + 1], indices[n + 2], indices[n + 3]
            i4, i5, i6, i7 = indices[n + 4], indices[n + 5], indices[n + 6], indices[n + 7]
            for d in range(D):
                o = d * N + n
                x[o] = pixels[i0 * D + d] * factor + offset
                x[o + 1] = pixels[i1 * D + d] * factor + offset
                x[o + 2] = pixels[i2 * D + d] * factor + offset
                x[o + 3] = pixels[i3 * D + d] * factor + offset
                x[o + 4] = pixels[i4 * D + d] * factor + offset
                x[o + 5] = pixels[i5 * D + d] * factor + offset
                x[o + 6] = pixels[i6 * D + d] * factor + offset
                x[o + 7] = pixels[i7 * D + d] * factor + offset
        for n in range(eights, N):
            for d in range(D):
                x[d * N + n] = pixels[indices[n] * D + d] * factor + offset

    return gather
