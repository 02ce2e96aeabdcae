"""The convolution layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.errors import UsageError
from nnscratch.layers.base import Layer, Shape, need_image, pair, whole
from nnscratch.layers.initializers import initialize
from nnscratch.ops.windows import NO_PADDING, Padding, output_size, same_padding


@dataclass(eq=False)
class Conv2D(Layer):
    """``filters`` kernels slide over the image: (C, H, W) -> (filters, OH, OW). LeCun et al. 1998, section II.

    kernel, stride: a number of pixels, or (vertical, horizontal). padding: "valid" (none), "same" (zeros so that
    the output has ceil(H / stride) rows), a number of zeros on every side, or (vertical, horizontal).
    init: "he", "glorot" or "lecun". Parameters: W (filters, C, KH, KW), b (filters,).

    Raises UsageError for sizes that are not positive whole numbers or a kernel larger than the padded image.
    """

    kind: ClassVar[str] = "conv"
    _kept: ClassVar[tuple[str, ...]] = ("x",)

    filters: int
    kernel: int | tuple[int, int]
    stride: int | tuple[int, int] = 1
    padding: str | int | tuple[int, int] = "valid"
    init: str = "glorot"

    W: ClassVar[Array]
    b: ClassVar[Array]
    dW: ClassVar[Array]
    db: ClassVar[Array]

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        C, H, W = need_image(input_shape, "Conv2D")
        self.size = KH, KW = pair(self.kernel, "the kernel of Conv2D")
        self.strides = pair(self.stride, "the stride of Conv2D")
        self.pads = self._padding((H, W))
        filters = whole(self.filters, "the number of filters of Conv2D")
        self.add("W", initialize(self.init, (filters, C, KH, KW), rng=rng))
        self.add("b", np.zeros(filters))
        OH = output_size(H, KH, self.strides[0], self.pads[0])
        OW = output_size(W, KW, self.strides[1], self.pads[1])
        return filters, OH, OW

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read pickles of before, too."""
        old = {"step": "strides", "zeros": "pads"}
        vars(self).update({old.get(name, name): value for name, value in state.items()})

    def _padding(self, image: tuple[int, int]) -> Padding:
        """Return the zeros around an image of ``image`` = (H, W) pixels, as ((top, bottom), (left, right))."""
        if self.padding == "valid":
            return NO_PADDING
        if self.padding == "same":
            vertical, horizontal = (same_padding(*side) for side in zip(image, self.size, self.strides, strict=True))
            return vertical, horizontal
        if isinstance(self.padding, str):
            raise UsageError(f'the padding of Conv2D is {self.padding!r}: give "valid", "same" or a number of zeros')
        ph, pw = pair(self.padding, "the padding of Conv2D", least=0)
        return (ph, ph), (pw, pw)

    def forward(self, x: Array, training: bool = False) -> Array:
        self.x = x
        return ops.conv2d_forward(x, self.W, self.b, self.strides, self.pads)

    def backward(self, dout: Array) -> Array:
        self.backward_parameters(dout)
        return ops.conv2d_backward_input(dout, self.W, self.x.shape[1:3], self.strides, self.pads)

    def backward_parameters(self, dout: Array) -> None:
        ops.conv2d_backward_weights(dout, self.x, self.size, self.strides, self.pads, self.dW, self.db)

    def multiply_adds(self, input_shape: Shape, output_shape: Shape) -> int:
        return int(self.W.size * output_shape[1] * output_shape[2])
