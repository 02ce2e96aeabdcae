"""The pooling layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.layers.base import Layer, Shape, need_image, pair
from nnscratch.ops.windows import output_size


@dataclass(eq=False)
class _Pool2D(Layer):
    """What the two have in common. size: pixels, or (vertical, horizontal); stride: the same, ``size`` when None."""

    kind: ClassVar[str] = "pool"

    size: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        name = type(self).__name__
        C, H, W = need_image(input_shape, name)
        self.image = H, W
        self.window = pair(self.size, f"the size of {name}")
        self.strides = self.window if self.stride is None else pair(self.stride, f"the stride of {name}")
        return C, output_size(H, self.window[0], self.strides[0]), output_size(W, self.window[1], self.strides[1])

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read pickles of before, too."""
        vars(self).update({"strides" if name == "step" else name: value for name, value in state.items()})


@dataclass(eq=False)
class MaxPool2D(_Pool2D):
    """The largest number of each window; ties go to the first in reading order. (C, H, W) -> (C, OH, OW).

    size: pixels, or (vertical, horizontal). stride: the same; ``size`` when None. Pixels at the right and the lower
    edge that fill no window any more are left out: of 5 pixels, windows of 2 see 4.

    Raises UsageError for sizes that are not positive whole numbers or a window larger than the image.
    """

    _kept: ClassVar[tuple[str, ...]] = ("argmax",)

    def forward(self, x: Array, training: bool = False) -> Array:
        out, self.argmax = ops.maxpool2d_forward(x, self.window, self.strides)
        return out

    def backward(self, dout: Array) -> Array:
        return ops.maxpool2d_backward(dout, self.argmax, self.image, self.window, self.strides)


@dataclass(eq=False)
class AvgPool2D(_Pool2D):
    """The mean of each window. (C, H, W) -> (C, OH, OW).

    size: pixels, or (vertical, horizontal). stride: the same; ``size`` when None. Pixels at the right and the lower
    edge that fill no window any more are left out: of 5 pixels, windows of 2 see 4.

    Raises UsageError for sizes that are not positive whole numbers or a window larger than the image.
    """

    def forward(self, x: Array, training: bool = False) -> Array:
        return ops.avgpool2d_forward(x, self.window, self.strides)

    def backward(self, dout: Array) -> Array:
        return ops.avgpool2d_backward(dout, self.image, self.window, self.strides)
