"""Drawings: strokes of a pen, as lists of points, and the picture that a round brush makes of them."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnscratch.arrays import Array
from nnscratch.errors import DataError

BRUSH = 24.0  # pixels: the page's brush on its canvas of 500 x 500
CANVAS = 500
ENOUGH = 128.0  # pixels high: a digit has more than evening its strokes needs
MARGIN, LEAST_SIDE = 12.0, 64.0  # pixels around strokes, and of the shorter side
MOST_POINTS = 100_000  # of a drawing
MOST_PIXELS = 4_000_000  # of a canvas
LEAST_PIECE = 8.0  # pixels: shorter lines cost more to count than to draw
AT_ONCE = 64  # lines, whose squares fit into the cache

Strokes = list[Array]  # one (n, 2) float64 for each stroke: x to the right, y downwards, in pixels of the canvas


def checked_strokes(strokes: Any, where: str) -> Strokes:
    """Return strokes out of JSON as arrays. Raises DataError, beginning with ``where``, for what is none."""
    wanted = "give [[[x, y], ...], ...] in pixels"
    if not isinstance(strokes, list):
        raise DataError(f'{where}: "strokes" is {short_json(strokes)}: {wanted}')
    if sum(len(stroke) if isinstance(stroke, list) else 1 for stroke in strokes) > MOST_POINTS:
        raise DataError(f'{where}: "strokes" has more than {MOST_POINTS:,} points: draw with fewer')
    for number, stroke in enumerate(strokes):
        if not isinstance(stroke, list) or not all(is_point(point) for point in stroke):
            points = stroke if isinstance(stroke, list) else []
            bad = next((point for point in points if not is_point(point)), stroke)
            raise DataError(f'{where}: "strokes" holds {short_json(bad)} in stroke {number}: {wanted}')
    return [np.array(stroke, np.float64) for stroke in strokes if stroke]


def is_point(point: Any) -> bool:
    """Return whether this is [x, y], two finite numbers within reason."""
    return isinstance(point, list) and len(point) == 2 and all(is_coordinate(value) for value in point)


def is_coordinate(value: Any) -> bool:
    """Return whether this is a finite number that is no slip of the finger."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e6 < value < 1e6


def short_json(value: Any) -> str:
    """Return a value as JSON, cut to what fits into a sentence."""
    try:
        text = json.dumps(value, default=str)
    except RecursionError:
        return "lists in lists in lists"
    return text if len(text) <= 40 else f"{text[:37]}..."


def render(strokes: Sequence[Array], box: tuple[int, int] = (CANVAS, CANVAS), brush: float = BRUSH) -> Array:
    """Return the picture (height, width) float32, ink 1 on 0, that a round brush of ``brush`` pixels leaves.

    A pixel's ink falls from 1 to 0 over the pixel at the brush's edge. What lies outside the box is cut off.
    """
    width, height = box
    reach = brush / 2 + 1
    starts, ends = _short_lines(strokes, box, max(brush, LEAST_PIECE), reach)
    corners = np.floor(np.minimum(starts, ends) - reach)
    side = math.ceil(max(brush, LEAST_PIECE) + 2 * reach) + 2  # of a square around any of the lines
    wide = np.zeros((height + 2 * side, width + 2 * side), np.float32)  # so that squares at the edges fit in
    for first in range(0, len(starts), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        inks = _ink(starts[part] - corners[part], ends[part] - corners[part], side, brush / 2)
        for (left, top), ink in zip((corners[part].astype(int) + side).tolist(), inks, strict=True):
            square = wide[top : top + side, left : left + side]
            np.maximum(square, ink, out=square, casting="same_kind")
    return wide[side:-side, side:-side].copy()


def _short_lines(strokes: Sequence[Array], box: tuple[int, int], most: float, reach: float) -> tuple[Array, Array]:
    """Return starts and ends (n, 2) of the strokes' lines, cut into parts of at most ``most`` pixels.

    So all fit into squares of one size. Of lines that leave the box only what comes nearer to it than ``reach`` is kept
    (Y. Liang, B. Barsky: A New Concept and Method for Line Clipping, ACM Transactions on Graphics 3, 1984).
    """
    lines = [(stroke, stroke) if len(stroke) == 1 else (stroke[:-1], stroke[1:]) for stroke in strokes]  # a tap: a dot
    if not lines:
        return np.empty((0, 2)), np.empty((0, 2))
    starts, ends = (np.concatenate(points).astype(np.float64) for points in zip(*lines, strict=True))
    way = ends - starts
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        edges = (np.stack([np.full(2, -reach), np.add(box, reach)])[:, None] - starts) / way  # (2, n, 2)
    inside = (starts > -reach) & (starts < np.add(box, reach))
    edges = np.where(way == 0, np.where(inside, [[[-np.inf]], [[np.inf]]], np.nan), edges)
    enter, leave = edges.min(axis=0).max(axis=1).clip(0), edges.max(axis=0).min(axis=1).clip(max=1)
    met = enter <= leave  # not so for NaN
    starts, way, enter, leave = starts[met], way[met], enter[met, None], leave[met, None]
    starts, way = starts + enter * way, (leave - enter) * way
    count = np.maximum(np.ceil(np.hypot(*way.T) / most), 1).astype(int)
    line = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    step = way[line] / count[line, None]
    starts = starts[line] + number[:, None] * step
    return starts, starts + step


def _ink(starts: Array, ends: Array, side: int, radius: float) -> Array:
    """Return the ink (n, side, side) of lines (n, 2), each in a square of its own."""
    x, y = np.arange(side) - starts[:, :1], np.arange(side) - starts[:, 1:]
    way = ends - starts
    length = np.maximum((way * way).sum(axis=1), 1e-12)  # of a dot, too
    dx, dy = way[:, 0, None, None], way[:, 1, None, None]
    unit = way / length[:, None]
    along = (y * unit[:, 1:])[:, :, None] + (x * unit[:, :1])[:, None, :]
    np.clip(along, 0, 1, out=along)
    ink = along * -dx
    ink += x[:, None, :]
    along *= -dy
    along += y[:, :, None]
    np.multiply(ink, ink, out=ink)
    np.multiply(along, along, out=along)
    ink += along
    np.sqrt(ink, out=ink)
    np.subtract(radius + 0.5, ink, out=ink)
    return np.asarray(np.clip(ink, 0, 1, out=ink))


def render_cropped(strokes: Sequence[Array], brush: float = BRUSH) -> Array:
    """Return the picture (H, W) float32 of the strokes alone, as :func:`render` draws them, no larger than is needed.

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
    return picture
