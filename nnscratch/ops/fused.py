"""Runs of operations that compiled kernels do in one pass, here as what they are: one after the other.

**Convolution, ReLU and pooling.** The convolution has a stride of 1, and the windows of the pooling are 2 x 2 and side
by side. Both poolings hand a gradient back to some of the four outputs of the convolution in a window: the largest
alone, or all four an equal share; and ReLU takes out those that it set to 0. *grad_mask* has a bit for each one left.

**Batch normalisation, ReLU and max-pooling**, with such windows.

**Dense and ReLU.**
"""

from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.ops.activations import relu_backward, relu_forward
from nnscratch.ops.batchnorm import (
    batchnorm_backward_batch,
    batchnorm_backward_running,
    batchnorm_backward_weights,
    batchnorm_forward,
)
from nnscratch.ops.conv import conv2d_backward_input, conv2d_backward_weights, conv2d_forward
from nnscratch.ops.dense import dense_backward_weights, dense_forward
from nnscratch.ops.pool import avgpool2d_forward, maxpool2d_backward, maxpool2d_forward
from nnscratch.ops.windows import Padding, kernel_offsets, output_size

ONE, TWO = (1, 1), (2, 2)


def conv2d_relu_pool_forward(x: Array, W: Array, b: Array, padding: Padding, *, mean: bool) -> tuple[Array, Array]:
    """Return out (F, PH, PW, N), the largest or the ``mean`` of each window of relu(conv2d(x)), and its grad_mask.

    grad_mask: int32 of the shape of out, with bit 2i + j set where offset (i, j) of the window receives gradient.
    """
    relu = relu_forward(conv2d_forward(x, W, b, ONE, padding))
    if mean:
        out = avgpool2d_forward(relu, TWO, TWO)
        grad_mask = sum((view > 0).astype(np.int32) << (2 * i + j) for (i, j), view in kernel_offsets(relu, TWO, TWO))
        return out, np.asarray(grad_mask)
    out, argmax = maxpool2d_forward(relu, TWO, TWO)
    return out, np.where(out > 0, np.int32(1) << argmax, np.int32(0))


def conv2d_relu_pool_backward(
    dout: Array,
    grad_mask: Array,
    x: Array,
    W: Array,
    padding: Padding,
    dW: Array | None = None,
    db: Array | None = None,
    *,
    mean: bool,
    need_dx: bool,
) -> tuple[Array | None, Array, Array]:
    """Return dx (None unless needed), dW and db, for dout and grad_mask (F, PH, PW, N).

    Arrays given for dW and db are overwritten and returned.
    """
    (KH, KW), (H, width) = W.shape[2:], x.shape[1:3]
    OH, OW = output_size(H, KH, 1, padding[0]), output_size(width, KW, 1, padding[1])
    dconv = np.zeros((len(W), OH, OW, x.shape[3]), dout.dtype)
    share = dout / 4 if mean else dout
    for (i, j), outputs in kernel_offsets(dconv, TWO, TWO):
        outputs += share * ((grad_mask >> (2 * i + j)) & 1).astype(dout.dtype)
    dW, db = conv2d_backward_weights(dconv, x, (KH, KW), ONE, padding, dW, db)
    dx = conv2d_backward_input(dconv, W, (H, width), ONE, padding) if need_dx else None
    return dx, dW, db


def batchnorm_relu_pool_forward(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float) -> Array:
    """Return out (C, PH, PW, N), the largest of each window of relu(batchnorm(x))."""
    return maxpool2d_forward(relu_forward(batchnorm_forward(x, gamma, beta, mean, var, eps)[0]), TWO, TWO)[0]


def _back_to_batchnorm(dout: Array, x: Array, *norm: Any) -> tuple[Array, Array]:
    """Return the gradient with respect to what batch normalisation gives, and xhat."""
    out, xhat = batchnorm_forward(x, *norm)
    argmax = maxpool2d_forward(relu_forward(out), TWO, TWO)[1]
    return relu_backward(maxpool2d_backward(dout, argmax, x.shape[1:3], TWO, TWO), out), xhat


def batchnorm_relu_pool_backward_weights(
    dout: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    dgamma: Array | None = None,
    dbeta: Array | None = None,
    sums: Array | None = None,
) -> tuple[Array, Array]:
    """Return what ``batchnorm_backward_weights`` does, for dout (C, PH, PW, N)."""
    return batchnorm_backward_weights(*_back_to_batchnorm(dout, x, gamma, beta, mean, var, eps), dgamma, dbeta, sums)


def batchnorm_relu_pool_backward_input(
    dout: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    sums: Array | None = None,
    M: Array | None = None,
) -> Array:
    """Return dx: with ``sums`` and M what ``batchnorm_backward_batch`` does, without ``batchnorm_backward_running``."""
    dnorm, xhat = _back_to_batchnorm(dout, x, gamma, beta, mean, var, eps)
    if sums is None:
        return batchnorm_backward_running(dnorm, gamma, var, eps)
    return batchnorm_backward_batch(dnorm, xhat, gamma, var, eps, sums, M)


def dense_relu_forward(x: Array, W: Array, b: Array) -> Array:
    """Return out (D, N), relu(W x + b)."""
    return relu_forward(dense_forward(x, W, b))


def dense_relu_backward_weights(
    dout: Array, out: Array, x: Array, dW: Array | None = None, db: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return the gradient (D, N) with respect to W x + b, from which ``dense_backward_input`` makes dx, and dW and db.

    ReLU's output is positive where its input is. Arrays given for dW and db are overwritten and returned.
    """
    dsum = relu_backward(dout, out)
    return dsum, *dense_backward_weights(dsum, x, dW, db)
