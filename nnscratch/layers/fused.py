"""A run of plain layers that a compiled kernel does in one pass; the network puts it in their place."""

from __future__ import annotations

from collections.abc import Sequence

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.layers.activations import ReLU
from nnscratch.layers.base import Layer
from nnscratch.layers.conv import Conv2D
from nnscratch.layers.pool import MaxPool2D


class ConvReLUMaxPool(Layer):
    """Conv2D, ReLU, MaxPool2D: the same numbers, without the two arrays between them."""

    def __init__(self, conv: Conv2D, pool: MaxPool2D) -> None:
        super().__init__()
        self.conv, self.pool = conv, pool

    def forward(self, x: Array, training: bool = False) -> Array:
        conv, pool = self.conv, self.pool
        conv.x = x
        out, pool.winner = ops.conv2d_relu_maxpool_forward(
            x, conv.W, conv.b, conv.step, conv.zeros, pool.window, pool.step
        )
        return out

    def backward(self, dout: Array) -> Array:
        dx = self._backward(dout, need_dx=True)
        assert dx is not None
        return dx

    def backward_parameters(self, dout: Array) -> None:
        self._backward(dout, need_dx=False)

    def _backward(self, dout: Array, need_dx: bool) -> Array | None:
        conv, pool = self.conv, self.pool
        dx, conv.dW[...], conv.db[...] = ops.conv2d_relu_maxpool_backward(
            dout, pool.winner, conv.x, conv.W, conv.step, conv.zeros, pool.window, pool.step, need_dx=need_dx
        )
        return dx


def fuse(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers with each run Conv2D, ReLU, MaxPool2D as one step on the same parameters."""
    steps: list[Layer] = []
    rest = list(layers)
    while rest:
        match rest:
            case [Conv2D() as conv, ReLU(), MaxPool2D() as pool, *_]:
                step: Layer = ConvReLUMaxPool(conv, pool)
                step.parameters = conv.parameters
                steps.append(step)
                rest = rest[3:]
            case _:
                steps.append(rest.pop(0))
    return steps
