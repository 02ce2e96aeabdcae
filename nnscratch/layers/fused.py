"""Runs of plain layers that compiled kernels do in one pass; the network puts them in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.layers.activations import ReLU
from nnscratch.layers.base import Layer
from nnscratch.layers.batchnorm import BatchNorm
from nnscratch.layers.conv import Conv2D
from nnscratch.layers.dense import Dense
from nnscratch.layers.pool import AvgPool2D, MaxPool2D
from nnscratch.ops.fused import ONE, TWO


class ConvReLUPool(Layer):
    """Conv2D, ReLU, MaxPool2D or AvgPool2D: the same numbers, without the two arrays between them."""

    def __init__(self, conv: Conv2D, pool: MaxPool2D | AvgPool2D) -> None:
        super().__init__()
        self.conv, self.mean = conv, isinstance(pool, AvgPool2D)
        self.name, self.parameters = conv.name, conv.parameters

    def forward(self, x: Array, training: bool = False) -> Array:
        conv = self.conv
        self.x = x
        out, self.grad_mask = ops.conv2d_relu_pool_forward(x, conv.W, conv.b, conv.pads, mean=self.mean)
        return out

    def backward(self, dout: Array) -> Array:
        dx = self._backward(dout, need_dx=True)
        assert dx is not None
        return dx

    def backward_parameters(self, dout: Array) -> None:
        self._backward(dout, need_dx=False)

    def _backward(self, dout: Array, need_dx: bool) -> Array | None:
        conv = self.conv
        return ops.conv2d_relu_pool_backward(
            dout, self.grad_mask, self.x, conv.W, conv.pads, conv.dW, conv.db, mean=self.mean, need_dx=need_dx
        )[0]


class DenseReLU(Layer):
    """Dense, ReLU: the same numbers, without the array between them."""

    def __init__(self, dense: Dense) -> None:
        super().__init__()
        self.dense = dense
        self.name, self.parameters = dense.name, dense.parameters

    def forward(self, x: Array, training: bool = False) -> Array:
        self.x = x
        self.out = ops.dense_relu_forward(x, self.dense.W, self.dense.b)
        return self.out

    def backward(self, dout: Array) -> Array:
        return ops.dense_backward_input(self._backward_weights(dout), self.dense.W)

    def backward_parameters(self, dout: Array) -> None:
        self._backward_weights(dout)

    def _backward_weights(self, dout: Array) -> Array:
        dense = self.dense
        return ops.dense_relu_backward_weights(dout, self.out, self.x, dense.dW, dense.db)[0]


class BatchNormReLUPool(BatchNorm):
    """BatchNorm, ReLU, MaxPool2D: the same numbers, without the two arrays between them, and without ``xhat``."""

    def __init__(self, norm: BatchNorm) -> None:
        self.__dict__ = norm.__dict__  # the same layer, which forward and backward go through in another way

    def forward(self, x: Array, training: bool = False) -> Array:
        self.x = x
        self._find_statistics(x, training)
        return ops.batchnorm_relu_pool_forward(x, self.gamma, self.beta, self.mean, self.var, self.eps)

    def _backward_weights(self, dout: Array, own: slice = slice(None), sums: Array | None = None) -> None:
        given = self.gamma, self.beta, self.mean, self.var, self.eps, self.dgamma, self.dbeta, sums
        ops.batchnorm_relu_pool_backward_weights(dout[..., own], self.x[..., own], *given)

    def _backward_input(self, dout: Array) -> Array:
        parts = (self._sums, self.M) if self.of_batch else (None, None)
        given = self.gamma, self.beta, self.mean, self.var, self.eps, *parts
        return ops.batchnorm_relu_pool_backward_input(dout, self.x, *given)


def fuse(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers with each run Conv2D, ReLU, pooling or BatchNorm, ReLU, MaxPool2D (of the geometry that is
    fused), or Dense, ReLU as one.

    Only the library's own: a subclass may do something else.
    """
    steps: list[Layer] = []
    rest: list[Any] = list(layers)
    while rest:
        kinds = [type(layer) if "forward" not in vars(layer) else None for layer in rest[:3]]
        if kinds[:2] == [Conv2D, ReLU] and kinds[2:] in ([MaxPool2D], [AvgPool2D]) and _is_fused(rest[0], rest[2]):
            steps.append(ConvReLUPool(rest[0], rest[2]))
            rest = rest[3:]
        elif kinds == [BatchNorm, ReLU, MaxPool2D] and rest[2].window == rest[2].strides == TWO:
            steps.append(BatchNormReLUPool(rest[0]))
            rest = rest[3:]
        elif kinds[:2] == [Dense, ReLU]:
            steps.append(DenseReLU(rest[0]))
            rest = rest[2:]
        else:
            steps.append(rest.pop(0))
    return steps


def _is_fused(conv: Any, pool: Any) -> bool:
    return bool(conv.strides == ONE and pool.window == pool.strides == TWO)
