"""What the solution of lenet5 is built of: functions as the exercises ask for them, done by the library's."""

from __future__ import annotations

from nnscratch.arrays import Array
from nnscratch.ops import conv, dense, pool
from nnscratch.ops.windows import Padding, Pair


def conv2d_backward(dout: Array, x: Array, W: Array, stride: Pair, padding: Padding) -> tuple[Array, Array, Array]:
    """Return dx, dW, db."""
    dW, db = conv.conv2d_backward_weights(dout, x, (W.shape[2], W.shape[3]), stride, padding)
    return conv.conv2d_backward_input(dout, W, (x.shape[1], x.shape[2]), stride, padding), dW, db


def maxpool2d_forward(x: Array, size: Pair, stride: Pair) -> Array:
    """Return out."""
    return pool.maxpool2d_forward(x, size, stride)[0]


def maxpool2d_backward(dout: Array, x: Array, size: Pair, stride: Pair) -> Array:
    """Return dx."""
    argmax = pool.maxpool2d_forward(x, size, stride)[1]
    return pool.maxpool2d_backward(dout, argmax, (x.shape[1], x.shape[2]), size, stride)


def dense_backward(dout: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    """Return dx, dW, db."""
    return dense.dense_backward_input(dout, W), *dense.dense_backward_weights(dout, x)
