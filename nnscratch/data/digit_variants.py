"""Forms of digits that many people write and MNIST hardly has, made from MNIST's own.

MNIST's writers are Americans: their 1 is a bare stroke, their 7 is rarely crossed, and their 9 ends straight. So a
network that has seen nothing else reads the 1 of most other people as a 7. Here some of the ones get an upstroke to
their upper end, as thick as they are, of random angle and length, some of the sevens a bar, and some of the nines a
tail that turns left; a training may see them beside the others.
"""

from __future__ import annotations

import math

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
    for digit, change in ((1, upstroke), (7, bar), (9, tail)):
        chosen = np.flatnonzero(labels == digit)
        chosen = np.sort(rng.permutation(chosen)[: round(share * len(chosen))])
        more += [change(images[k], rng) for k in chosen]
        truth += [digit] * len(chosen)
    if not more:
        return images, labels
    return np.concatenate([images, np.stack(more)]), np.concatenate([labels, np.array(truth, labels.dtype)])


def upstroke(image: Array, rng: np.random.Generator) -> Array:
    """Return a 1 (28, 28) uint8 with a stroke that comes up to its upper end from the left."""
    ink = image / np.float32(255)
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    if len(rows) == 0:
        return image
    top, height = rows[0], rows[-1] - rows[0] + 1
    brush = pen_width(ink)
    x, foot = (np.average(np.arange(28), weights=ink[row : row + 2].sum(axis=0)) for row in (top, max(rows[-1] - 1, 0)))
    lean = math.atan2(x - foot, height)
    angle = min(lean + np.deg2rad(rng.uniform(*UPSTROKE_ANGLE)), STEEPEST)
    length = rng.uniform(*UPSTROKE_LENGTH) * height
    end = np.array([x, top + brush / 2 - 0.5])
    start = end + length * np.array([-math.sin(angle), math.cos(angle)])
    return drawn_onto(ink, [start, end], brush)


def bar(image: Array, rng: np.random.Generator) -> Array:
    """Return a 7 (28, 28) uint8 with a short line across its stem."""
    ink = image / np.float32(255)
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    if len(rows) == 0:
        return image
    height = rows[-1] - rows[0] + 1
    row = int(rows[0] + rng.uniform(*BAR_HEIGHT) * height)
    if ink[row].max() <= 0.5:
        return image
    x = np.average(np.arange(28), weights=ink[row])
    half = rng.uniform(*BAR_LENGTH) * height / 2
    tilt, aside = rng.uniform(-0.2, 0.2) * half, rng.uniform(-0.5, 0.5) * half
    ends = [np.array([x + aside - half, row + tilt]), np.array([x + aside + half, row - tilt])]
    return drawn_onto(ink, ends, pen_width(ink))


def tail(image: Array, rng: np.random.Generator) -> Array:
    """Return a 9 (28, 28) uint8 whose stem goes on to the left, on a bow."""
    ink = image / np.float32(255)
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    if len(rows) == 0:
        return image
    brush, height = pen_width(ink), rows[-1] - rows[0] + 1
    x = np.average(np.arange(28), weights=ink[max(rows[-1] - 1, 0) : rows[-1] + 1].sum(axis=0))
    length, rise = rng.uniform(*TAIL_LENGTH) * height, rng.uniform(-0.2, 0.5)
    t = np.linspace(0, 1, 6)
    y = rows[-1] - brush / 2 + 0.5 + length * (0.35 * np.sin(np.pi * t) - rise * t**2)
    return drawn_onto(ink, list(np.stack([x - length * t, y], axis=1)), brush)


def pen_width(ink: Array) -> float:
    """Return about how thick the strokes of (28, 28) are in pixels: ink for each row, which one stroke crosses."""
    rows = ink.max(axis=1) > 0.5
    width = float(np.median(ink[rows].sum(axis=1)))
    return min(max(width * 0.9, 1.5), 4.0)


def drawn_onto(ink: Array, points: list[Array], brush: float) -> Array:
    """Return (28, 28) uint8: the ink and a stroke, brought into MNIST's form again."""
    wide = np.pad(ink, 14)
    line = render([np.array(points) + 14], (56, 56), brush)
    both = np.maximum(wide, line)
    rows, columns = (np.flatnonzero(both.max(axis=axis) > 0.1) for axis in (1, 0))
    return to_uint8(center(scale(both[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])))
