"""The dense (fully connected) layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.base import Layer, Shape, whole
from nnscratch.layers.initializers import initialize


@dataclass(eq=False)
class Dense(Layer):
    """Every output is a weighted sum of all inputs: (K,) -> (units,). Nielsen, chapter 2.

    init: "he", "glorot" or "lecun". Parameters: W (units, K), b (units,).

    Raises UsageError when the input is not a vector: put Flatten before it.
    """

    kind: ClassVar[str] = "dense"
    _kept: ClassVar[tuple[str, ...]] = ("x",)

    units: int
    init: str = "glorot"

    W: ClassVar[Array]
    b: ClassVar[Array]
    dW: ClassVar[Array]
    db: ClassVar[Array]

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 1:
            raise UsageError(
                f"Dense works on vectors, but its input has the shape {input_shape}: put Flatten before it"
            )
        units = whole(self.units, "the number of units of Dense")
        self.add("W", initialize(self.init, (units, input_shape[0]), rng=rng))
        self.add("b", np.zeros(units))
        return (units,)

    def forward(self, x: Array, training: bool = False) -> Array:
        self.x = x
        return ops.dense_forward(x, self.W, self.b)

    def backward(self, dout: Array) -> Array:
        self.backward_parameters(dout)
        return ops.dense_backward_input(dout, self.W)

    def backward_parameters(self, dout: Array) -> None:
        ops.dense_backward_weights(dout, self.x, self.dW, self.db)

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        return int(self.W.size)
