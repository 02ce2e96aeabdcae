"""The activation layers: any shape, kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.base import Layer, Shape, is_number


@dataclass(eq=False)
class ReLU(Layer):
    """max(x, 0); derivative 0 at 0."""

    kind: ClassVar[str] = "relu"
    _kept: ClassVar[tuple[str, ...]] = ("x",)

    def forward(self, x: Array, training: bool = False) -> Array:
        self.x = x
        return ops.relu_forward(x)

    def backward(self, dout: Array) -> Array:
        return ops.relu_backward(dout, self.x)


@dataclass(eq=False)
class LeakyReLU(Layer):
    """x where x > 0, slope * x elsewhere. Raises UsageError for a slope that is NaN."""

    kind: ClassVar[str] = "leaky_relu"
    _kept: ClassVar[tuple[str, ...]] = ("x",)

    slope: float = 0.01

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if not is_number(self.slope):
            raise UsageError(f"the slope of LeakyReLU is {self.slope!r}: give a finite number")
        self.slope = float(self.slope)
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        self.x = x
        return ops.leaky_relu_forward(x, self.slope)

    def backward(self, dout: Array) -> Array:
        return ops.leaky_relu_backward(dout, self.x, self.slope)


@dataclass(eq=False)
class Tanh(Layer):
    """The hyperbolic tangent."""

    kind: ClassVar[str] = "tanh"
    _kept: ClassVar[tuple[str, ...]] = ("out",)

    def forward(self, x: Array, training: bool = False) -> Array:
        self.out = ops.tanh_forward(x)
        return self.out

    def backward(self, dout: Array) -> Array:
        return ops.tanh_backward(dout, self.out)


@dataclass(eq=False)
class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"
    _kept: ClassVar[tuple[str, ...]] = ("out",)

    def forward(self, x: Array, training: bool = False) -> Array:
        self.out = ops.sigmoid_forward(x)
        return self.out

    def backward(self, dout: Array) -> Array:
        return ops.sigmoid_backward(dout, self.out)


@dataclass(eq=False)
class Softmax(Layer):
    """exp(x) / sum of exp(x) over the first axis. The cross-entropy loss has it built in: leave it out before that."""

    kind: ClassVar[str] = "softmax"
    _kept: ClassVar[tuple[str, ...]] = ("out",)

    def forward(self, x: Array, training: bool = False) -> Array:
        self.out = ops.softmax_forward(x)
        return self.out

    def backward(self, dout: Array) -> Array:
        return ops.softmax_backward(dout, self.out)
