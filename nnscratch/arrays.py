"""The one array type of the package's annotations (shapes stand in the docstrings), arrays on cache lines, and the
names of all streams of random numbers.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

Array = np.ndarray[Any, np.dtype[Any]]

LINE = 64  # bytes of a cache line, and of the widest vector register
SMALL = 1 << 13  # bytes; where to put a smaller array costs more time than it saves


class Stream(IntEnum):
    """Which random numbers, in ``np.random.default_rng((seed, stream, ...))``. A number used twice has two names."""

    SHUFFLE = 1  # the order of an epoch's images
    LAYERS = 2  # dropout in training
    VARIANTS = 3  # how digits are drawn otherwise
    SWEEP = 4  # settings of a sweep
    SAMPLE = 4  # dropout in the pass that a watch records
    COPIES = 5  # the order in which distorted copies are made
    OUTLIERS = 6  # images that are no digit
    REDRAWN = 7  # digits as people draw them
    TEACHERS = 8  # the seeds of a distillation's teachers


def empty(shape: int | Sequence[int], dtype: DTypeLike) -> Array:
    """Return an array of any numbers that begins with a cache line.

    NumPy's own begin 16 bytes into one, once they are large, so that every vector of 64 bytes that is loaded lies in
    two. The cases "off the line" of ``benchmarks/speed/bench_kernels.py`` tell what that costs: the gradient with
    respect to the input of LeNet-5's first convolution takes 1.4 times as long, Adam 1.1 times.
    """
    dtype = np.dtype(dtype)
    size = dtype.itemsize * (math.prod(shape) if isinstance(shape, Sequence) else shape)
    if size < SMALL:
        return np.empty(shape, dtype)
    memory = np.empty(size + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, offset=-memory.ctypes.data % LINE)


def aligned(array: Array) -> Array:
    """Return a copy of ``array`` that begins with a cache line."""
    copy = empty(array.shape, array.dtype)
    copy[...] = array
    return copy


def zeros(shape: int | Sequence[int], dtype: DTypeLike) -> Array:
    """Return an array of zeros that begins with a cache line."""
    array = empty(shape, dtype)
    array[...] = 0
    return array
