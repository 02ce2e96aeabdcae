"""Pooling: every window of a channel becomes one number, its largest or its mean.

    max:   out[c, oh, ow, n] = max over i, j of x[c, oh SH + i, ow SW + j, n]
    mean:  out[c, oh, ow, n] = 1/(KH KW) sum over i, j of x[c, oh SH + i, ow SW + j, n]

Shapes: x (C, H, W, N), out (C, OH, OW, N). Windows may overlap (stride < size) or leave gaps (stride > size).
Ties in max-pooling go to the first offset in reading order (top row first, left to right), which alone receives the
gradient. Source: maximum, M. Ranzato et al., CVPR 2007; mean (subsampling), LeCun et al. 1998, section II.B.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.windows import Pair, kernel_offsets


def maxpool2d_forward(x: Array, size: Pair, stride: Pair) -> tuple[Array, Array]:
    """Return out (C, OH, OW, N) and argmax (C, OH, OW, N) int32: i*KW + j of the largest pixel's offset."""
    views = kernel_offsets(x, size, stride)
    _, first = next(views)
    out = first.copy()
    argmax = np.zeros(out.shape, np.int32)
    for (i, j), view in views:
        np.copyto(argmax, i * size[1] + j, where=view > out)
        np.maximum(out, view, out=out)  # NaN stays NaN: it must show in the loss
    return out, argmax


def maxpool2d_backward(dout: Array, argmax: Array, image: Pair, size: Pair, stride: Pair) -> Array:
    """Return dx (C, H, W, N) for dout and argmax (C, OH, OW, N) and ``image`` = (H, W).

    out = x[argmax], so that pixel has derivative 1 and receives dout; every other pixel has 0.
    """
    C, _, _, N = dout.shape
    dx = np.zeros((C, *image, N), dout.dtype)
    for (i, j), pixels in kernel_offsets(dx, size, stride):
        pixels += dout * (argmax == i * size[1] + j)
    return dx


def avgpool2d_forward(x: Array, size: Pair, stride: Pair) -> Array:
    """Return out (C, OH, OW, N), the mean of each window of x (C, H, W, N)."""
    total = sum(view for _, view in kernel_offsets(x, size, stride))
    return np.asarray(total / (size[0] * size[1]), x.dtype)


def avgpool2d_backward(dout: Array, image: Pair, size: Pair, stride: Pair) -> Array:
    """Return dx (C, H, W, N) for dout (C, OH, OW, N) and ``image`` = (H, W).

    Every pixel of a window has derivative 1 / (KH*KW), and so gets an equal share of dout.
    """
    C, _, _, N = dout.shape
    dx = np.zeros((C, *image, N), dout.dtype)
    share = dout / (size[0] * size[1])
    for _, pixels in kernel_offsets(dx, size, stride):
        pixels += share
    return dx
