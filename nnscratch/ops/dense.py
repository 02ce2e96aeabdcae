"""A dense layer, as in the textbooks: z = W a + b, one column per image.

    out[d, n] = b[d] + sum over k of W[d, k] x[k, n]

Shapes: x (K, N), W (D, K), b (D,), out (D, N).
Source: M. Nielsen, "Neural Networks and Deep Learning", chapter 2, equations BP2 to BP4; Goodfellow, Bengio &
Courville, "Deep Learning", algorithm 6.4.
"""

import numpy as np

from nnscratch.arrays import Array


def dense_forward(x: Array, W: Array, b: Array) -> Array:
    """Return out (D, N) for inputs x (K, N), weights W (D, K) and biases b (D,)."""
    return W @ x + b[:, None]


def dense_backward_weights(
    dout: Array, x: Array, dW: Array | None = None, db: Array | None = None
) -> tuple[Array, Array]:
    """Return dW (D, K) and db (D,) for dout (D, N) and the input x (K, N) of the forward pass.

    Arrays given for them are overwritten and returned: the larger dW are not worth a copy.
    """
    # forward: out = W x + b
    dW = np.matmul(dout, x.T, out=dW)
    db = np.sum(dout, axis=1, out=db)
    return dW, db


def dense_backward_input(dout: Array, W: Array) -> Array:
    """Return dx (K, N) for dout (D, N) and the weights W (D, K)."""
    # forward: out = W x + b
    return W.T @ dout
