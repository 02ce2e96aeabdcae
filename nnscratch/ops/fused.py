"""Operations that compiled kernels do in one pass, here as what they are: one after the other."""

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.activations import relu_forward
from nnscratch.ops.conv import conv2d_backward_input, conv2d_backward_weights, conv2d_forward
from nnscratch.ops.pool import maxpool2d_backward, maxpool2d_forward
from nnscratch.ops.windows import Padding, Pair


def conv2d_relu_maxpool_forward(
    x: Array, W: Array, b: Array, stride: Pair, padding: Padding, size: Pair, pool_stride: Pair
) -> tuple[Array, Array]:
    """Return max-pooled relu(conv2d(x)) (F, PH, PW, N), and winner int32 of the same shape.

    winner is that of max-pooling, and KH*KW of the pooling window, which is no tap, where ReLU gives 0: there no
    gradient goes back.
    """
    out, winner = maxpool2d_forward(relu_forward(conv2d_forward(x, W, b, stride, padding)), size, pool_stride)
    return out, np.where(out > 0, winner, np.int32(size[0] * size[1]))


def conv2d_relu_maxpool_backward(
    dout: Array,
    winner: Array,
    x: Array,
    W: Array,
    stride: Pair,
    padding: Padding,
    size: Pair,
    pool_stride: Pair,
    *,
    need_dx: bool,
) -> tuple[Array | None, Array, Array]:
    """Return dx (None unless wanted), dW and db, for dout and winner (F, PH, PW, N)."""
    KH, KW = W.shape[2:]
    image = tuple(
        (side + sum(zeros) - K) // step + 1
        for side, zeros, K, step in zip(x.shape[1:3], padding, (KH, KW), stride, strict=True)
    )
    # where ReLU gives 0, winner is no tap: this is the derivative of both
    dconv = maxpool2d_backward(dout, winner, (image[0], image[1]), size, pool_stride)
    dW, db = conv2d_backward_weights(dconv, x, (KH, KW), stride, padding)
    H, width = x.shape[1:3]
    dx = conv2d_backward_input(dconv, W, (H, width), stride, padding) if need_dx else None
    return dx, dW, db
