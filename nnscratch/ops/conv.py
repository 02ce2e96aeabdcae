"""Convolution (cross-correlation, as in every framework) of a stack of images with a stack of filters.

    out[f, oh, ow, n] = b[f] + sum over c, i, j of W[f, c, i, j] x[c, oh SH + i, ow SW + j, n]

Shapes: x (C, H, W, N), W (F, C, KH, KW), b (F,), out (F, OH, OW, N).

All windows laid side by side as columns turn the sum into one matrix product, out = W cols + b, and so its
derivatives into those of a dense layer: dW = dout colsᵀ, db = sum of dout, dcols = Wᵀ dout.
Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II;
the columns: K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks", 2006.
"""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.windows import NO_PADDING, Padding, Pair, kernel_offsets, output_size, pad, unpad


def columns(x: Array, kernel: Pair, stride: Pair) -> Array:
    """Return every window of ``x`` (C, H, W, N) as a column: (C*KH*KW, OH*OW*N)."""
    SH, SW = stride
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))
    windows = windows[:, ::SH, ::SW]  # (C, OH, OW, N, KH, KW)
    windows = windows.transpose(0, 4, 5, 1, 2, 3)  # (C, KH, KW, OH, OW, N)
    C, KH, KW, OH, OW, N = windows.shape
    return windows.reshape(C * KH * KW, OH * OW * N)  # the one copy


def conv2d_forward(x: Array, W: Array, b: Array, stride: Pair = (1, 1), padding: Padding = NO_PADDING) -> Array:
    """Return out (F, OH, OW, N) for images x (C, H, W, N), filters W (F, C, KH, KW) and biases b (F,)."""
    F, _, KH, KW = W.shape
    x = pad(x, padding)
    OH, OW = output_size(x.shape[1], KH, stride[0]), output_size(x.shape[2], KW, stride[1])
    out = W.reshape(F, -1) @ columns(x, (KH, KW), stride)  # (F, C*KH*KW) (C*KH*KW, OH*OW*N)
    out += b[:, None]
    return out.reshape(F, OH, OW, x.shape[3])


def conv2d_backward_weights(
    dout: Array,
    x: Array,
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    dW: Array | None = None,
    db: Array | None = None,
) -> tuple[Array, Array]:
    """Return dW (F, C, KH, KW) and db (F,) for dout (F, OH, OW, N) and the input x (C, H, W, N) of the forward pass.

    A weight touches every position of its window in every image, so its gradient is a sum over all of them:

        dW[f, c, i, j] = sum over oh, ow, n of dout[f, oh, ow, n] x[c, oh SH + i, ow SW + j, n]
        db[f]          = sum over oh, ow, n of dout[f, oh, ow, n]

    Arrays given for them are overwritten and returned.
    """
    F, C = dout.shape[0], x.shape[0]
    dout = dout.reshape(F, -1)  # (F, OH*OW*N)
    cols = columns(pad(x, padding), kernel, stride)  # (C*KH*KW, OH*OW*N)
    # forward: out = W cols + b
    dW = np.matmul(dout, cols.T, out=None if dW is None else dW.reshape(F, -1)).reshape(F, C, *kernel)
    db = np.sum(dout, axis=1, out=db)
    return dW, db


def conv2d_backward_input(
    dout: Array, W: Array, image: Pair, stride: Pair = (1, 1), padding: Padding = NO_PADDING
) -> Array:
    """Return dx (C, H, W, N) for dout (F, OH, OW, N), the filters W (F, C, KH, KW) and ``image`` = (H, W).

    A pixel stands under offset (i, j) of one window, under another offset of the next: it collects from all of them.

        dx[c, oh SH + i, ow SW + j, n] += sum over f of W[f, c, i, j] dout[f, oh, ow, n]
    """
    F, C, KH, KW = W.shape
    _, OH, OW, N = dout.shape
    # forward: out = W cols + b
    dcols = W.reshape(F, -1).T @ dout.reshape(F, -1)  # (C*KH*KW, F) (F, OH*OW*N)
    dcols = dcols.reshape(C, KH, KW, OH, OW, N)
    # forward: cols[c, i, j, oh, ow, n] = x[c, oh SH + i, ow SW + j, n]
    (top, bottom), (left, right) = padding
    dx = np.zeros((C, image[0] + top + bottom, image[1] + left + right, N), dout.dtype)
    for (i, j), pixels in kernel_offsets(dx, (KH, KW), stride):
        pixels += dcols[:, i, j]
    return unpad(dx, padding)
