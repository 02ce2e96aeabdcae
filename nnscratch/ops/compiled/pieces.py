"""Reading many small pieces of a file: a loop of ``pread``, which leaves the interpreter alone.

Python spends as long on each call as the system does: a microsecond for an image, of the eleven that LeNet-5 takes.
"""

import operator

import numpy as np
from numba import types

from nnscratch.arrays import Array
from nnscratch.ops.compiled.jit import jit

# bytes read, or -1 = pread(descriptor, address, bytes, place in the file)
pread = types.ExternalFunction("pread", types.int64(types.int32, types.voidptr, types.uint64, types.int64))


def read_pieces(descriptor: int, places: Array, sizes: Array, out: Array) -> bool:
    """Fill out (n,) uint8 with pieces of a file: places and sizes (p,) int64. Return whether each came whole."""
    for name, array, number in (("places", places, np.int64), ("sizes", sizes, np.int64), ("out", out, np.uint8)):
        if array.ndim != 1 or array.dtype != number or not array.flags.c_contiguous:  # nobody else says what is wrong
            raise ValueError(f"{name} are {array.dtype} {array.shape}: give {np.dtype(number)} (n,) in one piece")
    if len(places) != len(sizes) or not out.flags.writeable:
        raise ValueError(f"{len(places)} places and {len(sizes)} sizes, and out, which must be writeable")
    if sizes.min(initial=0) < 0 or sizes.max(initial=0) > out.size or sizes.sum() != out.size:
        raise ValueError(f"pieces of {sizes.sum()} bytes do not fill {out.size}")  # the loop would write elsewhere
    return bool(_read(np.int32(operator.index(descriptor)), places, sizes, out))


@jit
def _read(descriptor: int, places: Array, sizes: Array, out: Array) -> bool:
    end = 0
    for k in range(places.size):
        if pread(descriptor, out[end:].ctypes.data, sizes[k], places[k]) != sizes[k]:
            return False
        end += sizes[k]
    return True
