"""The receptive field: the pixels of the input that one place of a convolution's output depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nnscratch.layers import AvgPool2D, Conv2D, Layer, MaxPool2D


class Box(NamedTuple):
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right``; the last two are the first ones beyond it."""

    top: int
    left: int
    bottom: int
    right: int

    def within(self, height: int, width: int) -> Box:
        """Return the part of it that lies on an image of that size."""
        return Box(max(self.top, 0), max(self.left, 0), min(self.bottom, height), min(self.right, width))


def receptive_field(layers: Sequence[Layer], row: int, column: int) -> Box:
    """Return the pixels seen by the place (row, column) of the output of the last of ``layers``, a network's first.

    Walks back from the last layer: places a to b of a layer's output are made from the places
    a * stride - padding to b * stride - padding + kernel - 1 of its input. With padding the box may reach beyond the
    image, where there are zeros. Layers other than convolutions and pooling work place by place.
    """
    box = Box(row, column, row + 1, column + 1)
    for layer in reversed(layers):
        if isinstance(layer, Conv2D):
            box = _before(box, layer.size, layer.strides, (layer.pads[0][0], layer.pads[1][0]))
        elif isinstance(layer, (MaxPool2D, AvgPool2D)):
            box = _before(box, layer.window, layer.strides, (0, 0))
    return box


def _before(box: Box, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Box:
    return Box(
        box.top * stride[0] - padding[0],
        box.left * stride[1] - padding[1],
        (box.bottom - 1) * stride[0] - padding[0] + kernel[0],
        (box.right - 1) * stride[1] - padding[1] + kernel[1],
    )
