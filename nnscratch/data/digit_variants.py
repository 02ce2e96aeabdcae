"""Forms of digits that many people write and MNIST hardly has, made from MNIST's own.

MNIST's writers are Americans: their 1 is a bare stroke, their 7 is rarely crossed, and their 9 ends straight. So a
network that has seen nothing else reads the 1 of most other people as a 7. Here some of the ones get an upstroke to
their upper end, as thick as they are, of random angle and length, some of the sevens a bar, and some of the nines a
tail that turns left; a training may see them beside the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.pictures.drawing import render
from nnscratch.pictures.preprocess import center, scale, to_uint8

UPSTROKE_ANGLE = (20.0, 75.0)  # degrees from the stem
STEEPEST = math.radians(65)  # from straight down: what comes nearer to level makes a 7 of it
UPSTROKE_LENGTH = (0.2, 0.9)  # of the digit's height, as all lengths here
BAR_LENGTH = (0.25, 0.6)
BAR_HEIGHT = (0.4, 0.7)  # where on the way down
TAIL_LENGTH = (0.25, 0.6)


def with_forms(images: Array, labels: Array, share: float, seed: int) -> tuple[Array, Array]:
    """Return images (N, 28, 28) uint8 and labels (N,), then ``share`` of the 1s, 7s and 9s in their other form."""
    rng = np.random.default_rng((seed, Stream.VARIANTS))
    more, truth = [], []
    for digit, stroke in ((1, upstroke), (7, bar), (9, tail)):
        chosen = np.flatnonzero(labels == digit)
        chosen = np.sort(rng.permutation(chosen)[: round(share * len(chosen))])
        more += [with_stroke(images[k], stroke, rng) for k in chosen]
        truth += [digit] * len(chosen)
    if not more:
        return images, labels
    return np.concatenate([images, np.stack(more)]), np.concatenate([labels, np.array(truth, labels.dtype)])


Stroke = Callable[[Array, int, int, float, np.random.Generator], Array | None]


def with_stroke(image: Array, stroke: Stroke, rng: np.random.Generator) -> Array:
    """Return a digit (28, 28) uint8 with another stroke, brought into MNIST's form again; as it is where none fits."""
    ink = image / np.float32(255)
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    if len(rows) == 0:
        return image
    brush = min(max(0.9 * float(np.median(ink[rows].sum(axis=1))), 1.5), 4.0)  # ink of a row, which one stroke crosses
    points = stroke(ink, rows[0], rows[-1], brush, rng)
    if points is None:
        return image
    both = np.maximum(np.pad(ink, 14), render([points + 14], (56, 56), brush))
    rows, columns = (np.flatnonzero(both.max(axis=axis) > 0.1) for axis in (1, 0))
    return to_uint8(center(scale(both[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])))


# ---- the strokes: points (n, 2), x and y, for ink (28, 28) in 0..1 whose rows go from top to bottom


def upstroke(ink: Array, top: int, bottom: int, brush: float, rng: np.random.Generator) -> Array:
    """Return the stroke that comes up to a 1's upper end from the left."""
    height = bottom - top + 1
    x, foot = _middle(ink[top : top + 2]), _middle(ink[max(bottom - 1, 0) : max(bottom - 1, 0) + 2])
    lean = math.atan2(x - foot, height)
    angle = min(lean + np.deg2rad(rng.uniform(*UPSTROKE_ANGLE)), STEEPEST)
    length = rng.uniform(*UPSTROKE_LENGTH) * height
    end = np.array([x, top + brush / 2 - 0.5])
    return np.array([end + length * np.array([-math.sin(angle), math.cos(angle)]), end])


def bar(ink: Array, top: int, bottom: int, brush: float, rng: np.random.Generator) -> Array | None:
    """Return a short line across a 7's stem."""
    height = bottom - top + 1
    row = int(top + rng.uniform(*BAR_HEIGHT) * height)
    if ink[row].max() <= 0.5:
        return None
    x = _middle(ink[row : row + 1])
    half = rng.uniform(*BAR_LENGTH) * height / 2
    tilt, aside = rng.uniform(-0.2, 0.2) * half, rng.uniform(-0.5, 0.5) * half
    return np.array([[x + aside - half, row + tilt], [x + aside + half, row - tilt]])


def tail(ink: Array, top: int, bottom: int, brush: float, rng: np.random.Generator) -> Array:
    """Return the bow on which a 9's stem goes on to the left."""
    x = _middle(ink[max(bottom - 1, 0) : bottom + 1])
    length, rise = rng.uniform(*TAIL_LENGTH) * (bottom - top + 1), rng.uniform(-0.2, 0.5)
    t = np.linspace(0, 1, 6)
    y = bottom - brush / 2 + 0.5 + length * (0.35 * np.sin(np.pi * t) - rise * t**2)
    return np.stack([x - length * t, y], axis=1)


def _middle(rows: Array) -> float:
    return float(np.average(np.arange(28), weights=rows.sum(axis=0)))
