"""Before a network is built from a file: do its layers ask for more numbers than the file holds?

An architecture in a few bytes can name a layer of a billion units; a memory that is full is no way to find out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnscratch.arrays import Array
from nnscratch.layers import BatchNorm, Conv2D, Dense, Layer, Shape
from nnscratch.layers.base import pair, whole

SPARE = 1_000_000  # numbers: who claims only so many too many is told later which array is missing


def check_claims(layers: Sequence[Layer], input_shape: Sequence[int], arrays: dict[str, Array]) -> None:
    """Raise ValueError when layers that are not built yet need many more parameters than ``arrays`` have numbers.

    The layers are used up: they are built one by one, each only if what it needs is there.
    """
    left = SPARE + sum(value.size for value in arrays.values())
    shape: Shape = tuple(whole(size, "a size of the input") for size in input_shape)
    for layer in layers:
        left -= _numbers(layer, shape)
        if left < 0:
            raise ValueError(f"{type(layer).__name__} needs more numbers than the file holds")
        shape = layer.build(shape, np.random.default_rng(0))


def _numbers(layer: Layer, shape: Shape) -> int:
    """Return how many numbers the layer learns and keeps for inputs of ``shape``."""
    if isinstance(layer, Dense):
        return whole(layer.units, "the number of units of Dense") * (shape[0] + 1)
    if isinstance(layer, Conv2D):
        KH, KW = pair(layer.kernel, "the kernel of Conv2D")
        return whole(layer.filters, "the number of filters of Conv2D") * (shape[0] * KH * KW + 1)
    return 4 * shape[0] if isinstance(layer, BatchNorm) else 0
