"""The dropout layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.base import Layer, Shape, is_number


@dataclass(eq=False)
class Dropout(Layer):
    """In training, zero each number with probability ``rate`` (0 <= rate < 1) and scale the rest; else the identity.

    Raises UsageError for a rate outside 0 <= rate < 1. Srivastava et al. 2014.
    """

    kind: ClassVar[str] = "dropout"
    _kept: ClassVar[tuple[str, ...]] = ("mask",)
    stochastic: ClassVar[bool] = True

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self.key: Array = np.zeros(1, np.uint64)  # what is dropped follows from it; filled by Network.reseed

    def copy(self) -> Self:
        copied = super().copy()
        copied.key = self.key.copy()
        return copied

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if not (is_number(self.rate) and 0 <= self.rate < 1):
            raise UsageError(f"the dropout rate is {self.rate!r}: give a share of at least 0 and below 1")
        self.rate = float(self.rate)
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        self.mask: Array | None = None
        if not training or self.rate == 0:
            return x
        out, self.mask = ops.dropout_forward(x, self.rate, key=self.key)
        self.key += np.uint64(1)  # the next pass drops others
        return out

    def backward(self, dout: Array) -> Array:
        return dout if self.mask is None else ops.dropout_backward(dout, self.mask)
