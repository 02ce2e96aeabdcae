"""The geometry that convolution and pooling share: a window of KH x KW slides over H x W in steps of SH x SW.

Shapes: images (C, H, W, N), one column per image; OH x OW positions of the window. An *offset* (i, j) is one place
inside the window, 0 <= i < KH, 0 <= j < KW.
"""

from collections.abc import Iterator

from nnscratch.arrays import Array, zeros
from nnscratch.errors import UsageError

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]  # ((top, bottom), (left, right))

NO_PADDING: Padding = ((0, 0), (0, 0))


def output_size(size: int, kernel: int, stride: int, padding: Pair = (0, 0)) -> int:
    """Return how many positions a window of ``kernel`` has: ``floor((size + padding - kernel) / stride) + 1``.

    Pixels at the end that do not fill a step are left over, as in PyTorch. Dumoulin & Visin, "A guide to
    convolution arithmetic for deep learning", 2016, relationship 6.

    Raises UsageError when the window does not fit even once.
    """
    room = size + sum(padding) - kernel
    if room < 0:
        raise UsageError(
            f"a window of {kernel} does not fit into {size} pixels with {sum(padding)} of padding: "
            f"use a smaller window or more padding"
        )
    return room // stride + 1


def same_padding(size: int, kernel: int, stride: int) -> Pair:
    """Return the zeros before and after that make the output ``ceil(size / stride)`` long; the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad(x: Array, padding: Padding) -> Array:
    """Return ``x`` (C, H, W, N) with zeros around H and W; ``x`` itself when there is nothing to add."""
    if padding == NO_PADDING:
        return x
    (top, bottom), (left, right) = padding
    C, H, W, N = x.shape
    padded = zeros((C, top + H + bottom, left + W + right, N), x.dtype)
    padded[:, top : top + H, left : left + W] = x
    return padded


def unpad(x: Array, padding: Padding) -> Array:
    """Return the view of ``x`` (C, H, W, N) without its border: the inverse of :func:`pad`."""
    (top, bottom), (left, right) = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def kernel_offsets(x: Array, kernel: Pair, stride: Pair) -> Iterator[tuple[Pair, Array]]:
    """Yield ((i, j), view): the pixel of ``x`` under offset (i, j) for every position of the window, (C, OH, OW, N)."""
    (KH, KW), (SH, SW) = kernel, stride
    OH = output_size(x.shape[1], KH, SH)
    OW = output_size(x.shape[2], KW, SW)
    for i in range(KH):
        for j in range(KW):
            yield (i, j), x[:, i : i + SH * OH : SH, j : j + SW * OW : SW]
