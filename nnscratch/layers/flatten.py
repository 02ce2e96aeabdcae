"""From an image to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers.base import Layer, Shape


@dataclass(eq=False)
class Flatten(Layer):
    """(C, H, W) -> (C*H*W,), channel by channel and row by row: a new shape for the same numbers."""

    kind: ClassVar[str] = "flatten"

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.shape = input_shape
        self.size = int(np.prod(input_shape))
        return (self.size,)

    def forward(self, x: Array, training: bool = False) -> Array:
        return x.reshape(self.size, x.shape[-1])

    def backward(self, dout: Array) -> Array:
        return dout.reshape(*self.shape, dout.shape[-1])
