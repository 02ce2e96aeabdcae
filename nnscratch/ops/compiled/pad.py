"""Compiled kernel of ``pad`` in ``ops/windows.py``, so that networks with padding are recorded and replayed, too."""

from functools import cache

import numpy as np

from nnscratch.arrays import Array, empty
from nnscratch.ops.compiled.jit import Kernel, kernel
from nnscratch.ops.windows import NO_PADDING, Padding


def padded(x: Array, padding: Padding) -> Array:
    """Return floats ``x`` (C, H, W, N) with zeros around H and W; ``x`` itself when there is nothing to add."""
    if padding == NO_PADDING:
        return x
    C, H, W, N = x.shape
    (top, bottom), (left, right) = padding
    out = empty((C, top + H + bottom, left + W + right, N), x.dtype)
    _pad(C, H, W, N, top, bottom, left, right, x.dtype.name)(x.ravel(), out.ravel())
    return out


@cache
def _pad(C: int, H: int, W: int, N: int, top: int, bottom: int, left: int, right: int, dtype: str) -> Kernel:
    zero = np.dtype(dtype).type(0)
    row, out_row = W * N, (left + W + right) * N
    above, below = top * out_row + left * N, right * N + bottom * out_row

    @kernel
    def pad(x: Array, out: Array) -> None:
        for c in range(C):
            o = c * (top + H + bottom) * out_row
            for m in range(above):
                out[o + m] = zero
            o += above
            for h in range(H):
                for m in range(row):
                    out[o + m] = x[(c * H + h) * row + m]
                o += row
                between = below if h == H - 1 else out_row - row
                for m in range(between):
                    out[o + m] = zero
                o += between

    return pad
