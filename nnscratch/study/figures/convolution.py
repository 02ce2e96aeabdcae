"""Convolution: windows that slide, what they owe to a pixel and to a weight, and all of them as columns.

The figures are of one channel, one filter and one image: x (H, W), W (KH, KW), dout (OH, OW).
"""

from __future__ import annotations

import numpy as np

from nnscratch import ops
from nnscratch.arrays import Array
from nnscratch.ops.conv import columns
from nnscratch.ops.windows import NO_PADDING, Padding, Pair, pad
from nnscratch.study.figures.drawing import ORANGE, Row, format_number
from nnscratch.study.figures.sketch import CELL, Sketch

LINE = 20  # between lines of text
NONE: Pair = (1, 1)


def one(array: Array) -> Array:
    """Return an image (H, W) as the library takes it: (1, H, W, 1)."""
    return np.asarray(array, float)[None, :, :, None]


def forward(x: Array, W: Array, b: float, stride: Pair = NONE, padding: Padding = NO_PADDING) -> Row:
    """Return each window on x with its sum: W times what it shows, plus b."""
    W = np.asarray(W, float)
    padded, (KH, KW), (SH, SW) = pad(one(x), padding)[0, :, :, 0], W.shape, stride
    out = ops.conv2d_forward(one(x), W[None, None], np.array([float(b)]), stride, padding)[0, :, :, 0]
    drawings = []
    for (oh, ow), total in np.ndenumerate(out):
        top, left = oh * SH, ow * SW
        window = padded[top : top + KH, left : left + KW]
        sketch = Sketch(max(padded.shape[1] * CELL + 8, 160), padded.shape[0] * CELL + 30 + (KH + 1) * LINE)
        sketch.grid(4, 24, padded)
        sketch.text(4, 14, f"out[{oh}, {ow}] = {format_number(total)}", anchor="start")
        sketch.frame(4 + left * CELL, 24 + top * CELL, KH, KW)
        below = 24 + padded.shape[0] * CELL + LINE
        for i in range(KH):
            sketch.text(4, below + i * LINE, products(W[i], window[i], first=not i), anchor="start")
        sketch.text(4, below + KH * LINE, f"+ {format_number(b)} = {format_number(total)}", anchor="start")
        said = f"The window at row {top}, column {left}: {flat(W, window)} + {format_number(b)}"
        drawings.append(sketch.drawing(said))
    return Row(drawings)


def weight(x: Array, dout: Array, kernel: Pair) -> Row:
    """Return, for each weight, the pixels that it met: those under its offset, times dout."""
    dW, _ = ops.conv2d_backward_weights(one(dout), one(x), kernel)
    dout, x = np.asarray(dout, float), np.asarray(x, float)
    (OH, OW), drawings = dout.shape, []
    for (i, j), total in np.ndenumerate(dW[0, 0]):
        met = x[i : i + OH, j : j + OW]
        sketch = Sketch(max(x.shape[1] * CELL + 8, 160), x.shape[0] * CELL + 30 + (OH + 1) * LINE)
        sketch.text(4, 14, f"dW[{i}, {j}] = {format_number(total)}", anchor="start")
        sketch.grid(4, 24, x)
        sketch.frame(4 + j * CELL, 24 + i * CELL, OH, OW, color=ORANGE)
        below = 24 + x.shape[0] * CELL + LINE
        for oh in range(OH):
            sketch.text(4, below + oh * LINE, products(dout[oh], met[oh], first=not oh), anchor="start")
        sketch.text(4, below + OH * LINE, f"= {format_number(total)}", anchor="start")
        drawings.append(sketch.drawing(f"Weight ({i}, {j}) met the pixels {i}.. and {j}..: {flat(dout, met)}"))
    return Row(drawings)


def pixel(x: Array, W: Array, dout: Array, h: int, w: int) -> Row:
    """Return the windows that a pixel stands in, each with the weight on it and what comes back by that."""
    W, dout, x = (np.asarray(array, float) for array in (W, dout, x))
    dx = ops.conv2d_backward_input(one(dout), W[None, None], (x.shape[0], x.shape[1]))[0, :, :, 0]
    drawings, (KH, KW) = [], W.shape
    for (oh, ow), owed in np.ndenumerate(dout):
        i, j = h - oh, w - ow
        if not (0 <= i < KH and 0 <= j < KW):
            continue
        sketch = Sketch(max(x.shape[1] * CELL + 8, 160), x.shape[0] * CELL + 74)
        sketch.text(4, 14, f"window {oh}, {ow}: offset {i}, {j}", anchor="start")
        placed = np.zeros_like(x)
        placed[oh : oh + KH, ow : ow + KW] = W
        sketch.grid(4, 24, placed)
        sketch.frame(4 + ow * CELL, 24 + oh * CELL, KH, KW)
        sketch.rect(4 + w * CELL + 3, 24 + h * CELL + 3, CELL - 6, CELL - 6, stroke=ORANGE, thick=3)
        names = f"W[{i}, {j}] dout[{oh}, {ow}]"
        line = f"= {bracketed(W[i, j])} · {bracketed(owed)} = {format_number(W[i, j] * owed)}"
        for place, text in enumerate((names, line)):
            sketch.text(4, x.shape[0] * CELL + 44 + place * LINE, text, anchor="start")
        drawings.append(sketch.drawing(f"{names} {line}; all of them make dx[{h}, {w}] = {format_number(dx[h, w])}"))
    return Row(drawings)


def flipped(W: Array, dout: Array) -> Row:
    """Return dx as a convolution: dout with zeros around, the kernel turned by half a turn, and what comes out."""
    W, dout = np.asarray(W, float), np.asarray(dout, float)
    (KH, KW), (OH, OW) = W.shape, dout.shape
    around = pad(one(dout), ((KH - 1, KH - 1), (KW - 1, KW - 1)))[0, :, :, 0]
    dx = ops.conv2d_backward_input(one(dout), W[None, None], (OH + KH - 1, OW + KW - 1))[0, :, :, 0]
    drawings = []
    for name, numbers in (("dout, zeros around", around), ("W, flipped both ways", W[::-1, ::-1]), ("dx", dx)):
        width, height = (size * CELL for size in numbers.shape[::-1])
        sketch = Sketch(max(width + 8, 150), height + 32)
        sketch.grid(4 + max(0.0, (142 - width) / 2), 26, numbers, name=name)
        drawings.append(sketch.drawing(f"{name}: {numbers.tolist()}"))
    return Row(drawings)


def as_columns(x: Array, W: Array, b: float) -> Row:
    """Return the one product that a convolution is: W as a row, times every window as a column, plus b."""
    W = np.asarray(W, float)
    cols, row = columns(one(x), (W.shape[0], W.shape[1]), NONE), W.reshape(1, -1)
    out = row @ cols + b
    height, middle = cols.shape[0] * CELL + 50, 26 + (cols.shape[0] - 1) * CELL / 2
    left = Sketch((row.size + cols.shape[1]) * CELL + 18, height)
    left.grid(4, middle, row, name="W")
    start = 14 + row.size * CELL
    left.grid(start, 26, cols, name="cols")
    for place in range(cols.shape[1]):
        oh, ow = divmod(place, x.shape[1] - W.shape[1] + 1)
        left.text(start + (place + 0.5) * CELL, height - 8, f"{oh}, {ow}", size=11)
    right = Sketch(out.size * CELL + 60, height)
    right.text(4, middle + CELL / 2 + 5, f"+ {format_number(b)} =", anchor="start")
    right.grid(52, middle, out, name="out")
    said = f"W {row.tolist()} times cols {cols.tolist()}", f"plus {format_number(b)} is out {out.tolist()}"
    return Row([left.drawing(said[0]), right.drawing(said[1])])


def products(left: Array, right: Array, *, first: bool = True) -> str:
    """Return numbers (n,) times numbers (n,) as a sum that is written out."""
    text = " + ".join(f"{bracketed(a)} · {bracketed(b)}" for a, b in zip(left, right, strict=True))
    return text if first else f"+ {text}"


def flat(left: Array, right: Array) -> str:
    """Return the same of two arrays, in one line."""
    return products(left.ravel(), right.ravel())


def bracketed(number: float) -> str:
    """Return a number as a factor: in brackets where it is below 0."""
    return format_number(number) if number >= 0 else f"({format_number(number)})"
