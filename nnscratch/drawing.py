"""Drawings: strokes of a pen, as lists of points, and the picture that a round brush makes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError
from nnscratch.files import read_json

BRUSH = 24.0  # pixels: the page's brush on its canvas of 500 x 500
CANVAS = 500
ENOUGH = 180.0  # pixels high: a digit has twice what evening its strokes needs
MARGIN, LEAST_SIDE = 12.0, 64.0  # pixels around strokes, and of the shorter side
MOST_POINTS = 100_000  # of a drawing
MOST_PIXELS = 4_000_000  # of a canvas

Strokes = list[Array]  # one (n, 2) float64 for each stroke: x to the right, y downwards, in pixels of the canvas


@dataclass(frozen=True)
class Drawing:
    """One digit: its strokes, the canvas (width, height) they were drawn on, and, where known, label and writer."""

    strokes: Strokes
    box: tuple[int, int] = (CANVAS, CANVAS)
    label: int | None = None
    writer: str = ""


def read_drawings(path: str | Path) -> list[Drawing]:
    """Return the drawings of a JSON file: a list of {"strokes": [[[x, y], ...], ...], "box", "label", "writer"}.

    All but the strokes may be missing; the file may be packed (.gz). Raises DataError, naming the drawing and the key,
    for everything else.
    """
    content = read_json(Path(path))
    if not isinstance(content, list) or not content:
        raise DataError(f'{path} holds no list of drawings: give [{{"strokes": [[[x, y], ...], ...]}}, ...]')
    return [drawing(entry, f"{path}, drawing {number}") for number, entry in enumerate(content)]


def drawing(entry: Any, where: str) -> Drawing:
    """Return one drawing out of its JSON object. Raises DataError that begins with ``where``."""
    if not isinstance(entry, dict) or "strokes" not in entry:
        raise DataError(f'{where}: "strokes" is missing: give {{"strokes": [[[x, y], ...], ...]}}')
    box, label, writer = entry.get("box", [CANVAS, CANVAS]), entry.get("label"), entry.get("writer", "")
    if not (isinstance(box, list) and len(box) == 2 and all(is_whole(side, 1, 10_000) for side in box)):
        raise DataError(f'{where}: "box" is {shown(box)}: give [width, height] in pixels, 1 to 10000')
    if box[0] * box[1] > MOST_PIXELS:
        raise DataError(f'{where}: "box" is {shown(box)}: give one of at most {MOST_PIXELS:,} pixels')
    if label is not None and not is_whole(label, 0, 9):
        raise DataError(f'{where}: "label" is {shown(label)}: give a digit, 0 to 9, or leave it out')
    if not isinstance(writer, str):
        raise DataError(f'{where}: "writer" is {shown(writer)}: give a name, or leave it out')
    return Drawing(checked_strokes(entry["strokes"], where), (box[0], box[1]), label, writer)


def checked_strokes(strokes: Any, where: str) -> Strokes:
    """Return strokes out of JSON as arrays. Raises DataError, beginning with ``where``, for what is none."""
    wanted = "give [[[x, y], ...], ...] in pixels"
    if not isinstance(strokes, list):
        raise DataError(f'{where}: "strokes" is {shown(strokes)}: {wanted}')
    if sum(len(stroke) if isinstance(stroke, list) else 1 for stroke in strokes) > MOST_POINTS:
        raise DataError(f'{where}: "strokes" has more than {MOST_POINTS:,} points: draw with fewer')
    for number, stroke in enumerate(strokes):
        if not isinstance(stroke, list) or not all(is_point(point) for point in stroke):
            points = stroke if isinstance(stroke, list) else []
            bad = next((point for point in points if not is_point(point)), stroke)
            raise DataError(f'{where}: "strokes" holds {shown(bad)} in stroke {number}: {wanted}')
    return [np.array(stroke, np.float64) for stroke in strokes if stroke]


def is_point(point: Any) -> bool:
    """Return whether this is [x, y], two finite numbers within reason."""
    return isinstance(point, list) and len(point) == 2 and all(is_coordinate(value) for value in point)


def is_coordinate(value: Any) -> bool:
    """Return whether this is a finite number that is no slip of the finger."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e6 < value < 1e6


def is_whole(value: Any, least: int, most: int) -> bool:
    """Return whether this is a whole number in the range."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def shown(value: Any) -> str:
    """Return a value as JSON, cut to what fits into a sentence."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def render(strokes: Sequence[Array], box: tuple[int, int] = (CANVAS, CANVAS), brush: float = BRUSH) -> Array:
    """Return the picture (height, width) float32, ink 1 on 0, that a round brush of ``brush`` pixels leaves.

    A pixel's ink falls from 1 to 0 over the pixel at the brush's edge. What lies outside the box is cut off.
    """
    width, height = box
    picture = np.zeros((height, width), np.float32)
    for stroke in strokes:
        ends = stroke[1:] if len(stroke) > 1 else stroke  # a tap is a dot
        for start, end in zip(stroke, ends, strict=False):
            _draw_line(picture, start, end, brush / 2)
    return picture


@dataclass(frozen=True)
class Sheet:
    """A picture (H, W) of strokes, and where it lies: its pixel (x, y) is (x, y) / scale + corner on the canvas."""

    picture: Array
    scale: float
    corner: tuple[float, float]


def render_closely(strokes: Sequence[Array], brush: float = BRUSH) -> Sheet:
    """Return the strokes as :func:`render` draws them, but only where they are, and no larger than a reader needs.

    A sixth of the pixels of the whole canvas, and so of the time, for a digit of usual size. Strokes that leave the
    canvas are cut off there.
    """
    inside = [stroke.clip(-brush, CANVAS + brush) for stroke in strokes]
    points = np.concatenate(inside) if inside else np.full((1, 2), CANVAS / 2)
    low = np.maximum(points.min(axis=0) - brush / 2, 0)
    high = np.minimum(points.max(axis=0) + brush / 2, CANVAS)
    extent = np.maximum(high - low, 1.0)
    scale = min(1.0, ENOUGH / float(extent[1]))
    margin = max(MARGIN, (LEAST_SIDE - scale * float(extent.min())) / 2)
    width, height = (math.ceil(scale * side + 2 * margin) for side in extent)
    corner = low - margin / scale
    moved = [(stroke - corner) * scale for stroke in inside]
    picture = render(moved, (width, height), brush * scale)
    left, top = (max(round(value), 0) for value in -corner * scale)
    right, bottom = (max(round(value), 0) for value in (CANVAS - corner) * scale)
    picture[:top], picture[bottom:], picture[:, :left], picture[:, right:] = 0, 0, 0, 0
    return Sheet(picture, scale, (float(corner[0]), float(corner[1])))


def _draw_line(picture: Array, start: Array, end: Array, radius: float) -> None:
    """Put the ink of one straight line into the part of the picture that it can reach."""
    (x0, y0), (x1, y1), reach = start.tolist(), end.tolist(), radius + 1  # plain numbers: arrays of two cost more
    left, top = max(math.floor(min(x0, x1) - reach), 0), max(math.floor(min(y0, y1) - reach), 0)
    right = min(math.ceil(max(x0, x1) + reach) + 1, picture.shape[1])
    bottom = min(math.ceil(max(y0, y1) + reach) + 1, picture.shape[0])
    if left >= right or top >= bottom:
        return
    x, y = np.arange(left - x0, right - x0 - 0.5), np.arange(top - y0, bottom - y0 - 0.5)[:, None]
    dx, dy = x1 - x0, y1 - y0
    length = dx * dx + dy * dy
    if length > 0:
        along = x * (dx / length) + y * (dy / length)
        np.minimum(np.maximum(along, 0, out=along), 1, out=along)
        distance = np.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2)
    else:
        distance = np.sqrt(x * x + y * y)
    ink = np.maximum(np.minimum(radius + 0.5 - distance, 1), 0)
    part = picture[top:bottom, left:right]
    np.maximum(part, ink, out=part, casting="same_kind")


def placed(strokes: Sequence[Array], box: tuple[int, int], size: float, place: tuple[float, float]) -> Strokes:
    """Return the strokes ``size`` times as large, and moved: (0, 0) is the box's top left, (1, 1) its bottom right.

    Where they would not fit into the box with a brush's width around them, they become as large as they may. Raises
    DataError for a box of four brushes' width or less.
    """
    if min(box) <= 4 * BRUSH:
        raise DataError(
            f"the box {box[0]} x {box[1]} is too small to draw in: give one of more than {4 * BRUSH:g} pixels"
        )
    points = np.concatenate(list(strokes))
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array(box, np.float64) - 2 * BRUSH
    extent = np.maximum(high - low, 1e-9)
    factor = min(size, float((room / extent).min()))
    corner = BRUSH + (room - factor * extent) * np.array(place)
    return [(stroke - low) * factor + corner for stroke in strokes]
