"""Forms of digits that many people write and MNIST hardly has, beside MNIST's own.

MNIST's writers are Americans: their 0 is empty, their 1 a bare stroke, their 7 is rarely crossed, and their 9 ends
straight. So a network that has seen nothing else reads the 1 of most other people as a 7. A training may see others
beside them: MNIST's own digits with a stroke more, and digits drawn from strokes alone
(:mod:`nnscratch.data.synthetic.digit_forms`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nnscratch.arrays import Array, Stream
from nnscratch.data.synthetic.digit_forms import DIGIT_FORMS, draw
from nnscratch.pictures.drawing import render
from nnscratch.pictures.preprocess import center, scale, stretch_contrast, to_uint8

DRAWN = 0.5  # of the other forms of a digit: the rest are MNIST's own with a stroke more, where there is one for it
UPSTROKE_ANGLE = (20.0, 75.0)  # degrees from the stem
STEEPEST = math.radians(65)  # from straight down: what comes nearer to level makes a 7 of it
UPSTROKE_LENGTH = (0.2, 0.9)  # of the digit's height, as all lengths here
FOOT_LENGTH = (0.2, 0.7)
BAR_LENGTH = (0.25, 0.6)
BAR_HEIGHT = (0.4, 0.7)  # where on the way down
TAIL_WIDTH = (0.33, 1.0)  # of the digit's width
TAIL_TURN = (100.0, 200.0)  # degrees from where it points straight down: 90 is level, 180 straight up


def with_forms(images: Array, labels: Array, share: float, seed: int) -> tuple[Array, Array]:
    """Return images (N, 28, 28) uint8 and labels (N,), then other forms of digits: ``share`` of those of each digit."""
    rng = np.random.default_rng((seed, Stream.VARIANTS))
    more, truth = [], []
    for digit, count in form_counts(labels, share).items():
        chosen = np.sort(rng.permutation(np.flatnonzero(labels == digit))[:count])
        more += [other_form(images[k], digit, rng) for k in chosen]
        truth += [digit] * len(chosen)
    if not more:
        return images, labels
    return np.concatenate([images, np.stack(more)]), np.concatenate([labels, np.array(truth, labels.dtype)])


def form_counts(labels: Array, share: float) -> dict[int, int]:
    """Return of how many images of each digit :func:`with_forms` makes another form, for labels (N,)."""
    return {digit: round(share * int((labels == digit).sum())) for digit in DIGIT_FORMS}


def other_form(image: Array, digit: int, rng: np.random.Generator) -> Array:
    """Return a digit (28, 28) uint8 with one of its strokes more, or another one drawn from strokes."""
    strokes = STROKES.get(digit)
    if strokes is None or rng.random() < DRAWN:
        return draw(digit, rng)
    return with_stroke(image, strokes[rng.integers(len(strokes))], rng)


Stroke = Callable[[Array, int, int, float, np.random.Generator], Array | None]


def with_stroke(image: Array, stroke: Stroke, rng: np.random.Generator) -> Array:
    """Return a digit (28, 28) uint8 with another stroke, brought into MNIST's form again; as it is where none fits."""
    ink = image / np.float32(255)
    rows = np.flatnonzero(ink.max(axis=1) > 0.5)
    if len(rows) == 0:
        return image
    crossed = (np.diff(ink[rows] > 0.5, axis=1, prepend=False) & (ink[rows] > 0.5)).sum(axis=1)  # strokes, in each row
    brush = min(max(0.9 * float(np.median(ink[rows].sum(axis=1) / crossed)), 1.5), 4.0)
    points = stroke(ink, rows[0], rows[-1], brush, rng)
    if points is None:
        return image
    both = np.maximum(np.pad(ink, 14), render([points + 14], (56, 56), brush))
    rows, columns = (np.flatnonzero(both.max(axis=axis) > 0.1) for axis in (1, 0))
    return to_uint8(center(stretch_contrast(scale(both[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]))))


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
    """Return the arc on which a 9's stem goes on, down, to the left and up."""
    foot = max(bottom - 1, 0)
    x, above = (_middle(ink[max(foot - rows, 0) : foot + 2]) for rows in (0, 4))
    first = min(max(math.atan2(above - x, 2), 0), math.radians(60))  # how far the stem leans to the left already
    angles = np.linspace(first, max(math.radians(rng.uniform(*TAIL_TURN)), first + 0.5), 8)
    wide, high = math.cos(first) - np.cos(angles), np.sin(angles) - math.sin(first)
    radius = rng.uniform(*TAIL_WIDTH) * np.ptp(np.flatnonzero(ink.max(axis=0) > 0.5)) / wide.max()
    return np.stack([x - radius * wide, bottom - brush / 2 + 0.5 + rng.uniform(0.5, 0.9) * radius * high], axis=1)


def foot(ink: Array, top: int, bottom: int, brush: float, rng: np.random.Generator) -> Array:
    """Return the line on which a 1 stands."""
    x, y = _middle(ink[max(bottom - 1, 0) : max(bottom - 1, 0) + 2]), bottom - brush / 2 + 0.5
    half = rng.uniform(*FOOT_LENGTH) * (bottom - top + 1) / 2
    aside, tilt = rng.uniform(-0.3, 0.3) * half, rng.normal(0, 0.06) * half
    return np.array([[x + aside - half, y + tilt], [x + aside + half, y - tilt]])


def slash(ink: Array, top: int, bottom: int, brush: float, rng: np.random.Generator) -> Array:
    """Return the slanted line through a 0, more often rising than falling, which may stick out."""
    left, right = np.flatnonzero(ink.max(axis=0) > 0.5)[[0, -1]]
    middle = np.array([left + right, top + bottom]) / 2
    half = np.array([(right - left) * rng.uniform(0.3, 0.7), (top - bottom) * rng.uniform(0.3, 0.6)])
    lean = 1 if rng.random() < 0.75 else -1
    ends = middle + np.array([[-1], [1]]) * half * [lean, 1]
    return np.asarray(ends + rng.normal(0, 0.05 * (bottom - top), (2, 2)))


def belt(ink: Array, top: int, bottom: int, brush: float, rng: np.random.Generator) -> Array:
    """Return the nearly level line through a 0."""
    left, right = np.flatnonzero(ink.max(axis=0) > 0.5)[[0, -1]]
    y = (top + bottom) / 2 + rng.normal(0, 0.06) * (bottom - top)
    half, tilt = (right - left) * rng.uniform(0.35, 0.55), rng.normal(0, 0.08) * (bottom - top)
    middle = (left + right) / 2
    return np.array([[middle - half, y + tilt], [middle + half, y - tilt]])


def _middle(rows: Array) -> float:
    return float(np.average(np.arange(28), weights=rows.sum(axis=0)))


STROKES: dict[int, tuple[Stroke, ...]] = {0: (slash, slash, belt), 1: (upstroke, upstroke, foot), 7: (bar,), 9: (tail,)}
